"""Gather, reduce and read out over a GraphBatch: DGL's kernels, or the same in plain torch.

DGL runs wherever the installed build knows the device (PyPI's wheels: the CPU); elsewhere, or without DGL, torch's own
index operations compute the same values and gradients. `backend` chooses by hand, for tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from datasets.errors import InputError
from models.graph.batch import GraphBatch

Backend = Literal["auto", "dgl", "torch"]
Items = Literal["atoms", "edges"]
_backend: ContextVar[Backend] = ContextVar("backend", default="auto")


@contextmanager
def backend(name: Backend) -> Iterator[None]:
    """Within the block, compute with DGL or with torch only; InputError where DGL is asked for but not installed."""
    if name == "dgl" and not _dgl_runs_on("cpu"):
        raise InputError("the DGL backend was asked for, but dgl does not import here; install it with `pip install dgl`")
    token = _backend.set(name)
    try:
        yield
    finally:
        _backend.reset(token)


@cache
def _dgl_runs_on(device: str) -> bool:
    try:
        from models.graph.dgl_backend import dgl

        dgl.graph(([0], [0])).to(device)
    except Exception:  # DGL fails to import in many ways, and refuses a device with its own error
        return False
    return True


def uses_dgl(batch: GraphBatch) -> bool:
    """Whether the functions below run DGL's kernels on this batch."""
    chosen = _backend.get()
    return chosen == "dgl" or (chosen == "auto" and _dgl_runs_on(batch.src.device.type))


def from_senders(batch: GraphBatch, x: Tensor) -> Tensor:
    """(E, F) the features of the atom that sends along each edge, from (N, F)."""
    if uses_dgl(batch):
        from models.graph.dgl_backend import ops

        return ops.copy_u(batch.dgl, x)
    return x.index_select(0, batch.src)


def add_parts(batch: GraphBatch, sender: Tensor, receiver: Tensor, length: Tensor | None = None) -> Tensor:
    """(E, F) `sender[src] + receiver[dst] + length[length_of]` from two (N, F) atom features and, where given, (D, F)."""
    return _AddParts.apply(batch, sender, receiver, *([] if length is None else [length]))


class _AddParts(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, batch: GraphBatch, *parts: Tensor) -> Tensor:
        ctx.batch, ctx.n = batch, len(parts)
        # One pass over the edges: DGL's u_add_v alone takes longer.
        return F.embedding_bag(batch.terms[:, : len(parts)].contiguous(), torch.cat(parts), mode="sum")

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        batch, g = ctx.batch, gradients[0].contiguous()
        sums = [total(batch, g) for total in (sum_outgoing, sum_incoming, sum_by_length)[: ctx.n]]
        return None, *sums


def from_lengths(batch: GraphBatch, x: Tensor) -> Tensor:
    """(E, F) the features of the length of each edge, from (D, F)."""
    if batch.length_of is None:
        return x
    return _FromLengths.apply(batch, x)


class _FromLengths(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, batch: GraphBatch, x: Tensor) -> Tensor:
        ctx.batch = batch
        assert batch.length_of is not None
        return x.index_select(0, batch.length_of)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return None, sum_by_length(ctx.batch, gradients[0].contiguous())


def sum_by_length(batch: GraphBatch, messages: Tensor) -> Tensor:
    """(D, …) sum over the edges of each length of (E, …) messages."""
    if batch.length_of is None:
        return messages
    if uses_dgl(batch):
        from models.graph.dgl_backend import ops

        return ops.copy_e_sum(batch.dgl_of_lengths, messages)
    zeros = messages.new_zeros((batch.n_lengths, *messages.shape[1:]))
    return zeros.index_add(0, batch.length_of, messages)


def sum_outgoing(batch: GraphBatch, messages: Tensor) -> Tensor:
    """(N, …) sum over the edges that each atom sends along of (E, …) messages; 0 where there is none."""
    if uses_dgl(batch):
        from models.graph.dgl_backend import ops

        return ops.copy_e_sum(batch.dgl_reversed, messages)
    zeros = messages.new_zeros((len(batch.atomic_numbers), *messages.shape[1:]))
    return zeros.index_add(0, batch.src, messages)


def sum_incoming(batch: GraphBatch, messages: Tensor) -> Tensor:
    """(N, …) sum over the incoming edges of each atom of (E, …) messages; 0 where there is none."""
    if uses_dgl(batch):
        from models.graph.dgl_backend import ops

        return ops.copy_e_sum(batch.dgl, messages)
    zeros = messages.new_zeros((len(batch.atomic_numbers), *messages.shape[1:]))
    return zeros.index_add(0, batch.dst, messages)


