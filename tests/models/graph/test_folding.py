"""Folding of graphs: crystals counted by hand, colour refinement written out, and what a folded batch says of itself."""

from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from datasets.crystals import Cell, Crystals
from datasets.elements import cgcnn_features
from datasets.neighbor_search import TIE, MinimumImage, Nearest, Radius, Rule
from datasets.neighbors import find_neighbors
from models.graph import columns as columns_module
from models.graph import folding
from models.graph.columns import GraphColumns, graph_columns
from models.graph.folding import fold, folded_columns, refine
from models.graph.table import GraphTable
from tests.conftest import FCC, OPEN, PERIODIC, alloy, cluster, doubled, lone_atom, permuted, rock_salt, slab

SHELL = Nearest(12, 8.0)
RULES: dict[str, Rule] = {
    "shell": SHELL, "cut": Nearest(12, 8.0, "cut"), "padded": Nearest(12, 8.0, "padded"), "radius": Radius(4.0),
    "owner": MinimumImage(12, 8.0), "neighbor": MinimumImage(12, 8.0, "neighbor"), "few": MinimumImage(2, 8.0, "neighbor"),
}  # fmt: skip
each_rule = pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
each_loops = pytest.mark.parametrize("loops", [False, True])


def one(cell: Cell) -> Crystals:
    return Crystals.from_cells(["one"], [cell])


def columns_of(crystals: Crystals, rule: Rule = SHELL, loops: bool = False) -> GraphColumns:
    return graph_columns(crystals, find_neighbors(crystals, rule, allow_isolated=True), loops, TIE)


def edges_of(made: GraphColumns) -> list[tuple[int, int, float, int]]:
    """(receiver, sender, length in Å, how many) of one crystal's edges."""
    lengths = made.lengths.astype(np.float64)[made.length_of].round(3).tolist()
    return list(zip(made.dst.tolist(), made.src.tolist(), lengths, made.merged.tolist(), strict=True))


def caesium_chloride() -> Cell:
    return np.eye(3) * 4.0, PERIODIC, np.array([55, 17]), np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])


def diamond() -> Cell:
    return np.eye(3) * 3.6, PERIODIC, np.full(8, 6), np.concatenate([FCC, FCC + 0.25])


def polonium() -> Cell:
    return np.eye(3) * 3.3, PERIODIC, np.array([84]), np.zeros((1, 3))


def far_pair() -> Cell:
    """Two atoms that do not see one another."""
    return np.eye(3) * 40.0, OPEN, np.array([18, 18]), np.array([[0.25, 0.5, 0.5], [0.75, 0.5, 0.5]])


def square() -> Cell:
    """Four hydrogen atoms at the corners of a square of 1 Å, not periodic, with one oxygen above its centre."""
    corners = [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.5, 0.5, 1.0], [0.0, 1.0, 0.0], [1.0, 1.0, 0.0]]
    return np.eye(3) * 20.0, OPEN, np.array([1, 1, 8, 1, 1]), np.array(corners) / 20.0 + 0.3


# -- by hand ----------------------------------------------------------------------------------------


def test_rock_salt_is_two_kinds_and_four_edges():
    made = fold(columns_of(one(rock_salt())))
    assert made.atomic_numbers.tolist() == [11, 17] and made.copies.tolist() == [4, 4]
    assert made.list_length.tolist() == [18, 18] and made.atom_offsets.tolist() == [0, 2]
    assert edges_of(made) == [(0, 1, 2.82, 6), (0, 0, 3.988, 12), (1, 0, 2.82, 6), (1, 1, 3.988, 12)]


def test_caesium_chloride_has_two_shells():
    made = fold(columns_of(one(caesium_chloride())))
    assert made.copies.tolist() == [1, 1] and made.list_length.tolist() == [14, 14]
    assert edges_of(made) == [(0, 1, 3.464, 8), (0, 0, 4.0, 6), (1, 0, 3.464, 8), (1, 1, 4.0, 6)]


def test_diamond_is_one_kind():
    made = fold(columns_of(one(diamond())))
    assert made.copies.tolist() == [8] and edges_of(made) == [(0, 0, 1.559, 4), (0, 0, 2.546, 12)]


