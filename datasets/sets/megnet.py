"""MEGNet's mp.2018.6.1 with its published split: the whole set from figshare, or a table of the structures that are known."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import ijson
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from datasets.allowed_names import is_path_part
from datasets.cards import Card, FileDataset, Origin, Progress
from datasets.crystals import Crystals, parquet_columns
from datasets.errors import BenchmarkError, InputError
from datasets.fetching.download import download, get_json
from datasets.readers.archives import extract_member
from datasets.readers.structure_files import cells_of, parse_structure
from datasets.sets.citations import MATERIALS_PROJECT

ARTICLE = "https://api.figshare.com/v2/articles/7451351"
SPLIT_FILE = (
    "https://raw.githubusercontent.com/usnistgov/jarvis_leaderboard/57b39e28f3719702811fcc50c752542e032e785d/"
    "jarvis_leaderboard/benchmarks/AI/SinglePropertyPrediction/megnet_e_form.json.zip"
)
"""The published split as lists of ids: figshare's file does not have it."""
SPLITS = {"train": 0.0, "val": 1.0, "test": 2.0}
SIZES = {"train": 60_000, "val": 5_000, "test": 4_239}
MODULI = {"log10_k_vrh": ("K", "k_vrh", "bulk_modulus"), "log10_g_vrh": ("G", "g_vrh", "shear_modulus")}
"""Target → what the second file may call it."""

CARD = Card(
    name="megnet",
    description="Materials Project crystals of MEGNet's release mp.2018.6.1 with the published split",
    targets={
        "formation_energy_per_atom": "eV/atom",
        "band_gap_nonzero": "eV",
        "band_gap": "eV",
        "log10_k_vrh": "log10(GPa)",
        "log10_g_vrh": "log10(GPa)",
    },
    rows=51607,
    content_hash="fcaace9d75242ba543d3b26c0250ae559ccad0b3b66b48943e5a5ffb0b69fa13",
    licence="CC-BY 4.0",
    citation="""@article{chen2019,
  author = {Chen, Chi and Ye, Weike and Zuo, Yunxing and Zheng, Chen and Ong, Shyue Ping},
  title = {Graph Networks as a Universal Machine Learning Framework for Molecules and Crystals},
  journal = {Chem. Mater.}, volume = {31}, pages = {3564--3572}, year = {2019}, doi = {10.1021/acs.chemmater.9b01294}
}

"""
    + MATERIALS_PROJECT,
    source="https://figshare.com/articles/dataset/7451351 (ids, labels, split); Materials Project (cells)",
    version="ids and labels of 2018 with cells of 2020 and v2025.02.12",
    file="megnet/materials.parquet",
    how_to_get=(
        "run `python -m benchmark datasets fetch megnet`, "
        "or place the Parquet table there (BENCHMARK_DATA names the directory)."
    ),
    crystals_of="cgcnn",
    known_problems=(
        "cells (Materials Project 2020 and v2025.02.12) and labels (2018) are of different releases: "
        "a figure measured here is not the paper's figure; a fetched set has the cells of 2018",
        "17,632 of the published 69,239 rows have no structure and are left out: "
        "train 44,787 of 60,000, validation 3,679 of 5,000, test 3,141 of 4,239",
        "band_gap_nonzero is the paper's task (crystals with a gap); band_gap has all, metals with zero",
        "bulk and shear moduli come with a fetch only",
    ),
    split_column="split",
)


def read(path: Path) -> Crystals:
    """The rows with a structure; target column `split` is 0 train, 1 validation, 2 test.

    Raises:
        InputError: the table is damaged, lacks a column or names an unknown split.
    """
    columns = parquet_columns(path)
    moduli = [target for target in MODULI if target in columns]
    crystals = Crystals.from_parquet(path, targets=["formation_energy_per_atom", "band_gap", *moduli])
    try:
        names = pd.read_parquet(path, columns=["material_id", "split"]).set_index("material_id")["split"]
    except (KeyError, ValueError) as error:
        raise InputError(f"{path}: no column 'split'; expected {', '.join(SPLITS)}") from error
    split = names.loc[list(crystals.ids)].map(SPLITS).astype(float)
    if split.isna().any():
        raise InputError(f"{path}: crystal '{split.index[split.isna()][0]}' has no split; expected {', '.join(SPLITS)}")
    gap = crystals.targets["band_gap"]
    targets = crystals.targets.assign(band_gap_nonzero=gap.where(gap > 0), split=split.to_numpy())
    order = [target for target in (*CARD.targets, "split") if target in targets]
    return replace(crystals, targets=targets[order])


