"""GraphBatch: some crystals of a dataset as one graph, cut out of the edge table by slicing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor

if TYPE_CHECKING:
    from dgl import DGLGraph

Items = Literal["atoms", "edges"]


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

    Where the batch is folded (`models.graph.folding`), an atom stands for `copies` of its kind and an edge for `merged` equal
    ones to its receiver. `message_passing` and `layers` count them so; what loops over atoms or edges itself has to as well.

    Attributes:
        atomic_numbers: (N,) int64.
        crystal: (N,) int64, the crystal of each atom, ascending.
        n_atoms: (B,) int64, rows of atoms of each crystal.
        src: (E,) int64, the neighbour that sends.
        dst: (E,) int64, the atom that receives, ascending.
        distance: (E,), Å, in the float type of the model.
        sent_by_owner: whether an atom sends along the edges to its neighbours, instead of receiving along them.
        length_of: (E,) int64, which of D different distances each edge has; None where each edge has its own (D = E).
        n_lengths: D, where edges share their lengths.
        lists: (N,) int64 edges in the neighbour list of each atom, where the edges of the batch do not tell.
        copies: (N,) how many atoms each row stands for; None: one.
        merged: (E,) how many edges each row stands for; None: one.
        totals: atoms and edges that the batch stands for, where it is folded.
        most_incoming: the most rows of edges to one atom, where the host knows it.
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
    lists: Tensor | None = None
    copies: Tensor | None = None
    merged: Tensor | None = None
    totals: tuple[int, int] = (0, 0)
    most_incoming: int | None = None

    def weights(self, items: Items) -> Tensor | None:
        """(N,) or (E,) how many atoms or edges of the crystal each row stands for; None: one."""
        return self.copies if items == "atoms" else self.edge_copies

    def total(self, items: Items) -> int:
        """How many atoms or edges the batch stands for."""
        rows = (len(self.crystal), len(self.src)) if self.copies is None else self.totals
        return rows[0] if items == "atoms" else rows[1]

    def owner(self, items: Items) -> Tensor:
        """(N,) or (E,) the crystal of each row."""
        return self.crystal if items == "atoms" else self.edge_crystal

    def rows_of_crystals(self, items: Items) -> Tensor:
        """(B,) rows of atoms or edges of each crystal."""
        return self.n_atoms if items == "atoms" else self.n_edges

    def counts(self, items: Items) -> Tensor:
        """(B,) atoms or edges of each crystal, copies included."""
        weights = self.weights(items)
        if weights is None:
            return self.rows_of_crystals(items)
        return weights.new_zeros(self.n_crystals).index_add(0, self.owner(items), weights)

    @cached_property
    def edge_copies(self) -> Tensor | None:
        """(E,) edges of the crystal that each row stands for: those merged, at every copy of the receiver."""
        return None if self.copies is None or self.merged is None else self.merged * self.copies[self.dst]

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
    def by_length(self) -> tuple[Tensor, Tensor]:
        """(E,) the edges by their length, and (D + 1,) where those of each length begin."""
        counts = _counts(self.edge_length, len(self.lengths))
        return torch.argsort(self.edge_length), torch.cat([counts.new_zeros(1), torch.cumsum(counts, 0)])

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
        return torch.cat([self.n_incoming.new_zeros(1), torch.cumsum(self.n_incoming, 0)])

    @cached_property
    def n_incoming(self) -> Tensor:
        """(N,) int64 rows of incoming edges of each atom."""
        return _counts(self.dst, len(self.atomic_numbers))

    @cached_property
    def degree(self) -> Tensor:
        """(N,) int64 incoming edges of each atom, merged ones counted."""
        return (
            self.n_incoming
            if self.merged is None
            else self.n_incoming.new_zeros(len(self.n_incoming)).index_add(0, self.dst, self.merged.long())
        )

    @cached_property
    def list_length(self) -> Tensor:
        """(N,) int64 edges in the neighbour list of each atom."""
        if self.lists is not None:
            return self.lists
        return _counts(self.src, len(self.atomic_numbers)) if self.sent_by_owner else self.degree

    @cached_property
    def edge_crystal(self) -> Tensor:
        """(E,) int64, the crystal of each edge, ascending."""
        return self.crystal[self.dst]

    @cached_property
    def n_edges(self) -> Tensor:
        """(B,) int64 rows of edges of each crystal."""
        return _counts(self.edge_crystal, self.n_crystals)

    @cached_property
    def incoming_slots(self) -> Tensor:
        """(N, most incoming edges) int64: the incoming edges of each atom, then E where it has no more."""
        rank = torch.arange(len(self.dst), device=self.dst.device) - self.first_edges[self.dst]
        most = self.most_incoming
        if most is None:
            most = int(self.n_incoming.max()) if len(self.dst) else 0
        slots = torch.full((len(self.n_incoming), most), len(self.dst), device=self.dst.device)
        slots[self.dst, rank] = torch.arange(len(self.dst), device=self.dst.device)
        return slots

    @cached_property
    def dgl(self) -> DGLGraph:
        """The batch as one DGLGraph; made when a DGL kernel first asks for it."""
        from models.graph.dgl_backend import dgl

        indptr = self.first_edges.int()
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


def _counts(index: Tensor, n: int) -> Tensor:
    """(n,) how often each of 0 … n − 1 stands in the index; `bincount` would make a device stop to tell the largest."""
    return index.new_zeros(n).index_add(0, index, torch.ones_like(index))
