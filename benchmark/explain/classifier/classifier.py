"""The explained classifier: a graph network that tells low from high by node types and connectivity alone."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmark.explain.classifier.graphs import TypedGraphs, node_type_features
from benchmark.explain.settings import ClassifierSettings
from datasets.errors import InputError
from models import registry
from models.contract import TrainingDiverged
from models.graph.batch import GraphBatch
from models.graph_model import GraphModel
from models.training import denormals_flushed, keep_freed_memory


class Classifier:
    """A network with fresh weights for graphs of `n_node_types` node types, of the sizes that `profile` has on the boards.

    Raises:
        InputError: the model or the profile is unknown, or the model is no graph network.
    """

    def __init__(self, model: str, n_node_types: int, profile: str) -> None:
        spec = registry.get(model)
        if not issubclass(spec.model, GraphModel):
            raise InputError(f"'{model}' is no graph network; XGNN explains those that predict from a graph")
        self.name, self.n_node_types, self.loops = model, n_node_types, spec.model.loops
        self.settings = spec.settings(profile)
        built: GraphModel[Any] = spec.model(self.settings)
        self.network = built.build(self.settings, node_type_features(n_node_types), 1)

    def fit(
        self,
        graphs: TypedGraphs,
        high: np.ndarray,
        train: np.ndarray,
        validation: np.ndarray,
        settings: ClassifierSettings,
        seed: int,
        on_epoch: Callable[[int, float], None] = lambda number, loss: None,
    ) -> None:
        """Train on rows `train` of the graphs with classes `high` (n,); keep the epoch with the lowest validation loss.

        Raises:
            TrainingDiverged: the loss is not finite.
        """
        keep_freed_memory()
        generator = torch.Generator().manual_seed(seed)
        table, classes = graphs.table(self.loops), torch.from_numpy(high.astype(np.float32))
        rows = torch.from_numpy(train)[torch.randperm(len(train), generator=generator)[: settings.most_graphs]]
        steps = math.ceil(len(rows) / settings.batch_size) * settings.epochs
        rate = settings.learning_rate
        optimizer = torch.optim.AdamW(self.network.parameters(), rate, weight_decay=settings.weight_decay, fused=True)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, steps)
        best, best_state = math.inf, copy.deepcopy(self.network.state_dict())
        with denormals_flushed():
            for number in range(1, settings.epochs + 1):
                self.network.train()
                for chunk in rows[torch.randperm(len(rows), generator=generator)].split(settings.batch_size):
                    if len(chunk) < 2:  # batch statistics need two
                        continue
                    loss = F.binary_cross_entropy_with_logits(self.network(table.cut(chunk)), classes[chunk])
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    cycle.step()
                found = self._log_loss(self.predict(graphs, validation), high[validation])
                if not math.isfinite(found):
                    raise TrainingDiverged(f"the classifier's loss is {found} in epoch {number}; lower the learning rate")
                on_epoch(number, found)
                if found < best:
                    best, best_state = found, copy.deepcopy(self.network.state_dict())
        self.network.load_state_dict(best_state)
        self.network.eval()

    @staticmethod
    def _log_loss(probabilities: np.ndarray, high: np.ndarray) -> float:
        p = np.where(high, probabilities, 1 - probabilities)
        return float(-np.log(np.maximum(p, 1e-12)).mean())

    def predict(self, graphs: TypedGraphs, rows: np.ndarray) -> np.ndarray:
        """(len(rows),) float64 probability of the class high."""
        table = graphs.table(self.loops)
        return torch.cat([self.probability(table.cut(chunk)) for chunk in torch.from_numpy(rows).split(512)]).numpy()

    def probability(self, batch: GraphBatch) -> Tensor:
        """(B,) float64 probability of the class high: in eval mode, without a gradient."""
        self.network.eval()
        with torch.no_grad():
            return torch.sigmoid(self.network(batch).double())

    def to_bytes(self) -> bytes:
        """The weights as a safetensors file, with the name of the network and the number of node types."""
        from safetensors.numpy import save

        arrays = {name: np.ascontiguousarray(tensor.numpy()) for name, tensor in self.network.state_dict().items()}
        # The key "labels" is part of the file, and so of the weights' hash in every record.
        return save(arrays, {"header": json.dumps({"model": self.name, "labels": self.n_node_types})})

    @classmethod
    def from_bytes(cls, data: bytes, model: str, n_node_types: int, profile: str) -> Classifier:
        """What `to_bytes` wrote of such a network; ValueError or RuntimeError where the file is of another."""
        from safetensors.numpy import load

        classifier = cls(model, n_node_types, profile)
        classifier.network.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in load(data).items()})
        return classifier
