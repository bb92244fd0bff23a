"""What a footer declares is read as the library reads it, and a damaged one never ends the process."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from datasets.parquet_footer import chunks, footer_of
from tests.hostile.tables import good_parquet

NESTED = pa.table({
    "id": ["a", None, "c"] * 50, "lists": [[1.0, 2.0], [], None] * 50, "dicts": [{"x": 1, "y": {"z": "t"}}] * 150,
    "flag": [True, False, None] * 50,
})  # fmt: skip


@pytest.mark.parametrize("options", [
    {}, {"compression": "zstd", "row_group_size": 20}, {"use_dictionary": False, "compression": "none"},
    {"write_statistics": False, "store_schema": False, "write_page_index": True},
])  # fmt: skip
def test_a_footer_says_what_the_library_says(options, tmp_path):
    pq.write_table(NESTED, tmp_path / "x.parquet", **options)
    whole = pq.read_metadata(tmp_path / "x.parquet")
    theirs = [
        [(c.path_in_schema, c.num_values, c.total_uncompressed_size, c.compression in ("SNAPPY", "UNCOMPRESSED"))
         for c in map(whole.row_group(group).column, range(whole.num_columns))]
        for group in range(whole.num_row_groups)
    ]  # fmt: skip
    found = chunks(footer_of((tmp_path / "x.parquet").read_bytes()))
    assert [[(".".join(c.path), c.values, c.n_bytes, c.codec in (0, 1)) for c in group] for group in found] == theirs


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1\xff\xff\xff\x7fPAR1", b"x" * 20])
def test_what_is_no_parquet_file_has_no_footer(data):
    with pytest.raises(ValueError, match="does not end as a Parquet file does"):
        footer_of(data)


@pytest.mark.parametrize("footer", [b"\x1c" * 100_000, b"\x19\xfc\xff\xff\xff\xff\x0f", b"\x15" + b"\xff" * 100, b"\x1b\x00"])
def test_a_hostile_footer_is_refused_at_once(footer):
    with pytest.raises(ValueError, match="damaged footer"):
        chunks(footer)


READ = """
import sys
from pathlib import Path
from datasets.crystals import Crystals
from datasets.errors import InputError
from datasets.readers.columns import read_parquet
for path in sys.argv[1:]:
    for read in (Crystals.from_parquet, read_parquet):
        try:
            read(Path(path))
        except InputError:
            pass
"""


def test_a_changed_byte_of_a_footer_never_ends_the_process(tmp_path):
    """A flipped bit in the statistics of a column did, in the library's code."""
    raw, rng = good_parquet(tmp_path / "x.parquet").read_bytes(), np.random.default_rng(0)
    start = len(raw) - 8 - len(footer_of(raw))
    paths = []
    for number, place in enumerate(rng.permutation(np.arange(start, len(raw) - 8))[:300]):
        damaged = bytearray(raw)
        damaged[place] ^= 1 << int(rng.integers(8))
        paths.append(tmp_path / f"{number}.parquet")
        paths[-1].write_bytes(damaged)
    done = subprocess.run([sys.executable, "-c", READ, *map(str, paths)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
