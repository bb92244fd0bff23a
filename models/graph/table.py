"""GraphTable: all graphs of a dataset on one device, from which batches are cut by slicing."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from datasets.crystals import Crystals
from datasets.neighbor_search import TIE, sent_by_owner
from datasets.neighbors import Neighbors
from models.graph.batch import GraphBatch
from models.graph.columns import graph_columns
from models.graph.folding import folded_columns


class GraphTable:
    """All graphs of a dataset as flat tensors on one device.

    Args:
        crystals: the dataset.
        neighbors: its edges.
        elements: (Z, F) the element features that go with these crystals.
        device: where the tensors live.
        loops: whether each atom also gets an edge of length 0 from itself.
        fold: whether atoms that no network can tell apart, and equal edges, share a row (`models.graph.folding`).
        tolerance: Å within which lengths of a crystal are one.
    """

    def __init__(
        self, crystals: Crystals, neighbors: Neighbors, elements: np.ndarray, device: str = "cpu", loops: bool = False,
        fold: bool = False, tolerance: float = TIE,
    ) -> None:  # fmt: skip
        def column(array: np.ndarray) -> Tensor:
            return torch.from_numpy(np.require(array, requirements="W")).to(device)

        given = (crystals, neighbors, loops, tolerance)
        made, seconds = folded_columns(*given) if fold else (graph_columns(*given), 0.0)
        self.seconds = neighbors.seconds + seconds
        self.elements = elements
        self.sent_by_owner = sent_by_owner(neighbors.rule)
        self.atomic_numbers, self.list_length = column(made.atomic_numbers), column(made.list_length)
        self.src, self.dst, self.length_of, self.distance = map(column, (made.src, made.dst, made.length_of, made.lengths))
        self.copies, self.merged = (None if one is None else column(one) for one in (made.copies, made.merged))
        # Sizes are counted on the host, so that a device need not stop to tell them.
        self.offsets = [
            torch.from_numpy(np.array(part)) for part in (made.atom_offsets, made.edge_offsets, made.length_offsets)
        ]
        self.device_offsets = [part.to(device) for part in self.offsets]
        self.n_atoms = torch.from_numpy(np.array(crystals.n_atoms))
        self.n_edges = torch.from_numpy(neighbors.n_edges + loops * crystals.n_atoms)
        self.most_incoming = torch.from_numpy(_most_incoming(made.edge_offsets, made.dst))

    def __len__(self) -> int:
        return len(self.offsets[0]) - 1

    def longest_edge(self, rows: np.ndarray) -> float:
        """Å, of the crystals at `rows` (B,); 0 where they have no edge."""
        chosen, offsets = torch.from_numpy(rows), self.offsets[2]
        total = int((offsets[chosen + 1] - offsets[chosen]).sum())
        lengths = _ragged(self.device_offsets[2], chosen.to(self.distance.device), total)[0]
        return float(self.distance[lengths].max()) if total else 0.0

    def cut(self, rows: Tensor, dtype: torch.dtype = torch.float32) -> GraphBatch:
        """The crystals at `rows` (B,), on the host, as one batch, in that order, with distances of `dtype`."""
        chosen = rows.to(self.src.device, non_blocking=True)
        parts = [
            _ragged(on_device, chosen, int((offsets[rows + 1] - offsets[rows]).sum()))
            for offsets, on_device in zip(self.offsets, self.device_offsets, strict=True)
        ]
        (atoms, crystal, n_rows), (edges, edge_crystal, _), (lengths, _, n_lengths) = parts
        shift, length_shift = ((torch.cumsum(n, 0) - n)[edge_crystal] for n in (n_rows, n_lengths))
        length_of = self.length_of[edges] + length_shift
        return GraphBatch(
            atomic_numbers=self.atomic_numbers[atoms],
            crystal=crystal,
            n_atoms=n_rows,
            src=self.src[edges] + shift,
            dst=self.dst[edges] + shift,
            distance=self.distance[lengths].to(dtype)[length_of],
            length_of=length_of,
            n_lengths=len(lengths),
            sent_by_owner=self.sent_by_owner,
            most_incoming=int(self.most_incoming[rows].max()) if len(rows) else 0,
            **self._copies(rows, atoms, edges, dtype),
        )

    def _copies(self, rows: Tensor, atoms: Tensor, edges: Tensor, dtype: torch.dtype) -> dict[str, Any]:
        """What a batch says of copies, where the table is folded."""
        if self.copies is None or self.merged is None:
            return {}
        return {
            "lists": self.list_length[atoms].long(),
            "copies": self.copies[atoms].to(dtype),
            "merged": self.merged[edges].to(dtype),
            "totals": (int(self.n_atoms[rows].sum()), int(self.n_edges[rows].sum())),
        }


def _most_incoming(edge_offsets: np.ndarray, dst: np.ndarray) -> np.ndarray:
    """(n,) the most rows of edges that one atom of each crystal receives along."""
    crystal = np.repeat(np.arange(len(edge_offsets) - 1), np.diff(edge_offsets))
    new = np.flatnonzero(np.diff(dst, prepend=-1) | np.diff(crystal, prepend=-1))
    most = np.zeros(len(edge_offsets) - 1, dtype=np.int64)
    np.maximum.at(most, crystal[new], np.diff(new, append=len(dst)))
    return most


def _ragged(offsets: Tensor, rows: Tensor, total: int) -> tuple[Tensor, Tensor, Tensor]:
    """Positions of the elements of `rows` in a flat column, the row each belongs to, and the lengths."""
    first = offsets[rows]
    lengths = offsets[rows + 1] - first
    owner = torch.repeat_interleave(lengths, output_size=total)
    positions = torch.arange(total, device=owner.device)
    return positions + (first - torch.cumsum(lengths, 0) + lengths)[owner], owner, lengths
