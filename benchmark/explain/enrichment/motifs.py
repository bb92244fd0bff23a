"""Motifs, what a class could be decided by: a node type, a bonded pair, or a triangle of node types in a graph."""

from __future__ import annotations

from functools import cache
from itertools import combinations, combinations_with_replacement, permutations

import numpy as np

from benchmark.explain.classifier.graphs import TypedGraphs
from benchmark.explain.search.small_graphs import SmallGraphs
from benchmark.explain.statements import MotifKind

SIZES: dict[MotifKind, int] = {"node type": 1, "pair": 2, "triangle": 3}

Motif = tuple[int, ...]
"""One, two or three node types, ascending, from 0."""


KindAndMotif = tuple[MotifKind, Motif]


@cache
def motifs(n_node_types: int, kind: MotifKind) -> tuple[Motif, ...]:
    """Every motif of a kind."""
    return tuple(combinations_with_replacement(range(n_node_types), SIZES[kind]))


def every_motif(n_node_types: int) -> list[KindAndMotif]:
    """All motifs of all kinds, in the order of the columns of `holding`."""
    return [(kind, motif) for kind in SIZES for motif in motifs(n_node_types, kind)]


@cache
def _numbers(n_node_types: int, kind: MotifKind) -> np.ndarray:
    """(T, …) the number of the motif of any node types, in any order; one more node type, the last, stands for none."""
    every = motifs(n_node_types, kind)
    table = np.full((n_node_types + 1,) * SIZES[kind], len(every))
    for number, motif in enumerate(every):
        for order in permutations(motif):
            table[order] = number
    return table


def present(graphs: SmallGraphs, n_node_types: int, kind: MotifKind) -> np.ndarray:
    """(G, motifs of the kind) bool: which motifs each graph holds."""
    node_types, bonds = graphs.node_types.numpy(), graphs.bonds.numpy()
    node_types = np.where(node_types < 0, n_node_types, node_types)
    found = np.zeros((len(node_types), len(motifs(n_node_types, kind)) + 1), dtype=bool)
    rows, numbers = np.arange(len(node_types)), _numbers(n_node_types, kind)
    for places in combinations(range(node_types.shape[1]), SIZES[kind]):
        bonded = np.all([bonds[:, i, j] for i, j in combinations(places, 2)], axis=0)
        which = numbers[tuple(node_types[:, place] for place in places)]
        found[rows, np.where(bonded, which, found.shape[1] - 1)] = True
    return found[:, :-1]


def holding(graphs: TypedGraphs) -> np.ndarray:
    """(n, motifs of all kinds) bool: which motifs each graph holds, kind by kind; two atoms are bonded if either receives."""
    pairs = graphs.pair_counts() > 0
    return np.concatenate([graphs.node_type_counts() > 0, pairs, _triangles(graphs)], axis=1)


def _triangles(graphs: TypedGraphs) -> np.ndarray:
    """(n, triangles) bool. Of all bonds i < j and j < k those are closed for which i and k are bonded too."""
    n = len(graphs.node_types)
    owner = np.repeat(np.arange(len(graphs)), np.diff(graphs.edge_offsets))
    ends = np.sort(np.stack([graphs.src, graphs.dst]).astype(np.int64) + graphs.offsets[owner], axis=0)
    bonds = np.unique(ends[0] * n + ends[1])
    i, j = np.divmod(bonds, n)
    i, j, bonds = i[i < j], j[i < j], bonds[i < j]
    # Bonds are sorted by their first atom: those that go on from j lie together.
    begin, end = np.searchsorted(i, j), np.searchsorted(i, j, side="right")
    first = np.repeat(np.arange(len(bonds)), end - begin)
    second = np.arange(len(first)) - np.repeat(np.cumsum(end - begin) - (end - begin) - begin, end - begin)
    keys = i[first] * n + j[second]
    closed = bonds[np.minimum(np.searchsorted(bonds, keys), len(bonds) - 1)] == keys if len(bonds) else keys == -1
    first, second = first[closed], second[closed]
    atoms = graphs.node_types[np.stack([i[first], j[first], j[second]])]
    held = np.zeros((len(graphs), len(motifs(graphs.n_node_types, "triangle"))), dtype=bool)
    crystal = np.searchsorted(graphs.offsets, i[first], side="right") - 1
    held[crystal, _numbers(graphs.n_node_types, "triangle")[tuple(atoms)]] = True
    return held
