"""Crystals that lengths and elements alone cannot tell apart, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from datasets.crystals import Crystals
from datasets.neighbor_search import TIE, MinimumImage, Nearest, Radius
from datasets.neighbors import find_neighbors
from models.graph.columns import graph_columns
from models.graph.indistinguishable import same_graph
from tests.conftest import FCC, PERIODIC, REWRITINGS, alloy, cluster, doubled, lone_atom, permuted, rock_salt, slab

EDGE = 3.0
"""Å between nearest atoms of the close-packed metals."""


def labels(cells, rule=None, tolerance=1e-4):
    crystals = Crystals.from_cells([f"c{row}" for row in range(len(cells))], cells)
    neighbors = find_neighbors(crystals, rule or Nearest(12, 8.0), processes=1, allow_isolated=True)
    return same_graph(graph_columns(crystals, neighbors, tolerance=TIE), tolerance).tolist()


def fcc():
    return np.eye(3) * EDGE * 2**0.5, PERIODIC, np.full(4, 29), FCC


def hcp():
    lattice = np.array([[1.0, 0, 0], [-0.5, 0.75**0.5, 0], [0, 0, (8 / 3) ** 0.5]]) * EDGE
    return lattice, PERIODIC, np.full(2, 29), np.array([[0.0, 0, 0], [1 / 3, 2 / 3, 0.5]])


def mirrored(cell):
    lattice, *rest = cell
    return lattice * [1.0, 1.0, -1.0], *rest


def scaled(cell, factor):
    lattice, *rest = cell
    return lattice * factor, *rest


def replaced(cell, old, new):
    lattice, pbc, numbers, coords = cell
    return lattice, pbc, np.where(numbers == old, new, numbers), coords


@pytest.mark.parametrize("rewrite", REWRITINGS.values(), ids=REWRITINGS)
@pytest.mark.parametrize("rule", [Nearest(12, 8.0), Radius(5.0)], ids=str)
def test_the_same_crystal_written_twice_has_one_graph(rewrite, rule):
    cells = [rock_salt(), alloy(), slab(), cluster(), alloy(1)]
    assert labels(cells + [rewrite(cell) for cell in cells], rule) == [0, 1, 2, 3, 4] * 2


def test_mirror_images_have_one_graph():
    assert labels([alloy(), mirrored(alloy())]) == [0, 0]


def test_other_elements_or_lengths_are_other_graphs():
    potassium = replaced(rock_salt(), 11, 19)
    assert labels([rock_salt(), potassium, scaled(rock_salt(), 1.001), scaled(rock_salt(), 1 + 1e-6), potassium]) == [
        0, 1, 2, 0, 1,
    ]  # fmt: skip


def test_hcp_and_fcc_are_one_within_the_first_shell_and_two_beyond():
    """All atoms of either have 12 neighbours at d, and 6 more at √2 d; hcp has 2 at √(8/3) d, fcc has none."""
    assert labels([fcc(), hcp()]) == [0, 0]
    assert labels([fcc(), hcp()], Radius(1.05 * 2**0.5 * EDGE)) == [0, 0]
    assert labels([fcc(), hcp()], Radius(1.01 * (8 / 3) ** 0.5 * EDGE)) == [0, 1]


def test_kinds_in_other_proportions_are_another_graph():
    """A chain of one isolated atom and one of two: the same kinds of atoms, 1 : 1 and 1 : 2."""

    def apart(numbers):
        coords = np.arange(len(numbers))[:, None] / len(numbers) * [1.0, 0, 0]
        return np.diag([100.0 * len(numbers), 100.0, 100.0]), PERIODIC, np.array(numbers), coords

    assert labels([apart([2, 10]), apart([2, 10, 10]), apart([10, 2, 10, 2])], Radius(5.0)) == [0, 1, 0]
    assert labels([lone_atom(), lone_atom()], Radius(5.0)) == [0, 0]


def test_refinement_goes_as_far_as_the_slowest_crystal_of_a_group():
    """Two cycles of three atoms and one of six, all edges equal: no network on the graph tells these clusters apart."""

    def ring(n):
        turn = 2 * np.pi * np.arange(n) / n
        return np.stack([np.cos(turn), np.sin(turn), 0 * turn], axis=1) / (2 * np.sin(np.pi / n))

    box = np.eye(3) * 40.0, np.zeros(3, bool), np.full(6, 6)
    two = np.concatenate([ring(3), ring(3) + np.array([10.0, 0, 0])]) / 40 + 0.3
    assert labels([(*box, two), (*box, ring(6) / 40 + 0.3)], Radius(1.2)) == [0, 0]
    long = np.arange(9)[:, None] * [1.0, 0, 0] / 40 + 0.1
    numbers = np.full(9, 6)
    ends = [np.where(np.arange(9) == place, 7, numbers) for place in (0, 8, 3, 5)]
    chains = [(*box[:2], z, long) for z in ends]
    assert labels(chains, Radius(1.2)) == [0, 0, 2, 2]


def test_a_network_on_nearest_images_tells_a_supercell_from_its_cell():
    assert labels([rock_salt(), doubled(rock_salt()), permuted(rock_salt())], MinimumImage(4, 3.0)) == [0, 1, 0]


def test_the_tolerance_decides():
    near = scaled(rock_salt(), 1 + 1e-4 / 2.82)
    assert labels([rock_salt(), near], tolerance=1e-5) == [0, 1]
    assert labels([rock_salt(), near], tolerance=1e-3) == [0, 0]
