"""The contract's graph family: a torch network on GraphBatch, trained by the one shared loop."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import torch
from torch import nn

from datasets.crystals import Crystals
from datasets.elements import require_features
from datasets.neighbors import Rule, find_neighbors
from models.batch import GraphTable
from models.contract import Fitted, Model, OnEpoch
from models.training import Recipe, ScaledNetwork, predict_rows, train_network

R = TypeVar("R", bound=Recipe)


class GraphModel(Model[R, GraphTable]):
    """A graph network behind the contract; a subclass gives the rule, the elements it knows and the network."""

    def __init__(self, settings: R, device: str = "cpu") -> None:
        super().__init__(settings, device)
        self.network = ScaledNetwork(self.build(settings)).to(device)

    @staticmethod
    @abstractmethod
    def rule(settings: R) -> Rule:
        """Which neighbours an atom has."""

    @staticmethod
    @abstractmethod
    def known_elements(settings: R) -> np.ndarray:
        """(Z, F) element features; a zero row is an element without features."""

    @abstractmethod
    def build(self, settings: R) -> nn.Module:
        """A network from GraphBatch to (B,), with fresh weights."""

    @property
    def n_parameters(self) -> int:
        """Trainable numbers of the network."""
        return sum(p.numel() for p in self.network.parameters() if p.requires_grad)

    def prepare(self, crystals: Crystals) -> GraphTable:
        """Search the neighbours (or read them from the cache) and move the table to the device."""
        require_features(crystals, self.known_elements(self.settings))
        return GraphTable(crystals, find_neighbors(crystals, self.rule(self.settings)), self.device)

    def preparation_seconds(self, inputs: GraphTable) -> float:
        """Time of the neighbour search."""
        return inputs.seconds

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
        self.network = ScaledNetwork(self.build(self.settings)).to(self.device)
        return train_network(self.network, inputs.cut, self.settings, targets, train, validation, seed, on_epoch)

    def predict(self, inputs: GraphTable, rows: np.ndarray) -> np.ndarray:
        """Predictions in eval mode: a crystal's value does not depend on its batch."""
        return predict_rows(self.network, inputs.cut, rows, self.settings.batch_size)

    def state(self) -> dict[str, np.ndarray]:
        """Weights, running statistics and the target scaler."""
        return {name: tensor.detach().cpu().numpy() for name, tensor in self.network.state_dict().items()}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over weights, running statistics and the target scaler."""
        self.network.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in state.items()})
