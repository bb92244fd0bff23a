"""What the networks of MatDeepLearn share: Fung et al., npj Comput. Mater. 7, 84 (2021), and with group normalisation and
skip connections Omee et al., Patterns 3, 100491 (2022)."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from datasets.neighbor_search import MinimumImage, Nearest, Rule
from models.contract import ModelSpec, require
from models.graph.atom_features import AtomFeatureName, AtomFeatures
from models.graph.batch import GraphBatch
from models.graph.layers import GaussianExpansion, Perceptron
from models.graph.norms import BatchNorm, GroupNorm
from models.graph.table import GraphTable
from models.graph_model import GraphModel, NearestSettings
from models.training import MINI, Recipe

FUNG = "Fung et al., npj Comput. Mater. 7, 84 (2021)"
OMEE = "Omee et al., Patterns 3, 100491 (2022)"

N_EDGE = 50
"""Gaussians of a distance."""

OMEE_LAYERS: Mapping[str, tuple[int, ...]] = {
    "schnet": (1, 5, 9, 4, 9, 9),
    "mpnn": (5, 5, 4, 2, 3, 3),
    "cgcnn-mdl": (7, 8, 6, 6, 1, 1),
    "megnet-mdl": (5, 8, 7, 4, 8, 8),
    "gatgnn-mdl": (5, 5, 5, 5, 5, 5),
    "deeper-gatgnn": (15, 20, 20, 25, 10, 10),
}
"""Table 3 of Omee et al.: convolution layers of each model on each of these tasks."""
OMEE_TASKS = (
    "fung/bulk/formation_energy_per_atom", "fung/surface/adsorption_energy", "fung/mof/band_gap", "fung/2d/work_function",
    "fung/pt_all/total_energy", "fung/pt/total_energy",
)  # fmt: skip
OMEE_GAPS: Mapping[str, Mapping[str, int]] = {
    **{name: {"epochs": 200} for name in OMEE_LAYERS}, "deeper-gatgnn": {"n_layers": 25, "epochs": 2500},
}  # fmt: skip
"""On fung/bulk/band_gap, for which the layers of the others are not printed."""


@dataclass(frozen=True)
class FamilySettings(NearestSettings):
    """Hyperparameters of a network of the family.

    width: features of an atom in every layer.
    norm: "batch" as published for the plain networks, "group" (differentiable group normalisation) for the Deeper ones.
    skip: how often the input of a layer is added to its output; each network says which of them it has and were published.
    graph: "periodic" has every periodic neighbour; "minimum-image" is MatDeepLearn's, which `ties` does not concern.
    edge_scale: distances are divided by the cutoff, or ("dataset") by the longest edge of the training crystals. MatDeepLearn
        takes the longest of the whole dataset, its test part included: the same number where that edge occurs in training.
    """

    n_layers: int = 4
    atom_features: AtomFeatureName = "one-hot"
    width: int = 100
    norm: Literal["batch", "group"] = "batch"
    skip: Literal["none", "single", "double"] = "single"
    graph: Literal["periodic", "minimum-image"] = "periodic"
    edge_scale: Literal["cutoff", "dataset"] = "cutoff"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, "width", "at least 1", self.width >= 1)


@dataclass(frozen=True)
class HeadSettings(FamilySettings):
    """A network with three hidden layers after the readout.

    hidden: units of each hidden layer after the readout.
    """

    hidden: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, "hidden", "at least 1", self.hidden >= 1)


S = TypeVar("S", bound=FamilySettings)


Readout = Callable[[GraphBatch, Tensor], Tensor]
"""(N, F) → (B, F)."""


def make_norm(settings: FamilySettings) -> nn.Module:
    """A fresh normalisation of (N, width)."""
    return GroupNorm(settings.width) if settings.norm == "group" else BatchNorm(settings.width)


class FamilyNetwork(nn.Module):
    """A network of the family: `core` takes atom and edge features, `forward` computes them from the batch."""

    longest: Tensor

    def __init__(self, settings: FamilySettings, elements: np.ndarray) -> None:
        super().__init__()
        self.atom_features = AtomFeatures(settings.atom_features, elements)
        # exp(−12.5 (d/longest − μ)²), μ = 0 … 1.
        self.expansion = GaussianExpansion(0.0, 1.0, N_EDGE, math.sqrt(0.08))
        self.register_buffer("longest", torch.tensor(settings.cutoff, dtype=torch.float64))

    def forward(self, batch: GraphBatch) -> Tensor:
        """(B,) scaled targets, or (B, n_outputs) logits of classes."""
        e = self.expansion(batch.lengths / self.longest.to(batch.distance.dtype))
        return self.core(batch, self.atom_features(batch), e)

    @abstractmethod
    def core(self, batch: GraphBatch, x: Tensor, e: Tensor) -> Tensor:
        """(N, n_features) atom features and (D, 50) features of the lengths → (B,) or (B, n_outputs)."""


class ResidualNetwork(FamilyNetwork):
    """x ← norm(x + conv(x)), with the input added once more for the doubled skip; readout; perceptron."""

    def __init__(
        self, settings: HeadSettings, elements: np.ndarray, n_outputs: int, convs: Sequence[nn.Module], readout: Readout
    ) -> None:
        super().__init__(settings, elements)
        self.skip, self.readout = settings.skip, readout
        self.embed = nn.Linear(self.atom_features.n_features, settings.width)
        self.convs = nn.ModuleList(convs)
        self.norms = nn.ModuleList(make_norm(settings) for _ in convs)
        self.head = Perceptron(settings.width, [settings.hidden] * 3, nn.ReLU(), n_outputs)

    def core(self, batch: GraphBatch, x: Tensor, e: Tensor) -> Tensor:
        """(N, n_features), (D, 50) → (B,) or (B, n_outputs)."""
        x = torch.relu(self.embed(x))
        for conv, norm in zip(self.convs, self.norms, strict=True):
            out = conv(batch, x, e)
            out = norm(batch, out if self.skip == "none" else x + out)
            x = out + x if self.skip == "double" else out
        return self.head(self.readout(batch, x))


class FamilyModel(GraphModel[S]):
    """A network of the family behind the contract."""

    loops = True
    receiver: ClassVar[Literal["owner", "neighbor"]] = "owner"
    """Where the published code sends along the edges of its minimum-image graph."""

    @classmethod
    def rule(cls, settings: S) -> Rule:
        """12 nearest neighbours within 8 Å, periodic or as MatDeepLearn has them."""
        if settings.graph == "minimum-image":
            return MinimumImage(settings.k, settings.cutoff, cls.receiver)
        return Nearest(settings.k, settings.cutoff, settings.ties)

    def calibrate(self, network: nn.Module, inputs: GraphTable, train: np.ndarray) -> None:
        """Take the longest edge of the training crystals, where the settings scale by it."""
        assert isinstance(network, FamilyNetwork)
        # Crystals whose atoms have no neighbours keep the cutoff.
        if self.settings.edge_scale == "dataset" and (longest := inputs.longest_edge(train)) > 0:
            network.longest.fill_(longest)

    @classmethod
    def graph_rule(cls, settings: Any) -> str:
        """The graph in words."""
        return f"{cls.rule(settings)} + self-loops"


def family_spec(
    name: str, paper: str, model: type[FamilyModel[S]], base: S, mini: Mapping[str, Any], small: Mapping[str, Any],
    parameters: Callable[[int], int],
) -> ModelSpec:  # fmt: skip
    """A network of the family on the board.

    Args:
        name: on the command line.
        paper: citation.
        model: its class.
        base: the published sizes and learning rate.
        mini: the sizes of the default budget, where they differ.
        small: the sizes of the smallest budget, where they differ.
        parameters: layers → the published number of parameters.
    """
    upstream = replace(
        base, graph="minimum-image", edge_scale="dataset", batch_size=100, weight_decay=0.01, schedule="plateau", keep="last"
    )
    fung, omee = replace(upstream, epochs=250), replace(upstream, epochs=500)
    deeper = base.norm == "group"
    return ModelSpec(
        name=name,
        paper=paper,
        model=model,
        profiles={
            "smoke": replace(base, epochs=2, n_layers=2, learning_rate=Recipe.learning_rate, **small),
            "mini": replace(base, **{**MINI, **mini}),
            "standard": replace(base, learning_rate=Recipe.learning_rate),
            "paper": omee if deeper else fung,
        },
        presets={"omee": omee} if deeper else {"fung": fung, "omee": omee},
        by_task={"omee": omee_by_task(name)},
        graph_rule=model.graph_rule,
        published_parameters=parameters,
    )


def omee_by_task(name: str) -> dict[str, dict[str, Any]]:
    """Task → what Omee et al. changed for it; nothing for a model that their Table 3 has not."""
    if name not in OMEE_LAYERS:
        return {}
    layers: dict[str, dict[str, Any]] = {task: {"n_layers": n} for task, n in zip(OMEE_TASKS, OMEE_LAYERS[name], strict=True)}
    return {**layers, "fung/bulk/band_gap": dict(OMEE_GAPS[name])}
