"""The edges are those of a plain periodic search, and do not depend on how a crystal is written down."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from datasets import neighbors
from datasets.crystals import Cell, Crystals
from datasets.errors import InputError
from datasets.neighbor_search import PHANTOM, TIE, MinimumImage, Nearest, Radius, Rule
from datasets.neighbors import Neighbors, find_neighbors, search

Edge = tuple[int, int, tuple[int, ...]]
"""Receiver, sender, image of the sender."""


def all_pairs(cell: Cell, cutoff: float) -> list[list[tuple[float, Edge]]]:
    """For each atom every neighbour within the cutoff, nearest first: a loop over all images that can matter."""
    lattice, pbc, _, coords = (np.asarray(part) for part in cell)
    heights = 1 / np.linalg.norm(np.linalg.inv(lattice), axis=0)
    reach = np.where(pbc, np.ceil(cutoff / heights + np.ptp(coords, axis=0)), 0).astype(int)
    found: list[list[tuple[float, Edge]]] = [[] for _ in coords]
    for image in np.ndindex(*(2 * reach + 1)):
        shift = np.array(image) - reach
        vectors = (coords[None, :] + shift - coords[:, None]) @ lattice
        lengths = np.linalg.norm(vectors, axis=2)
        for dst, src in np.argwhere(lengths <= cutoff):
            if dst != src or shift.any():
                found[dst].append((lengths[dst, src], (int(dst), int(src), tuple(map(int, shift)))))
    return [sorted(atom) for atom in found]


def one(cell: Cell) -> Crystals:
    return Crystals.from_cells(["one"], [cell])


def computed(crystals: Crystals, rule: Rule, processes: int = 1) -> Neighbors:
    """The search itself, without the cache."""
    return Neighbors(rule, seconds=0.0, **search(crystals, rule, processes))


def edges(found: Neighbors) -> list[Edge]:
    return [(int(d), int(s), tuple(map(int, i))) for d, s, i in zip(found.dst, found.src, found.image, strict=True)]


def multisets(crystals: Crystals, found: Neighbors) -> list[list[np.ndarray]]:
    """For each crystal the sorted distances at each of its atoms, atoms in the order of their element and distances."""
    ends = np.cumsum(found.degrees(crystals))[:-1]
    atoms = np.split(found.distance.astype(float).round(4), ends)
    return [
        sorted((int(crystals.atomic_numbers[atom]), *atoms[atom]) for atom in range(start, stop))
        for start, stop in zip(crystals.offsets[:-1], crystals.offsets[1:], strict=True)
    ]


@st.composite
def cells(draw) -> Cell:
    """Any skewed cell, of either hand, with one to six atoms in or out of it; on a coarse grid, ties are common."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lattice = np.diag(rng.choice([2.5, 3.0, 4.0, 5.5], 3)) + rng.choice([-2.0, -1.0, 0.0, 0.0, 1.0, 1.5], (3, 3))
    atoms = draw(st.integers(1, 6))
    grid = np.array(list(np.ndindex(4, 4, 4)))[rng.choice(64, atoms, replace=False)] / 4
    if draw(st.booleans()):
        lattice = lattice + rng.normal(0, 0.1, (3, 3))
        grid = grid + rng.normal(0, 0.03, grid.shape)
    if draw(st.booleans()):
        grid = grid + rng.integers(-2, 3, grid.shape)
    assume(abs(np.linalg.det(lattice)) > 1.0 and (1 / np.linalg.norm(np.linalg.inv(lattice), axis=0)).min() > 1.0)
    pbc = tuple(draw(st.tuples(st.booleans(), st.booleans(), st.booleans())))
    return lattice, pbc, rng.integers(1, 90, atoms), grid


CUTOFFS = st.sampled_from([2.03, 3.51, 4.77, 6.013])


