"""Small graphs that grow: dense tensors, many graphs side by side, and the rules that keep every one of them valid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from benchmark.explain.classifier.graphs import EDGE_LENGTH, TypedGraphs, pair_index
from benchmark.explain.settings import Limits
from datasets.errors import InputError
from models.graph.batch import GraphBatch


@dataclass(frozen=True, eq=False)
class SmallGraphs:
    """G graphs of at most M atoms.

    Attributes:
        node_types: (G, M) int64, 0 … T - 1; -1 where there is no atom. Atoms fill the first places.
        bonds: (G, M, M) bool, symmetric.
    """

    node_types: Tensor
    bonds: Tensor

    def __len__(self) -> int:
        return len(self.node_types)

    @cached_property
    def exists(self) -> Tensor:
        """(G, M) bool."""
        return self.node_types >= 0

    @cached_property
    def n_atoms(self) -> Tensor:
        """(G,) int64."""
        return self.exists.sum(dim=1)

    @cached_property
    def degrees(self) -> Tensor:
        """(G, M) int64 neighbours."""
        return self.bonds.sum(dim=2)

    @cached_property
    def n_bonds(self) -> Tensor:
        """(G,) int64."""
        return self.degrees.sum(dim=1) // 2

    @classmethod
    def atoms(cls, node_types: Tensor, max_atoms: int) -> SmallGraphs:
        """One atom a graph, from their node types (G,)."""
        places = torch.full((len(node_types), max_atoms), -1)
        places[:, 0] = node_types
        return cls(places, torch.zeros(len(node_types), max_atoms, max_atoms, dtype=torch.bool))

    @classmethod
    def join(cls, parts: list[SmallGraphs]) -> SmallGraphs:
        """All graphs of the parts, in order."""
        return cls(torch.cat([part.node_types for part in parts]), torch.cat([part.bonds for part in parts]))

    def take(self, rows: Tensor) -> SmallGraphs:
        """The graphs at `rows` (integers or a mask)."""
        return SmallGraphs(self.node_types[rows], self.bonds[rows])

    def repeat(self, times: int) -> SmallGraphs:
        """Each graph `times` times, one after the other."""
        return SmallGraphs(self.node_types.repeat_interleave(times, 0), self.bonds.repeat_interleave(times, 0))

    def put(self, rows: Tensor, others: SmallGraphs) -> SmallGraphs:
        """A copy with `others` at `rows`."""
        return SmallGraphs(self.node_types.index_put((rows,), others.node_types), self.bonds.index_put((rows,), others.bonds))

    def grown(self, start: Tensor, end: Tensor) -> SmallGraphs:
        """Each graph with a bond from place `start` (G,) to `end` (G,): a place, or M + node type for a new atom."""
        rows, places = torch.arange(len(self)), self.node_types.shape[1]
        new = end >= places
        place = torch.where(new, self.n_atoms, end)
        node_types, bonds = self.node_types.clone(), self.bonds.clone()
        node_types[rows[new], place[new]] = end[new] - places
        bonds[rows, start, place] = bonds[rows, place, start] = True
        return SmallGraphs(node_types, bonds)

    def batch(self, loops: bool = False) -> GraphBatch:
        """The graphs as networks read them, as `TypedGraphs.table` has them; `loops` adds an edge from each atom to itself."""
        edges = self.bonds | torch.diag_embed(self.exists) if loops else self.bonds
        number = torch.cumsum(self.exists.flatten(), 0).view_as(self.node_types) - 1
        graph, dst, src = edges.nonzero(as_tuple=True)
        apart = (dst != src).long()
        return GraphBatch(
            atomic_numbers=self.node_types[self.exists] + 1,
            crystal=self.exists.nonzero()[:, 0],
            n_atoms=self.n_atoms,
            src=number[graph, src],
            dst=number[graph, dst],
            distance=apart * EDGE_LENGTH,
            length_of=apart,
            n_lengths=2,
        )

    def columns(self, n_node_types: int) -> TypedGraphs:
        """The graphs as columns; each bond is an edge in both directions."""
        graph, dst, src = (index.numpy() for index in self.bonds.nonzero(as_tuple=True))
        ends = np.cumsum(np.bincount(graph, minlength=len(self)))
        offsets = np.concatenate([[0], np.cumsum(self.n_atoms.numpy())])
        node_types = self.node_types[self.exists].numpy()
        return TypedGraphs(
            n_node_types, offsets, node_types, np.concatenate([[0], ends]), src.astype(np.int32), dst.astype(np.int32)
        )


@dataclass(frozen=True, eq=False)
class Rules:
    """Which bonds may be added to a graph, and where graphs begin.

    Attributes:
        limits: sizes.
        allowed: (T, T) bool, symmetric: pairs of node types that may be bonded.
        frequencies: (T,) of the node types that graphs begin with.
    """

    limits: Limits
    allowed: Tensor
    frequencies: Tensor

    @classmethod
    def of(cls, graphs: TypedGraphs, limits: Limits) -> Rules:
        """The rules that training graphs give."""
        n = graphs.n_node_types
        bonded = graphs.pair_counts().sum(axis=0)[pair_index(n)] > 0
        allowed = torch.from_numpy(bonded) if limits.bonded_only else torch.ones(n, n, dtype=torch.bool)
        # A node type that may be bonded to nothing begins no graph.
        counts = torch.from_numpy(graphs.node_type_counts().sum(axis=0)) * allowed.any(dim=1)
        if not counts.sum():
            raise InputError("no two atoms are neighbours in the training data; there is nothing to explain")
        return cls(limits, allowed, counts / counts.sum())

    @property
    def n_node_types(self) -> int:
        """T."""
        return len(self.allowed)

    def start(self, n: int, generator: torch.Generator) -> SmallGraphs:
        """`n` single atoms, their node types by the frequencies."""
        node_types = torch.multinomial(self.frequencies, n, replacement=True, generator=generator)
        return SmallGraphs.atoms(node_types, self.limits.max_atoms)

    def ends(self, graphs: SmallGraphs) -> Tensor:
        """(G, M, M + T) bool: whether a bond may be added from each place to each place, or to a new atom of each node type."""
        places, node_types = graphs.node_types.shape[1], graphs.node_types.clamp(min=0)
        free = graphs.exists & (graphs.degrees < self.limits.max_neighbors)
        free &= (graphs.n_bonds < self.limits.max_bonds)[:, None]
        old = free[:, :, None] & free[:, None, :] & ~graphs.bonds & self.allowed[node_types[:, :, None], node_types[:, None, :]]
        old &= ~torch.eye(places, dtype=torch.bool)
        new = (free & (graphs.n_atoms < self.limits.max_atoms)[:, None])[:, :, None] & self.allowed[node_types]
        return torch.cat([old, new], dim=2)
