"""Folding: atoms that no message-passing network can tell apart become one row, and equal edges to an atom one edge.

Colour refinement (Weisfeiler & Leman, 1968) starts from element and number of neighbours and refines by the multiset of
(length, colour) over the incoming edges until nothing changes. Two atoms of one colour then have equal features behind every
layer, by induction: equal at the start, and each layer computes the same function of equal multisets. So one of them stands
for all, with the number of its copies. Ruff et al., Digital Discovery 3, 594 (2024), compute on the atoms that a search for
the space group finds equivalent; colours are never finer than those, and need no such search.
"""

from __future__ import annotations

import hashlib
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from datasets.cache import cached
from datasets.crystals import Crystals
from datasets.neighbor_search import by_group_and_value, starts
from datasets.neighbors import Neighbors
from models.graph.columns import BLOCK, GraphColumns, graph_columns, in_blocks

WORTH = 0.9
"""A dataset that keeps more than this part of its edges is left as it is: weights would cost more than they spare."""

FOLDED = ("atom_offsets", "atomic_numbers", "list_length", "copies", "edge_offsets", "src", "dst", "length_of", "merged")


def folded_columns(crystals: Crystals, neighbors: Neighbors, loops: bool, tolerance: float) -> tuple[GraphColumns, float]:
    """The folded graphs of `graph_columns`, or those themselves where folding spares less than a tenth of the edges, and the
    seconds that this took; cached on disk by structures, rule and code, as the neighbours are."""
    names = [field.name for field in fields(GraphColumns)]

    def build() -> dict[str, np.ndarray]:
        columns = graph_columns(crystals, neighbors, loops, tolerance)
        made = fold(columns)
        made = made if len(made.src) <= WORTH * len(columns.src) else columns
        return {name: array for name in names if (array := getattr(made, name)) is not None}

    code = b"".join(Path(__file__).with_name(f"{name}.py").read_bytes() for name in ("columns", "folding"))
    key = {
        "structures": crystals.structure_hash, "rule": repr(neighbors.rule), "loops": loops, "tolerance": tolerance,
        "edges": [_hash(column) for column in (neighbors.src, neighbors.dst, neighbors.distance)],
        "code": hashlib.sha256(code).hexdigest(),
    }  # fmt: skip
    entry = cached("graphs", key, build)
    return GraphColumns(**entry.arrays), entry.seconds


def _hash(column: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(column).data).hexdigest()


def fold(columns: GraphColumns) -> GraphColumns:
    """One row for each colour of atoms of a crystal, in the order of the first atom that has it; its edges are that atom's,
    those of one length from one colour merged."""

    def block(first: int) -> tuple[np.ndarray, ...]:
        return _folded(columns, first, min(first + BLOCK, len(columns.atom_offsets) - 1))

    parts = dict(zip(FOLDED, in_blocks(len(columns.atom_offsets) - 1, block), strict=True))
    offsets = {name: np.concatenate([[0], np.cumsum(parts[name])]) for name in ("atom_offsets", "edge_offsets")}
    return replace(columns, **parts | offsets)


