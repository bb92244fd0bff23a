"""What GATGNN's attention computes on edges: states of pairs of an atom and a length, and their sum over neighbours."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from models.graph.batch import GraphBatch
from models.graph.message_passing import bag_sum, weighted
from models.graph.pieces import pieces


def pair_states(batch: GraphBatch, atom: Tensor, length: Tensor) -> Tensor:
    """(P, F) softplus(atom + length) of the batch's P pairs of an atom and a length, from (N, F) and (D, F)."""
    return _PairStates.apply(batch, atom, length)


def pair_sums(batch: GraphBatch, atom: Tensor, length: Tensor) -> Tensor:
    """(P, F) atom + length of the same pairs, for an activation other than softplus."""
    return F.embedding_bag(batch.pairs.terms, torch.cat([atom, length]), mode="sum")


class _PairStates(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, batch: GraphBatch, atom: Tensor, length: Tensor) -> Tensor:
        table, terms = torch.cat([atom, length]), batch.pairs.terms
        h = atom.new_empty(len(terms), atom.shape[1])
        for rows in pieces(h):
            torch.ops.aten.softplus.out(F.embedding_bag(terms[rows], table, mode="sum"), out=h[rows])
        ctx.sizes, ctx.terms = table.shape, terms
        ctx.n_atoms = len(atom)
        ctx.save_for_backward(h)
        return h

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (h,), gradient = ctx.saved_tensors, gradients[0]
        inner = torch.empty_like(h)
        for rows in pieces(h):
            # softplus' = 1 − exp(−softplus).
            torch.mul(gradient[rows], torch.expm1(-h[rows]).neg_(), out=inner[rows])
        table = h.new_zeros(ctx.sizes)
        for end in ctx.terms.unbind(1):
            table.index_add_(0, end, inner)
        return None, table[: ctx.n_atoms], table[ctx.n_atoms :]


def attend(batch: GraphBatch, alpha: Tensor, h: Tensor) -> Tensor:
    """(N, F) sum over the incoming edges of the mean over H heads of α h_j, from weights (E, H) and pair states (P, H F)."""
    return _Attend.apply(batch, weighted(alpha, batch.merged), h)


class _Attend(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, batch: GraphBatch, alpha: Tensor, h: Tensor) -> Tensor:
        heads = alpha.shape[1]
        ctx.batch = batch
        ctx.save_for_backward(alpha, h)
        by_head = h.view(len(h) * heads, h.shape[1] // heads)
        states = (batch.pairs.sender.unsqueeze(1) * heads + torch.arange(heads, device=h.device)).flatten()
        return bag_sum(by_head, states, batch.first_edges * heads, alpha.flatten() / heads)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (alpha, h), batch, gradient = ctx.saved_tensors, ctx.batch, gradients[0] / ctx.saved_tensors[0].shape[1]
        pairs, heads = batch.pairs, alpha.shape[1]
        by_alpha = torch.empty_like(alpha)
        for rows in pieces(alpha, h.shape[1]):
            of_edges = h.index_select(0, pairs.sender[rows]).view(-1, heads, gradient.shape[1])
            torch.sum(of_edges * gradient.index_select(0, batch.dst[rows]).unsqueeze(1), dim=-1, out=by_alpha[rows])
        # The edges of a pair once for each head: those of its first head, then those of its second, …
        order, n = pairs.order, pairs.counts
        first = torch.cumsum(n, 0) - n
        owner = pairs.sender[order]
        place = (heads - 1) * first[owner] + torch.arange(len(order), device=h.device)
        place = (place.unsqueeze(1) + n[owner].unsqueeze(1) * torch.arange(heads, device=h.device)).flatten()
        receivers, weights = batch.dst.new_empty(len(place)), alpha.new_empty(len(place))
        receivers[place] = batch.dst[order].repeat_interleave(heads)
        weights[place] = alpha[order].flatten()
        bags = torch.cat([n.new_zeros(1), torch.cumsum(n.repeat_interleave(heads), 0)])
        return None, by_alpha, bag_sum(gradient, receivers, bags, weights).view_as(h)
