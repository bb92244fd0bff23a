"""MPNN as MatDeepLearn has it, and DeeperMPNN: Gilmer et al., ICML 34, 1263 (2017)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.graph.batch import GraphBatch
from models.graph.layers import Perceptron
from models.graph.message_passing import from_lengths, readout_mean, sum_outer
from models.matdeeplearn import FUNG, N_EDGE, OMEE, FamilyModel, FamilyNetwork, HeadSettings, family_spec, make_norm


@dataclass(frozen=True)
class MPNNSettings(HeadSettings):
    """Hyperparameters; `skip` "none" is published for the plain network, "single" for the Deeper one."""

    skip: Literal["none", "single"] = "none"


class EdgeNetwork(nn.Module):
    """Mean over the incoming edges of x_src A(e), plus x R + b; A(e) = W₂ ReLU(W₁ e) is a matrix an edge.

    The sum over edges is taken of x_src ⊗ ReLU(W₁ e) and multiplied by W₂ once an atom: no edge carries its matrix.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.edge_in = nn.Linear(N_EDGE, width)
        self.edge_out = nn.Linear(width, width * width)
        self.root = nn.Parameter(torch.empty(width, width).uniform_(-1, 1) / math.sqrt(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, batch: GraphBatch, x: Tensor, e: Tensor) -> Tensor:
        """(N, width), (D, 50) → (N, width)."""
        width = x.shape[1]
        # A column of ones beside ReLU(W₁ e) carries the bias of W₂.
        edge = from_lengths(batch, F.pad(torch.relu(self.edge_in(e)), (0, 1), value=1.0))
        outer = sum_outer(batch, x, edge)
        matrices = torch.cat([self.edge_out.weight, self.edge_out.bias.unsqueeze(-1)], dim=1).view(width, width, -1)
        total = outer.flatten(1) @ matrices.transpose(1, 2).reshape(-1, width)
        mean = total / batch.degree.clamp(min=1).to(x.dtype).unsqueeze(-1)
        return torch.addmm(mean, x, self.root) + self.bias


class MPNNNetwork(FamilyNetwork):
    """m = ReLU(norm(conv(x))), h ← GRU(m, h), x = h, to which the skip adds the layer's input; mean over atoms; perceptron."""

    def __init__(self, settings: MPNNSettings, elements: np.ndarray, n_outputs: int = 1) -> None:
        super().__init__(settings, elements)
        self.skip = settings.skip
        self.embed = nn.Linear(self.atom_features.n_features, settings.width)
        layers = range(settings.n_layers)
        self.convs = nn.ModuleList(EdgeNetwork(settings.width) for _ in layers)
        self.norms = nn.ModuleList(make_norm(settings) for _ in layers)
        self.gates = nn.ModuleList(nn.GRUCell(settings.width, settings.width) for _ in layers)
        self.head = Perceptron(settings.width, [settings.hidden] * 3, nn.ReLU(), n_outputs)

    def core(self, batch: GraphBatch, x: Tensor, e: Tensor) -> Tensor:
        """(N, n_features), (D, 50) → (B,) or (B, n_outputs)."""
        h = x = torch.relu(self.embed(x))
        for conv, norm, gate in zip(self.convs, self.norms, self.gates, strict=True):
            h = gate(torch.relu(norm(batch, conv(batch, x, e))), h)
            x = h if self.skip == "none" else h + x
        return self.head(readout_mean(batch, x))


class MPNN(FamilyModel[MPNNSettings]):
    """MPNN behind the contract."""

    settings_class = MPNNSettings
    receiver = "neighbor"

    def build(self, settings: MPNNSettings, elements: np.ndarray, n_outputs: int) -> nn.Module:
        """The network with fresh weights."""
        return MPNNNetwork(settings, elements, n_outputs)


PLAIN = MPNNSettings(learning_rate=0.001)
DEEPER = replace(PLAIN, norm="group", skip="single")
MINI_SIZES = {"n_layers": 2, "width": 32, "hidden": 64}
SMALL = {"width": 16, "hidden": 16}
PAPER = f"Gilmer et al., ICML 34, 1263 (2017), as in {FUNG}"

MODELS = [
    family_spec("mpnn", PAPER, MPNN, PLAIN, MINI_SIZES, SMALL, lambda layers: 41_901 + 1_086_000 * layers),
    family_spec("deeper-mpnn", OMEE, MPNN, DEEPER, MINI_SIZES, SMALL, lambda layers: 41_901 + 1_088_800 * layers),
]
