"""CGCNN as MatDeepLearn has it, and DeeperCGCNN: Fung et al., npj Comput. Mater. 7, 84 (2021); Omee et al. (2022)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.graph.batch import GraphBatch
from models.graph.message_passing import add_parts, mean_incoming, readout_mean
from models.matdeeplearn import FUNG, N_EDGE, OMEE, FamilyModel, HeadSettings, ResidualNetwork, family_spec


@dataclass(frozen=True)
class CGCNNMDLSettings(HeadSettings):
    """Hyperparameters; `skip` "single" is published for the plain network, "double" for the Deeper one.

    hidden: units of each hidden layer after the readout.
    """

    hidden: int = 150


class GatedConvolution(nn.Module):
    """Mean over the incoming edges of σ(z W_f + b_f) ⊙ softplus(z W_s + b_s), z = [x_dst, x_src, e]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * width + N_EDGE, 2 * width)

    def forward(self, batch: GraphBatch, x: Tensor, e: Tensor) -> Tensor:
        """(N, width), (D, 50) → (N, width)."""
        width = x.shape[1]
        receiver, sender, edge = self.linear.weight.split([width, width, N_EDGE], dim=1)
        z = add_parts(batch, x @ sender.T, F.linear(x, receiver, self.linear.bias), e @ edge.T)
        gate, core = z.chunk(2, dim=1)
        return mean_incoming(batch, torch.sigmoid(gate) * F.softplus(core))


class CGCNNMDL(FamilyModel[CGCNNMDLSettings]):
    """MatDeepLearn's CGCNN behind the contract."""

    settings_class = CGCNNMDLSettings
    receiver = "neighbor"

    def build(self, settings: CGCNNMDLSettings, elements: np.ndarray, n_outputs: int) -> nn.Module:
        """The network with fresh weights."""
        convs = [GatedConvolution(settings.width) for _ in range(settings.n_layers)]
        return ResidualNetwork(settings, elements, n_outputs, convs, readout_mean)


PLAIN = CGCNNMDLSettings(learning_rate=0.002)
DEEPER = replace(PLAIN, norm="group", skip="double")
MINI_SIZES = {"n_layers": 2, "width": 32, "hidden": 64}
SMALL = {"width": 16, "hidden": 16}

MODELS = [
    family_spec("cgcnn-mdl", f"CGCNN of {FUNG}", CGCNNMDL, PLAIN, MINI_SIZES, SMALL, lambda layers: 72_101 + 50_600 * layers),
    family_spec("deeper-cgcnn", OMEE, CGCNNMDL, DEEPER, MINI_SIZES, SMALL, lambda layers: 72_101 + 53_400 * layers),
]
