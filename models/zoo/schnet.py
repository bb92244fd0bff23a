"""SchNet as MatDeepLearn has it, and DeeperSchNet: Schütt et al., J. Chem. Phys. 148, 241722 (2018)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from models.contract import require
from models.graph.batch import GraphBatch
from models.graph.layers import shifted_softplus
from models.graph.message_passing import readout_max, sum_filtered
from models.matdeeplearn import FUNG, N_EDGE, OMEE, FamilyModel, HeadSettings, ResidualNetwork, family_spec


@dataclass(frozen=True)
class SchNetSettings(HeadSettings):
    """Hyperparameters; `skip` "single" is published for the plain network, "double" for the Deeper one.

    filters: features of the filters that depend on distance.
    """

    filters: int = 150

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, "filters", "at least 1", self.filters >= 1)


class Interaction(nn.Module):
    """Continuous-filter convolution: v = W₃ ssp(W₂ Σ_j (W₁ x_j) ⊙ filter(e_ij)), the filter damped to 0 at the cutoff."""

    def __init__(self, width: int, filters: int, cutoff: float) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.filter_in = nn.Linear(N_EDGE, filters)
        self.filter_out = nn.Linear(filters, filters)
        self.sender = nn.Linear(width, filters, bias=False)
        self.update_in = nn.Linear(filters, width)
        self.update_out = nn.Linear(width, width)
        for layer in (self.filter_in, self.filter_out, self.sender, self.update_in, self.update_out):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, batch: GraphBatch, x: Tensor, e: Tensor) -> Tensor:
        """(N, width), (D, 50) → (N, width)."""
        damping = 0.5 * (torch.cos(batch.lengths * (math.pi / self.cutoff)) + 1.0)
        weights = self.filter_out(shifted_softplus(self.filter_in(e))) * damping.unsqueeze(-1)
        v = sum_filtered(batch, self.sender(x), weights)
        return self.update_out(shifted_softplus(self.update_in(v)))


class SchNet(FamilyModel[SchNetSettings]):
    """SchNet behind the contract."""

    settings_class = SchNetSettings
    receiver = "neighbor"

    def build(self, settings: SchNetSettings, elements: np.ndarray, n_outputs: int) -> nn.Module:
        """The network with fresh weights."""
        sizes = (settings.width, settings.filters, settings.cutoff)
        convs = [Interaction(*sizes) for _ in range(settings.n_layers)]
        return ResidualNetwork(settings, elements, n_outputs, convs, readout_max)


PLAIN = SchNetSettings(learning_rate=0.0005)
DEEPER = replace(PLAIN, norm="group", skip="double")
MINI_SIZES = {"n_layers": 2, "width": 32, "hidden": 64, "filters": 32}
SMALL = {"width": 16, "hidden": 16, "filters": 16}
PAPER = f"Schütt et al., J. Chem. Phys. 148, 241722 (2018), as in {FUNG}"

MODELS = [
    family_spec("schnet", PAPER, SchNet, PLAIN, MINI_SIZES, SMALL, lambda layers: 41_901 + 70_700 * layers),
    family_spec("deeper-schnet", OMEE, SchNet, DEEPER, MINI_SIZES, SMALL, lambda layers: 41_901 + 73_500 * layers),
]
