"""Normalisation over the atoms, edges or crystals of a batch, each counted as often as its row stands for it."""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.graph.batch import GraphBatch
from models.graph.pieces import pieces

Rows = Literal["atoms", "edges", "crystals"]


def counted(batch: GraphBatch, x: Tensor, rows: Rows) -> tuple[Tensor | None, int]:
    """(N,) how often each row of (N, F) counts (None: once), and their sum."""
    return (None, len(x)) if rows == "crystals" else (batch.weights(rows), batch.total(rows))


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation of (N, F) that falls back to the running statistics where fewer than two rows have none of their
    own. Rows of a folded batch count as often as what they stand for: in the mean, and in the unbiased running variance."""

    def forward(self, batch: GraphBatch, x: Tensor, rows: Rows = "atoms") -> Tensor:  # type: ignore[override]
        """(N, F) → (N, F)."""
        weights, n = counted(batch, x, rows)
        if not self.training or weights is None or n < 2:
            return self._of_rows(x, self.training and n >= 2)
        assert self.momentum is not None and self.running_mean is not None and self.running_var is not None
        y, mean, variance = _WeightedNorm.apply(x, weights / n, self.weight, self.bias, self.eps)
        with torch.no_grad():
            assert self.num_batches_tracked is not None
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (n / (n - 1)), self.momentum)
        return y

    def _of_rows(self, x: Tensor, own: bool) -> Tensor:
        """Where every row counts once, or statistics are those that run along."""
        if own or not self.training:
            return super().forward(x)
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)


class _WeightedNorm(torch.autograd.Function):
    """(x − m) / √(v + eps) · γ + β with m = Σ p x and v = Σ p (x − m)², for weights p that add up to 1."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, p: Tensor, gamma: Tensor, beta: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        mean = p @ x
        variance = torch.zeros_like(mean)
        for rows in pieces(x):
            variance += p[rows] @ (x[rows] - mean).square_()
        scale = torch.rsqrt(variance + eps)
        ctx.save_for_backward(x, p, gamma, mean, scale)
        ctx.mark_non_differentiable(mean, variance)
        return F.batch_norm(x, mean, variance, gamma, beta, False, 0.0, eps), mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (x, p, gamma, mean, scale), gradient = ctx.saved_tensors, gradients[0]
        by_beta, products = torch.zeros_like(mean), torch.zeros_like(mean)
        for rows in pieces(x):
            by_beta += gradient[rows].sum(dim=0)
            products += (x[rows] * gradient[rows]).sum(dim=0)
        by_gamma = (products - mean * by_beta) * scale
        # ∂/∂x_i = γ s (g_i − p_i (Σ g + x̂_i Σ g x̂)) = a g_i − p_i (b + c x_i).
        a = gamma * scale
        c = a * scale * by_gamma
        b = a * by_beta - c * mean
        by_x = torch.empty_like(x)
        for rows in pieces(x):
            shared = torch.addcmul(b, c, x[rows])
            torch.addcmul(gradient[rows] * a, shared, p[rows, None], value=-1, out=by_x[rows])
        return by_x, None, by_gamma, by_beta, None


class GroupNorm(nn.Module):
    """Differentiable group normalisation: Zhou et al., NeurIPS 33, 4917 (2020), eqs. 3 and 4.

    S = softmax(x W) assigns each row to `n_groups` groups; x ← x + λ Σ_g BN(S_g x), with a batch normalisation a group.
    As BN(S_g x) = a_g S_g x + c_g, the sum over groups is x ⊙ (S A) + c: the (N, groups × F) product is never made.
    """

    def __init__(self, width: int, n_groups: int = 10, weight: float = 0.01) -> None:
        super().__init__()
        self.assign = nn.Linear(width, n_groups, bias=False)
        self.norm = nn.BatchNorm1d(n_groups * width)
        self.weight = weight

    def forward(self, batch: GraphBatch, x: Tensor, rows: Rows = "atoms") -> Tensor:
        """(N, F) → (N, F)."""
        groups = torch.softmax(self.assign(x), dim=1)
        mean, variance = self._statistics(groups, x, *counted(batch, x, rows))
        scale = (self.norm.weight.view_as(mean) * torch.rsqrt(variance + self.norm.eps)).to(x.dtype)
        shift = (self.norm.bias.view_as(mean) - mean.to(x.dtype) * scale).sum(dim=0)
        return x + self.weight * (x * (groups @ scale) + shift)

    def _statistics(self, groups: Tensor, x: Tensor, weights: Tensor | None, n: int) -> tuple[Tensor, Tensor]:
        """(groups, F) mean and variance of S_g x over the n that the rows count; in training mode the running ones follow."""
        shape = groups.shape[1], x.shape[1]
        running_mean, running_var = self.norm.running_mean, self.norm.running_var
        assert running_mean is not None and running_var is not None and self.norm.momentum is not None
        if not self.training or n < 2:
            return running_mean.view(shape), running_var.view(shape)
        # In double precision, as E[h²] − E[h]² cancels where the rows have become alike.
        s, h = groups.double(), x.double()
        s_mean, s_square = (s, s.square()) if weights is None else (s * weights[:, None], s.square() * weights[:, None])
        mean = s_mean.T @ h / n
        variance = (s_square.T @ h.square() / n - mean.square()).clamp(min=0)
        with torch.no_grad():
            momentum = self.norm.momentum
            running_mean.lerp_(mean.flatten().to(x.dtype), momentum)
            running_var.lerp_((variance * n / (n - 1)).flatten().to(x.dtype), momentum)
        return mean, variance
