"""Which crystals no message-passing network on their graphs can tell apart.

Two crystals are one to such a network if colour refinement (`models.graph.folding`) gives their atoms the same colours in the
same proportions: proportions, since a supercell has the mean readout of its primitive cell. Refinement runs on all crystals of
a candidate group as on one graph, so that their colours have seen equally many rounds and can be compared.
"""

from __future__ import annotations

import numpy as np

from datasets.neighbor_search import by_group_and_value, starts
from models.graph.columns import GraphColumns, different_lengths
from models.graph.folding import first_colours, mixed, refine

TOLERANCE = 1e-4
"""Å within which lengths of two crystals are equal."""


def same_graph(columns: GraphColumns, tolerance: float = TOLERANCE) -> np.ndarray:
    """(n,) int64, for each crystal the row of the first crystal with an equal folded graph; its own where there is none.

    Candidates share elements and numbers of neighbours in proportion, and a mean edge length within `tolerance`. Their lengths
    are then one where `different_lengths` with `tolerance` makes them one over all candidates. In crystals with thousands of
    lengths chains are long, and nearly equal crystals may be cut apart: no group is too large, some are missed.

    Args:
        columns: n graphs, not folded.
        tolerance: Å.
    """
    n = len(columns.atom_offsets) - 1
    crystal = np.repeat(np.arange(n), np.diff(columns.atom_offsets))
    colour = first_colours(columns.atomic_numbers, columns.list_length)
    group = _candidates(columns, _proportions(crystal, colour), tolerance)
    rows = np.flatnonzero(np.bincount(group)[group] > 1)
    rows = rows[np.argsort(group[rows], kind="stable")]
    found = np.arange(n)
    if len(rows):
        proportions = _proportions(*_refined(columns, rows, group[rows], colour, tolerance))
        found[rows] = rows[_first_of_equal(group[rows], proportions)]
    return found


def _candidates(columns: GraphColumns, proportions: np.ndarray, tolerance: float) -> np.ndarray:
    """(n,) int64, equal where atoms are alike and the mean edge lengths form a chain."""
    n_edges = np.diff(columns.edge_offsets)
    crystal = np.repeat(np.arange(len(n_edges)), n_edges)
    lengths = columns.lengths[columns.length_of + columns.length_offsets[crystal]]
    mean = np.bincount(crystal, lengths, len(n_edges)) / np.maximum(n_edges, 1)
    order = np.lexsort((mean, proportions))
    new = starts(proportions[order])
    new[1:] |= np.diff(mean[order]) > tolerance
    group = np.empty(len(order), dtype=np.int64)
    group[order] = np.cumsum(new) - 1
    return group


def _refined(
    columns: GraphColumns, rows: np.ndarray, group: np.ndarray, colour: np.ndarray, tolerance: float
) -> tuple[np.ndarray, np.ndarray]:
    """For each atom of the crystals `rows`, which of them it is in, and its stable colour, comparable in a group."""
    atoms, owner = _ragged(columns.atom_offsets, rows)
    edges, edge_owner = _ragged(columns.edge_offsets, rows)
    n_atoms = np.bincount(owner, minlength=len(rows))
    shift = (np.cumsum(n_atoms) - n_atoms)[edge_owner]
    lengths = columns.lengths[columns.length_of[edges] + columns.length_offsets[rows][edge_owner]]
    group = np.cumsum(starts(group)) - 1
    offsets = np.concatenate([[0], np.cumsum(np.bincount(group[edge_owner], minlength=group[-1] + 1))])
    _, _, length_of = different_lengths(offsets, lengths, tolerance)
    src, dst = columns.src[edges] + shift, columns.dst[edges] + shift
    return owner, refine(colour[atoms], group[owner], src, dst, length_of)


def _ragged(offsets: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the elements of `rows` in a flat column, and which of the rows each is in."""
    sizes = offsets[rows + 1] - offsets[rows]
    owner = np.repeat(np.arange(len(rows)), sizes)
    return np.arange(len(owner)) + (offsets[rows] - np.cumsum(sizes) + sizes)[owner], owner


def _proportions(crystal: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """(n,) uint64, equal where crystals have the same colours in the same proportions; a hash, as in `refine`."""
    order = by_group_and_value(crystal, colour)
    crystal, colour = crystal[order], colour[order]
    first = np.flatnonzero(starts(crystal, colour))
    copies = np.diff(first, append=len(crystal))
    crystal, colour = crystal[first], colour[first]
    ends = np.flatnonzero(starts(crystal))
    part = (copies // np.gcd.reduceat(copies, ends)[crystal]).astype(np.uint64)
    return np.add.reduceat(mixed(mixed(colour) + part), ends)


def _first_of_equal(group: np.ndarray, value: np.ndarray) -> np.ndarray:
    """(r,) the position of the first member of the group with the same value."""
    order = by_group_and_value(group, value)
    new = starts(group[order], value[order])
    first = np.empty(len(order), dtype=np.int64)
    first[order] = order[new][np.cumsum(new) - 1]
    return first
