"""GraphBatch: some crystals of a dataset as one graph, cut out of the edge table by slicing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from datasets.crystals import Crystals
from datasets.neighbor_search import MinimumImage, by_group_and_value, starts
from datasets.neighbors import Neighbors

if TYPE_CHECKING:
    from dgl import DGLGraph


@dataclass(frozen=True, eq=False)
class Pairs:
    """P pairs of an atom and a length.

    Attributes:
        terms: (P, 2) int64, atom and length of each, counted through atoms and lengths.
        receiver: (E,) int64, the pair of the atom that receives along each edge.
        sender: (E,) int64, the pair of the atom that sends.
    """

    terms: Tensor
    receiver: Tensor
    sender: Tensor

    @cached_property
    def order(self) -> Tensor:
        """(E,) int64, the edges by the pair of their sender."""
        return torch.argsort(self.sender, stable=True)

    @cached_property
    def counts(self) -> Tensor:
        """(P,) int64 edges with the pair as their sender's."""
        return _counts(self.sender, len(self.terms))


def unshared_pairs(ends: Tensor, lengths: Tensor) -> Pairs:
    """A pair for each end (2E,), receivers before senders, with its length (2E,)."""
    return Pairs(torch.stack([ends, lengths], dim=1), *torch.arange(len(ends), device=ends.device).chunk(2))


@dataclass(frozen=True, eq=False)
class GraphBatch:
    """B crystals with N atoms and E edges on one device; edges are sorted by receiver.

    Attributes:
        atomic_numbers: (N,) int64.
        crystal: (N,) int64, the crystal of each atom, ascending.
        n_atoms: (B,) int64.
        src: (E,) int64, the neighbour that sends.
        dst: (E,) int64, the atom that receives, ascending.
        distance: (E,), Å, in the float type of the model.
        sent_by_owner: whether an atom sends along the edges to its neighbours, instead of receiving along them.
        length_of: (E,) int64, which of D different distances each edge has; None where each edge has its own (D = E).
        n_lengths: D, where edges share their lengths.
    """

    atomic_numbers: Tensor
    crystal: Tensor
    n_atoms: Tensor
    src: Tensor
    dst: Tensor
    distance: Tensor
    sent_by_owner: bool = False
    length_of: Tensor | None = None
    n_lengths: int = 0

    @property
    def n_crystals(self) -> int:
        """B."""
        return len(self.n_atoms)

    @cached_property
    def lengths(self) -> Tensor:
        """(D,) the different distances, Å: what depends on the distance alone is computed once for each."""
        if self.length_of is None:
            return self.distance
        return self.distance.new_zeros(self.n_lengths).index_copy(0, self.length_of, self.distance)

    @cached_property
    def edge_length(self) -> Tensor:
        """(E,) int64, the length of each edge."""
        return torch.arange(len(self.src), device=self.src.device) if self.length_of is None else self.length_of

    @cached_property
    def terms(self) -> Tensor:
        """(E, 3) int64: sender, receiver and length of each edge, counted through atoms, atoms and lengths."""
        n = len(self.atomic_numbers)
        return torch.stack([self.src, self.dst + n, self.edge_length + 2 * n], dim=1)

    @cached_property
    def pairs(self) -> Pairs:
        """The different pairs of an atom and the length of an edge at it: an edge and its reverse share theirs."""
        n, ends = len(self.atomic_numbers), torch.cat([self.dst, self.src])
        lengths = self.edge_length.repeat(2)
        if self.src.device.type != "cpu":  # where telling how many there are would stop the device
            return unshared_pairs(ends, lengths + n)
        keys, which = torch.unique(ends * len(self.lengths) + lengths, return_inverse=True)
        atom = keys // max(len(self.lengths), 1)
        return Pairs(torch.stack([atom, keys - atom * len(self.lengths) + n], dim=1), *which.chunk(2))

    @cached_property
    def first_edges(self) -> Tensor:
        """(N + 1,) int64, where the incoming edges of each atom begin, and E."""
        return torch.cat([self.degree.new_zeros(1), torch.cumsum(self.degree, 0)])

    @cached_property
    def degree(self) -> Tensor:
        """(N,) int64 incoming edges of each atom."""
        return _counts(self.dst, len(self.atomic_numbers))

    @cached_property
    def list_length(self) -> Tensor:
        """(N,) int64 edges in the neighbour list of each atom."""
        return _counts(self.src, len(self.atomic_numbers)) if self.sent_by_owner else self.degree

    @cached_property
    def edge_crystal(self) -> Tensor:
        """(E,) int64, the crystal of each edge, ascending."""
        return self.crystal[self.dst]

    @cached_property
    def n_edges(self) -> Tensor:
        """(B,) int64."""
        return _counts(self.edge_crystal, self.n_crystals)

    @cached_property
    def incoming_slots(self) -> Tensor:
        """(N, most incoming edges) int64: the incoming edges of each atom, then E where it has no more."""
        first = torch.cumsum(self.degree, 0) - self.degree
        rank = torch.arange(len(self.dst), device=self.dst.device) - first[self.dst]
        most = int(self.degree.max()) if len(self.dst) else 0
        slots = torch.full((len(self.degree), most), len(self.dst), device=self.dst.device)
        slots[self.dst, rank] = torch.arange(len(self.dst), device=self.dst.device)
        return slots

    @cached_property
    def dgl(self) -> DGLGraph:
        """The batch as one DGLGraph; made when a DGL kernel first asks for it."""
        from models.graph.dgl_backend import dgl

        ends = torch.cumsum(self.degree, 0)
        indptr = torch.cat([ends.new_zeros(1), ends]).int()
        # Edges are sorted by receiver already, so they are handed over as CSC: DGL need not sort them again.
        edge_ids = torch.arange(len(self.src), dtype=torch.int32, device=self.src.device)
        return dgl.graph(("csc", (indptr, self.src.int(), edge_ids)), num_nodes=len(self.atomic_numbers))

    @cached_property
    def dgl_reversed(self) -> DGLGraph:
        """`dgl` with senders and receivers exchanged."""
        from models.graph.dgl_backend import dgl

        return dgl.reverse(self.dgl)

    @cached_property
    def dgl_of_lengths(self) -> DGLGraph:
        """A DGLGraph whose D nodes are the lengths, with an edge of the batch at the length that it has."""
        from models.graph.dgl_backend import dgl

        assert self.length_of is not None
        return dgl.graph((self.length_of.int(), self.length_of.int()), num_nodes=self.n_lengths)


