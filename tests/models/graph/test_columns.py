"""The flat columns of graphs: which lengths of a crystal are one."""

import numpy as np
import pytest

from datasets.crystals import Crystals
from datasets.neighbor_search import MinimumImage, Nearest
from datasets.neighbors import find_neighbors
from models.graph import columns
from models.graph.columns import different_lengths, graph_columns
from models.graph.table import GraphTable


def lengths_of(distance: list[float], tolerance: float) -> tuple[list[float], list[int]]:
    """Of one crystal."""
    offsets, lengths, length_of = different_lengths(np.array([0, len(distance)]), np.array(distance), tolerance)
    assert offsets.tolist() == [0, len(lengths)] and length_of.dtype == np.int32
    return lengths.tolist(), length_of.tolist()


def test_without_tolerance_only_equal_lengths_are_one():
    near = np.nextafter(2.0, 3.0)
    assert lengths_of([3.0, near, 2.0, 3.0, 2.0], 0.0) == ([2.0, near, 3.0], [2, 1, 0, 2, 0])


def test_near_lengths_become_the_shortest_of_them():
    assert lengths_of([2.5, 2.0 + 5e-6, 2.0, 2.0 + 1e-4], 1e-5) == ([2.0, 2.0 + 1e-4, 2.5], [2, 0, 0, 1])


def test_a_chain_of_near_lengths_is_cut_from_its_shortest_in_steps_of_the_tolerance():
    # Each follows the one before by less than 1; pieces are [2, 3), [3, 4) and [4, 5).
    assert lengths_of([2.0, 2.75, 3.5, 4.25], 1.0) == ([2.0, 3.5, 4.25], [0, 0, 1, 2])
    assert lengths_of([2.0, 2.75, 2.875, 3.5, 3.875], 1.0) == ([2.0, 3.5], [0, 0, 0, 1, 1])
    # A piece that holds no length leaves no gap, and a new chain counts from its own shortest.
    assert lengths_of([2.0, 3.0, 5.0, 5.5, 6.0], 1.0) == ([2.0, 3.0, 5.0, 6.0], [0, 1, 2, 2, 3])


def test_crystals_do_not_share_lengths_and_may_have_none():
    ends, distance = np.array([0, 2, 2, 5]), np.array([2.0, 2.5, 2.5, 2.0, 2.0 + 1e-6])
    offsets, lengths, length_of = different_lengths(ends, distance, 1e-5)
    assert offsets.tolist() == [0, 2, 2, 4] and lengths.tolist() == [2.0, 2.5, 2.0, 2.5]
    assert length_of.tolist() == [0, 1, 1, 0, 0]
    offsets, lengths, length_of = different_lengths(np.array([0, 0]), np.empty(0), 1e-5)
    assert offsets.tolist() == [0, 0] and len(lengths) == len(length_of) == 0


@pytest.mark.parametrize("tolerance", [0.0, 1e-5, 0.3])
def test_blocks_of_crystals_do_not_matter(monkeypatch, tolerance):
    rng = np.random.default_rng(0)
    ends = np.cumsum([0, *rng.integers(0, 9, 20)])
    distance = rng.uniform(1, 4, ends[-1]).round(1)
    whole = different_lengths(ends, distance, tolerance)
    monkeypatch.setattr(columns, "BLOCK", 3)
    for ours, theirs in zip(different_lengths(ends, distance, tolerance), whole, strict=True):
        assert np.array_equal(ours, theirs)


def test_every_length_is_at_most_the_tolerance_shorter_than_the_distance(crystals):
    found = find_neighbors(crystals, Nearest(12))
    for tolerance in (0.0, 1e-5, 1e-2):
        made = graph_columns(crystals, found, tolerance=tolerance)
        first = np.repeat(made.length_offsets[:-1], np.diff(made.edge_offsets))
        shorter = found.distance - made.lengths[first + made.length_of]
        assert shorter.min() >= 0 and shorter.max() <= tolerance
        assert len(made.lengths) == made.length_offsets[-1]


def test_a_neighbour_list_belongs_to_its_owner_whoever_sends(crystals):
    owner, neighbor = (
        graph_columns(crystals, find_neighbors(crystals, MinimumImage(2, 8.0, receiver)), loops=True)
        for receiver in ("owner", "neighbor")
    )
    assert np.array_equal(owner.list_length, neighbor.list_length) and len(owner.src) == len(neighbor.src)
    atom = np.repeat(owner.atom_offsets[:-1], np.diff(owner.edge_offsets))
    assert np.array_equal(np.bincount(owner.dst + atom, minlength=len(owner.atomic_numbers)), owner.list_length)


def test_a_crystal_without_edges_has_no_lengths():
    lonely = Crystals.from_cells(["lonely"], [(np.eye(3) * 10.0, (False,) * 3, np.array([18]), np.full((1, 3), 0.5))])
    found = find_neighbors(lonely, Nearest(12), allow_isolated=True)
    bare, looped = (graph_columns(lonely, found, loops, 1e-5) for loops in (False, True))
    assert len(bare.src) == len(bare.lengths) == 0 and bare.list_length.tolist() == [0]
    assert looped.src.tolist() == looped.dst.tolist() == [0] and looped.lengths.tolist() == [0.0]


@pytest.mark.parametrize("fold", [False, True])
def test_the_longest_edge_is_that_of_the_rows_asked_for(crystals, isolated, fold):
    found = find_neighbors(crystals, Nearest(12))
    table = GraphTable(crystals, found, np.zeros((1, 1)), loops=True, fold=fold)
    ends = np.cumsum(found.n_edges)
    longest = [float(part.max()) for part in np.split(found.distance, ends[:-1])]
    for rows in ([0], [3], [2, 1], [0, 1, 2, 3]):
        assert table.longest_edge(np.array(rows)) == pytest.approx(max(longest[row] for row in rows), abs=2e-5)
    alone = GraphTable(isolated, find_neighbors(isolated, Nearest(12), allow_isolated=True), np.zeros((1, 1)))
    assert alone.longest_edge(np.array([1])) == alone.longest_edge(np.array([], dtype=np.int64)) == 0.0
