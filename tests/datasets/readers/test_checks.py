"""Two atoms too close are refused with their distance, in any cell, and no real crystal is."""

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from datasets import registry
from datasets.errors import InputError
from datasets.readers import checks
from datasets.readers.checks import checked, too_close

CUBE = 5.0 * np.eye(3)
PERIODIC = np.ones(3, dtype=bool)


def cell(numbers, frac_coords, lattice=CUBE, pbc=PERIODIC):
    return np.array(lattice, dtype=float), np.array(pbc), np.array(numbers), np.array(frac_coords, dtype=float)


@pytest.mark.parametrize(
    ("crystal", "message"),
    [
        (cell([30, 16, 30], [[0, 0, 0], [0.5, 0.5, 0.5], [0, 0.002, 0]]), "atoms 0 (Zn) and 2 (Zn) are 0.010 Å apart"),
        (cell([30, 30], [[0, 0, 0], [0.999, 0, 0]]), "atoms 0 (Zn) and 1 (Zn) are 0.005 Å apart"),
        (cell([30, 30], [[0, 0, 0], [7.001, -3, 12]]), "atoms 0 (Zn) and 1 (Zn) are 0.005 Å apart"),
        (cell([12, 8], [[0, 0, 0], [0.24, 0, 0]]), "1.200 Å apart, which no crystal has (at least 1.24 Å)"),
        (cell([1, 1], [[0, 0, 0], [0.09, 0, 0]]), "at least 0.50 Å"),
        (cell([11], [[0, 0, 0]], np.diag([1.5, 9, 9])), "atom 0 (Na) and its own periodic image are 1.500 Å apart"),
        (cell([11], [[0, 0, 0]], np.diag([0.01, 0.01, 0.02])), "is the cell in Å"),
        (cell([11], [[0, 0, 0]], [[3, 0, 0], [3000, 1, 0], [30000, 5000, 3]]), "its own periodic image are 1.000 Å"),
        (cell([6] * 20000, np.zeros((20000, 3)), pbc=[False] * 3), "are 0.000 Å apart"),
        (cell([6, 6], [[0, 0, 0], [1e-6, 0, 0]], 1e5 * np.eye(3)), "are 0.100 Å apart"),
    ],
)
def test_atoms_too_close_are_refused_with_the_pair_and_the_distance(crystal, message):
    start = time.monotonic()
    with pytest.raises(InputError) as caught:
        checked(crystal, "x.cif")
    said = str(caught.value)
    assert said.startswith("x.cif: ") and message in said and "\n" not in said and time.monotonic() - start < 5


@pytest.mark.parametrize(
    "crystal",
    [
        cell([1, 1], [[0, 0, 0], [0.148, 0, 0]]),  # H2
        cell([8, 1], [[0, 0, 0], [0.13, 0, 0]]),  # O-H as X-rays see it
        cell([7, 7], [[0, 0, 0], [0.2196, 0, 0]]),
        cell([24, 24], [[0, 0, 0], [0.348, 0, 0]]),  # a quintuple bond
        cell([11], [[1e8, 0, 0]]),
        cell([11], [[0, 0, 0]], np.diag([0.5, 9, 9]), [False, True, True]),  # no image along a
        cell([11], [[0, 0, 0]], [[3, 0, 0], [3000, 3, 0], [30000, 5000, 3]]),
        cell([11, 17], [[0, 0, 0], [0.5, 0.5, 0.5]], 1e5 * np.eye(3)),
        cell([11, 17], [[0, 0, 0], [0.5, 0.5, 0.5]], 1e5 * np.eye(3), [False] * 3),
    ],
)
def test_real_distances_pass_in_any_cell(crystal):
    assert checked(crystal, "x") is crystal


@settings(max_examples=50)
@given(data=st.data())
def test_the_nearest_pair_does_not_depend_on_the_cell_that_is_written(data):
    lengths, angles = ([data.draw(st.floats(*span)) for _ in range(3)] for span in ((2, 6), (60, 110)))
    structure = Structure(
        Lattice.from_parameters(*lengths, *angles), ["Li", "O"], [[0, 0, 0], [data.draw(st.floats(0, 1)) for _ in range(3)]]
    )
    distances = (
        structure.distance_matrix[0, 1],
        *(n.nn_distance for n in structure.get_neighbors(structure[0], 4) if n.index == 0),
    )
    least = {0: 0.6 * (1.28 + 0.66), 1: 0.6 * 2 * 1.28}
    oxygen = [n.nn_distance for n in structure.get_neighbors(structure[1], 4) if n.index == 1]
    near = min(distances[0] / least[0], min(distances[1:], default=9) / least[1], min(oxygen, default=9) / (1.2 * 0.66))
    turned = np.array(
        data.draw(st.sampled_from([np.eye(3), [[1, 0, 0], [7, 1, 0], [-30, 4, 1]], [[1, 5, 0], [0, 1, 0], [0, 9, 1]]]))
    )
    lattice = turned @ structure.lattice.matrix
    shift = np.array([[data.draw(st.integers(-9, 9)) for _ in range(3)] for _ in range(2)])
    found = too_close(cell([3, 8], structure.cart_coords @ np.linalg.inv(lattice) + shift, lattice))
    assert abs(near - 1) < 1e-6 or (found is None) == (near > 1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "rows"), [("cgcnn", 36737), ("megnet", 51607), ("fung/2d", 3814), ("fung/mof", 13058), ("fung/pt", 1000)]
)
def test_no_crystal_of_the_built_in_sets_is_lost(name, rows, shared_data, monkeypatch):
    monkeypatch.setenv("BENCHMARK_DATA", str(shared_data("cgcnn/materials.parquet").parents[1]))
    crystals = registry.load(name)
    columns = (crystals.lattice, crystals.pbc)
    for row in range(len(crystals)):
        atoms = crystals.atoms_of(row)
        checked((*(c[row] for c in columns), crystals.atomic_numbers[atoms], crystals.frac_coords[atoms]), crystals.ids[row])
    assert len(crystals) == rows


@pytest.mark.parametrize("seed", range(40))
def test_both_searches_find_the_same_pairs(seed):
    rng = np.random.default_rng(seed)
    cell, pbc, n = rng.normal(size=(3, 3)) + 6 * np.eye(3), rng.random(3) < 0.7, int(rng.integers(2, 9))
    coords = rng.random((n, 3)) @ cell
    coords[1] = coords[0]
    of = slice(n // 2 - 1, n)
    dense, sparse = (search(cell, coords, pbc, of, 2.5) for search in (checks._pairs, checks._pairs_in_sparse))
    pairs = [sorted(zip(i[apart], j[apart], d[apart].round(9), strict=True)) for i, j, apart, d in (dense, sparse)]
    assert pairs[0] == pairs[1]


def test_a_vast_cell_is_searched_in_little_memory():
    sites = np.array([[0, 0, 0], [0.5, 0, 0], [0, 0, 0.001]])
    cell = np.diag([5e6, 5.64, 5.64]), np.ones(3, dtype=bool), np.array([11, 17, 11]), sites
    tracemalloc.start()
    assert "atoms 0 (Na) and 2 (Na) are 0.006 Å apart" in str(too_close(cell))
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


def test_a_coordinate_without_digits_of_its_place_is_refused():
    assert checked(cell([12, 8], [[500, 0, -1000], [0.5, 0.5, 0.5]]), "x")
    with pytest.raises(InputError, match=r"x: atom 1 lies more than 1e\+08 cells away"):
        checked(cell([12, 8], [[0, 0, 0], [0.5, 1e16, 0.5]]), "x")
