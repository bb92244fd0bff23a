"""CGCNN as published: Xie & Grossman, Phys. Rev. Lett. 120, 145301 (2018)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets.elements import cgcnn_features, magpie_features
from datasets.neighbors import Nearest
from models.batch import GraphBatch
from models.contract import ModelSpec, require
from models.graph_model import GraphModel
from models.layers import GaussianExpansion
from models.message_passing import add_ends, readout_mean, sum_incoming
from models.training import Recipe

ATOM_FEATURES = {"cgcnn": cgcnn_features, "magpie": magpie_features}


@dataclass(frozen=True)
class CGCNNSettings(Recipe):
    """Hyperparameters; the defaults are the published ones."""

    n_layers: int = 3
    width: int = 64
    hidden: int = 128
    atom_features: Literal["cgcnn", "magpie"] = "cgcnn"
    k: int = 12
    cutoff: float = 8.0
    ties: Literal["shell", "cut"] = "shell"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("n_layers", "width", "hidden", "k"):
            require(self, name, "at least 1", getattr(self, name) >= 1)
        require(self, "cutoff", "positive", 0 < self.cutoff < math.inf)


class CrystalConvolution(nn.Module):
    """Eq. 5: v_i ← softplus(v_i + BN(Σ_j σ(z W_f + b_f) ⊙ softplus(z W_s + b_s))), z = [v_i, v_j, e_ij], BN inside too."""

    def __init__(self, width: int, n_edge: int) -> None:
        super().__init__()
        self.width = width
        self.fc_full = nn.Linear(2 * width + n_edge, 2 * width)
        self.bn1 = nn.BatchNorm1d(2 * width)
        self.bn2 = nn.BatchNorm1d(width)

    def forward(self, batch: GraphBatch, v: Tensor, e: Tensor) -> Tensor:
        """(N, width) atom features and (E, n_edge) edge features → (N, width)."""
        # z W is a sum of three products: two are taken per atom and gathered, so no edge carries [v_i, v_j, e].
        receiver, sender, edge = self.fc_full.weight.split([self.width, self.width, e.shape[1]], dim=1)
        ends = add_ends(batch, v @ sender.T, F.linear(v, receiver, self.fc_full.bias))
        gate, core = self.bn1(torch.addmm(ends, e, edge.T)).chunk(2, dim=1)
        return F.softplus(v + self.bn2(sum_incoming(batch, torch.sigmoid(gate) * F.softplus(core))))


class CGCNNNetwork(nn.Module):
    """Embedding, `n_layers` convolutions, mean over atoms, softplus → Linear → softplus → Linear to one number."""

    atom_features: Tensor

    def __init__(self, settings: CGCNNSettings) -> None:
        super().__init__()
        table = torch.from_numpy(ATOM_FEATURES[settings.atom_features]())
        self.register_buffer("atom_features", table, persistent=False)
        # Upstream steps 0.2 Å from 0 to the cutoff and uses the step as the width.
        self.expansion = GaussianExpansion(0.0, settings.cutoff, round(settings.cutoff / 0.2) + 1, 0.2)
        n_edge = len(self.expansion.centres)
        self.embedding = nn.Linear(table.shape[1], settings.width)
        self.convs = nn.ModuleList(CrystalConvolution(settings.width, n_edge) for _ in range(settings.n_layers))
        self.conv_to_fc = nn.Linear(settings.width, settings.hidden)
        self.fc_out = nn.Linear(settings.hidden, 1)

    def forward(self, batch: GraphBatch) -> Tensor:
        """(B,) predictions in units of the scaled target."""
        v = self.embedding(self.atom_features[batch.atomic_numbers].to(self.embedding.weight.dtype))
        e = self.expansion(batch.distance)
        for conv in self.convs:
            v = conv(batch, v, e)
        hidden = self.conv_to_fc(F.softplus(readout_mean(batch, v)))
        return self.fc_out(F.softplus(hidden)).squeeze(-1)


class CGCNN(GraphModel[CGCNNSettings]):
    """The original CGCNN behind the contract."""

    settings_class = CGCNNSettings

    @staticmethod
    def rule(settings: CGCNNSettings) -> Nearest:
        """12 nearest periodic neighbours within 8 Å."""
        return Nearest(settings.k, settings.cutoff, settings.ties)

    @staticmethod
    def known_elements(settings: CGCNNSettings) -> np.ndarray:
        """(101, F) features; a zero row is an element the network cannot take."""
        return ATOM_FEATURES[settings.atom_features]()

    def build(self, settings: CGCNNSettings) -> nn.Module:
        """The network with fresh weights."""
        return CGCNNNetwork(settings)


PUBLISHED = CGCNNSettings(
    epochs=30, batch_size=256, optimizer="sgd", learning_rate=0.01, momentum=0.9, loss="mse", schedule="step"
)

MODELS = [
    ModelSpec(
        name="cgcnn",
        paper="Xie & Grossman, Phys. Rev. Lett. 120, 145301 (2018)",
        model=CGCNN,
        profiles={
            "smoke": CGCNNSettings(epochs=2, n_layers=2, width=16, hidden=32),
            "quick": CGCNNSettings(),
            "paper": PUBLISHED,
        },
        graph_rule=lambda settings: str(CGCNN.rule(settings)),
        published_parameters=lambda layers: 14_401 + 22_144 * layers,
    )
]