def mean_incoming(batch: GraphBatch, messages: Tensor) -> Tensor:
    """(N, F) mean over the incoming edges of each atom of (E, F) messages; 0 where there is none."""
    return sum_incoming(batch, messages) / batch.degree.clamp(min=1).to(messages.dtype).unsqueeze(-1)


def sum_filtered(batch: GraphBatch, sender: Tensor, weights: Tensor) -> Tensor:
    """(N, F) sum over the incoming edges of `sender[src] ⊙ weights`, from (N, F) and (E, F)."""
    if uses_dgl(batch):
        from models.graph.dgl_backend import ops

        return ops.u_mul_e_sum(batch.dgl, sender, weights)
    return sum_incoming(batch, sender.index_select(0, batch.src) * weights)


def sum_outer(batch: GraphBatch, sender: Tensor, edge: Tensor) -> Tensor:
    """(N, F, H) sum over the incoming edges of the outer product `sender[src] ⊗ edge`, from (N, F) and (E, H).

    Incoming edges are padded to the largest number of them and multiplied atom by atom: no edge carries F × H numbers.
    """
    slots = batch.incoming_slots
    messages = from_senders(batch, sender)
    padded = [torch.cat([values, values.new_zeros(1, values.shape[1])])[slots] for values in (messages, edge)]
    return padded[0].transpose(1, 2) @ padded[1]


def softmax_incoming(batch: GraphBatch, logits: Tensor) -> Tensor:
    """(E, H) softmax of (E, H) logits over the incoming edges of each atom."""
    if uses_dgl(batch):
        from models.graph.dgl_backend import ops

        return ops.edge_softmax(batch.dgl, logits)
    return _softmax(logits, batch.dst, len(batch.atomic_numbers))


def readout_sum(batch: GraphBatch, x: Tensor, items: Items = "atoms") -> Tensor:
    """(B, F) sum over the atoms of each crystal of (N, F) features, or over its edges of (E, F); 0 where there is none."""
    lengths, owner = _items(batch, items)
    if uses_dgl(batch):
        from models.graph.dgl_backend import ops

        return ops.segment_reduce(lengths, x, reducer="sum")
    return x.new_zeros((batch.n_crystals, *x.shape[1:])).index_add(0, owner, x)


def readout_mean(batch: GraphBatch, x: Tensor, items: Items = "atoms") -> Tensor:
    """(B, F) mean over the atoms of each crystal of (N, F) features, or over its edges of (E, F); 0 where there is none."""
    lengths, _ = _items(batch, items)
    return readout_sum(batch, x, items) / lengths.clamp(min=1).to(x.dtype).unsqueeze(-1)


def readout_max(batch: GraphBatch, x: Tensor) -> Tensor:
    """(B, F) maximum over the atoms of each crystal of (N, F) features."""
    if uses_dgl(batch):
        from models.graph.dgl_backend import ops

        return ops.segment_reduce(batch.n_atoms, x, reducer="max")
    index = batch.crystal.unsqueeze(-1).expand_as(x)
    return x.new_zeros((batch.n_crystals, x.shape[1])).scatter_reduce(0, index, x, "amax", include_self=False)


def softmax_within(batch: GraphBatch, logits: Tensor, items: Items = "atoms") -> Tensor:
    """Softmax of (N, H) logits over the atoms of each crystal, or of (E, H) over its edges."""
    lengths, owner = _items(batch, items)
    if uses_dgl(batch):
        from models.graph.dgl_backend import ops

        return ops.segment_softmax(lengths, logits)
    return _softmax(logits, owner, batch.n_crystals)


def _items(batch: GraphBatch, items: Items) -> tuple[Tensor, Tensor]:
    """(B,) how many each crystal has, and the crystal of each."""
    return (batch.n_atoms, batch.crystal) if items == "atoms" else (batch.n_edges, batch.edge_crystal)


def _softmax(logits: Tensor, owner: Tensor, n: int) -> Tensor:
    index = owner.unsqueeze(-1).expand_as(logits)
    # The maximum only keeps exp in range; its gradient cancels.
    highest = logits.new_zeros((n, logits.shape[1])).scatter_reduce(0, index, logits.detach(), "amax", include_self=False)
    values = torch.exp(logits - highest[owner])
    return values / values.new_zeros((n, logits.shape[1])).index_add(0, owner, values)[owner]
