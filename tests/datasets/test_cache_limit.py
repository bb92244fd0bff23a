"""The cache stays below its limit: the least recently used entries go, and nobody who uses one notices."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from datasets.cache import cached, cached_crystals, entries, shrink, size_limit
from datasets.crystals import Crystals
from datasets.errors import InputError

BYTES = 8000
"""Of the arrays of an entry; its file holds a header too."""


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path) -> Path:
    monkeypatch.setenv("BENCHMARK_CACHE", str(tmp_path))
    return tmp_path


def put(name: str, kind: str = "things") -> np.ndarray:
    """The array stored under a name, built where it is missing."""
    return cached(kind, {"name": name}, lambda: {"values": np.full(BYTES // 8, float(len(name)))}).arrays["values"]


def is_kept(name: str, kind: str = "things") -> bool:
    """Whether an entry need not be built again; asking is no use of it."""
    before = {entry.path: entry.last_used for entry in entries()}
    built: list[str] = []
    cached(kind, {"name": name}, lambda: built.append(name) or {"values": np.zeros(1)})
    for path, last_used in before.items():
        if path.exists():
            os.utime(path, (last_used, last_used))
    return not built


def age(seconds: float) -> None:
    """Let every entry be used so much longer ago."""
    for entry in entries():
        os.utime(entry.path, (entry.last_used - seconds, entry.last_used - seconds))


def test_the_least_recently_used_entries_go_when_the_limit_is_passed(monkeypatch):
    monkeypatch.setenv("BENCHMARK_CACHE_SIZE", "30 kB")
    for name in ("first", "second", "third"):
        put(name)
        age(10)
    put("first")  # a use, so that `second` is now the oldest
    age(10)
    put("fourth")
    assert len(entries()) == 3 and sum(entry.size for entry in entries()) <= 30_000
    monkeypatch.setenv("BENCHMARK_CACHE_SIZE", "1 GB")
    assert [is_kept(name) for name in ("first", "third", "fourth", "second")] == [True, True, True, False]


def test_nothing_goes_below_the_limit(monkeypatch):
    monkeypatch.setenv("BENCHMARK_CACHE_SIZE", "1 MB")
    for number in range(20):
        put(f"entry {number}")
    assert len(entries()) == 20 and shrink(10**6) == []


def test_entries_of_every_kind_count(monkeypatch, folder):
    crystals = Crystals.from_cells(["a"], [(np.eye(3) * 4, np.ones(3, bool), np.array([29]), np.zeros((1, 3)))])
    cached_crystals("sets", {"name": "one"}, crystals.content_hash, lambda: crystals)
    age(10)
    put("graphs", "neighbors")
    assert [entry.kind for entry in entries()] == ["sets", "neighbors"]
    assert [entry.kind for entry in shrink(entries()[1].size)] == ["sets"]
    assert [entry.kind for entry in entries()] == ["neighbors"]
    assert [path.name for path in (folder / "sets").iterdir()] == [], "the lock goes with its entry"


def test_stored_crystals_are_read_again_unless_they_are_others():
    crystals, built = Crystals.from_cells(["a"], [(np.eye(3) * 4, np.ones(3, bool), np.array([29]), np.zeros((1, 3)))]), []

    def build() -> Crystals:
        built.append(1)
        return crystals

    for _ in range(2):
        assert cached_crystals("sets", {"name": "one"}, crystals.content_hash, build).content_hash == crystals.content_hash
    assert len(built) == 1
    cached_crystals("sets", {"name": "one"}, "another hash", build)
    assert len(built) == 2


def test_imported_sets_and_fetched_data_are_never_deleted(folder):
    others = ["imported/mine.parquet", "imported/mine.json", "data/cgcnn/materials.parquet", "data/pt.tar.gz", "notes.txt"]
    others += ["imported/0123.safetensors", f"data/fung/{'a' * 32}.safetensors", f"imported/{'b' * 32}.parquet"]
    for name in others:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x" * BYTES)
        os.utime(folder / name, (0, 0))
    put("thing")
    assert [entry.kind for entry in shrink(0)] == ["things"]
    assert all((folder / name).read_bytes() == b"x" * BYTES for name in others) and entries() == []


def test_what_a_process_has_mapped_stays_readable_when_the_entry_goes(folder):
    put("mapped")
    values = put("mapped")
    assert isinstance(values.base, np.memmap) or isinstance(values, np.memmap)
    assert len(shrink(0)) == 1 and not list(folder.rglob("*.safetensors"))
    assert (values == len("mapped")).all() and not is_kept("mapped")


def test_an_entry_that_is_being_written_is_left_alone(folder):
    put("one")
    (entry,) = entries()
    unfinished = Path(f"{entry.path}.4242.partial")
    unfinished.write_bytes(b"half")
    with FileLock(f"{entry.path}.lock"):
        assert shrink(0) == []
    assert {one.path for one in shrink(0)} == {entry.path, unfinished}, "what a killed process left goes too"


def test_an_entry_larger_than_the_limit_is_returned_and_not_kept(monkeypatch, caplog):
    monkeypatch.setenv("BENCHMARK_CACHE_SIZE", "1 kB")
    with caplog.at_level(logging.WARNING):
        assert (put("large") == 5).all()
    assert entries() == [] and "larger than the cache may be; raise BENCHMARK_CACHE_SIZE" in caplog.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 20 * 10**9), ("500 MB", 5 * 10**8), ("1.5GB", 15 * 10**8), ("0 B", 0), (" 2 tb ", 2 * 10**12), ("12 kB", 12_000)],
)
def test_the_limit_is_a_number_and_a_unit(monkeypatch, text, expected):
    monkeypatch.setenv("BENCHMARK_CACHE_SIZE", text)
    assert size_limit() == expected


@pytest.mark.parametrize("text", ["20", "much", "-1 GB", "20 GiB", "1e9 B"])
def test_a_limit_that_is_no_size_is_refused(monkeypatch, text):
    monkeypatch.setenv("BENCHMARK_CACHE_SIZE", text)
    with pytest.raises(InputError, match="write a number and a unit"):
        put("anything")


PROCESS = """
import sys
import numpy as np
from datasets.cache import cached, entries
rng = np.random.default_rng(int(sys.argv[1]))
for turn in range(150):
    name = int(rng.integers(12))
    values = cached("things", {"name": name}, lambda: {"values": np.full(1000, name)}).arrays["values"]
    assert values.shape == (1000,) and (values == name).all(), (turn, name)
"""


def test_processes_that_read_write_and_delete_at_once_get_what_they_asked_for(monkeypatch, folder):
    monkeypatch.setenv("BENCHMARK_CACHE_SIZE", "40 kB")  # four of the twelve entries
    command = [sys.executable, "-c", PROCESS]
    workers = [subprocess.Popen([*command, str(seed)], stderr=subprocess.PIPE, text=True) for seed in range(3)]
    endings = [worker.communicate(timeout=120)[1] for worker in workers]
    assert [(worker.returncode, text) for worker, text in zip(workers, endings, strict=True)] == [(0, "")] * 3
    assert 0 < sum(entry.size for entry in entries()) <= 40_000
    assert not list(folder.rglob("*.partial"))
