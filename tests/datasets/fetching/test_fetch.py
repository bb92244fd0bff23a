"""Every source, played by a server on this machine: a fetch ends in a correct set, or in one line and nothing placed."""

import hashlib
import io
import json
import tarfile
import threading
import zipfile

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.io import write
from pymatgen.core import Lattice, Structure

from datasets import registry
from datasets.cards import Fetched, FileDataset
from datasets.errors import BenchmarkError, DatasetMissing, InputError
from datasets.fetch import fetch
from datasets.fetching import download, materials_project, sessions
from datasets.sets import cgcnn, fung, megnet
from tests.conftest import FCC
from tests.datasets.fetching.sources import as_json, busy, content, cut, redirect, serving, slow, status

KEY = "k" * 32


@pytest.fixture
def source(monkeypatch, tmp_path):
    monkeypatch.setattr(sessions, "BACK_OFF", 0.01)
    monkeypatch.setattr(download, "TIMEOUT", (2.0, 1.0))
    monkeypatch.setenv("BENCHMARK_DATA", str(tmp_path / "data"))
    registry.load.cache_clear()
    with serving() as found:
        yield found
    registry.load.cache_clear()


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def files_in(data):
    """What lies in the data directory, without what is kept to go on from."""
    return sorted(str(p.relative_to(data)) for p in data.rglob("*") if p.is_file() and ".fetching" not in p.parts)


def get(name):
    return fetch(name, lambda *_: None)


def refused(name, error=BenchmarkError):
    with pytest.raises(error) as caught:
        get(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# -- an archive at a plain address ------------------------------------------------------------------


def archive(n=6, targets=True, seed=0):
    """Clusters as MatDeepLearn packs them."""
    rng = np.random.default_rng(seed)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        rows = []
        for number in range(n):
            text = io.StringIO()
            write(text, Atoms("Pt3", positions=rng.uniform(5, 15, (3, 3)), cell=[20] * 3), format="json")
            rows.append(f"{number},{-10.0 - number}")
            add(tar, f"data/{number}.json", text.getvalue())
        if targets:
            add(tar, "data/targets.csv", "\n".join(rows))
    return packed.getvalue()


def add(tar, name, text):
    member = tarfile.TarInfo(name)
    member.size = len(text)
    tar.addfile(member, io.BytesIO(text.encode()))


@pytest.fixture
def clusters(source, monkeypatch):
    """`toy/pt`: six clusters whose card is right."""
    card = fung.CLUSTERS.model_copy(update={"name": "toy/pt", "rows": 6, "content_hash": None, "file": "toy/pt.tar.gz"})
    made = FileDataset(card, fung.read_clusters, fung.fetch_from(f"{source.url}/pt.tar.gz", card.version))
    known = {**registry.registered(), "toy/pt": made}
    monkeypatch.setattr(registry, "registered", lambda: known)
    source.answers["/pt.tar.gz"] = content(archive(), ETag='"one"')
    return made


def test_an_archive_is_placed_with_a_note_and_found_there_afterwards(source, clusters, data):
    outcome = get("toy/pt")
    assert outcome.new and len(outcome.crystals) == 6
    assert files_in(data) == ["toy/pt.tar.gz", "toy/pt.tar.gz.json"]
    assert [p.name for p in (data / "toy" / ".fetching").iterdir()] == ["pt.tar.gz.lock"]
    note = Fetched.model_validate_json((data / "toy/pt.tar.gz.json").read_bytes())
    assert (note.rows, note.source, note.content_hash) == (6, f"{source.url}/pt.tar.gz", outcome.crystals.content_hash)
    again = get("toy/pt")
    assert not again.new and again.note == note
    assert source.counts["/pt.tar.gz"] == 1
    assert registry.load("toy/pt").content_hash == note.content_hash


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (archive(5), "has 5 crystals, the card says 6; not placed"),
        (archive(targets=False), "has 0 crystals, the card says 6; not placed"),
        (archive()[:-400], "not a readable archive"),
        (b"no archive at all", "not a readable archive"),
    ],
)
def test_an_archive_with_another_content_is_not_placed_and_not_kept(source, clusters, data, body, reason):
    source.answers["/pt.tar.gz"] = content(body, ETag='"one"')
    assert reason in refused("toy/pt", InputError)
    assert not data.exists() or files_in(data) == []
    source.answers["/pt.tar.gz"] = content(archive(), ETag='"two"')
    assert get("toy/pt").new