def test_a_crystal_of_one_atom_is_one_kind():
    made = fold(columns_of(one(polonium()), loops=True))
    assert made.copies.tolist() == [1] and edges_of(made) == [(0, 0, 0.0, 1), (0, 0, 3.3, 6), (0, 0, 4.667, 12)]


def test_atoms_of_a_cluster_are_one_kind_where_they_look_alike():
    made = fold(columns_of(one(square())))
    assert made.atomic_numbers.tolist() == [1, 8] and made.copies.tolist() == [4, 1]
    assert edges_of(made) == [(0, 0, 1.0, 2), (0, 1, 1.225, 1), (0, 0, 1.414, 1), (1, 0, 1.225, 4)]


@pytest.mark.parametrize("cell", [alloy(), cluster()], ids=["low symmetry", "cluster"])
def test_without_symmetry_nothing_is_folded(cell):
    columns = columns_of(one(cell))
    made = fold(columns)
    assert set(made.copies) == set(made.merged) == {1} and made.atomic_numbers.tolist() == columns.atomic_numbers.tolist()
    assert len(made.src) == len(columns.src)


def test_atoms_without_edges_differ_by_their_element():
    alone, pair = fold(columns_of(one(lone_atom()))), fold(columns_of(one(far_pair())))
    assert alone.copies.tolist() == [1] and pair.copies.tolist() == [2]
    assert len(alone.src) == len(pair.src) == 0 and pair.edge_offsets.tolist() == [0, 0]
    looped = fold(columns_of(one(far_pair()), loops=True))
    assert edges_of(looped) == [(0, 0, 0.0, 1)]


def test_a_list_cut_inside_a_shell_is_folded_no_further_than_it_allows():
    columns = columns_of(one(rock_salt()), RULES["cut"])
    made = fold(columns)
    assert set(made.list_length) == {12} and 2 <= len(made.copies) <= 8
    assert made.copies.sum() == 8 and made.copies[made.dst] @ made.merged == 96


# -- what must not matter ---------------------------------------------------------------------------


@each_rule
@each_loops
def test_copies_add_up_to_atoms_and_edges(crystals, rule, loops):
    columns = columns_of(crystals, rule, loops)
    made = fold(columns)
    for row in range(len(crystals)):
        atoms, edges = slice(*made.atom_offsets[row : row + 2]), slice(*made.edge_offsets[row : row + 2])
        copies = made.copies[atoms]
        assert copies.sum() == crystals.n_atoms[row]
        assert copies[made.dst[edges]] @ made.merged[edges] == np.diff(columns.edge_offsets)[row]
    assert np.array_equal(made.lengths, columns.lengths) and np.array_equal(made.length_offsets, columns.length_offsets)


@pytest.mark.parametrize("rule", [SHELL, Radius(4.0)], ids=str)
@pytest.mark.parametrize("cell", [rock_salt(), alloy(), slab(), diamond()], ids=["salt", "alloy", "slab", "diamond"])
def test_a_supercell_is_its_cell_with_more_copies(cell, rule):
    plain, more = (fold(columns_of(one(written), rule)) for written in (cell, doubled(cell)))
    times = len(doubled(cell)[2]) // len(cell[2])
    assert np.array_equal(more.copies, times * plain.copies)
    assert edges_of(more) == edges_of(plain) and np.array_equal(more.atomic_numbers, plain.atomic_numbers)


def signature(made: GraphColumns) -> Counter:
    """Of one folded crystal: its edges with what is known of both ends, in no order."""
    ends = list(zip(made.atomic_numbers.tolist(), made.copies.tolist(), made.list_length.tolist(), strict=True))
    return Counter((ends[i], ends[j], length, n) for i, j, length, n in edges_of(made)) + Counter(ends)


@pytest.mark.parametrize("rule", [SHELL, Radius(4.0), RULES["owner"], RULES["neighbor"]], ids=str)
def test_the_order_of_atoms_orders_the_kinds_alone(rule):
    for cell in (rock_salt(), slab(), square(), diamond(), alloy()):
        before, after = (fold(columns_of(one(written), rule)) for written in (cell, permuted(cell)))
        if not isinstance(rule, MinimumImage):  # its ties are cut by the order of atoms
            assert signature(after) == signature(before)
        assert after.copies.sum() == before.copies.sum()


