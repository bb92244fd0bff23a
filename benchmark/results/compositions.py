"""Which elements are in the crystals of a dataset: one small file a dataset, beside the records, which hold ids only."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.results.store import partial_of
from benchmark.results.validation import InvalidFile, read_bounded
from datasets import registry
from datasets.crystals import Crystals
from datasets.errors import BenchmarkError

MOST_BYTES = 32 * 2**20
MOST_ROWS = 5_000_000
MOST_DECODED = 256 * 2**20
SCHEMA = {"id": pa.string(), "formula": pa.string()}
_PART = re.compile(r"([A-Z][a-z]?)([1-9][0-9]{0,6})?")


def path_of(root: Path, dataset_hash: str) -> Path:
    """Where the compositions of a dataset lie."""
    return root / "compositions" / f"{dataset_hash[:16]}.parquet"


def add(root: Path, wanted: Mapping[str, str]) -> list[Path]:
    """Write the compositions that are missing below `root`; returns the new paths.

    Args:
        root: the directory of records.
        wanted: content hash → what `datasets.registry.load` takes. A dataset that is not on this machine, or is here with
            other content, is left out.
    """
    added = []
    for dataset_hash, source in wanted.items():
        if path_of(root, dataset_hash).exists():
            continue
        try:
            crystals = registry.load(source)
        except BenchmarkError:
            continue
        if crystals.content_hash == dataset_hash:
            added += keep(root, crystals)
    return added


def keep(root: Path, crystals: Crystals) -> list[Path]:
    """Write the compositions of these crystals where they are missing below `root`; returns the new path, if any."""
    path = path_of(root, crystals.content_hash)
    if path.exists():
        return []
    write(path, crystals)
    return [path]


def write(path: Path, crystals: Crystals) -> None:
    """Write id and reduced formula of every crystal, sorted by id, atomically; the same crystals give the same bytes."""
    frame = pd.DataFrame({"id": crystals.ids.astype(str), "formula": formulas(crystals)}).sort_values("id")
    table = pa.Table.from_pandas(frame, pa.schema(SCHEMA), preserve_index=False).replace_schema_metadata()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_of(path)
    try:
        pq.write_table(
            table, partial, compression="zstd", compression_level=19, use_dictionary=False, write_statistics=False,
            store_schema=False,
        )  # fmt: skip
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def read(root: Path, dataset_hash: str) -> pd.DataFrame | None:
    """Columns `id` (str, sorted) and `elements` (tuple of symbols); None where no file is kept for the dataset.

    Raises:
        InvalidFile: the file is not one that `write` makes.
    """
    path = path_of(root, dataset_hash)
    if not path.exists():
        return None
    data = pa.BufferReader(read_bounded(path, MOST_BYTES))
    try:
        if {field.name: field.type for field in pq.read_schema(data)} != SCHEMA:
            raise InvalidFile(path, ["its columns are not id and formula, both text"])
        footer = pq.read_metadata(data)
        decoded = sum(footer.row_group(number).total_byte_size for number in range(footer.num_row_groups))
        if footer.num_rows > MOST_ROWS or decoded > MOST_DECODED:
            raise InvalidFile(path, [f"{footer.num_rows:,} rows of {decoded:,} bytes; no dataset is so large"])
        # As dictionaries: a text that is repeated takes its place once.
        frame = pq.ParquetFile(data, read_dictionary=list(SCHEMA)).read(use_threads=False).to_pandas()
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise InvalidFile(path, [f"not a readable Parquet file ({str(error).partition(chr(10))[0]})"]) from None
    if frame["id"].isna().any() or frame["id"].duplicated().any():
        raise InvalidFile(path, ["an id is missing or appears twice"])
    known = {formula: _elements(formula) for formula in frame["formula"].unique()}
    wrong = [str(formula) for formula, elements in known.items() if not elements]
    if wrong:
        raise InvalidFile(path, [f"'{wrong[0][:40]}' is no formula"])
    return pd.DataFrame({"id": frame["id"].astype(object), "elements": [known[formula] for formula in frame["formula"]]})


def formulas(crystals: Crystals) -> np.ndarray:
    """(n,) reduced formulas, elements in the order of IUPAC, metals first."""
    from pymatgen.core import Element

    elements = [Element.from_Z(z) for z in range(1, 119)]
    # IUPAC's table ends before the heaviest elements, which come last.
    by_rank = np.argsort([-1, *(e.data.get("IUPAC ordering", 1000) for e in elements)], kind="stable")
    rank = np.argsort(by_rank)
    symbols = np.array(["", *(element.symbol for element in elements)], dtype=object)
    rows = np.repeat(np.arange(len(crystals)), crystals.n_atoms)
    pairs, counts = np.unique(rows * 128 + rank[crystals.atomic_numbers], return_counts=True)
    starts = np.searchsorted(pairs // 128, np.arange(len(crystals)))
    counts = counts // np.repeat(np.gcd.reduceat(counts, starts), np.diff([*starts, len(pairs)]))
    amounts = np.where(counts > 1, counts.astype(str), "").astype(object)
    parts = symbols[by_rank[pairs % 128]] + amounts
    return np.array(["".join(part) for part in np.split(parts, starts[1:])], dtype=object)


def _elements(formula: object) -> tuple[str, ...]:
    """The symbols of a formula in its order; empty where it is none."""
    from pymatgen.core import Element

    parts = _PART.findall(formula) if isinstance(formula, str) and len(formula) < 1000 else []
    symbols = tuple(symbol for symbol, _ in parts)
    whole = "".join(symbol + amount for symbol, amount in parts) == formula
    return symbols if whole and len(set(symbols)) == len(symbols) and all(map(Element.is_valid_symbol, symbols)) else ()
