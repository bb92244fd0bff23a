"""GATGNN: as published, Louis et al., Phys. Chem. Chem. Phys. 22, 18141 (2020); as MatDeepLearn has it; and DeeperGATGNN."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets.neighbor_search import Nearest
from models.contract import ModelSpec, require
from models.graph.atom_features import AtomFeatures
from models.graph.attention import attend, pair_states, pair_sums
from models.graph.batch import GraphBatch
from models.graph.layers import GaussianExpansion, Perceptron, composition
from models.graph.message_passing import readout_sum, softmax_incoming, softmax_within
from models.graph.norms import BatchNorm
from models.graph_model import GraphModel, NearestSettings
from models.matdeeplearn import FUNG, N_EDGE, OMEE, FamilyModel, FamilyNetwork, FamilySettings, family_spec, make_norm
from models.training import MINI

LEAK = 0.2

Activation = Literal["softplus", "relu", "leaky-relu"]
ACTIVATIONS: dict[str, type[nn.Module]] = {"softplus": nn.Softplus, "relu": nn.ReLU, "leaky-relu": nn.LeakyReLU}
"""With torch's defaults, as MatDeepLearn takes them by name."""


class GraphAttention(nn.Module):
    """AGAT, eqs. 4–7: h_i = softplus([x_i, e] W), h_j likewise; α = softmax_j softplus(BN(softplus(a · [h_i, h_j])));
    the mean over heads of Σ_j α h_j, plus a bias. Another activation stands for softplus everywhere; dropout is of α."""

    def __init__(self, width: int, n_edge: int, heads: int, activation: Activation = "softplus", dropout: float = 0.0) -> None:
        super().__init__()
        self.width, self.heads, self.dropout = width, heads, dropout
        self.activation = ACTIVATIONS[activation]()
        self.fused = activation == "softplus"
        self.weight = nn.Parameter(_glorot(width + n_edge, heads * width))
        self.attention = nn.Parameter(_glorot(heads, 2 * width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.norm = BatchNorm(heads)

    def forward(self, batch: GraphBatch, x: Tensor, e: Tensor) -> Tensor:
        """(N, width), (D, n_edge) → (N, width)."""
        by_atom, by_edge = self.weight.split([self.width, e.shape[1]])
        # h depends on an atom and a length alone: edges that share both ends' pair share h.
        terms = (batch, x @ by_atom, e @ by_edge)
        h = pair_states(*terms) if self.fused else self.activation(pair_sums(*terms))
        # Σ over a head's channels as a product with a block-diagonal matrix.
        to, by = (torch.block_diag(*part.unsqueeze(-1)) for part in self.attention.split(self.width, dim=1))
        own, other = (h @ torch.cat([to, by], dim=1)).chunk(2, dim=1)
        logits = own.index_select(0, batch.pairs.receiver) + other.index_select(0, batch.pairs.sender)
        alpha = softmax_incoming(batch, self.activation(self.norm(batch, self.activation(logits), "edges")))
        alpha = F.dropout(alpha, self.dropout, self.training)
        return attend(batch, alpha, h) + self.bias


def _glorot(rows: int, columns: int) -> Tensor:
    return torch.empty(rows, columns).uniform_(-1, 1) * math.sqrt(6 / (rows + columns))


class GlobalAttention(nn.Module):
    """Σ over the atoms of a crystal of w x; w is the softmax over its atoms of a perceptron on [x, composition]."""

    def __init__(self, width: int, hidden: list[int], n_elements: int, first: int, activation: Activation = "softplus") -> None:
        super().__init__()
        self.n_elements, self.first = n_elements, first
        self.score = Perceptron(width + n_elements, hidden, ACTIVATIONS[activation]())

    def forward(self, batch: GraphBatch, x: Tensor) -> Tensor:
        """(N, width) → (B, width)."""
        fractions = composition(batch, self.first, self.n_elements, x.dtype)
        weights = self.score(torch.cat([x, fractions[batch.crystal]], dim=1)).unsqueeze(-1)
        return readout_sum(batch, softmax_within(batch, weights) * x)


@dataclass(frozen=True)
class GATGNNSettings(NearestSettings):
    """Hyperparameters; the defaults are the published ones.

    width: features of an atom in every layer.
    heads: number of attention heads of a layer.
    """

    width: int = 64
    heads: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("width", "heads"):
            require(self, name, "at least 1", getattr(self, name) >= 1)


class GATGNNNetwork(nn.Module):
    """x ← softplus(BN(AGAT(x))); attention over atoms and composition; two hidden layers."""

    def __init__(self, settings: GATGNNSettings, elements: np.ndarray, n_outputs: int = 1) -> None:
        super().__init__()
        width = settings.width
        self.atom_features = AtomFeatures(settings.atom_features, elements)
        self.expansion = GaussianExpansion(0.0, settings.cutoff, round(settings.cutoff / 0.2) + 1, 0.2)
        self.embed = nn.Linear(self.atom_features.n_features, width)
        self.embed_edges = nn.Linear(len(self.expansion.centres), width)
        self.convs = nn.ModuleList(GraphAttention(width, width, settings.heads) for _ in range(settings.n_layers))
        self.norms = nn.ModuleList(BatchNorm(width) for _ in range(settings.n_layers))
        # Elements 1 … 103.
        self.readout = GlobalAttention(width, [width // 2], 103, 1)
        self.head = Perceptron(width, [width, width], nn.Softplus(), n_outputs)

    def forward(self, batch: GraphBatch) -> Tensor:
        """(B,) scaled targets, or (B, n_outputs) logits of classes."""
        x = self.embed(self.atom_features(batch))
        e = F.leaky_relu(self.embed_edges(self.expansion(batch.lengths)), LEAK)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.softplus(norm(batch, conv(batch, x, e)))
        return self.head(self.readout(batch, x))


class GATGNN(GraphModel[GATGNNSettings]):
    """The original GATGNN behind the contract."""

    settings_class = GATGNNSettings

    @staticmethod
    def rule(settings: GATGNNSettings) -> Nearest:
        """12 nearest periodic neighbours within 8 Å."""
        return Nearest(settings.k, settings.cutoff, settings.ties)

    def build(self, settings: GATGNNSettings, elements: np.ndarray, n_outputs: int) -> nn.Module:
        """The network with fresh weights."""
        return GATGNNNetwork(settings, elements, n_outputs)


@dataclass(frozen=True)
class GATGNNMDLSettings(FamilySettings):
    """Hyperparameters; `skip` "none" is published for the plain network, "single" for DeeperGATGNN.

    heads: number of attention heads of a layer.
    activation: of the attention, over neighbours and over the atoms of a crystal.
    dropout: probability with which training drops a weight of the attention over neighbours, and a feature behind a layer.
    """

    n_layers: int = 5
    width: int = 64
    heads: int = 4
    skip: Literal["none", "single"] = "none"
    activation: Activation = "softplus"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, "heads", "at least 1", self.heads >= 1)
        require(self, "dropout", "from 0 to below 1", 0 <= self.dropout < 1)


class GATGNNMDLNetwork(FamilyNetwork):
    """x ← norm(AGAT(x)), to which the skip adds x, then dropout; attention over atoms and composition; one linear layer."""

    def __init__(self, settings: GATGNNMDLSettings, elements: np.ndarray, n_outputs: int = 1) -> None:
        super().__init__(settings, elements)
        width, activation = settings.width, settings.activation
        self.skip, self.dropout = settings.skip, settings.dropout
        self.embed = nn.Linear(self.atom_features.n_features, width)
        self.embed_edges = nn.Linear(N_EDGE, width)
        self.convs = nn.ModuleList(
            GraphAttention(width, width, settings.heads, activation, settings.dropout) for _ in range(settings.n_layers)
        )
        self.norms = nn.ModuleList(make_norm(settings) for _ in range(settings.n_layers))
        self.readout = GlobalAttention(width, [width, width], 108, 0, activation)
        self.head = nn.Linear(width, n_outputs)

    def core(self, batch: GraphBatch, x: Tensor, e: Tensor) -> Tensor:
        """(N, n_features), (D, 50) → (B,) or (B, n_outputs)."""
        x = F.leaky_relu(self.embed(x), LEAK)
        e = F.leaky_relu(self.embed_edges(e), LEAK)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            out = norm(batch, conv(batch, x, e))
            x = F.dropout(out if self.skip == "none" else out + x, self.dropout, self.training)
        return self.head(self.readout(batch, x)).squeeze(-1)


class GATGNNMDL(FamilyModel[GATGNNMDLSettings]):
    """MatDeepLearn's GATGNN behind the contract."""

    settings_class = GATGNNMDLSettings

    def build(self, settings: GATGNNMDLSettings, elements: np.ndarray, n_outputs: int) -> nn.Module:
        """The network with fresh weights."""
        return GATGNNMDLNetwork(settings, elements, n_outputs)


ORIGINAL = "Louis et al., Phys. Chem. Chem. Phys. 22, 18141 (2020)"
PUBLISHED = GATGNNSettings(
    epochs=200, batch_size=256, learning_rate=0.005, weight_decay=0.1, loss="smooth-l1", schedule="step",
    step_epoch=150, step_factor=0.3,
)  # fmt: skip
FAMILY = f"GATGNN of {FUNG}"
PLAIN = GATGNNMDLSettings(learning_rate=0.005)
DEEPER = replace(PLAIN, n_layers=20, norm="group", skip="single")
SMALL: dict[str, Any] = {"width": 16, "heads": 2}
MINI_SIZES: dict[str, Any] = {"n_layers": 2, "width": 32, "heads": 2}

MODELS = [
    ModelSpec(
        name="gatgnn",
        paper=ORIGINAL,
        model=GATGNN,
        profiles={
            "smoke": GATGNNSettings(epochs=2, n_layers=2, **SMALL),
            "mini": GATGNNSettings(**MINI, **MINI_SIZES),
            "standard": GATGNNSettings(),
            "paper": PUBLISHED,
        },
        graph_rule=lambda settings: str(GATGNN.rule(settings)),
        published_parameters=lambda layers: 33_711 + 33_481 * layers,
    ),
    family_spec("gatgnn-mdl", FAMILY, GATGNNMDL, PLAIN, MINI_SIZES, SMALL, lambda layers: 26_370 + 33_480 * layers),
    family_spec("deeper-gatgnn", OMEE, GATGNNMDL, DEEPER, MINI_SIZES, SMALL, lambda layers: 31_746 + 35_272 * layers),
]