def test_crystals_are_folded_alone(crystals, monkeypatch):
    whole = fold(columns_of(crystals))
    for row in range(len(crystals)):
        alone = fold(columns_of(crystals.take([row])))
        atoms, edges = slice(*whole.atom_offsets[row : row + 2]), slice(*whole.edge_offsets[row : row + 2])
        assert np.array_equal(alone.copies, whole.copies[atoms])
        for name in ("src", "dst", "length_of", "merged"):
            assert np.array_equal(getattr(alone, name), getattr(whole, name)[edges])
    for module in (folding, columns_module):
        monkeypatch.setattr(module, "BLOCK", 1)
    again = fold(columns_of(crystals))
    assert all(np.array_equal(getattr(again, name), getattr(whole, name)) for name in folding.FOLDED)


# -- against colour refinement written out -------------------------------------------------------------


def written_out(z: list[int], lists: list[int], edges: list[tuple[int, int, int]]) -> list[int]:
    """The colour of each atom: neighbourhoods are compared as they are, and numbered in the order of their first atom."""
    keys: list = list(zip(z, lists, strict=True))
    colours = [keys.index(key) for key in keys]
    while True:
        seen = [tuple(sorted((length, colours[s]) for s, d, length in edges if d == atom)) for atom in range(len(z))]
        keys = list(zip(colours, seen, strict=True))
        refined = [keys.index(key) for key in keys]
        if refined == colours:
            return colours
        colours = refined


@st.composite
def multigraphs(draw) -> tuple[list[int], list[tuple[int, int, int]], bool]:
    n = draw(st.integers(1, 9))
    z = draw(st.lists(st.sampled_from([6, 7]), min_size=n, max_size=n))
    atom, length = st.integers(0, n - 1), st.integers(0, 1)
    edges = draw(st.lists(st.tuples(atom, atom, length), max_size=24))
    # Cycles and their unions are what refinement cannot tell apart.
    step = draw(st.integers(0, n))
    edges += [((i + step) % n, i, 0) for i in range(n)] if step else []
    return z, sorted(edges, key=lambda edge: edge[1]), draw(st.booleans())


def columns_from(graphs: list) -> GraphColumns:
    atoms, edges = (np.cumsum([0, *(len(graph[part]) for graph in graphs)]) for part in (0, 1))
    table = np.array([edge for graph in graphs for edge in graph[1]], dtype=np.int32).reshape(-1, 3)
    lists = np.concatenate([list_lengths(graph) for graph in graphs])
    return GraphColumns(
        atom_offsets=atoms, atomic_numbers=np.concatenate([graph[0] for graph in graphs]), list_length=lists.astype(np.int32),
        edge_offsets=edges, src=table[:, 0], dst=table[:, 1], length_offsets=np.arange(len(graphs) + 1) * 2,
        lengths=np.tile([1.0, 2.0], len(graphs)), length_of=table[:, 2],
    )  # fmt: skip


def list_lengths(graph: tuple) -> np.ndarray:
    z, edges, sent_by_owner = graph
    return np.bincount([edge[0 if sent_by_owner else 1] for edge in edges], minlength=len(z))


@settings(max_examples=150)
@given(st.lists(multigraphs(), min_size=1, max_size=3))
def test_folded_graphs_are_those_of_colour_refinement_written_out(graphs):
    made = fold(columns_from(graphs))
    for row, graph in enumerate(graphs):
        z, edges, _ = graph
        colours = written_out(z, list_lengths(graph).tolist(), edges)
        kinds = sorted(set(colours))
        rows = slice(*made.atom_offsets[row : row + 2])
        assert made.atomic_numbers[rows].tolist() == [z[kind] for kind in kinds]
        assert made.copies[rows].tolist() == [colours.count(kind) for kind in kinds]
        expected = Counter((kinds.index(d), kinds.index(colours[s]), length) for s, d, length in edges if d in kinds)
        part = slice(*made.edge_offsets[row : row + 2])
        found = zip(*(column[part].tolist() for column in (made.dst, made.src, made.length_of)), strict=True)
        assert dict(zip(found, made.merged[part].tolist(), strict=True)) == expected
        assert (np.diff(made.dst[part]) >= 0).all()


