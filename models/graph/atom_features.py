"""Atom features: what a network is told about the element and the neighbourhood of an atom."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from datasets.elements import cgcnn_features, magpie_features
from models.graph.batch import GraphBatch

AtomFeatureName = Literal["cgcnn", "one-hot", "embedding", "magpie"]

DEGREES = 14
"""Classes of the number of neighbours, as MatDeepLearn has them; the last takes every larger number."""


def element_table(name: AtomFeatureName) -> np.ndarray:
    """(101, F) float32 features by atomic number; a zero row is an element without features.

    "cgcnn": nine binned properties (92); "magpie": matminer's element properties (22); "embedding" and "one-hot": one
    column an element (100), which the first linear layer turns into a learnt vector an element.
    """
    if name == "cgcnn":
        return cgcnn_features()
    if name == "magpie":
        return magpie_features()
    return np.eye(101, dtype=np.float32)[:, 1:]


class AtomFeatures(nn.Module):
    """(N, F) features of the atoms of a batch; "one-hot" adds the number of neighbours, one-hot coded (100 + 14)."""

    table: Tensor

    def __init__(self, name: AtomFeatureName, table: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("table", torch.from_numpy(table), persistent=False)
        self.counts_neighbors = name == "one-hot"
        self.n_features = table.shape[1] + DEGREES * self.counts_neighbors

    def forward(self, batch: GraphBatch) -> Tensor:
        """Look up the elements of a batch."""
        x = self.table[batch.atomic_numbers]
        if not self.counts_neighbors:
            return x
        degree = F.one_hot(batch.list_length.clamp(max=DEGREES - 1), DEGREES)
        return torch.cat([x, degree.to(x.dtype)], dim=1)
