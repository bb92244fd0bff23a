"""GraphBatch: some crystals of a dataset as one graph, cut out of the edge table by slicing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from datasets.crystals import Crystals
from datasets.neighbors import Neighbors

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
    """

    atomic_numbers: Tensor
    crystal: Tensor
    n_atoms: Tensor
    src: Tensor
    dst: Tensor
    distance: Tensor

    @property
    def n_crystals(self) -> int:
        """B."""
        return len(self.n_atoms)

    @cached_property
    def degree(self) -> Tensor:
        """(N,) int64 incoming edges of each atom."""
        return torch.bincount(self.dst, minlength=len(self.atomic_numbers))

    @cached_property
    def dgl(self) -> DGLGraph:
        """The batch as one DGLGraph; made when a DGL kernel first asks for it."""
        from models.dgl_backend import dgl

        ends = torch.cumsum(self.degree, 0)
        indptr = torch.cat([ends.new_zeros(1), ends]).int()
        # Edges are sorted by receiver already, so they are handed over as CSC: DGL need not sort them again.
        edge_ids = torch.arange(len(self.src), dtype=torch.int32)
        return dgl.graph(("csc", (indptr, self.src.int(), edge_ids)), num_nodes=len(self.atomic_numbers))


class GraphTable:
    """All graphs of a dataset as flat tensors on one device, from which batches are cut."""

    def __init__(self, crystals: Crystals, neighbors: Neighbors, device: str = "cpu") -> None:
        def column(array: np.ndarray) -> Tensor:
            return torch.from_numpy(np.require(array, requirements="W")).to(device)

        self.seconds = neighbors.seconds
        self.atomic_numbers = column(crystals.atomic_numbers)
        self.atom_offsets = column(crystals.offsets)
        self.edge_offsets = column(neighbors.edge_offsets)
        self.src, self.dst, self.distance = column(neighbors.src), column(neighbors.dst), column(neighbors.distance)

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
        )


def _ragged(offsets: Tensor, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Positions of the elements of `rows` in a flat column, the row each belongs to, and the lengths."""
    starts = offsets[rows]
    lengths = offsets[rows + 1] - starts
    owner = torch.repeat_interleave(lengths)
    positions = torch.arange(len(owner), device=owner.device)
    return positions + (starts - torch.cumsum(lengths, 0) + lengths)[owner], owner, lengths
