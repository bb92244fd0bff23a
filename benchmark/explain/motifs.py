"""Motifs: what a graph may hold that a class could be decided by: a label, a bonded pair of labels, a triangle of labels."""

from __future__ import annotations

from functools import cache
from itertools import combinations, combinations_with_replacement, permutations

import numpy as np

from benchmark.explain.records import MotifKind
from benchmark.explain.small_graphs import SmallGraphs

SIZES: dict[MotifKind, int] = {"label": 1, "pair": 2, "triangle": 3}

Motif = tuple[int, ...]
"""One, two or three labels, ascending, from 0."""


@cache
def motifs(n_labels: int, kind: MotifKind) -> tuple[Motif, ...]:
    """Every motif of a kind."""
    return tuple(combinations_with_replacement(range(n_labels), SIZES[kind]))


@cache
def _numbers(n_labels: int, kind: MotifKind) -> np.ndarray:
    """(L, …) the number of the motif of any labels, in any order; one more label, the last, stands for none."""
    every = motifs(n_labels, kind)
    table = np.full((n_labels + 1,) * SIZES[kind], len(every))
    for number, motif in enumerate(every):
        for order in permutations(motif):
            table[order] = number
    return table


def present(graphs: SmallGraphs, n_labels: int, kind: MotifKind) -> np.ndarray:
    """(G, motifs of the kind) bool: which motifs each graph holds."""
    labels, bonds = graphs.labels.numpy(), graphs.bonds.numpy()
    labels = np.where(labels < 0, n_labels, labels)
    found = np.zeros((len(labels), len(motifs(n_labels, kind)) + 1), dtype=bool)
    rows, numbers = np.arange(len(labels)), _numbers(n_labels, kind)
    for places in combinations(range(labels.shape[1]), SIZES[kind]):
        bonded = np.all([bonds[:, i, j] for i, j in combinations(places, 2)], axis=0)
        which = numbers[tuple(labels[:, place] for place in places)]
        found[rows, np.where(bonded, which, found.shape[1] - 1)] = True
    return found[:, :-1]
