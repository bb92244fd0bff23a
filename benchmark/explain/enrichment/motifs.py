"""Motifs, what a class could be decided by: a node type, a bonded pair, or a triangle of node types in a graph."""

from __future__ import annotations

from functools import cache
from itertools import combinations, combinations_with_replacement, permutations

import numpy as np

from benchmark.explain.records import MotifKind
from benchmark.explain.search.small_graphs import SmallGraphs

SIZES: dict[MotifKind, int] = {"node type": 1, "pair": 2, "triangle": 3}

Motif = tuple[int, ...]
"""One, two or three node types, ascending, from 0."""


@cache
def motifs(n_node_types: int, kind: MotifKind) -> tuple[Motif, ...]:
    """Every motif of a kind."""
    return tuple(combinations_with_replacement(range(n_node_types), SIZES[kind]))


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
