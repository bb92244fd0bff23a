"""Gather, reduce and read out over a GraphBatch: DGL's kernels, or the same in plain torch.

DGL runs wherever the installed build knows the device (PyPI's wheels: the CPU); elsewhere, or without DGL, torch's own
index operations compute the same values and gradients. `backend` chooses by hand, for tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, partial
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from datasets.errors import InputError
from models.graph.batch import GraphBatch, Items

Backend = Literal["auto", "dgl", "torch"]
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
        sums = [total(batch, g) for total in (sum_outgoing, _sum_rows, sum_by_length)[: ctx.n]]
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
    if batch.merged is None:
        return _sum_rows(batch, messages)
    if _backend.get() == "dgl":
        return _sum_rows(batch, weighted(messages, batch.merged))
    return _SumMerged.apply(batch, messages)


def _sum_rows(batch: GraphBatch, messages: Tensor) -> Tensor:
    """`sum_incoming` where a row is one edge, merged or not."""
    if uses_dgl(batch):
        from models.graph.dgl_backend import ops

        return ops.copy_e_sum(batch.dgl, messages)
    zeros = messages.new_zeros((len(batch.atomic_numbers), *messages.shape[1:]))
    return zeros.index_add(0, batch.dst, messages)


class _SumMerged(torch.autograd.Function):
    """The sum of messages times `merged` in one pass: no weighted message is kept."""

    @staticmethod
    def forward(ctx: Any, batch: GraphBatch, messages: Tensor) -> Tensor:
        ctx.batch = batch
        rows = torch.arange(len(messages), device=messages.device)
        return bag_sum(messages, rows, batch.first_edges, batch.merged)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return None, weighted(gradients[0].index_select(0, ctx.batch.dst), ctx.batch.merged)


def bag_sum(table: Tensor, rows: Tensor, bags: Tensor, weights: Tensor | None) -> Tensor:
    """(len(bags) − 1, F) sums of rows of (n, F), each times its weight; the i-th takes those from bags[i] to bags[i + 1]."""
    if not len(rows):
        return table.new_zeros(len(bags) - 1, table.shape[1])
    return F.embedding_bag(rows, table, bags, mode="sum", per_sample_weights=weights, include_last_offset=True)


def weighted(x: Tensor, weights: Tensor | None) -> Tensor:
    """Each row of (n, …) times its weight (n,); None leaves them."""
    return x if weights is None else x * weights.view(-1, *[1] * (x.dim() - 1))


def mean_incoming(batch: GraphBatch, messages: Tensor) -> Tensor:
    """(N, F) mean over the incoming edges of each atom of (E, F) messages; 0 where there is none."""
    return sum_incoming(batch, messages) / batch.degree.clamp(min=1).to(messages.dtype).unsqueeze(-1)


def sum_filtered(batch: GraphBatch, sender: Tensor, filters: Tensor) -> Tensor:
    """(N, F) sum over the incoming edges of `sender[src] ⊙ filters[length_of]`, from (N, F) and (D, F)."""
    if batch.merged is None or batch.length_of is None:
        edges = weighted(from_lengths(batch, filters), batch.merged)
    else:
        edges = _MergedLengths.apply(batch, filters)
    if uses_dgl(batch):
        from models.graph.dgl_backend import ops

        return ops.u_mul_e_sum(batch.dgl, sender, edges)
    return _sum_rows(batch, sender.index_select(0, batch.src) * edges)


class _MergedLengths(torch.autograd.Function):
    """`from_lengths` times `merged`, in one pass each way."""

    @staticmethod
    def forward(ctx: Any, batch: GraphBatch, x: Tensor) -> Tensor:
        ctx.batch = batch
        return bag_sum(x, batch.edge_length, torch.arange(len(batch.src) + 1, device=x.device), batch.merged)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        order, bags = ctx.batch.by_length
        return None, bag_sum(gradients[0].contiguous(), order, bags, ctx.batch.merged[order])


def sum_outer(batch: GraphBatch, sender: Tensor, edge: Tensor) -> Tensor:
    """(N, F, H) sum over the incoming edges of the outer product `sender[src] ⊗ edge`, from (N, F) and (E, H).

    Incoming edges are padded to the largest number of them and multiplied atom by atom: no edge carries F × H numbers.
    """
    slots = batch.incoming_slots
    messages, edge = from_senders(batch, sender), weighted(edge, batch.merged)
    padded = [torch.cat([values, values.new_zeros(1, values.shape[1])])[slots] for values in (messages, edge)]
    return padded[0].transpose(1, 2) @ padded[1]


def softmax_incoming(batch: GraphBatch, logits: Tensor) -> Tensor:
    """(E, H) softmax of (E, H) logits over the incoming edges of each atom: the weight of one edge, merged or not."""
    return _of_each(partial(_softmax_incoming, batch), logits, batch.merged)


def _softmax_incoming(batch: GraphBatch, logits: Tensor) -> Tensor:
    if uses_dgl(batch):
        from models.graph.dgl_backend import ops

        return ops.edge_softmax(batch.dgl, logits)
    return _softmax(logits, batch.dst, len(batch.atomic_numbers))


def readout_sum(batch: GraphBatch, x: Tensor, items: Items = "atoms") -> Tensor:
    """(B, F) sum over the atoms of each crystal of (N, F) features, or over its edges of (E, F); 0 where there is none."""
    x = weighted(x, batch.weights(items))
    if uses_dgl(batch):
        from models.graph.dgl_backend import ops

        return ops.segment_reduce(batch.rows_of_crystals(items), x, reducer="sum")
    return x.new_zeros((batch.n_crystals, *x.shape[1:])).index_add(0, batch.owner(items), x)


def readout_mean(batch: GraphBatch, x: Tensor, items: Items = "atoms") -> Tensor:
    """(B, F) mean over the atoms of each crystal of (N, F) features, or over its edges of (E, F); 0 where there is none."""
    return readout_sum(batch, x, items) / batch.counts(items).clamp(min=1).to(x.dtype).unsqueeze(-1)


def readout_max(batch: GraphBatch, x: Tensor) -> Tensor:
    """(B, F) maximum over the atoms of each crystal of (N, F) features."""
    if uses_dgl(batch):
        from models.graph.dgl_backend import ops

        return ops.segment_reduce(batch.n_atoms, x, reducer="max")
    index = batch.crystal.unsqueeze(-1).expand_as(x)
    return x.new_zeros((batch.n_crystals, x.shape[1])).scatter_reduce(0, index, x, "amax", include_self=False)


def softmax_within(batch: GraphBatch, logits: Tensor, items: Items = "atoms") -> Tensor:
    """Softmax of (N, H) logits over the atoms of each crystal, or of (E, H) over its edges: the weight of one of them."""
    return _of_each(partial(_softmax_within, batch, items), logits, batch.weights(items))


def _softmax_within(batch: GraphBatch, items: Items, logits: Tensor) -> Tensor:
    if uses_dgl(batch):
        from models.graph.dgl_backend import ops

        return ops.segment_softmax(batch.rows_of_crystals(items), logits)
    return _softmax(logits, batch.owner(items), batch.n_crystals)


def _of_each(softmax: Callable[[Tensor], Tensor], logits: Tensor, weights: Tensor | None) -> Tensor:
    """The softmax over all that the rows stand for: each row as often as its weight says."""
    if weights is None:
        return softmax(logits)
    column = weights.unsqueeze(-1)
    return softmax(logits + torch.log(column)) / column


def _softmax(logits: Tensor, owner: Tensor, n: int) -> Tensor:
    index = owner.unsqueeze(-1).expand_as(logits)
    # The maximum only keeps exp in range; its gradient cancels.
    highest = logits.new_zeros((n, logits.shape[1])).scatter_reduce(0, index, logits.detach(), "amax", include_self=False)
    values = torch.exp(logits - highest[owner])
    return values / values.new_zeros((n, logits.shape[1])).index_add(0, owner, values)[owner]