@given(cell=cells(), cutoff=CUTOFFS)
@settings(max_examples=80)
def test_radius_finds_exactly_the_pairs_of_a_plain_search(cell, cutoff):
    expected = all_pairs(cell, cutoff)
    if any(len(atom) == 0 for atom in expected):
        with pytest.raises(InputError, match=r"crystal 'one': atom \d+"):
            find_neighbors(one(cell), Radius(cutoff))
    found = edges(computed(one(cell), Radius(cutoff)))
    assert len(found) == len(set(found))
    assert set(found) == {edge for atom in expected for _, edge in atom}


@given(cell=cells(), cutoff=CUTOFFS, k=st.integers(1, 14))
@settings(max_examples=80)
def test_nearest_keeps_the_k_nearest_and_the_whole_shell_of_the_last(cell, cutoff, k):
    expected, tied = set(), 0
    for atom in all_pairs(cell, cutoff):
        reach = atom[k - 1][0] + TIE if len(atom) >= k else np.inf
        shell = [edge for length, edge in atom if length <= reach]
        expected |= set(shell)
        tied += len(shell) > k
    found = computed(one(cell), Nearest(k, cutoff))
    assert len(set(edges(found))) == len(found.src)
    assert set(edges(found)) == expected
    assert found.tied.tolist() == [tied]


@given(cell=cells(), cutoff=CUTOFFS, k=st.integers(1, 14))
@settings(max_examples=60)
def test_cut_keeps_exactly_k_and_they_are_the_nearest(cell, cutoff, k):
    pairs = all_pairs(cell, cutoff)
    found = computed(one(cell), Nearest(k, cutoff, "cut"))
    assert found.degrees(one(cell)).tolist() == [min(k, len(atom)) for atom in pairs]
    expected = [length for atom in pairs for length, _ in atom[:k]]
    assert np.allclose(found.distance, expected, rtol=1e-6)
    whole = computed(one(cell), Nearest(k, cutoff))
    assert set(edges(found)) <= set(edges(whole)) and np.array_equal(found.tied, whole.tied)
    assert int(found.tied[0]) == (whole.degrees(one(cell)) > k).sum()


RULES = [Nearest(5, 4.0), Nearest(5, 4.0, "cut"), Nearest(), Radius(3.5)]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_edges_are_sorted_by_crystal_then_receiver_then_distance(crystals, rule):
    found = computed(crystals, rule)
    crystal = np.repeat(np.arange(len(crystals)), found.n_edges)
    order = np.lexsort((found.distance, found.dst, crystal))
    assert np.array_equal(order, np.arange(len(order)))
    assert len(found) == len(crystals) and found.edge_offsets[-1] == len(found.src)
    assert (found.src < crystals.n_atoms[crystal]).all() and (found.dst < crystals.n_atoms[crystal]).all()


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_columns_have_the_types_they_promise(crystals, rule):
    found = computed(crystals, rule)
    types = {"edge_offsets": "i8", "src": "i4", "dst": "i4", "distance": "f4", "image": "i1", "tied": "i4"}
    assert {name: getattr(found, name).dtype.str[1:] for name in types} == types


