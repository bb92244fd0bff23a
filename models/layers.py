"""Layers that several models share."""

from __future__ import annotations

import torch
from torch import Tensor, nn


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
