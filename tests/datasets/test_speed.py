"""Speeds beside a baseline measured in the same run: `pytest -o addopts= --benchmark-only tests/datasets/test_speed.py`."""

from __future__ import annotations

import numpy as np
import pytest

from datasets import registry
from datasets.cache import cached
from datasets.crystals import Crystals
from datasets.neighbors import Nearest, find_neighbors, search

RULE = Nearest(12, 8.0)


@pytest.fixture(scope="module")
def materials(shared_data) -> Crystals:
    return Crystals.from_parquet(shared_data("cgcnn/materials.parquet"))


@pytest.fixture
def timed(benchmark):
    """The benchmark, where it is measured; what is slow and tested elsewhere is skipped in an ordinary run."""
    if benchmark.disabled:
        pytest.skip("only worth its time when it is measured; see the first line of this file")
    return benchmark


@pytest.fixture(scope="module")
def some(materials) -> Crystals:
    return materials.take(np.random.default_rng(0).choice(len(materials), 300, replace=False))


def straightforward(structures) -> int:
    """The original CGCNN's graphs: every neighbour as an object, sorted in Python."""
    edges = 0
    for structure in structures:
        for neighbors in structure.get_all_neighbors(RULE.cutoff, include_index=True):
            edges += len(sorted(neighbors, key=lambda neighbor: neighbor[1])[: RULE.k])
    return edges


@pytest.mark.benchmark(group="graphs of 300 crystals")
def test_graphs_straightforward(timed, some):
    structures = [some.to_structure(row) for row in range(len(some))]
    edges = timed.pedantic(straightforward, (structures,), rounds=3)
    assert edges == 12 * some.n_atoms.sum()


@pytest.mark.benchmark(group="graphs of 300 crystals")
def test_graphs_columnar(benchmark, some):
    columns = benchmark(search, some, RULE, 1)
    assert columns["edge_offsets"][-1] >= 12 * some.n_atoms.sum()


@pytest.mark.benchmark(group="graphs of all 36,737 crystals")
def test_graphs_of_the_whole_set(timed, materials):
    columns = timed.pedantic(search, (materials, RULE), rounds=1)
    assert columns["edge_offsets"][-1] == 11_693_186


@pytest.mark.benchmark(group="graphs from the cache")
def test_graphs_from_the_cache(benchmark, some):
    find_neighbors(some, RULE)
    neighbors = benchmark(find_neighbors, some, RULE)
    assert len(neighbors) == len(some)


@pytest.mark.benchmark(group="cache of 100 MB")
def test_a_large_array_from_the_cache(benchmark):
    array = np.zeros((25_000_000,), dtype=np.float32)
    cached("speed", {"size": 100}, lambda: {"array": array})
    entry = benchmark(cached, "speed", {"size": 100}, lambda: {"array": array})
    assert entry.arrays["array"].shape == array.shape


@pytest.mark.benchmark(group="36,737 crystals from their file")
def test_the_whole_set_is_loaded_and_checked(timed, shared_data, monkeypatch):
    monkeypatch.setenv("BENCHMARK_DATA", str(shared_data("cgcnn/materials.parquet").parents[1]))
    crystals = timed.pedantic(registry.load.__wrapped__, ("cgcnn",), rounds=5)
    assert len(crystals) == 36_737