@given(cell=cells())
@settings(max_examples=40)
def test_images_point_at_the_neighbour(cell):
    lattice, _, _, coords = cell
    found = computed(one(cell), Nearest(8, 6.0))
    vectors = (coords[found.src] + found.image - coords[found.dst]) @ lattice
    assert np.allclose(np.linalg.norm(vectors, axis=1), found.distance, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("rule", [Nearest(7), Nearest(12), Nearest(5, 3.0), Radius(3.5)], ids=str)
def test_distances_at_each_atom_do_not_depend_on_how_the_crystal_is_written(crystals, rewritten, rule):
    before, other = computed(crystals, rule), rewritten(crystals)
    after = computed(other, rule)
    times = other.n_atoms // crystals.n_atoms
    for row, (old, new) in enumerate(zip(multisets(crystals, before), multisets(other, after), strict=True)):
        repeated = sorted(atom for atom in old for _ in range(times[row]))
        assert [len(atom) for atom in new] == [len(atom) for atom in repeated]
        assert all(np.allclose(a, b, atol=2e-4) for a, b in zip(new, repeated, strict=True))
    assert np.array_equal(after.tied, before.tied * times)


def test_a_shell_at_the_cutoff_does_not_depend_on_rounding(crystals, rewritten):
    salt = crystals.take([0])
    half = 5.64 / 2
    assert (computed(rewritten(salt), Radius(half)).degrees(rewritten(salt)) == 6).all()
    assert (computed(rewritten(salt), Nearest(12, half)).degrees(rewritten(salt)) == 6).all()


def test_rock_salt_has_its_shells(crystals):
    salt = crystals.take([0])
    found = computed(salt, Nearest(12))
    assert (found.degrees(salt) == 18).all() and found.tied.tolist() == [8]
    assert np.allclose(found.distance[:18], [2.82] * 6 + [2.82 * 2**0.5] * 12)
    assert (computed(salt, Nearest(12, ties="cut")).degrees(salt) == 12).all()
    whole = computed(salt, Nearest(18))
    assert (whole.degrees(salt) == 18).all() and whole.tied.tolist() == [0]


def test_neighbours_closer_together_than_a_tie_are_one_shell():
    def pair(gap: float) -> np.ndarray:
        coords = np.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 2.0 + gap, 0.0]]) / 20
        cell = np.eye(3) * 20.0, (False, False, False), np.array([1, 1, 1]), coords
        return computed(one(cell), Nearest(1, 3.0)).degrees(one(cell))

    assert pair(TIE / 10)[0] == 2 and pair(TIE * 10)[0] == 1


def test_a_shell_split_by_the_first_search_sphere_is_kept_whole():
    first_radius = (1.2 * 1 * 10.0**3 / 3) ** (1 / 3)
    directions = np.array([[1.0, 1.0, 1.0], [1.1, 1.0, 0.95]])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    near, far = directions * np.array([[first_radius - TIE / 4], [first_radius + TIE / 4]])
    cell = np.eye(3) * 10.0, (True, True, True), np.array([1, 2, 3]), np.array([np.zeros(3), near, far]) / 10
    assert computed(one(cell), Nearest(1, 8.0)).degrees(one(cell)).tolist() == [2, 1, 1]


def test_an_atom_that_is_only_its_own_neighbour_meets_its_images():
    cell = np.eye(3) * 3.0, (True, True, True), np.array([26]), np.zeros((1, 3))
    found = computed(one(cell), Nearest(6))
    assert len(found.src) == 6 and not found.src.any() and np.allclose(found.distance, 3.0)
    assert {tuple(i) for i in found.image.tolist()} == {
        (1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1),
    }  # fmt: skip


def test_radius_refuses_an_isolated_atom_in_one_line_that_names_the_crystal(isolated):
    with pytest.raises(InputError, match=r"crystal 'lonely': atom 0 \(Z = 18\).*4 Å") as caught:
        find_neighbors(isolated, Radius(4.0))
    assert "\n" not in str(caught.value)


def test_radius_counts_the_isolated_atom_within_its_crystal(crystals):
    lattice, pbc, numbers, coords = np.eye(3) * 30.0, (True, True, True), np.array([1, 1, 2]), np.zeros((3, 3))
    coords[:, 0] = [0.0, 0.03, 0.5]
    both = Crystals.from_cells(["near", "far"], [(lattice, pbc, numbers[:2], coords[:2]), (lattice, pbc, numbers, coords)])
    with pytest.raises(InputError, match=r"crystal 'far': atom 2 \(Z = 2\)"):
        find_neighbors(both, Radius(4.0))


def test_radius_takes_an_isolated_atom_where_asked_to(isolated):
    assert find_neighbors(isolated, Radius(4.0), allow_isolated=True).n_edges.tolist() == [8 * 18, 0]


@pytest.mark.parametrize("ties", ["shell", "cut"])
def test_nearest_tolerates_an_isolated_atom(isolated, ties):
    found = find_neighbors(isolated, Nearest(ties=ties))
    assert found.n_edges[0] > 0 and found.n_edges[1] == 0
    assert found.degrees(isolated)[-1] == 0 and found.tied[1] == 0