def fetch(path: Path, on_progress: Progress) -> Origin:
    """Every JSON file of the article, and the split, as one Parquet table.

    Raises:
        BenchmarkError: a source cannot be reached, or does not hold what was published.
    """
    article = get_json(ARTICLE)
    try:
        listed = [(str(f["name"]), str(f["download_url"]), str(f["computed_md5"])) for f in article["files"]]
        version = f"figshare 7451351 version {article['version']}"
    except (KeyError, TypeError) as error:
        raise BenchmarkError(f"{ARTICLE}: not figshare's description of an article; the service may have changed") from error
    rows: dict[str, dict[str, Any]] = {}
    for name, url, md5 in listed:
        if name.endswith((".json", ".json.zip")):
            if not is_path_part(name):
                raise BenchmarkError(f"{ARTICLE}: it lists a file called '{name[:40]!r}'")
            file = download(url, path.parent / name, f"md5:{md5}", on_progress)
            for row in _rows(file):
                rows.setdefault(str(row["material_id"]), {}).update(row)
    crystals, report = _table(rows, on_progress)
    split = _splits(path.parent, on_progress)
    known = np.array([split.get(name, "") for name in crystals.ids])
    if (known == "").any():
        raise BenchmarkError(f"{ARTICLE}: {int((known == '').sum()):,} crystals are in no part of the published split")
    crystals.to_parquet(path)
    with_split = path.with_suffix(".partial")
    pq.write_table(pq.read_table(path).append_column("split", pa.array(known)), with_split)
    os.replace(with_split, path)
    return Origin(f"{ARTICLE} and {SPLIT_FILE}", version, report)


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    """The records of a JSON list, one at a time: the whole file would take gigabytes. `graph` is left out."""
    if file.suffix == ".zip":
        plain = file.with_suffix("")
        extract_member(file, plain.name, plain)
        file = plain
    with file.open("rb") as stream:
        yield from _records(stream, file)


def _records(stream: IO[bytes], file: Path) -> Iterator[dict[str, Any]]:
    try:
        for row in ijson.items(stream, "item", use_float=True):
            if isinstance(row, dict) and "material_id" in row:
                yield {key: value for key, value in row.items() if key != "graph"}
    except ijson.JSONError as error:
        reason = " ".join(str(error).split())[:120]
        raise BenchmarkError(f"{file.name} of {ARTICLE}: not a JSON list; damaged or truncated? ({reason})") from error


def _table(rows: Mapping[str, Mapping[str, Any]], on_progress: Progress) -> tuple[Crystals, dict[str, int | str | list[str]]]:
    """The crystals whose CIF can be read, and the ids of the others."""
    ids = [name for name, row in rows.items() if isinstance(row.get("structure"), str)]
    if len(ids) != sum(SIZES.values()):
        raise BenchmarkError(f"{ARTICLE}: {len(ids):,} crystals, the paper has {sum(SIZES.values()):,}; not placed")
    on_progress(0, len(ids), "CIF texts")
    cells = cells_of(_cell_of_cif, [rows[name]["structure"] for name in ids], ids)
    on_progress(len(ids), len(ids), "CIF texts")
    good = [i for i, cell in enumerate(cells) if not isinstance(cell, InputError)]
    kept = [ids[i] for i in good]
    targets = {key: [rows[name].get(key) for name in kept] for key in ("formation_energy_per_atom", "band_gap")}
    for target, names in MODULI.items():
        if any(alias in row for row in rows.values() for alias in names):
            targets[target] = [next((rows[name][a] for a in names if a in rows[name]), None) for name in kept]
    report: dict[str, int | str | list[str]] = {
        "unreadable_ids": [name for name, cell in zip(ids, cells, strict=True) if isinstance(cell, InputError)],
        "moduli": "in the source" if len(targets) > 2 else "the source lists no file of moduli",
    }
    try:
        columns = pd.DataFrame(targets, dtype=float)
    except (ValueError, TypeError) as error:
        raise BenchmarkError(f"{ARTICLE}: a target that is no number ({error}); not placed") from error
    return Crystals.from_cells(kept, [cells[i] for i in good], columns), report  # type: ignore[misc]


def _cell_of_cif(text: str, name: str) -> Any:
    return parse_structure(text, "CIF", name)


def _splits(folder: Path, on_progress: Progress) -> dict[str, str]:
    """Id → part, in the published sizes."""
    packed = download(SPLIT_FILE, folder / "split.json.zip", None, on_progress)
    plain = folder / "split.json"
    try:
        extract_member(packed, "megnet_e_form.json", plain)
        with suppress(ValueError, AttributeError, TypeError, KeyError, RecursionError):
            parts = json.loads(plain.read_bytes())
            found = {str(name): part for part in SPLITS for name in parts[part]}
            if {part: len(parts[part]) for part in SPLITS} == SIZES and len(found) == sum(SIZES.values()):
                return found
        raise BenchmarkError(f"{SPLIT_FILE}: not the published split of {SIZES}; the file may have changed")
    except BenchmarkError:
        packed.unlink()  # it has no checksum to tell it by: the next attempt asks again
        raise


DATASETS = (FileDataset(CARD, read, fetch),)