def _folded(columns: GraphColumns, first: int, stop: int) -> tuple[np.ndarray, ...]:
    """The columns `FOLDED` of the crystals first … stop − 1, with counts in place of offsets."""
    atom_ends, edge_ends = columns.atom_offsets[first : stop + 1], columns.edge_offsets[first : stop + 1]
    atoms, edges = slice(atom_ends[0], atom_ends[-1]), slice(edge_ends[0], edge_ends[-1])
    shift = np.repeat(atom_ends[:-1] - atom_ends[0], np.diff(edge_ends))
    src, dst, length = columns.src[edges] + shift, columns.dst[edges] + shift, columns.length_of[edges]
    crystal = np.repeat(np.arange(stop - first), np.diff(atom_ends))
    z, lists = columns.atomic_numbers[atoms], columns.list_length[atoms]
    colour = refine(mixed(first_colours(z, lists)), crystal, src, dst, length)
    chosen, kind = _representatives(crystal, colour)
    n_kinds = np.bincount(crystal[chosen], minlength=stop - first)
    stands = np.zeros(len(crystal), dtype=bool)
    stands[chosen] = True
    kept = np.flatnonzero(stands[dst])
    receiver, sender, length = kind[dst[kept]], kind[src[kept]], length[kept]
    order = np.lexsort((sender, length, receiver))
    receiver, sender, length = receiver[order], sender[order], length[order]
    new = starts(receiver, sender, length)
    owner = crystal[chosen][receiver[new]]
    shift = (np.cumsum(n_kinds) - n_kinds)[owner]
    return (
        n_kinds, z[chosen], lists[chosen], np.bincount(kind, minlength=len(chosen)).astype(np.int32),
        np.bincount(owner, minlength=stop - first), (sender[new] - shift).astype(np.int32),
        (receiver[new] - shift).astype(np.int32), length[new],
        np.diff(np.flatnonzero(new), append=len(new)).astype(np.int32),
    )  # fmt: skip


def first_colours(atomic_numbers: np.ndarray, list_length: np.ndarray) -> np.ndarray:
    """(N,) uint64 of elements and numbers of neighbours, before any refinement."""
    return atomic_numbers.astype(np.uint64) << np.uint64(32) | list_length.astype(np.uint64)


def refine(colour: np.ndarray, crystal: np.ndarray, src: np.ndarray, dst: np.ndarray, length: np.ndarray) -> np.ndarray:
    """(N,) uint64 stable colours of atoms from those at the start; comparable within a crystal.

    A colour is a hash of 64 bits, that of a multiset the sum of its members' hashes: two of a crystal's n atoms that differ
    get one colour with a probability of n² / 2⁶⁴ a round.

    Args:
        colour: (N,) uint64.
        crystal: (N,) ascending, the crystal of each atom.
        src: (E,) the atom that sends.
        dst: (E,) the atom that receives, ascending.
        length: (E,) numbers that are equal where lengths of a crystal are.
    """
    n_crystals = int(crystal[-1]) + 1 if len(crystal) else 0
    size = np.bincount(crystal, minlength=n_crystals)
    of_length = mixed(length.astype(np.uint64) + np.uint64(1))
    count = _colours(crystal, colour, n_crystals)
    active = count < size
    while active.any():
        keep = active[crystal[dst]]
        src, dst, of_length = (src, dst, of_length) if keep.all() else (src[keep], dst[keep], of_length[keep])
        ends = np.searchsorted(dst, np.arange(len(crystal) + 1))
        sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(mixed(of_length ^ colour[src]), dtype=np.uint64)])
        refined = mixed(colour * np.uint64(3) + mixed(sums[ends[1:]] - sums[ends[:-1]]))
        colour = np.where(active[crystal], refined, colour)
        before, count = count, _colours(crystal, colour, n_crystals)
        active &= (count > before) & (count < size)
    return colour


def mixed(x: np.ndarray) -> np.ndarray:
    """The finaliser of splitmix64 (Steele, Lea & Flood, OOPSLA 2014): a bijection of uint64 that spreads every bit."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _colours(crystal: np.ndarray, colour: np.ndarray, n_crystals: int) -> np.ndarray:
    """(n_crystals,) different colours in each."""
    order = by_group_and_value(crystal, colour)
    return np.bincount(crystal[order][starts(crystal[order], colour[order])], minlength=n_crystals)


def _representatives(crystal: np.ndarray, colour: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(K,) the first atom of each colour of each crystal, ascending, and for each atom (N,) which of them stands for it."""
    order = by_group_and_value(crystal, colour)
    new = starts(crystal[order], colour[order])
    first = order[new]
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    kind = np.empty(len(crystal), dtype=np.int64)
    kind[order] = rank[np.cumsum(new) - 1]
    return np.sort(first), kind