def test_a_set_of_only_isolated_atoms_has_no_edges(isolated):
    found = computed(isolated.take([1]), Nearest())
    assert found.src.shape == (0,) and found.image.shape == (0, 3) and found.edge_offsets.tolist() == [0, 0]


def test_no_edge_crosses_the_vacuum_of_an_open_direction():
    def sheets(open_: bool) -> Neighbors:
        pbc = (True, True, not open_)
        coords = np.array([[0.0, 0.0, 0.05], [0.0, 0.0, 0.95]])
        return computed(one((np.diag([3.0, 3.0, 20.0]), pbc, np.array([6, 6]), coords)), Nearest(20, 3.5))

    periodic, sheet = sheets(open_=False), sheets(open_=True)
    assert np.isclose(periodic.distance.min(), 2.0) and (periodic.src != periodic.dst).sum() == 2
    assert (sheet.src == sheet.dst).all() and not sheet.image[:, 2].any()


def test_a_distance_within_the_box_of_a_cluster_is_the_direct_one(crystals):
    cluster = crystals.take([3])
    found = computed(cluster, Nearest(12, 8.0))
    assert not found.image.any() and (found.degrees(cluster) == 4).all()
    coords = cluster.cart_coords(0)
    assert np.allclose(np.linalg.norm(coords[found.src] - coords[found.dst], axis=1), found.distance)


def test_a_cell_far_flatter_than_the_cutoff_is_refused():
    cell = np.diag([0.05, 3.0, 3.0]), (True, True, True), np.array([1]), np.zeros((1, 3))
    with pytest.raises(InputError, match="127 cells") as caught:
        computed(one(cell), Radius(8.0))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Nearest(0),
        lambda: Nearest(-3),
        lambda: Nearest(12, 0.0),
        lambda: Nearest(12, -1.0),
        lambda: Nearest(12, float("inf")),
        lambda: Nearest(12, float("nan")),
        lambda: Nearest(12, 8.0, "both"),
        lambda: MinimumImage(0),
        lambda: MinimumImage(12, float("nan")),
        lambda: MinimumImage(12, 8.0, "nobody"),
        lambda: Radius(0.0),
        lambda: Radius(-2.0),
        lambda: Radius(float("inf")),
        lambda: Radius(float("nan")),
    ],
)
def test_impossible_rules_are_refused(make):
    with pytest.raises(InputError, match="impossible graph rule") as caught:
        make()
    assert "\n" not in str(caught.value)


def test_rules_say_in_words_what_they_are():
    assert str(MinimumImage()) == "minimum-image(12, 8 Å, to owner)"
    assert str(Nearest()) == "nearest(12, 8 Å, shell)" and str(Radius(4.5)) == "radius(4.5 Å)"


@pytest.mark.parametrize(
    "rule", [Nearest(7), Nearest(20, 4.0, "padded"), MinimumImage(5, 8.0, "neighbor"), Radius(3.5)], ids=str
)
def test_chunks_and_a_pool_of_processes_give_the_same_edges(alloys, monkeypatch, rule):
    whole = search(alloys, rule)
    monkeypatch.setattr(neighbors, "CHUNK_ATOMS", 20)
    assert alloys.offsets[-1] / neighbors.CHUNK_ATOMS > 8
    for processes in (1, 2):
        parts = search(alloys, rule, processes)
        assert parts.keys() == whole.keys()
        assert all(np.array_equal(parts[n], whole[n]) and parts[n].dtype == whole[n].dtype for n in whole)


def test_edges_of_a_crystal_do_not_depend_on_the_rest_of_the_set(crystals):
    together = computed(crystals, Nearest())
    for row in range(len(crystals)):
        alone, part = computed(crystals.take([row]), Nearest()), slice(*together.edge_offsets[row : row + 2])
        assert edges(alone) == edges(together)[part]
        assert np.array_equal(alone.distance, together.distance[part])