def test_an_interrupted_fetch_goes_on(source, clusters, data, monkeypatch):
    body = archive()
    monkeypatch.setattr(sessions, "ATTEMPTS", 1)
    monkeypatch.setattr(download, "CHUNK", 64)
    source.answers["/pt.tar.gz"] = cut(body, len(body) // 2, content(body, ETag='"one"'))
    assert "go on" in refused("toy/pt")
    assert files_in(data) == []
    assert get("toy/pt").new
    assert source.requests[1][2]["Range"].startswith("bytes=")


def test_what_is_there_and_wrong_is_said_and_left_alone(source, clusters, data):
    (data / "toy").mkdir(parents=True)
    (data / "toy/pt.tar.gz").write_bytes(b"the user's")
    assert "pt.tar.gz: not a readable archive" in refused("toy/pt", InputError)
    assert (data / "toy/pt.tar.gz").read_bytes() == b"the user's"
    assert not source.requests


def test_a_file_that_was_changed_after_the_fetch_is_found_out(clusters, data):
    get("toy/pt")
    (data / "toy/pt.tar.gz").write_bytes(archive(seed=1))
    with pytest.raises(InputError, match="is another release or was changed"):
        registry.load("toy/pt")


def test_offline_never_touches_the_network(source, clusters):
    with pytest.raises(DatasetMissing, match="--offline forbids fetching it; run `python -m benchmark datasets fetch"):
        fetch("toy/pt", lambda *_: None, offline=True)
    assert not source.requests


@pytest.mark.parametrize("name", ["fung/2d", "fung/mof", "fung/surface"])
def test_what_no_machine_can_fetch_says_where_to_get_it_and_where_to_put_it(source, data, name):
    line = refused(name, DatasetMissing)
    assert line.startswith(f"{name}: {data}") and "place the file there" in line


def test_a_second_fetch_leaves_the_first_one_alone(source, clusters, data):
    first_asked, answer = threading.Event(), source.answers["/pt.tar.gz"]

    def waits(handler):
        first_asked.set()
        second_refused.wait(10)
        answer(handler)

    second_refused = threading.Event()
    source.answers["/pt.tar.gz"] = waits
    outcomes = []
    first = threading.Thread(target=lambda: outcomes.append(get("toy/pt")))
    first.start()
    assert first_asked.wait(10)
    assert "another process is fetching it" in refused("toy/pt", InputError)
    second_refused.set()
    first.join()
    assert outcomes[0].new and files_in(data) == ["toy/pt.tar.gz", "toy/pt.tar.gz.json"]
    assert source.counts["/pt.tar.gz"] == 1


def test_a_folder_where_the_file_belongs_is_refused_before_anything_is_asked(source, clusters, data):
    (data / "toy/pt.tar.gz").mkdir(parents=True)
    assert "is a folder where the dataset's file belongs" in refused("toy/pt", InputError)
    assert not source.requests


def test_the_release_of_the_card_placed_over_a_fetched_one_says_which_note_to_delete(clusters, data):
    get("toy/pt")
    (data / "toy/pt.tar.gz").write_bytes(archive(4))
    with pytest.raises(InputError, match=r"4 crystals, the note of .* says 6; .* delete .*pt\.tar\.gz\.json if you placed it"):
        registry.load("toy/pt")
    (data / "toy/pt.tar.gz.json").write_text("{")
    with pytest.raises(InputError, match=r"not the note of a fetched file; delete it and pt\.tar\.gz, then fetch toy/pt again"):
        registry.load("toy/pt")


def test_the_database_of_c2db_is_read_in_place_of_the_list(data, monkeypatch):
    from ase.db import connect

    monkeypatch.setenv("BENCHMARK_DATA", str(data))
    (data / "fung").mkdir(parents=True)
    with connect(data / "fung/c2db.db") as database:
        for number in range(4):
            sheet = Atoms(
                "BN", scaled_positions=[[0, 0, 0.5], [1 / 3, 2 / 3, 0.5]], cell=[2.5, 2.5, 15, 90, 90, 120], pbc=(1, 1, 0)
            )
            database.write(sheet, **({"workfunction": 4.0 + number} if number != 1 else {"gap": 1.0}))
    registry.load.cache_clear()
    crystals = registry.load("fung/2d")
    assert crystals.targets["work_function"].tolist() == [4.0, 6.0, 7.0]
    assert crystals.pbc.tolist() == [[True, True, False]] * 3


# -- the Materials Project --------------------------------------------------------------------------

IDS = [f"mp-{number}" for number in range(1, 8)]


def document(name, **values):
    number = int(name.removeprefix("mp-"))
    structure = Structure(Lattice.cubic(3.5 + 0.1 * number), ["Cu"] * 4, FCC)
    return {
        "material_id": name, "deprecated": False, "structure": structure.as_dict(), "formation_energy_per_atom": -0.1 * number,
        "energy_per_atom": -4.0, "band_gap": 0.0, "efermi": 5.0, "total_magnetization": 0.0, "bulk_modulus": {"vrh": 100.0},
        "shear_modulus": {"vrh": 10.0}, "homogeneous_poisson": 0.3, **values,
    }  # fmt: skip


@pytest.fixture
def project(source, monkeypatch, tmp_path):
    """The list of seven ids, and a Materials Project that knows six of them."""
    client = pytest.importorskip("mp_api.client.core.client")
    # The client builds the schema of all fields for every request: two seconds that have nothing to do with the network.
    monkeypatch.setattr(client.BaseRester, "available_fields", list(materials_project.FIELDS))
    listed = "\n".join(IDS).encode()
    monkeypatch.setattr(cgcnn, "IDS", f"{source.url}/ids.csv")
    monkeypatch.setattr(cgcnn, "IDS_SHA256", hashlib.sha256(listed).hexdigest())
    monkeypatch.setattr(cgcnn, "N_IDS", len(IDS))
    monkeypatch.setattr(materials_project, "CHUNK", 3)
    monkeypatch.setenv("MP_API_KEY", KEY)
    monkeypatch.setenv("MPRESTER_ENDPOINT", f"{source.url}/")
    known = {name: document(name) for name in IDS[:6]}
    known["mp-2"]["deprecated"] = True
    known["mp-3"] |= {"bulk_modulus": {"vrh": -5.0}, "shear_modulus": None, "homogeneous_poisson": 0.7}

    def summary(handler):
        """Pages of two documents at most: the client has to ask on."""
        if handler.headers.get("x-api-key") != KEY:
            return status(403, b'{"detail": "Invalid authentication credentials"}')(handler)
        found = [known[name] for name in handler.query["material_ids"].split(",") if name in known]
        skip = int(handler.query.get("_skip", 0))
        page = found[skip : skip + min(2, int(handler.query.get("_limit", 2)))]
        as_json({"data": page, "meta": {"total_doc": len(found)}})(handler)

    source.answers |= {
        "/ids.csv": content(listed),
        "/heartbeat": as_json({"db_version": "2026.11.1", "access_controlled_batch_ids": [], "version": "0.87.0"}),
        "/materials/summary/": summary,
    }
    source.known = known
    source.forget = client._Rester._get_heartbeat_info.cache_clear  # as a new process would
    return source


def test_the_materials_project_becomes_a_table_with_a_report(project, data):
    outcome = get("cgcnn")
    assert outcome.crystals.ids.tolist() == ["mp-1", "mp-3", "mp-4", "mp-5", "mp-6"]
    assert list(outcome.crystals.targets) == [target for target in cgcnn.CARD.targets if target not in cgcnn.DERIVED]
    note = outcome.note
    assert note.version == "2026.11.1"
    assert note.report == {
        "ids_asked_for": 7, "vanished_ids": ["mp-7"], "deprecated_ids": ["mp-2"], "unreadable_ids": [],
        "bulk_modulus_not_positive": 1, "shear_modulus_not_positive": 0, "poisson_ratio_outside_0_to_0.5": 1,
    }  # fmt: skip
    targets = outcome.crystals.targets
    assert targets.loc["mp-1", "log10_k_vrh"] == pytest.approx(2.0)
    assert targets.loc["mp-3"].isna().tolist() == [False, False, False, False, True, True, True]
    assert files_in(data) == ["cgcnn/materials.parquet", "cgcnn/materials.parquet.json"]
    registry.load.cache_clear()
    assert registry.load("cgcnn").content_hash == note.content_hash
    assert len(registry.load("fung/bulk")) == 5, "another dataset of the same file"


def test_ids_in_letters_are_those_of_the_list(project):
    project.known["mp-4"]["material_id"], project.known["mp-5"]["material_id"] = "mp-aaaaaaae", "mp-f"
    outcome = get("cgcnn")
    assert outcome.crystals.ids.tolist() == ["mp-1", "mp-3", "mp-4", "mp-5", "mp-6"]
    assert outcome.note.report["vanished_ids"] == ["mp-7"]


def test_a_broken_off_fetch_of_the_project_keeps_its_chunks(project, monkeypatch):
    answer, seen = project.answers["/materials/summary/"], []

    def fails_late(handler):
        seen.append(handler.query["material_ids"])
        (answer if len(seen) < 4 else status(500))(handler)

    project.answers["/materials/summary/"] = fails_late
    assert "run the same command to go on" in refused("cgcnn")
    project.answers["/materials/summary/"] = answer
    before = len(project.requests)
    assert get("cgcnn").new
    asked = [query["material_ids"] for path, query, _ in project.requests[before:] if "summary" in path]
    assert not any(asked_for.startswith("mp-1,") for asked_for in asked), "the first chunk was there"


def test_another_release_in_between_starts_again(project, monkeypatch):
    answer, seen = project.answers["/materials/summary/"], []
    project.answers["/materials/summary/"] = lambda handler: (
        seen.append(1),
        (answer if len(seen) < 4 else status(500))(handler),
    )
    refused("cgcnn")
    project.answers["/materials/summary/"] = answer
    project.answers["/heartbeat"] = as_json({"db_version": "2026.12.1", "access_controlled_batch_ids": []})
    project.forget()
    before = len(project.requests)
    assert get("cgcnn").note.version == "2026.12.1"
    assert any(query["material_ids"].startswith("mp-1,") for path, query, _ in project.requests[before:] if "summary" in path)


def test_the_key_and_the_password_of_an_endpoint_reach_no_other_host_no_note_and_no_line(project, data, monkeypatch):
    monkeypatch.setenv("MPRESTER_ENDPOINT", f"{project.url.replace('://', '://me:s3cret@')}/")
    answer = project.answers["/materials/summary/"]
    with serving() as other:
        project.answers["/materials/summary/"] = redirect(f"{other.url}/materials/summary/")
        lines = refused("cgcnn")
        assert other.requests and "x-api-key" not in {name.lower() for _, _, headers in other.requests for name in headers}
    project.answers["/materials/summary/"] = status(401, f'{{"detail": "no key {KEY}"}}'.encode())
    lines += refused("cgcnn")
    project.answers["/materials/summary/"] = answer
    note = get("cgcnn").note
    assert note.source == f"Materials Project, {project.url}/"
    texts = lines + "".join(path.read_text() for path in data.rglob("*.json"))
    assert "s3cret" not in texts and KEY not in texts


@pytest.mark.parametrize("code", [429, 502, 503, 504])
def test_a_busy_project_is_asked_again(project, code):
    project.answers["/materials/summary/"] = busy(code, 2, project.answers["/materials/summary/"], Retry_After="0")
    assert len(get("cgcnn").crystals) == 5


def test_a_missing_key_is_one_line_before_anything_is_asked(project, monkeypatch):
    monkeypatch.delenv("MP_API_KEY")
    line = refused("cgcnn", InputError)
    assert line.startswith("MP_API_KEY is not set; get a key")
    assert not project.requests


def test_a_structure_that_cannot_be_read_costs_no_other(project):
    project.known["mp-4"]["structure"] = {"lattice": {}, "sites": []}
    outcome = get("cgcnn")
    assert outcome.note.report["unreadable_ids"] == ["mp-4"]
    assert len(outcome.crystals) == 4


def test_a_release_that_comes_out_meanwhile_is_noticed(project, data):
    def heartbeat(handler):
        served = "2026.12.1" if project.counts["/materials/summary/"] else "2026.11.1"
        as_json({"db_version": served, "access_controlled_batch_ids": [], "version": "0.87.0"})(handler)

    project.answers["/heartbeat"] = heartbeat
    assert "another release came out meanwhile" in refused("cgcnn")
    assert files_in(data) == []


def test_a_busy_and_a_slow_heartbeat_are_asked_again(project):
    project.answers["/heartbeat"] = slow(1.3, busy(503, 1, project.answers["/heartbeat"]))
    assert len(get("cgcnn").crystals) == 5


@pytest.mark.parametrize("key", ["k" * 16 + "\n" + "k" * 15, "€" * 32, "k k"])
def test_a_key_that_cannot_be_one_is_refused_without_being_shown(project, monkeypatch, key):
    monkeypatch.setenv("MP_API_KEY", key)
    line = refused("cgcnn", InputError)
    assert "MP_API_KEY holds what no key has" in line and "kk" not in line
    assert not project.requests


@pytest.mark.parametrize("key", ["x" * 32, "short"])
def test_a_refused_key_is_one_line(project, monkeypatch, key, data):
    monkeypatch.setenv("MP_API_KEY", key)
    assert "refuses the key in MP_API_KEY" in refused("cgcnn", InputError)
    assert files_in(data) == []


@pytest.mark.parametrize(
    "answer",
    [
        status(404),
        status(503),
        status(200, b"<html>maintenance</html>", Content_Type="text/html"),
        content(b'{"data": [{"material', Content_Type="application/json"),
        as_json({"message": "hello"}),
        as_json({"data": [{"material_id": "mp-1"}], "meta": {"total_doc": 1}}),
        as_json({"data": ["x", None], "meta": {"total_doc": 2}}),
        as_json({"data": [document("mp-1", bulk_modulus=100.0)], "meta": {"total_doc": 1}}),
        as_json({"data": [document("mp-1", band_gap="wide")], "meta": {"total_doc": 1}}),
    ],
)
@pytest.mark.parametrize("path", ["/materials/summary/", "/heartbeat"])
def test_a_project_that_answers_nonsense_is_one_line_and_nothing_is_placed(project, data, answer, path):
    good = project.answers[path]
    project.answers[path] = answer
    refused("cgcnn")
    assert files_in(data) == []
    project.answers[path] = good
    assert len(get("cgcnn").crystals) == 5, "nothing wrong was kept"


# -- figshare ---------------------------------------------------------------------------------------

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
