"""GraphColumns: the graphs of a whole dataset as flat arrays, from crystals and their neighbours."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from datasets.crystals import Crystals
from datasets.neighbor_search import by_group_and_value, sent_by_owner, starts
from datasets.neighbors import Neighbors

BLOCK = 1024
"""Crystals that are worked on in one go, so that what is sorted stays in the cache."""


@dataclass(frozen=True, eq=False)
class GraphColumns:
    """n graphs with N atoms, E edges and D different lengths; edges are sorted by crystal, then receiver.

    Attributes:
        atom_offsets: (n + 1,) int64; the atoms of crystal i are `atom_offsets[i]:atom_offsets[i + 1]`.
        atomic_numbers: (N,).
        list_length: (N,) int32, edges in the neighbour list of each atom.
        edge_offsets: (n + 1,) int64.
        src: (E,) int32, the atom that sends, counted within its crystal.
        dst: (E,) int32, the atom that receives.
        length_offsets: (n + 1,) int64.
        lengths: (D,) Å, ascending within a crystal.
        length_of: (E,) int32, the length of each edge, counted within its crystal.
        copies: (N,) int32, where the graphs are folded: how many atoms of the crystal a row stands for.
        merged: (E,) int32, likewise: how many equal edges to one atom a row stands for.
    """

    atom_offsets: np.ndarray
    atomic_numbers: np.ndarray
    list_length: np.ndarray
    edge_offsets: np.ndarray
    src: np.ndarray
    dst: np.ndarray
    length_offsets: np.ndarray
    lengths: np.ndarray
    length_of: np.ndarray
    copies: np.ndarray | None = None
    merged: np.ndarray | None = None


def graph_columns(crystals: Crystals, neighbors: Neighbors, loops: bool = False, tolerance: float = 0.0) -> GraphColumns:
    """The graphs as they are, one row an atom and one an edge.

    Args:
        crystals: the dataset.
        neighbors: its edges.
        loops: whether each atom also gets an edge of length 0 from itself.
        tolerance: Å; see `different_lengths`.
    """
    edges = (neighbors.edge_offsets, neighbors.src, neighbors.dst, neighbors.distance)
    edge_offsets, src, dst, distance = _with_loops(crystals, neighbors) if loops else edges
    length_offsets, lengths, length_of = different_lengths(edge_offsets, distance, tolerance)
    owner = (src if sent_by_owner(neighbors.rule) else dst) + np.repeat(crystals.offsets[:-1], np.diff(edge_offsets))
    return GraphColumns(
        atom_offsets=np.asarray(crystals.offsets),
        atomic_numbers=crystals.atomic_numbers,
        list_length=np.bincount(owner, minlength=len(crystals.atomic_numbers)).astype(np.int32),
        edge_offsets=edge_offsets,
        src=src,
        dst=dst,
        length_offsets=length_offsets,
        lengths=lengths,
        length_of=length_of,
    )


def _with_loops(crystals: Crystals, neighbors: Neighbors) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Edge offsets, src, dst and distance with an edge of length 0 from each atom to itself, before its others."""
    counts = crystals.n_atoms
    atom = np.arange(crystals.offsets[-1]) - np.repeat(crystals.offsets[:-1], counts)
    receiver = neighbors.dst + np.repeat(crystals.offsets[:-1], neighbors.n_edges)
    # Edge e of the i-th atom moves behind the loops of atoms 0 … i.
    moved = np.arange(len(receiver)) + receiver + 1
    degrees = np.bincount(receiver, minlength=len(atom))
    loop = np.arange(len(atom)) + np.cumsum(degrees) - degrees

    def merged(edges: np.ndarray, loops: np.ndarray | float) -> np.ndarray:
        column = np.empty(len(edges) + len(atom), dtype=edges.dtype)
        column[moved], column[loop] = edges, loops
        return column

    src, dst = merged(neighbors.src, atom), merged(neighbors.dst, atom)
    return neighbors.edge_offsets + crystals.offsets, src, dst, merged(neighbors.distance, 0.0)


def different_lengths(
    edge_offsets: np.ndarray, distance: np.ndarray, tolerance: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The different distances of each crystal: offsets (n + 1,), lengths (D,) ascending, and for each edge which, counted
    within its crystal, (E,) int32.

    Distances of a crystal that follow one another at most `tolerance` Å apart are a chain; a chain is cut into pieces of that
    width from its shortest distance, and every distance of a piece becomes the shortest in it. At 0 only equal ones are one.
    """

    def block(first: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        ends = edge_offsets[first : first + BLOCK + 1]
        d = distance[ends[0] : ends[-1]]
        crystal = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
        order = by_group_and_value(crystal, d)
        new = _new_lengths(crystal[order], d[order], tolerance)
        counts = np.bincount(crystal[order][new], minlength=len(ends) - 1)
        length_of = np.empty(len(d), dtype=np.int32)
        length_of[order] = np.cumsum(new) - 1
        return counts, d[order][new], length_of - (np.cumsum(counts) - counts)[crystal].astype(np.int32)

    counts, lengths, length_of = in_blocks(len(edge_offsets) - 1, block)
    return np.concatenate([[0], np.cumsum(counts)]), lengths, length_of


def _new_lengths(crystal: np.ndarray, d: np.ndarray, tolerance: float) -> np.ndarray:
    """Where another length begins, in distances ascending within crystals."""
    if not tolerance or not len(d):
        return starts(crystal, d)
    chain = starts(crystal)
    chain[1:] |= np.diff(d) > tolerance
    shortest = d[chain][np.cumsum(chain) - 1]
    return chain | starts(np.floor((d - shortest) / tolerance))


def in_blocks(n: int, block: Callable[[int], tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
    """The columns that `block` gives for the `BLOCK` crystals from 0, BLOCK, … of n on, one after another."""
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(block, range(0, max(n, 1), BLOCK)))
    return tuple(np.concatenate(column) for column in zip(*found, strict=True))
