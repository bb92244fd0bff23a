"""Equal structures are found however their cells are written; similar structures are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.crystals import Cell, Crystals
from datasets.duplicates import _close, find_duplicates, search
from tests.conftest import (
    FCC,
    OPEN,
    PERIODIC,
    REWRITINGS,
    alloy,
    cluster,
    doubled,
    lone_atom,
    permuted,
    resheared,
    rock_salt,
    rotated,
    slab,
)


def of(*cells: Cell) -> Crystals:
    return Crystals.from_cells([f"c{number}" for number in range(len(cells))], list(cells))


def labels(*cells: Cell) -> list[int]:
    return search(of(*cells), processes=1)["labels"].tolist()


def jittered(cell: Cell, sigma: float = 0.005) -> Cell:
    """Every atom moved at random by about `sigma` Å along each direction."""
    lattice, pbc, numbers, coords = cell
    moves = np.random.default_rng(5).normal(0, sigma, coords.shape)
    return lattice, pbc, numbers, coords + moves @ np.linalg.inv(lattice)


def stretched(cell: Cell, *factors: float) -> Cell:
    """Strained along x, y and z."""
    lattice, *rest = cell
    return lattice @ np.diag(factors), *rest


def zinc_blende() -> Cell:
    """The formula and the density of the rock salt, another structure."""
    lattice, pbc, numbers, _ = rock_salt()
    return lattice, pbc, numbers, np.concatenate([FCC, FCC + 0.25])


def box(cell: Cell, vacuum: float) -> Cell:
    """The same sheet in a box with another vacuum, at another height."""
    lattice, pbc, numbers, coords = cell
    taller = lattice + np.diag([0.0, 0.0, vacuum])
    return taller, pbc, numbers, (coords @ lattice + [0.0, 0.0, 1.3]) @ np.linalg.inv(taller)


def mirrored(cell: Cell) -> Cell:
    lattice, *rest = cell
    return lattice @ np.diag([1.0, 1.0, -1.0]), *rest


@pytest.mark.parametrize("name", [*REWRITINGS, "jitter"])
@pytest.mark.parametrize("make", [rock_salt, alloy, slab, cluster])
def test_a_crystal_written_differently_is_a_duplicate(make, name):
    other = {**REWRITINGS, "jitter": jittered}[name](make())
    assert labels(make(), other) == [0, 0]


@pytest.mark.parametrize("make", [rock_salt, alloy, slab])
def test_everything_at_once_is_still_a_duplicate(make):
    assert labels(make(), jittered(permuted(rotated(resheared(doubled(make())))))) == [0, 0]


@pytest.mark.parametrize(
    "other",
    [
        zinc_blende(),
        stretched(rock_salt(), 1.03, 1.03, 1.03),
        stretched(rock_salt(), 1.06, 0.97, 0.97),
        (rock_salt()[0], PERIODIC, np.repeat([11, 35], 4), rock_salt()[3]),
        (rock_salt()[0], OPEN, *rock_salt()[2:]),
    ],
    ids=["other prototype", "wider", "strained at equal volume", "other element", "a cluster of it"],
)
def test_what_only_resembles_rock_salt_is_no_duplicate(other):
    assert labels(rock_salt(), other) == [0, 1]


def test_another_order_of_the_same_atoms_on_the_same_sites_is_no_duplicate():
    lattice, pbc, numbers, coords = alloy(0)
    swapped = numbers.copy()
    first, second = np.flatnonzero(numbers == 29)[0], np.flatnonzero(numbers == 79)[0]
    swapped[[first, second]] = swapped[[second, first]]
    assert labels((lattice, pbc, numbers, coords), (lattice, pbc, swapped, coords)) == [0, 1]


def test_a_sheet_is_the_same_whatever_its_vacuum_and_another_with_one_more_layer():
    lattice, pbc, numbers, coords = slab()
    thicker = lattice, pbc, np.append(numbers, 13), np.vstack([coords, [0.5, 0.5, 0.1 - 2.02 / 12]])
    assert labels(slab(), box(slab(), 9.0), thicker) == [0, 0, 2]


def test_sheets_that_differ_only_in_height_are_two():
    lattice, pbc, numbers, coords = slab()
    lifted = coords + np.array([0.0, 0.0, 0.6 / 12]) * (numbers == 8)[:, None]
    assert labels(slab(), (lattice, pbc, numbers, lifted)) == [0, 1]


def layers(spacing: float) -> Cell:
    """A sheet of 15 layers of aluminium."""
    sites = np.array([[0.5 * (layer % 2), 0.5 * (layer % 2), (2.0 + layer * spacing) / 50] for layer in range(15)])
    return np.diag([2.86, 2.86, 50.0]), np.array([True, True, False]), np.full(15, 13), sites


@pytest.mark.parametrize(("spacing", "expected"), [(2.05, [0, 0]), (2.06, [0, 1])])
def test_sheets_whose_layers_agree_but_not_their_thickness_are_two(spacing, expected):
    """14 spacings of 0.03 Å more are 0.42 Å, of 0.04 Å more are 0.56 Å: half an Å is allowed."""
    assert labels(layers(2.02), layers(spacing)) == expected


def test_clusters_are_compared_by_their_distances():
    lattice, pbc, numbers, coords = cluster()
    moved = coords.copy()
    moved[0] += 0.2 / 20
    alloyed = [(lattice, pbc, np.array([78, 78, 78, 78, 79]), coords), (lattice, pbc, np.array([79, 78, 78, 78, 78]), coords)]
    assert labels(cluster(), mirrored(cluster()), (lattice, pbc, numbers, moved), *alloyed) == [0, 0, 2, 3, 4]


def test_a_pair_of_atoms_and_a_tetrahedron_of_the_same_distance_are_two():
    """Reduced formulas are for crystals only."""
    corners = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]) * 1.9
    pair, tetrahedron = ((np.eye(3) * 20.0, OPEN, np.full(n, 78), (corners[:n] + 8) / 20) for n in (2, 4))
    assert labels(pair, tetrahedron, rotated(pair)) == [0, 1, 0]


def test_lone_atoms_of_an_element_are_duplicates():
    other = lone_atom()[0] * 2, *lone_atom()[1:]
    assert labels(lone_atom(), other) == [0, 0]


def test_crystals_periodic_along_one_direction_are_not_compared():
    lattice, _, numbers, coords = cluster()
    chain = lattice, (True, False, False), numbers, coords
    assert labels(chain, chain) == [0, 1]


def test_groups_are_chains_of_pairs_labelled_by_their_first_row():
    """Volumes in steps of 1.5 %: the first and the last are no pair, but one group."""
    steps = [stretched(rock_salt(), *[1.015 ** (n / 3)] * 3) for n in (2, 0, 1)]
    crystals = of(alloy(), *steps)
    duplicates = find_duplicates(crystals)
    assert duplicates.labels.tolist() == [0, 1, 1, 1]
    assert [rows.tolist() for rows in duplicates.groups] == [[1, 2, 3]]
    assert labels(steps[0], steps[1]) == [0, 1]


def test_groups_do_not_depend_on_processes_or_the_order_of_rows(monkeypatch):
    monkeypatch.setattr("datasets.duplicates.POOL_PAIRS", 1)
    crystals = of(alloy(1), rock_salt(), slab(), doubled(rock_salt()), rotated(alloy(1)), cluster())
    assert search(crystals, 2)["labels"].tolist() == [0, 1, 2, 1, 0, 5]
    assert search(crystals.take([5, 4, 3, 2, 1, 0]), 1)["labels"].tolist() == [0, 1, 2, 3, 2, 1]


def test_nothing_to_compare_leaves_every_crystal_alone():
    assert labels(rock_salt()) == [0]
    assert labels(rock_salt(), alloy()) == [0, 1]


def test_a_cell_that_pymatgen_cannot_reduce_to_niggli_is_compared_all_the_same(monkeypatch):
    from pymatgen.core import Lattice

    def fail(self, tol=1e-5):
        raise ValueError("can't find niggli")

    monkeypatch.setattr(Lattice, "get_niggli_reduced_lattice", fail)
    assert labels(rock_salt(), resheared(rock_salt())) == [0, 0]


def test_the_search_is_kept(monkeypatch):
    crystals = of(alloy(11), alloy(12), alloy(11))
    first = find_duplicates(crystals)
    monkeypatch.setattr("datasets.duplicates.search", None)
    again = find_duplicates(replace(crystals, ids=np.array(["x", "y", "z"], dtype=object)))
    assert np.array_equal(first.labels, again.labels) and again.labels.tolist() == [0, 1, 0]
    assert (again.compared, again.seconds) == (first.compared, first.seconds)


@settings(max_examples=50)
@given(st.lists(st.floats(-5, 5), min_size=0, max_size=30))
def test_pairs_of_close_sizes_are_all_found_once(sizes):
    size = np.array(sizes, dtype=float)
    found = [tuple(sorted(pair)) for pair in _close(np.arange(len(size)), size).tolist()]
    expected = [
        (i, j) for i in range(len(size)) for j in range(i + 1, len(size)) if max(size[i], size[j]) <= min(size[i], size[j]) + 1
    ]
    assert sorted(found) == expected
