"""Figshare, played by a server on this machine: a correct set, or one line and nothing placed."""

import hashlib
import io
import json
import zipfile

import pandas as pd
import pytest
from pymatgen.core import Structure

from datasets.fetching import download
from datasets.sets import megnet
from tests.datasets.fetching.sources import (
    as_json,
    busy,
    content,
    cut,
    document,
    files_in,
    get,
    redirect,
    refused,
    slow,
    status,
)

SIZES = {"train": 5, "val": 2, "test": 1}


def zipped(name, value):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, value if isinstance(value, str) else json.dumps(value))
    return packed.getvalue()


def listing(source, **files):
    return {
        "version": 3,
        "files": [
            {"name": name, "download_url": f"{source.url}/files/{name}", "computed_md5": hashlib.md5(body).hexdigest()}
            for name, body in files.items()
        ],
    }


@pytest.fixture
def figshare(source, monkeypatch):
    """An article of eight crystals and the split of its ids."""
    names = [f"mp-{number}" for number in range(1, 9)]
    rows = [
        {"material_id": name, "structure": Structure.from_dict(document(name)["structure"]).to(fmt="cif"),
         "formation_energy_per_atom": -0.5, "band_gap": float(i % 2), "graph": {"atom": [29]}}
        for i, name in enumerate(names)
    ]  # fmt: skip
    files = {
        "mp.2018.6.1.json.zip": zipped("mp.2018.6.1.json", rows),
        "moduli.json": json.dumps([{"material_id": "mp-3", "K": 1.5, "G": 1.25}]).encode(),
        "notes.txt": b"not read",
    }
    parts = {"train": names[:5], "val": names[5:7], "test": names[7:]}
    split = zipped("megnet_e_form.json", {part: dict.fromkeys(ids, -0.5) for part, ids in parts.items()})
    monkeypatch.setattr(megnet, "ARTICLE", f"{source.url}/article")
    monkeypatch.setattr(megnet, "SPLIT_FILE", f"{source.url}/split.zip")
    monkeypatch.setattr(megnet, "SIZES", SIZES)
    source.files, source.rows = files, rows
    source.answers |= {"/article": as_json(listing(source, **files)), "/split.zip": content(split)}
    for name, body in files.items():
        source.answers[f"/files/{name}"] = redirect(f"/store/{name}")
        source.answers[f"/store/{name}"] = content(body, ETag='"one"')
    return source


def test_figshare_becomes_a_table_with_the_published_split(figshare, data):
    outcome = get("megnet")
    targets = outcome.crystals.targets
    assert list(targets) == [*megnet.CARD.targets, "split"]
    assert targets["split"].tolist() == [0] * 5 + [1, 1, 2]
    assert targets["band_gap"].tolist() == [0, 1] * 4
    assert targets["band_gap_nonzero"].notna().sum() == 4
    assert targets["log10_k_vrh"].dropna().to_dict() == {"mp-3": 1.5}
    assert outcome.note.version == "figshare 7451351 version 3"
    assert outcome.note.report == {"unreadable_ids": [], "moduli": "in the source"}
    assert files_in(data) == ["megnet/materials.parquet", "megnet/materials.parquet.json"]
    assert pd.read_parquet(data / "megnet/materials.parquet")["split"].tolist() == ["train"] * 5 + ["val"] * 2 + ["test"]


def test_a_cif_that_cannot_be_read_is_listed(figshare):
    figshare.rows[2]["structure"] = "data_broken"
    body = zipped("mp.2018.6.1.json", figshare.rows)
    figshare.answers["/store/mp.2018.6.1.json.zip"] = content(body)
    figshare.answers["/article"] = as_json(listing(figshare, **{"mp.2018.6.1.json.zip": body}))
    outcome = get("megnet")
    assert outcome.note.report == {"unreadable_ids": ["mp-3"], "moduli": "the source lists no file of moduli"}
    assert len(outcome.crystals) == 7


@pytest.mark.parametrize("trouble", ["cut", "429", "503", "slow"])
def test_figshare_in_trouble_is_asked_again(figshare, monkeypatch, trouble):
    monkeypatch.setattr(download, "CHUNK", 256)
    path = "/store/mp.2018.6.1.json.zip"
    body, good = figshare.files["mp.2018.6.1.json.zip"], figshare.answers[path]
    figshare.answers[path] = {
        "cut": cut(body, len(body) // 2, good),
        "429": busy(429, 1, good, Retry_After="0"),
        "503": busy(503, 2, good),
        "slow": slow(1.3, good),
    }[trouble]
    assert len(get("megnet").crystals) == 8


def broken(figshare):
    yield "/article", as_json({"message": "gone"}), "not figshare's description"
    yield "/article", status(404), "status 404"
    yield "/article", content(b"<html>", Content_Type="text/html"), "a web page"
    yield "/store/mp.2018.6.1.json.zip", content(b"other bytes"), "not the published one"
    yield "/store/mp.2018.6.1.json.zip", status(404), "status 404"
    yield "/split.zip", content(zipped("megnet_e_form.json", {"train": {}, "val": {}, "test": {}})), "not the published split"
    yield "/split.zip", content(zipped("other.json", {})), "no member"
    yield "/split.zip", content(b"PK\x03\x04 truncated"), "not a readable archive"


@pytest.mark.parametrize("case", range(8))
def test_a_wrong_answer_of_figshare_is_one_line_and_nothing_is_placed(figshare, data, case):
    path, answer, reason = list(broken(figshare))[case]
    good = figshare.answers[path]
    figshare.answers[path] = answer
    assert reason in refused("megnet")
    assert files_in(data) == []
    figshare.answers[path] = good
    assert len(get("megnet").crystals) == 8, "nothing wrong was kept"


@pytest.mark.parametrize(
    "value", ["[{", "{}", "[]", '[{"material_id": "mp-1"}]', "not json", '[{"material_id": "mp-1", "structure": 5}]']
)
def test_a_file_of_figshare_with_another_content_is_one_line(figshare, data, value):
    body = zipped("mp.2018.6.1.json", value)
    figshare.answers["/store/mp.2018.6.1.json.zip"] = content(body)
    figshare.answers["/article"] = as_json(listing(figshare, **{"mp.2018.6.1.json.zip": body}))
    refused("megnet")
    assert files_in(data) == []
