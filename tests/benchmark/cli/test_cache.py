"""`python -m benchmark cache` shows what is kept and deletes it."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from benchmark.rendering.text import size
from datasets.cache import cached, entries
from tests.benchmark.cli.test_main import one_line_error


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A cache with two graphs and one descriptor, and an imported set that is no part of it."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("BENCHMARK_CACHE", str(folder))
    monkeypatch.setenv("BENCHMARK_CACHE_SIZE", "1.5 GB")
    for kind, name in (("neighbors", "a"), ("neighbors", "b"), ("soap", "a")):
        cached(kind, {"name": name}, lambda: {"values": np.zeros(1000)})
    for entry in entries():
        os.utime(entry.path, (1.6e9, 1.6e9))
    (folder / "imported").mkdir()
    (folder / "imported" / "mine.parquet").write_text("not to be deleted")
    return folder


def test_entries_are_shown_by_kind_with_sizes_last_use_limit_and_directory(benchmark_command, folder):
    graphs, descriptors = (sum(entry.size for entry in entries() if entry.kind == kind) for kind in ("neighbors", "soap"))
    shown = benchmark_command("cache")
    assert shown.returncode == 0 and shown.stderr == ""
    *_, neighbors, soap, total = shown.stdout.splitlines()
    assert neighbors.split()[:4] == ["neighbors", "2", *size(graphs).split()] and "2020-09-1" in neighbors
    assert soap.split()[:4] == ["soap", "1", *size(descriptors).split()]
    assert total == f"3 entries, {size(graphs + descriptors)} of at most 1.5 GB (BENCHMARK_CACHE_SIZE), in {folder}"
    found = json.loads(benchmark_command("cache", "--json").stdout)
    assert found["directory"] == str(folder) and found["limit_bytes"] == 1.5e9
    assert [(kind["kind"], kind["entries"]) for kind in found["kinds"]] == [("neighbors", 2), ("soap", 1)]
    assert found["bytes"] == sum(kind["bytes"] for kind in found["kinds"]) == sum(entry.size for entry in entries())
    assert (found["entries"], found["deleted"]) == (3, 0) and len(entries()) == 3, "showing deletes nothing"


def test_clear_deletes_the_entries_and_nothing_else(benchmark_command, folder):
    before = size(sum(entry.size for entry in entries()))
    cleared = benchmark_command("cache", "--clear").stdout.splitlines()
    assert cleared == [
        f"deleted: 3 entries, {before}", f"0 entries, 0 B of at most 1.5 GB (BENCHMARK_CACHE_SIZE), in {folder}"
    ]  # fmt: skip
    assert entries() == [] and (folder / "imported" / "mine.parquet").read_text() == "not to be deleted"
    again = json.loads(benchmark_command("cache", "--clear", "--json").stdout)
    assert (again["deleted"], again["deleted_bytes"], again["kinds"]) == (0, 0, [])


def test_a_cache_that_does_not_exist_is_empty(benchmark_command, tmp_path):
    elsewhere = tmp_path / "nowhere"
    shown = benchmark_command("cache", "--clear", BENCHMARK_CACHE=str(elsewhere))
    assert shown.returncode == 0 and "0 entries, 0 B of at most" in shown.stdout and not elsewhere.exists()


def test_a_limit_that_is_no_size_is_one_line(benchmark_command, folder):
    error = one_line_error(benchmark_command("cache", BENCHMARK_CACHE_SIZE="plenty"))
    assert "BENCHMARK_CACHE_SIZE=plenty: write a number and a unit" in error
