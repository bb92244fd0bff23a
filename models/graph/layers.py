"""Layers that several models share."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.graph.batch import GraphBatch
from models.graph.message_passing import Items, readout_mean, readout_sum, softmax_within


class GaussianExpansion(nn.Module):
    """d → exp(−(d − μ)² / width²) for `n` centres μ from `start` to `stop` Å; (E,) → (E, n)."""

    centres: Tensor

    def __init__(self, start: float, stop: float, n: int, width: float) -> None:
        super().__init__()
        self.register_buffer("centres", torch.linspace(start, stop, n, dtype=torch.float64), persistent=False)
        self.width = width

    def forward(self, distance: Tensor) -> Tensor:
        """Expand distances in Å."""
        z = (distance.unsqueeze(-1) - self.centres.to(distance.dtype)) / self.width
        # Far centres would give denormal numbers, which slow exp and the matrix product after it tenfold; exp(-46) = 1e-20.
        return torch.exp(-z.square().clamp(max=46.0))


class BatchNorm(nn.BatchNorm1d):
    """Batch normalisation of (N, F) that falls back to the running statistics where N < 2 has none of its own."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, F) → (N, F)."""
        if self.training and len(x) < 2:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
        return super().forward(x)


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

    def forward(self, x: Tensor) -> Tensor:
        """(N, F) → (N, F)."""
        groups = torch.softmax(self.assign(x), dim=1)
        mean, variance = self._statistics(groups, x)
        scale = (self.norm.weight.view_as(mean) * torch.rsqrt(variance + self.norm.eps)).to(x.dtype)
        shift = (self.norm.bias.view_as(mean) - mean.to(x.dtype) * scale).sum(dim=0)
        return x + self.weight * (x * (groups @ scale) + shift)

    def _statistics(self, groups: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """(groups, F) mean and variance of S_g x over the rows; in training mode the running ones follow."""
        shape, n = (groups.shape[1], x.shape[1]), len(x)
        running_mean, running_var = self.norm.running_mean, self.norm.running_var
        assert running_mean is not None and running_var is not None and self.norm.momentum is not None
        if not self.training or n < 2:
            return running_mean.view(shape), running_var.view(shape)
        # In double precision, as E[h²] − E[h]² cancels where the rows have become alike.
        s, h = groups.double(), x.double()
        mean = s.T @ h / n
        variance = (s.square().T @ h.square() / n - mean.square()).clamp(min=0)
        with torch.no_grad():
            momentum = self.norm.momentum
            running_mean.lerp_(mean.flatten().to(x.dtype), momentum)
            running_var.lerp_((variance * n / (n - 1)).flatten().to(x.dtype), momentum)
        return mean, variance


class Perceptron(nn.Module):
    """Linear → activation for each of `widths`, then Linear; (B, F) → (B,), or (B, n_outputs) of several."""

    def __init__(self, width: int, widths: list[int], activation: nn.Module, n_outputs: int = 1) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip([width, *widths], widths, strict=False))
        self.out = nn.Linear(widths[-1], n_outputs)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """(B, F) → (B,), or (B, n_outputs) of several."""
        for layer in self.layers:
            x = self.activation(layer(x))
        return self.out(x).squeeze(-1)


LN2 = float(torch.tensor(2.0).log())
"""ln 2 in single precision, as the published codes subtract it in whatever precision they compute."""


def shifted_softplus(x: Tensor) -> Tensor:
    """softplus(x) − ln 2: zero at zero."""
    return F.softplus(x) - LN2


class Dense(nn.Linear):
    """x → softplus(W x + b) − ln 2; (…, n) → (…, m)."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply layer and activation."""
        return shifted_softplus(super().forward(x))


HEAVIEST = 118


def composition(batch: GraphBatch, first: int, n: int, dtype: torch.dtype) -> Tensor:
    """(B, n) fraction of the atoms of each crystal that are of element Z = first … first + n − 1; others have no column."""
    elements = F.one_hot(batch.atomic_numbers, HEAVIEST + 1)[:, first : first + n]
    return readout_mean(batch, elements.to(dtype))


class Set2Set(nn.Module):
    """Vinyals, Bengio & Kudlur, arXiv:1511.06391, as MEGNet's code has it: q = LSTM(q*), q* = [q, Σ softmax(m·q) m], m = W x.

    dgl.nn.Set2Set computes another function: it carries the LSTM's cell from step to step, has the logistic function for
    the hard sigmoid and x itself for m. With no cell to forget, the forget gate, a quarter of `gates`, is idle here.
    """

    def __init__(self, width: int, pooled: int, items: Items, steps: int = 3) -> None:
        super().__init__()
        self.items = items
        self.steps = steps
        self.project = nn.Linear(width, pooled)
        self.gates = nn.Linear(2 * pooled, 4 * pooled)

    def forward(self, batch: GraphBatch, x: Tensor) -> Tensor:
        """(N, width) atoms or (E, width) bonds → (B, 2 pooled)."""
        owner = batch.crystal if self.items == "atoms" else batch.edge_crystal
        m = self.project(x)
        pooled = m.new_zeros(batch.n_crystals, self.gates.in_features)
        for _ in range(self.steps):
            enter, _forget, cell, leave = self.gates(pooled).chunk(4, dim=1)
            query = hard_sigmoid(leave) * torch.tanh(hard_sigmoid(enter) * torch.tanh(cell))
            logits = (m * query.index_select(0, owner)).sum(dim=1, keepdim=True)
            attention = softmax_within(batch, logits, self.items)
            pooled = torch.cat([query, readout_sum(batch, attention * m, self.items)], dim=1)
        return pooled


def hard_sigmoid(x: Tensor) -> Tensor:
    """0.2 x + 0.5, cut to 0 … 1: that of Keras, while torch's has the slope 1/6."""
    return (0.2 * x + 0.5).clamp(0.0, 1.0)
