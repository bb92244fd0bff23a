"""Looks at the layers of a fold's network, before and after training; kept beside the record.

What is measured is of atoms and edges, each once: the crystals that are looked at are not folded.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmark.harness.execution import Observer
from benchmark.harness.job import Job
from benchmark.harness.outcome import Outcome, prepared
from benchmark.studies.layers import CRYSTALS, MEASURES, LayerReport, LayerState
from benchmark.tasks.folds import Fold
from benchmark.tasks.tasks import TaskData
from models import registry
from models.graph.batch import GraphBatch
from models.graph.layer_features import (
    dirichlet_energy,
    effective_rank,
    features_by_layer,
    gradient_norms,
    mean_distance,
    mean_norm,
    neighbor_distance,
    relative_energy,
    within_crystals,
)
from models.graph.table import GraphTable
from models.graph_model import GraphModel
from models.training import ScaledNetwork


def look(job: Job, data: TaskData, fold: Fold, outcome: Outcome | None) -> LayerReport:
    """The report of a fold. Whatever goes wrong here becomes its reason: a fold is not lost for it."""
    rows = fold.validation[:CRYSTALS]
    about: dict[str, Any] = {"crystals": len(rows)}
    about["atoms"] = int(data.crystals.n_atoms[rows].sum())
    try:
        inputs: GraphTable = prepared(job.task, job.model, job.settings, job.device)[0]
        seen = unfolded(job).prepare(data.crystals.take(rows)), data.targets[rows]
        initial = layer_states(fresh(job, data, fold, inputs), job.settings, *seen)
        fitted = outcome.model if outcome else None
        trained: tuple[LayerState, ...] = ()
        if isinstance(fitted, GraphModel):
            fitted.network.eval()
            trained = layer_states(fitted.network, job.settings, *seen)
    except Exception as error:
        return LayerReport(**about, reason=f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")
    return LayerReport(**about, initial=initial, trained=trained)


LAYERS = Observer(LayerReport.kind, look)


def unfolded(job: Job) -> GraphModel[Any]:
    """A model of the job's settings whose graphs have a row for each atom and each edge."""
    model = registry.get(job.model).model(replace(job.settings, fold=False), job.device)  # type: ignore[call-arg]
    assert isinstance(model, GraphModel)
    return model


def fresh(job: Job, data: TaskData, fold: Fold, inputs: GraphTable) -> ScaledNetwork:
    """The network as `fit` draws it from the fold's seed, in training mode: it has no statistics of its own yet."""
    model = unfolded(job)
    torch.manual_seed(job.training_seed)
    network = model.build(job.settings, inputs.elements, 1)
    model.calibrate(network, inputs, fold.train)
    scaled = ScaledNetwork(network).to(job.device)
    scaled.fit_scaler(data.targets[fold.train])
    return scaled.train()


def layer_states(network: ScaledNetwork, settings: Any, inputs: GraphTable, targets: np.ndarray) -> tuple[LayerState, ...]:
    """n_layers + 1 states of some crystals, not folded, in the mode that the network is in; their loss gives the gradients.

    Raises:
        ValueError: the network's layers cannot be told (`models.graph.layer_features.layer_lists`).
    """
    batch = inputs.cut(torch.arange(len(inputs)))
    features = features_by_layer(network.network, settings.n_layers, batch)
    network.zero_grad()
    network.loss(settings.loss, network.network(batch), network.labels(targets)).backward()
    gradients = [*gradient_norms(network.network, settings.n_layers), None]
    network.zero_grad()
    return tuple(
        LayerState(layer=layer, **_measured(x, batch), gradient=_finite(gradient))
        for layer, (x, gradient) in enumerate(zip(features, gradients, strict=True))
    )


def _measured(x: Tensor, batch: GraphBatch) -> dict[str, float | None]:
    if not x.isfinite().all():
        return dict.fromkeys(MEASURES[:-1])
    ends = (x, batch.src, batch.dst)
    return {
        "norm": _finite(mean_norm(x)),
        "energy": _finite(dirichlet_energy(*ends)),
        "relative_energy": _finite(relative_energy(*ends)),
        "neighbor_distance": _finite(neighbor_distance(*ends)),
        "distance": _finite(mean_distance(x)),
        "effective_rank": _finite(effective_rank(x)),
        "within_crystals": _finite(within_crystals(x, batch.crystal)),
    }


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