def test_a_ring_of_six_and_two_of_three_are_not_told_apart():
    rings = [[(i, j) for i in range(6) for j in ((i + 1) % 6, (i - 1) % 6)],
             [(i, j) for i in range(6) for j in (i // 3 * 3 + (i + 1) % 3, i // 3 * 3 + (i + 2) % 3)]]  # fmt: skip
    graphs = [([6] * 6, sorted(((s, d, 0) for s, d in ring), key=lambda edge: edge[1]), False) for ring in rings]
    made = fold(columns_from(graphs))
    assert made.copies.tolist() == [6, 6] and made.merged.tolist() == [2, 2]


def test_colours_refine_as_far_as_a_chain_is_long():
    n = 40
    edges = sorted([(i, i + 1, 0) for i in range(n - 1)] + [(i + 1, i, 0) for i in range(n - 1)], key=lambda edge: edge[1])
    src, dst, length = np.array(edges).T
    colour = refine(np.ones(n, dtype=np.uint64), np.zeros(n, dtype=np.int64), src, dst, length)
    assert len(np.unique(colour)) == n // 2 and np.array_equal(colour, colour[::-1])


# -- the table and the cache -------------------------------------------------------------------------


def weighted_counts(batch, values: torch.Tensor) -> list[Counter]:
    """Of each crystal: how many of its atoms have each value."""
    copies = torch.ones(len(values)) if batch.copies is None else batch.copies
    found = [Counter() for _ in range(batch.n_crystals)]
    for crystal, value, n in zip(batch.crystal.tolist(), values.tolist(), copies.tolist(), strict=True):
        found[crystal][value] += n
    return found


@each_rule
@each_loops
def test_a_folded_batch_counts_what_the_unfolded_one_has(crystals, rule, loops):
    found = find_neighbors(crystals, rule)
    plain, folded = (
        GraphTable(crystals, found, cgcnn_features(), loops=loops, fold=folds).cut(torch.tensor([2, 0, 0, 3]), torch.float64)
        for folds in (False, True)
    )
    assert plain.copies is None and folded.copies is not None
    for items in ("atoms", "edges"):
        assert folded.counts(items).tolist() == plain.counts(items).tolist()
        assert folded.total(items) == plain.total(items) == int(folded.counts(items).sum())
    for name in ("degree", "list_length", "atomic_numbers"):
        assert weighted_counts(folded, getattr(folded, name)) == weighted_counts(plain, getattr(plain, name))
    assert (folded.degree >= folded.n_incoming).all() and len(folded.src) < len(plain.src)
    assert folded.most_incoming >= int(folded.n_incoming.max())


def test_a_table_that_folding_hardly_spares_stays_as_it_is(alloys):
    found = find_neighbors(alloys, SHELL)
    table = GraphTable(alloys, found, cgcnn_features(), fold=True)
    assert table.copies is None and table.merged is None and len(table.src) == len(found.src)


@pytest.mark.parametrize("folds", [True, False])
def test_a_set_is_folded_that_keeps_no_larger_part_of_its_edges_than_is_worth_it(crystals, monkeypatch, folds):
    columns = columns_of(crystals)
    kept = len(fold(columns).src) / len(columns.src)
    monkeypatch.setattr(folding, "WORTH", kept if folds else np.nextafter(kept, 0.0))
    monkeypatch.setattr(folding, "cached", lambda kind, key, build: SimpleNamespace(arrays=build(), seconds=0.0))
    made, _ = folded_columns(crystals, find_neighbors(crystals, SHELL), False, TIE)
    assert (made.copies is not None) == folds and kept < 0.9


def test_what_is_read_from_the_cache_is_what_was_made(crystals, monkeypatch):
    given = crystals, find_neighbors(crystals, Nearest(7, 7.5)), True, 2e-5
    made, seconds = folded_columns(*given)

    def no_more(columns: GraphColumns) -> GraphColumns:
        raise AssertionError("folded again")

    monkeypatch.setattr(folding, "fold", no_more)
    again, same = folded_columns(*given)
    assert same == seconds > 0
    for name, array in vars(made).items():
        assert np.array_equal(getattr(again, name), array) and getattr(again, name).dtype == array.dtype
    for other in ((*given[:2], False, 2e-5), (*given[:3], 0.0), (crystals, find_neighbors(crystals, SHELL), True, 2e-5)):
        with pytest.raises(AssertionError, match="folded again"):
            folded_columns(*other)
