"""Graph building beside what the original CGCNN does, the cache, and loading the set."""

from __future__ import annotations

from multiprocessing import get_context

import numpy as np
import pytest

from datasets import registry
from datasets.cache import cached
from datasets.crystals import Crystals
from datasets.neighbor_search import Nearest
from datasets.neighbors import find_neighbors, search

CUT = Nearest(12, 8.0, "cut")
"""The rule of the original CGCNN, so that both build the same graphs."""

SHELLS = Nearest(12, 8.0)
"""The rule that the models here have."""


def n_bytes(crystals: Crystals) -> int:
    """Of what a search reads."""
    return sum(column.nbytes for column in (crystals.lattice, crystals.pbc, crystals.offsets, crystals.frac_coords))


def straightforward(structures) -> np.ndarray:
    """Edges of each crystal. The original CGCNN's graphs: every neighbour as an object, sorted in Python."""
    edges = []
    for structure in structures:
        lists = structure.get_all_neighbors(CUT.cutoff, include_index=True)
        edges.append(sum(len(sorted(neighbors, key=lambda n: n[1])[: CUT.k]) for neighbors in lists))
    return np.array(edges)


@pytest.mark.benchmark(group="graphs of 1,000 crystals")
def test_pymatgen_and_sorted_lists(measure, some):
    structures = [some.to_structure(row) for row in range(len(some))]
    edges = measure("baseline", lambda: straightforward(structures), rounds=3, warmup=0, crystals=len(some))
    np.testing.assert_array_equal(edges, CUT.k * some.n_atoms)


@pytest.mark.benchmark(group="graphs of 1,000 crystals")
def test_search(measure, benchmark, some):
    columns = measure("ours", lambda: search(some, CUT, 1), rounds=7, crystals=len(some), target=60.0)
    np.testing.assert_array_equal(np.diff(columns["edge_offsets"]), CUT.k * some.n_atoms)
    benchmark.extra_info["floor_bytes"] = n_bytes(some) + sum(column.nbytes for column in columns.values())


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.benchmark(group="graphs of all 36,737 crystals, two processes beside one")
def test_search_of_the_whole_set(measure, benchmark, materials, processes):
    role = "ours" if processes == 2 else "baseline"
    columns = measure(
        role,
        lambda: search(materials, SHELLS, processes),
        rounds=9,
        warmup=int(processes == 2),
        crystals=len(materials),
        target=1.8,
    )
    assert columns["edge_offsets"][-1] == 11_693_186
    benchmark.extra_info["floor_bytes"] = n_bytes(materials) + sum(column.nbytes for column in columns.values())


def search_apart(halves: list[Crystals]) -> list[int | None]:
    """Each half in a process of its own, which keeps what it finds; the exit codes."""
    # Forked, as it then has the crystals without reading them.
    processes = [get_context("fork").Process(target=search, args=(half, SHELLS, 1)) for half in halves]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode for process in processes]


@pytest.mark.benchmark(group="graphs of all 36,737 crystals, two processes beside one")
def test_two_halves_that_share_nothing(measure, materials):
    """What the machine allows: no process waits for another or hands over what it found."""
    halves = [materials.take(range(first, len(materials), 2)) for first in (0, 1)]
    assert measure("ours", lambda: search_apart(halves), rounds=9, crystals=len(materials)) == [0, 0]


@pytest.mark.benchmark(group="graphs of all 36,737 crystals from the cache")
def test_the_whole_set_from_the_cache(measure, benchmark, materials):
    find_neighbors(materials, SHELLS, 2)
    found = measure("ours", lambda: find_neighbors(materials, SHELLS), rounds=7, crystals=len(materials))
    assert found.edge_offsets[-1] == 11_693_186
    columns = (found.edge_offsets, found.src, found.dst, found.distance, found.image, found.tied)
    benchmark.extra_info["floor_bytes"] = sum(column.nbytes for column in columns)


@pytest.mark.benchmark(group="cache of 100 MB")
def test_an_array_from_the_cache(measure):
    array = np.zeros((25_000_000,), dtype=np.float32)
    cached("speed", {"size": 100}, lambda: {"array": array})
    read = measure("ours", lambda: cached("speed", {"size": 100}, dict), rounds=7, floor_bytes=array.nbytes)
    np.testing.assert_array_equal(read.arrays["array"], array)


@pytest.mark.benchmark(group="36,737 crystals from their file")
def test_the_whole_set_is_loaded_and_checked(measure, shared_data, monkeypatch):
    path = shared_data("cgcnn/materials.parquet")
    monkeypatch.setenv("BENCHMARK_DATA", str(path.parents[1]))
    crystals = measure("ours", lambda: registry.load.__wrapped__("cgcnn"), floor_bytes=path.stat().st_size)
    assert len(crystals) == 36_737
