"""MEGNet as MatDeepLearn has it, and DeeperMEGNet: Fung et al., npj Comput. Mater. 7, 84 (2021); Omee et al. (2022)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.graph.batch import GraphBatch
from models.graph.layers import Perceptron
from models.graph.message_passing import add_parts, from_lengths, mean_incoming, readout_mean
from models.graph.norms import Rows
from models.matdeeplearn import FUNG, N_EDGE, OMEE, FamilyModel, FamilyNetwork, HeadSettings, family_spec, make_norm

N_STATE = 3
"""Numbers of the state of a crystal; they are zero, as no dataset has any."""


@dataclass(frozen=True)
class MEGNetMDLSettings(HeadSettings):
    """Hyperparameters; `skip` "single" is published for the plain network, "double" for the Deeper one."""


class Update(nn.Module):
    """φ: Linear → ReLU → norm, twice; with the doubled skip the second adds the output of the first."""

    def __init__(self, settings: MEGNetMDLSettings, n_parts: int) -> None:
        super().__init__()
        width = settings.width
        self.skip = settings.skip == "double"
        self.first, self.second = nn.Linear(n_parts * width, width), nn.Linear(width, width)
        self.norms = nn.ModuleList(make_norm(settings) for _ in range(2))

    def parts(self) -> tuple[Tensor, ...]:
        """The first layer's weight cut into one (width, width) block for each part of its input."""
        return self.first.weight.split(self.first.out_features, dim=1)

    def forward(self, batch: GraphBatch, product: Tensor, rows: Rows) -> Tensor:
        """The output from the product of the first layer, bias included: (rows, width) → (rows, width)."""
        inner = self.norms[0](batch, torch.relu(product), rows)
        out = self.norms[1](batch, torch.relu(self.second(inner)), rows)
        return out + inner if self.skip else out


class Block(nn.Module):
    """Edges, then atoms, then the state of the crystal: e' = φ_e[x_i, x_j, e, u], x' = φ_v[x, mean e', u], u' = φ_u[…]."""

    def __init__(self, settings: MEGNetMDLSettings) -> None:
        super().__init__()
        self.edge, self.atom, self.state = (Update(settings, n) for n in (4, 3, 3))

    def forward(
        self, batch: GraphBatch, x: Tensor, e: Tensor, u: Tensor, by_length: bool = False
    ) -> tuple[Tensor, Tensor, Tensor]:
        """(N, width), (E, width) or (D, width) `by_length`, (B, width) → (N, width), (E, width), (B, width)."""
        receiver, sender, edge, state = self.edge.parts()
        # The state and the bias of an edge are those of the atom that receives it: no edge carries [x_i, x_j, e, u].
        ends = x @ sender.T, F.linear(x, receiver, self.edge.first.bias) + (u @ state.T)[batch.crystal]
        product = e @ edge.T
        product = add_parts(batch, *ends, product) if by_length else product + add_parts(batch, *ends)
        e = self.edge(batch, product, "edges")
        incoming = mean_incoming(batch, e)
        own, received, state = self.atom.parts()
        product = F.linear(x, own, self.atom.first.bias) + incoming @ received.T + (u @ state.T)[batch.crystal]
        x = self.atom(batch, product, "atoms")
        product = self.state.first(torch.cat([readout_mean(batch, incoming), readout_mean(batch, x), u], dim=1))
        u = self.state(batch, product, "crystals")
        return x, e, u


class MEGNetMDLNetwork(FamilyNetwork):
    """Blocks with an embedding of atoms, edges and state before each; [mean x, mean e, u]; perceptron."""

    def __init__(self, settings: MEGNetMDLSettings, elements: np.ndarray, n_outputs: int = 1) -> None:
        super().__init__(settings, elements)
        width, layers = settings.width, range(settings.n_layers)
        self.skip = settings.skip
        self.embed = nn.Linear(self.atom_features.n_features, width)
        self.embed_atoms = nn.ModuleList(_pair(width, width) for _ in layers)
        self.embed_edges = nn.ModuleList(_pair(width if layer else N_EDGE, width) for layer in layers)
        self.embed_state = nn.ModuleList(_pair(width if layer else N_STATE, width) for layer in layers)
        self.convs = nn.ModuleList(Block(settings) for _ in layers)
        self.head = Perceptron(3 * width, [settings.hidden] * 3, nn.ReLU(), n_outputs)

    def core(self, batch: GraphBatch, x: Tensor, e: Tensor) -> Tensor:
        """(N, n_features), (D, 50) → (B,) or (B, n_outputs)."""
        inputs: tuple[Tensor, ...] = (torch.relu(self.embed(x)), e, e.new_zeros(batch.n_crystals, N_STATE))
        embeddings = zip(self.embed_atoms, self.embed_edges, self.embed_state, strict=True)
        for layer, (conv, embed) in enumerate(zip(self.convs, embeddings, strict=True)):
            embedded = tuple(pair(value) for pair, value in zip(embed, inputs, strict=True))
            # The first block's input has another width than its output: the skip takes what is embedded.
            added = inputs if layer else (embedded[0], from_lengths(batch, embedded[1]), embedded[2])
            times = 0.0 if self.skip == "none" else 2.0 if self.skip == "double" and layer else 1.0
            outputs = zip(conv(batch, *embedded, by_length=not layer), added, strict=True)
            inputs = tuple(torch.add(out, value, alpha=times) for out, value in outputs)
        x, e, u = inputs
        return self.head(torch.cat([readout_mean(batch, x), readout_mean(batch, mean_incoming(batch, e)), u], dim=1))


def _pair(n: int, width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(n, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())


class MEGNetMDL(FamilyModel[MEGNetMDLSettings]):
    """MatDeepLearn's MEGNet behind the contract."""

    settings_class = MEGNetMDLSettings

    def build(self, settings: MEGNetMDLSettings, elements: np.ndarray, n_outputs: int) -> nn.Module:
        """The network with fresh weights."""
        return MEGNetMDLNetwork(settings, elements, n_outputs)


PLAIN = MEGNetMDLSettings(learning_rate=0.0005)
DEEPER = replace(PLAIN, norm="group", skip="double")
MINI_SIZES = {"n_layers": 2, "width": 16, "hidden": 32}
SMALL = {"width": 16, "hidden": 16}

PAPER = f"MEGNet of {FUNG}"

MODELS = [
    family_spec("megnet-mdl", PAPER, MEGNetMDL, PLAIN, MINI_SIZES, SMALL, lambda layers: 47_201 + 192_400 * layers),
    family_spec("deeper-megnet", OMEE, MEGNetMDL, DEEPER, MINI_SIZES, SMALL, lambda layers: 47_201 + 209_200 * layers),
]
