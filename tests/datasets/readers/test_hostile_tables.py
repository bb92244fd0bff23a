"""Hostile tables are refused in one line, before what they declare becomes objects; ordinary ones are read as before."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets import table_bounds
from datasets.cache import cached_crystals
from datasets.crystals import Crystals, parquet_columns
from datasets.errors import InputError
from datasets.readers.columns import read_csv, read_parquet
from datasets.readers.csv_text import read_csv_text
from datasets.readers.folder import open_folder
from datasets.readers.tables import TableOptions, read_crystals
from tests.hostile.tables import CIF, LARGE, TABLES, good_parquet, no_utf8

ACCEPTED = {"JSON, a column name of lone surrogates"}
"""The other columns are good."""


@pytest.mark.parametrize("kind", [kind for kind in TABLES if kind not in LARGE])
def test_a_hostile_table_is_refused_in_one_line(kind, tmp_path):
    path, started = TABLES[kind](tmp_path), time.process_time()
    options = TableOptions(path, "mine", [] if path.is_dir() else ["gap"], [] if path.is_dir() else ["eV"])
    if kind in ACCEPTED:
        assert len(read_crystals(options).crystals) == 1
        return
    with pytest.raises(InputError) as caught:
        open_folder(path).load() if path.is_dir() else read_crystals(options)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert time.process_time() - started < 10


@pytest.fixture
def bounds(monkeypatch) -> None:
    """Bounds that small tables reach."""
    monkeypatch.setattr(table_bounds, "MOST_COLUMNS", 10)
    monkeypatch.setattr(table_bounds, "CELLS", 1000)
    monkeypatch.setattr(table_bounds, "CELLS_A_BYTE", 0)
    monkeypatch.setattr(table_bounds, "MOST_FOOTER", 2000)


LISTS = pa.ListArray.from_arrays(pa.array([0, 2000], pa.int32()), pa.array(np.zeros(2000)))
DECLARED = {
    "columns": (pa.table({f"c{i}": [1.0] for i in range(11)}), "11 columns; at most 10 are read"),
    "rows": (pa.table({"x": np.zeros(1001)}), "1,001 values in 1,001 rows and 1 columns, more than are read of a file of"),
    "cells": (pa.table({f"c{i}": np.zeros(101) for i in range(10)}), "1,010 values in 101 rows and 10 columns"),
    "values of a list": (pa.table({"x": LISTS}), "2,000 values in 1 rows and 1 columns"),
    "footer": (pa.table({"x" * 3000: [1.0]}), "bytes; at most 2,000 are read"),
}


@pytest.mark.parametrize("what", DECLARED)
def test_what_a_footer_declares_is_refused_before_anything_is_decoded(what, tmp_path, bounds, monkeypatch):
    table, expected = DECLARED[what]
    pq.write_table(table, tmp_path / "x.parquet", store_schema=False)
    monkeypatch.setattr(pq.ParquetFile, "read", None)
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", None)
    for read in (read_parquet, Crystals.from_parquet, parquet_columns):
        with pytest.raises(InputError, match=expected) as caught:
            read(tmp_path / "x.parquet")
        assert str(caught.value).startswith(f"{tmp_path / 'x.parquet'}: ")


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("a,b\n" + "1,2\n" * 500, False),
        ("a,b\n" + "1,2\n" * 501, True),
        (",".join(f"c{i}" for i in range(10)) + "\n1" * 100, False),
        (",".join(f"c{i}" for i in range(10)) + "\n1" * 101, True),
        (",".join(f"c{i}" for i in range(11)) + "\n1", True),
    ],
)
def test_the_cells_of_a_csv_are_counted_before_short_rows_are_filled(text, refused, tmp_path, bounds):
    (tmp_path / "x.csv").write_text(text)
    if refused:
        with pytest.raises(InputError, match=r"values in|columns; at most"):
            read_csv(tmp_path / "x.csv")
    else:
        assert len(read_csv(tmp_path / "x.csv")[0]) in (2, 10)


@pytest.mark.parametrize("extra", [0, 1, 2, 5])
def test_empty_columns_at_the_end_are_dropped(extra, tmp_path):
    (tmp_path / "x.csv").write_text("\n".join(line + "," * extra for line in ("id,gap", "a,1", "b,2")))
    assert read_csv_text(tmp_path / "x.csv").rows == [["id", "gap"], ["a", "1"], ["b", "2"]]
    (tmp_path / "x.csv").write_text("id,gap\na,1,\nb,2,\n")
    assert read_csv_text(tmp_path / "x.csv").rows == [["id", "gap"], ["a", "1"], ["b", "2"]]
    (tmp_path / "x.csv").write_text("id,gap,\na,1,x\nb,2,\n")
    assert [len(row) for row in read_csv_text(tmp_path / "x.csv").rows] == [3, 3, 3]


def test_a_name_that_is_no_utf8_is_one_line_everywhere(tmp_path):
    for read in (Crystals.from_parquet, parquet_columns, read_parquet):
        with pytest.raises(InputError, match="not a readable Parquet file"):
            read(no_utf8(tmp_path))


def test_a_flipped_bit_anywhere_in_cached_crystals_gives_them_again(tmp_path, monkeypatch):
    """A column's name that is no UTF-8 any more was a traceback."""
    monkeypatch.setenv("BENCHMARK_CACHE", str(tmp_path))
    crystals = Crystals.from_parquet(good_parquet(tmp_path / "good.parquet"))
    key = {"set": "toy"}
    cached_crystals("toy", key, crystals.content_hash, lambda: crystals)
    (entry,) = (tmp_path / "toy").glob("*.parquet")
    raw, rng = entry.read_bytes(), np.random.default_rng(0)
    names = [place for place in range(len(raw)) if raw.startswith(b"gap", place)]
    places = [*(name + letter for name in names for letter in range(3)), *rng.integers(0, len(raw), 150).tolist()]
    for place in places:
        damaged = bytearray(raw)
        damaged[place] ^= 0x80 if place in names else 1 << int(rng.integers(8))
        entry.write_bytes(damaged)
        assert cached_crystals("toy", key, crystals.content_hash, lambda: crystals).content_hash == crystals.content_hash
    assert len(names) >= 2


def test_only_the_columns_that_are_wanted_are_decoded(tmp_path):
    crystals = Crystals.from_parquet(good_parquet(tmp_path / "x.parquet"))
    table = pq.read_table(tmp_path / "x.parquet").append_column("text", pa.array(["x" * 1000] * 3))
    pq.write_table(table, tmp_path / "x.parquet")
    found = Crystals.from_parquet(tmp_path / "x.parquet", ["gap"])
    assert found.content_hash == crystals.content_hash
    pd.testing.assert_frame_equal(found.targets, crystals.targets)


def test_a_unit_that_cannot_be_printed_is_none(tmp_path):
    (tmp_path / "x.csv").write_text(f'id,cif,"gap [eV\x1b]"\na,"{CIF}",1.5\n')
    with pytest.raises(InputError, match="cannot name a target"):
        read_crystals(TableOptions(tmp_path / "x.csv", "mine", ["gap [eV\x1b]"], ["eV"]))
