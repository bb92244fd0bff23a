"""A crystal's graph is one of the crystal: however skewed its cell is written and however far away its atoms stand."""

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from datasets import compact_cells
from datasets.compact_cells import compact
from datasets.crystals import Cell, Crystals
from datasets.errors import InputError
from datasets.neighbor_search import MinimumImage, Nearest, Radius
from datasets.neighbors import find_neighbors
from tests.datasets.test_neighbors import CUTOFFS, all_pairs, cells, computed, edges, one

PERIODIC = (True, True, True)


def salt(shift=(0, 0, 0), basis=((1, 0, 0), (0, 1, 0), (0, 0, 1))) -> Cell:
    """CsCl with a = 4.2 Å, its anion `shift` cells away, in the cell whose vectors are the sums `basis`."""
    basis, coords = np.array(basis, dtype=float), np.array([[0, 0, 0], np.array(shift) + 0.5])
    return basis @ np.diag([4.2] * 3), PERIODIC, np.array([12, 8]), coords @ np.linalg.inv(basis)


def ends(cell: Cell, rule) -> np.ndarray:
    """Distances of a crystal's edges, after a check that each image stands where its distance says."""
    found = computed(one(cell), rule)
    vectors = (cell[3][found.src] + found.image - cell[3][found.dst]) @ cell[0]
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), found.distance, atol=1e-5)
    return np.sort(found.distance)


@given(cell=cells(), cutoff=CUTOFFS)
@settings(max_examples=80)
def test_a_crystal_that_is_written_anew_has_the_edges_of_a_plain_search(cell, cutoff):
    expected = {edge for atom in all_pairs(cell, cutoff) for _, edge in atom}
    with patch.object(compact_cells, "MOST_CELLS", 0):
        assert list(compact(one(cell), cutoff).rows) == [0]
        assert set(edges(computed(one(cell), Radius(cutoff)))) == expected


SHEARS = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 2), st.integers(-40, 40)), max_size=4)
SHIFTS = st.lists(st.integers(-(10**5), 10**5), min_size=6, max_size=6)


@given(shears=SHEARS, shifts=SHIFTS, rule=st.sampled_from([Nearest(12, 8.0), Radius(5.0), MinimumImage(12, 8.0)]))
@settings(max_examples=60)
def test_the_graph_does_not_depend_on_the_choice_of_the_cell(shears, shifts, rule):
    lattice = np.array([[4.0, 0, 0], [0.3, 4.4, 0], [-0.2, 0.5, 5.1]])
    coords = np.array([[0, 0, 0], [0.52, 0.47, 0.41]])
    basis = np.eye(3)
    for vector, other, times in shears:
        basis[vector] += times * basis[(vector + other) % 3]
    moved = coords + np.reshape(shifts, (2, 3))
    numbers = np.array([22, 8])
    plain = computed(one((lattice, PERIODIC, numbers, coords)), rule)
    cell = basis @ lattice, PERIODIC, numbers, moved @ np.linalg.inv(basis)
    assume(np.abs(cell[0]).max() * np.abs(cell[3]).max() < 1e10)  # beyond, rounding moves atoms
    found = computed(one(cell), rule)
    for atom in (0, 1):
        np.testing.assert_allclose(found.distance[found.dst == atom], plain.distance[plain.dst == atom], atol=1e-4)


@pytest.mark.parametrize(
    "cell",
    [
        salt(shift=(1000, 0, 0)),
        salt(shift=(-300, 128, 5)),
        salt(shift=(100_000, -100_000, 100_000)),
        salt(basis=[[1, 0, 0], [3, 1, 0], [0, 0, 1]]),
        salt(basis=[[1, 0, 0], [30, 1, 0], [0, 0, 1]]),
        salt(basis=[[1, 0, 0], [1000, 1, 0], [0, 1000, 1]]),
        salt(shift=(7, 0, -900), basis=[[1, 30, 0], [0, 1, 0], [0, -30, 1]]),
    ],
)
def test_a_salt_has_its_eight_and_six_neighbours_however_it_is_written(cell):
    np.testing.assert_allclose(ends(cell, Radius(4.3)), [4.2 * 0.75**0.5] * 16 + [4.2] * 12, rtol=1e-5)
    np.testing.assert_allclose(ends(cell, Nearest(12, 8.0)), [4.2 * 0.75**0.5] * 16 + [4.2] * 12, rtol=1e-5)


def test_images_are_wide_only_where_they_are_far():
    near, far = one(salt()), one(salt(shift=(0, 0, 200)))
    assert computed(near, Nearest()).image.dtype == np.int8
    assert computed(far, Nearest()).image[:, 2].max() == 201
    again = [find_neighbors(far, Nearest()).image for _ in range(2)]  # the second comes from the cache
    assert np.array_equal(*again) and again[1].max() == 201


def test_only_crystals_that_need_it_are_written_anew(crystals, alloys):
    for usual in (crystals, alloys):
        found = compact(usual, 8.0)
        assert found.crystals is usual and len(found.rows) == 0 and not found.refused


def test_a_skewed_sheet_stays_a_sheet():
    flat = np.diag([3.0, 3.0, 20.0]), (True, True, False), np.array([6]), np.array([[0.5, 0.5, 0.5]])
    skewed = np.array([[3.0, 0, 0], [150.0, 3.0, 0], [900.0, -700.0, 20.0]])
    other = skewed, flat[1], flat[2], np.array([[0.5, 0.5, 0.5]])
    np.testing.assert_allclose(ends(other, Radius(6.1)), ends(flat, Radius(6.1)), rtol=1e-6)
    assert not computed(one(other), Radius(6.1)).image[:, 2].any()


def test_all_crystals_that_cannot_be_searched_are_named_at_once():
    thin = np.diag([0.05, 3.0, 3.0]), PERIODIC, np.array([1]), np.zeros((1, 3))
    vague = np.diag([4.0] * 3), PERIODIC, np.array([1]), np.full((1, 3), 1e15)
    apart = np.diag([1.0] * 3), (False,) * 3, np.array([1, 1]), np.array([[0, 0, 0], [1e5, 1e5, 1e5]])
    made = Crystals.from_cells(["thin", "fine", "vague", "apart", "thin too"], [thin, salt(), vague, apart, thin])
    assert sorted(compact(made, 8.0).refused) == [0, 2, 3, 4]
    with pytest.raises(InputError) as caught:
        find_neighbors(made, Nearest())
    text = str(caught.value)
    assert "\n" not in text and "fine" not in text and text.endswith("and 1 other (4 in all); remove the crystals")
    for part in ("crystal 'thin': a cell vector is far", "'vague': its coordinates are too large", "'apart': its atoms stand"):
        assert part in text