def test_what_the_cache_gives_back_is_what_was_searched(crystals, monkeypatch, tmp_path):
    monkeypatch.setenv("BENCHMARK_CACHE", str(tmp_path))
    first, second = find_neighbors(crystals, Nearest()), find_neighbors(crystals, Nearest())
    assert len(list((tmp_path / "neighbors").glob("*.safetensors"))) == 1
    assert first.seconds == second.seconds > 0
    for name in ("edge_offsets", "src", "dst", "distance", "image", "tied"):
        assert np.array_equal(getattr(first, name), getattr(second, name))
    assert len(find_neighbors(crystals, Nearest(3)).src) < len(first.src)
    assert len(list((tmp_path / "neighbors").glob("*.safetensors"))) == 2


# -- padding and minimum images ----------------------------------------------------------------------


def test_padding_fills_up_with_edges_from_the_first_atom_beyond_the_cutoff(crystals):
    cluster = crystals.take([3, 0])
    cut, padded = (computed(cluster, Nearest(6, 5.0, ties)) for ties in ("cut", "padded"))
    real = padded.distance <= 5.0
    for name in ("src", "dst", "distance", "image"):
        assert np.array_equal(getattr(padded, name)[real], getattr(cut, name))
    atom = padded.dst + np.repeat(cluster.offsets[:-1], padded.n_edges)
    assert (np.bincount(atom) == 6).all() and (np.diff(atom) >= 0).all()
    assert (padded.distance[~real] == 5.0 + PHANTOM).all() and (padded.src[~real] == 0).all()
    assert (~padded.image[~real].any(axis=1)).all() and (~real).sum() == 5 * 2  # each of the cluster's five atoms has four
    assert np.array_equal(padded.degrees(cluster), cut.degrees(cluster))


def brute_minimum_images(cell: Cell, k: int, cutoff: float) -> dict[tuple[int, int], float]:
    """(owner, neighbour) → distance: ASE's minimum-image distances, cut and ranked."""
    from ase import Atoms

    lattice, pbc, numbers, coords = cell
    distances = Atoms(numbers, scaled_positions=coords, cell=lattice, pbc=pbc).get_all_distances(mic=True)
    found = {}
    for owner, row in enumerate(distances):
        near = sorted((round(d, 8), other) for other, d in enumerate(row) if other != owner and d <= cutoff)[:k]
        found |= {(owner, other): d for d, other in near}
    return found


@pytest.mark.parametrize("receiver", ["owner", "neighbor"])
@pytest.mark.parametrize("k", [2, 5, 12])
def test_minimum_images_are_those_of_ase(crystals, k, receiver):
    found = computed(crystals, MinimumImage(k, 6.0, receiver))
    for row in range(len(crystals)):
        atoms, part = crystals.atoms_of(row), slice(*found.edge_offsets[row : row + 2])
        cell = crystals.lattice[row], crystals.pbc[row], crystals.atomic_numbers[atoms], crystals.frac_coords[atoms]
        ends = (found.dst, found.src) if receiver == "owner" else (found.src, found.dst)
        ours = dict(zip(zip(ends[0][part].tolist(), ends[1][part].tolist(), strict=True), found.distance[part], strict=True))
        expected = brute_minimum_images(cell, k, 6.0)
        assert ours.keys() == expected.keys() and len(ours) == len(found.dst[part])
        assert all(abs(ours[pair] - d) < 1e-5 for pair, d in expected.items())
        steps = cell[3][found.src[part]] + found.image[part] - cell[3][found.dst[part]]
        np.testing.assert_allclose(np.linalg.norm(steps @ cell[0], axis=1), found.distance[part], atol=1e-5)
        assert (np.diff(found.dst[part]) >= 0).all()


def test_an_atom_is_not_its_own_minimum_image_and_degrees_are_those_of_the_lists(crystals):
    one_atom = one((np.eye(3) * 2.5, (True, True, True), np.array([29]), np.zeros((1, 3))))
    assert len(computed(one_atom, MinimumImage()).src) == 0
    assert np.array_equal(
        computed(crystals, MinimumImage(2)).degrees(crystals),
        computed(crystals, MinimumImage(2, 8.0, "neighbor")).degrees(crystals),
    )
