"""Layers that several models share."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.graph.batch import GraphBatch, Items
from models.graph.message_passing import readout_mean, readout_sum, softmax_within


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
        owner = batch.owner(self.items)
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
