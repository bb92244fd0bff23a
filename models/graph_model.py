"""The contract's graph family: a torch network on GraphBatch, trained by the one shared loop."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal, TypeVar

import numpy as np
import torch
from torch import nn

from datasets.compact_cells import compact
from datasets.crystals import Crystals
from datasets.elements import require_features, without_features
from datasets.neighbor_search import TIE, Rule
from datasets.neighbors import find_neighbors
from models.contract import Fitted, Model, OnEpoch, require
from models.graph.atom_features import AtomFeatureName, element_table
from models.graph.table import GraphTable
from models.training import Recipe, ScaledNetwork, predict_rows, train_network, warm_up, with_outputs


@dataclass(frozen=True)
class GraphSettings(Recipe):
    """What every graph network has: its depth, what it is told about an atom, and how its graphs are kept.

    n_layers: number of message-passing layers.
    atom_features: what the network is told about an element: CGCNN's table of binned properties, matminer's element
        properties (magpie), or a learnt vector of each element (embedding; one-hot adds the number of neighbours).
    fold: whether atoms that no network can tell apart are computed once (`models.graph.folding`): the same numbers, sooner.
    length_tolerance: Å within which lengths of a crystal are one.
    """

    n_layers: int = 3
    atom_features: AtomFeatureName = "cgcnn"
    fold: bool = True
    length_tolerance: float = TIE

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, "n_layers", "at least 1", self.n_layers >= 1)
        require(self, "length_tolerance", "from 0 to 0.01", 0 <= self.length_tolerance <= 0.01)


@dataclass(frozen=True)
class NearestSettings(GraphSettings):
    """A graph network on the k nearest periodic neighbours within `cutoff` Å.

    k: number of nearest neighbours of an atom.
    cutoff: Å within which neighbours are searched.
    ties: "shell": keep all neighbours as far as the k-th. "cut": keep exactly k. "padded": as the original code, which adds
        empty edges where there are fewer than k.
    """

    k: int = 12
    cutoff: float = 8.0
    ties: Literal["shell", "cut", "padded"] = "shell"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self, "k", "at least 1", self.k >= 1)
        require(self, "cutoff", "positive", 0 < self.cutoff < math.inf)


R = TypeVar("R", bound=GraphSettings)

ELEMENTS = "element_features"
"""Name of the element features among the arrays of a checkpoint."""


class GraphModel(Model[R, GraphTable]):
    """A graph network behind the contract; a subclass gives the rule and the network.

    The element features are those that came with the crystals of `fit`, where they came with some, else the built-in
    ones. A fitted model keeps its own: fit a fresh one to other crystals.
    """

    classifies = True
    loops: ClassVar[bool] = False
    """Whether each atom also sends to itself."""

    def __init__(self, settings: R, device: str = "cpu", n_classes: int = 0) -> None:
        super().__init__(settings, device, n_classes)
        self._set_network(self.known_elements(settings))
        self._fitted = False

    @staticmethod
    @abstractmethod
    def rule(settings: R) -> Rule:
        """Which neighbours an atom has."""

    @classmethod
    def known_elements(cls, settings: R, crystals: Crystals | None = None) -> np.ndarray:
        """(Z, F) element features of a model fitted to `crystals`; a zero row is an element without features."""
        if crystals is not None and crystals.element_features is not None and settings.atom_features == "cgcnn":
            return crystals.element_features
        return element_table(settings.atom_features)

    @classmethod
    def refused(cls, settings: R, crystals: Crystals) -> dict[int, str]:
        """Those with an element without features, and those whose neighbours cannot be searched."""
        unsearchable = compact(crystals, cls.rule(settings).cutoff).refused
        return unsearchable | without_features(crystals, cls.known_elements(settings, crystals))

    @abstractmethod
    def build(self, settings: R, elements: np.ndarray, n_outputs: int) -> nn.Module:
        """A network from GraphBatch to (B,), or (B, n_outputs) of several, with fresh weights; elements are features (Z, F)."""

    @classmethod
    def folds(cls, settings: R) -> bool:
        """Whether the graphs are folded: not where training drops features of atoms or edges, a mask for each of them."""
        return settings.fold and not getattr(settings, "dropout", 0)

    def calibrate(self, network: nn.Module, inputs: GraphTable, train: np.ndarray) -> None:
        """Set what the network takes from the graphs at the rows `train` before it is trained; nothing by default."""

    def _set_network(self, elements: np.ndarray) -> None:
        self.elements, self.network = elements, self._fresh(elements)

    def _fresh(self, elements: np.ndarray) -> ScaledNetwork:
        """The network with fresh weights behind the scaler, on the device."""
        build = partial(self.build, self.settings, elements)
        return with_outputs(self.n_classes, build).to(self.device)

    @property
    def n_parameters(self) -> int:
        """Trainable numbers of the network."""
        return sum(p.numel() for p in self.network.parameters() if p.requires_grad)

    def prepare(self, crystals: Crystals) -> GraphTable:
        """Search the neighbours (or read them from the cache) and move the table to the device."""
        elements = self.elements if self._fitted else self.known_elements(self.settings, crystals)
        require_features(crystals, elements)
        # An atom without neighbours keeps its embedding; the record counts such atoms.
        neighbors = find_neighbors(crystals, self.rule(self.settings), allow_isolated=True)
        fold = self.folds(self.settings)
        return GraphTable(crystals, neighbors, elements, self.device, self.loops, fold, self.settings.length_tolerance)

    def preparation_seconds(self, inputs: GraphTable) -> float:
        """Time of the neighbour search and of the folding."""
        return inputs.seconds

    def warm_up(self, inputs: GraphTable, targets: np.ndarray, train: np.ndarray) -> None:
        """One step on a network that is thrown away."""
        warm_up(self._fresh(inputs.elements), inputs.cut, self.settings, targets, train)

    def fit(
        self,
        inputs: GraphTable,
        targets: np.ndarray,
        train: np.ndarray,
        validation: np.ndarray,
        seed: int,
        on_epoch: OnEpoch = lambda epoch: None,
    ) -> Fitted:
        """Draw fresh weights from `seed`, then run the shared training loop."""
        torch.manual_seed(seed)
        self._set_network(inputs.elements)
        self._fitted = True
        self.calibrate(self.network.network, inputs, train)
        return train_network(self.network, inputs.cut, self.settings, targets, train, validation, seed, on_epoch)

    def predict(self, inputs: GraphTable, rows: np.ndarray) -> np.ndarray:
        """Predictions in eval mode: a crystal's value does not depend on its batch."""
        return predict_rows(self.network, inputs.cut, rows, self.settings.batch_size)

    def state(self) -> dict[str, np.ndarray]:
        """Weights, running statistics, the target scaler, and the element features where they are not the built-in ones."""
        arrays = {name: tensor.detach().cpu().numpy() for name, tensor in self.network.state_dict().items()}
        own = not np.array_equal(self.elements, self.known_elements(self.settings))
        return arrays | ({ELEMENTS: self.elements} if own else {})

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` returned."""
        self._set_network(np.asarray(state.get(ELEMENTS, self.known_elements(self.settings)), dtype=np.float32))
        arrays = {name: torch.from_numpy(np.array(array)) for name, array in state.items() if name != ELEMENTS}
        self.network.load_state_dict(arrays)
        self._fitted = True