class GraphTable:
    """All graphs of a dataset as flat tensors on one device, from which batches are cut.

    Args:
        crystals: the dataset.
        neighbors: its edges.
        elements: (Z, F) the element features that go with these crystals.
        device: where the tensors live.
        loops: whether each atom also gets an edge of length 0 from itself.
    """

    def __init__(
        self, crystals: Crystals, neighbors: Neighbors, elements: np.ndarray, device: str = "cpu", loops: bool = False
    ) -> None:
        def column(array: np.ndarray) -> Tensor:
            return torch.from_numpy(np.require(array, requirements="W")).to(device)

        self.seconds = neighbors.seconds
        self.elements = elements
        self.sent_by_owner = isinstance(neighbors.rule, MinimumImage) and neighbors.rule.receiver == "neighbor"
        self.atomic_numbers = column(crystals.atomic_numbers)
        edges = (neighbors.edge_offsets, neighbors.src, neighbors.dst, neighbors.distance)
        edge_offsets, src, dst, distance = with_loops(crystals, neighbors) if loops else edges
        length_offsets, lengths, length_of = different_lengths(edge_offsets, distance)
        self.src, self.dst, self.length_of, self.distance = map(column, (src, dst, length_of, lengths))
        # Sizes are counted on the host, so that a device need not stop to tell them.
        self.offsets = [torch.from_numpy(np.array(part)) for part in (crystals.offsets, edge_offsets, length_offsets)]
        self.device_offsets = [part.to(device) for part in self.offsets]

    def __len__(self) -> int:
        return len(self.offsets[0]) - 1

    def cut(self, rows: Tensor, dtype: torch.dtype = torch.float32) -> GraphBatch:
        """The crystals at `rows` (B,), on the host, as one batch, in that order, with distances of `dtype`."""
        chosen = rows.to(self.src.device, non_blocking=True)
        parts = [
            _ragged(on_device, chosen, int((offsets[rows + 1] - offsets[rows]).sum()))
            for offsets, on_device in zip(self.offsets, self.device_offsets, strict=True)
        ]
        (atoms, crystal, n_atoms), (edges, edge_crystal, _), (lengths, _, n_lengths) = parts
        shift, length_shift = ((torch.cumsum(n, 0) - n)[edge_crystal] for n in (n_atoms, n_lengths))
        length_of = self.length_of[edges] + length_shift
        return GraphBatch(
            atomic_numbers=self.atomic_numbers[atoms],
            crystal=crystal,
            n_atoms=n_atoms,
            src=self.src[edges] + shift,
            dst=self.dst[edges] + shift,
            distance=self.distance[lengths].to(dtype)[length_of],
            length_of=length_of,
            n_lengths=len(lengths),
            sent_by_owner=self.sent_by_owner,
        )


def with_loops(crystals: Crystals, neighbors: Neighbors) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
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


BLOCK = 4096
"""Crystals whose lengths are compared in one go."""


def different_lengths(edge_offsets: np.ndarray, distance: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The different distances of each crystal: offsets (n + 1,), lengths (D,) ascending, and for each edge which, counted
    within its crystal, (E,) int32.

    Symmetry repeats distances: the CGCNN set has a sixth as many different ones as edges.
    """

    def block(first: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        ends = edge_offsets[first : first + BLOCK + 1]
        d = distance[ends[0] : ends[-1]]
        crystal = np.repeat(np.arange(len(ends) - 1), np.diff(ends))
        order = by_group_and_value(crystal, d)
        new = starts(crystal[order], d[order])
        counts = np.bincount(crystal[order][new], minlength=len(ends) - 1)
        length_of = np.empty(len(d), dtype=np.int32)
        length_of[order] = np.cumsum(new) - 1
        return counts, d[order][new], length_of - (np.cumsum(counts) - counts)[crystal].astype(np.int32)

    with ThreadPoolExecutor() as pool:
        found = list(pool.map(block, range(0, max(len(edge_offsets) - 1, 1), BLOCK)))
    counts, lengths, length_of = (np.concatenate(column) for column in zip(*found, strict=True))
    return np.concatenate([[0], np.cumsum(counts)]), lengths, length_of


def _counts(index: Tensor, n: int) -> Tensor:
    """(n,) how often each of 0 … n − 1 stands in the index; `bincount` would make a device stop to tell the largest."""
    return index.new_zeros(n).index_add(0, index, torch.ones_like(index))


def _ragged(offsets: Tensor, rows: Tensor, total: int) -> tuple[Tensor, Tensor, Tensor]:
    """Positions of the elements of `rows` in a flat column, the row each belongs to, and the lengths."""
    first = offsets[rows]
    lengths = offsets[rows + 1] - first
    owner = torch.repeat_interleave(lengths, output_size=total)
    positions = torch.arange(total, device=owner.device)
    return positions + (first - torch.cumsum(lengths, 0) + lengths)[owner], owner, lengths
