"""GraphBatch: some crystals of a dataset as one graph, cut out of the edge table by slicing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from datasets.crystals import Crystals
from datasets.neighbors import MinimumImage, Neighbors

if TYPE_CHECKING:
    from dgl import DGLGraph


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
    """

    atomic_numbers: Tensor
    crystal: Tensor
    n_atoms: Tensor
    src: Tensor
    dst: Tensor
    distance: Tensor
    sent_by_owner: bool = False

    @property
    def n_crystals(self) -> int:
        """B."""
        return len(self.n_atoms)

    @cached_property
    def degree(self) -> Tensor:
        """(N,) int64 incoming edges of each atom."""
        return torch.bincount(self.dst, minlength=len(self.atomic_numbers))

    @cached_property
    def list_length(self) -> Tensor:
        """(N,) int64 edges in the neighbour list of each atom."""
        return torch.bincount(self.src, minlength=len(self.atomic_numbers)) if self.sent_by_owner else self.degree

    @cached_property
    def edge_crystal(self) -> Tensor:
        """(E,) int64, the crystal of each edge, ascending."""
        return self.crystal[self.dst]

    @cached_property
    def n_edges(self) -> Tensor:
        """(B,) int64."""
        return torch.bincount(self.edge_crystal, minlength=self.n_crystals)

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
        from models.dgl_backend import dgl

        ends = torch.cumsum(self.degree, 0)
        indptr = torch.cat([ends.new_zeros(1), ends]).int()
        # Edges are sorted by receiver already, so they are handed over as CSC: DGL need not sort them again.
        edge_ids = torch.arange(len(self.src), dtype=torch.int32, device=self.src.device)
        return dgl.graph(("csc", (indptr, self.src.int(), edge_ids)), num_nodes=len(self.atomic_numbers))


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
        self.atom_offsets = column(crystals.offsets)
        edges = (neighbors.edge_offsets, neighbors.src, neighbors.dst, neighbors.distance)
        columns = with_loops(crystals, neighbors) if loops else edges
        self.edge_offsets, self.src, self.dst, self.distance = map(column, columns)

    def __len__(self) -> int:
        return len(self.atom_offsets) - 1

    def cut(self, rows: Tensor, dtype: torch.dtype = torch.float32) -> GraphBatch:
        """The crystals at `rows` (B,) as one batch, in that order, with distances of `dtype`."""
        atoms, crystal, n_atoms = _ragged(self.atom_offsets, rows)
        edges, edge_crystal, _ = _ragged(self.edge_offsets, rows)
        shift = (torch.cumsum(n_atoms, 0) - n_atoms)[edge_crystal]
        return GraphBatch(
            atomic_numbers=self.atomic_numbers[atoms],
            crystal=crystal,
            n_atoms=n_atoms,
            src=self.src[edges] + shift,
            dst=self.dst[edges] + shift,
            distance=self.distance[edges].to(dtype),
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


def _ragged(offsets: Tensor, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Positions of the elements of `rows` in a flat column, the row each belongs to, and the lengths."""
    starts = offsets[rows]
    lengths = offsets[rows + 1] - starts
    owner = torch.repeat_interleave(lengths)
    positions = torch.arange(len(owner), device=owner.device)
    return positions + (starts - torch.cumsum(lengths, 0) + lengths)[owner], owner, lengths
