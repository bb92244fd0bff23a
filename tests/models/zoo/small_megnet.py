"""A small MEGNet."""

from __future__ import annotations

import torch
from torch import nn

from models.zoo.megnet import MEGNet, MEGNetSettings

SMALL = MEGNetSettings(n_layers=3, width=6, hidden=10, pooled=4, gaussians=12)


def small_megnet() -> MEGNet:
    """Three small blocks with random weights and biases, in double precision."""
    torch.manual_seed(0)
    model = MEGNet(SMALL)
    for parameter in model.network.parameters():
        nn.init.normal_(parameter, std=0.5)
    model.network.double().eval()
    return model
