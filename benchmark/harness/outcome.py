"""Trains and scores one fold: from a job and its crystals to a fitted model with its scores, costs and predictions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from ase.data import chemical_symbols

from benchmark.harness import machine
from benchmark.harness.job import Job, fresh_model, load_task
from benchmark.harness.learning_rate import fit_with_chosen_rate
from benchmark.results.learning_rate import RateChoice
from benchmark.results.records import Backend, GraphHealth, JobKey, Times
from benchmark.results.validation import predictions_frame
from benchmark.tasks.folds import Fold
from benchmark.tasks.metrics import LeakScores, Metrics, leak_scores, score
from benchmark.tasks.tasks import Task, TaskData
from datasets.counting import counting
from datasets.crystals import Crystals
from datasets.graph_health import graph_health
from datasets.neighbor_search import Rule
from models import registry
from models.contract import Epoch, Fitted, Model, OnEpoch, Settings, TrainingDiverged
from models.graph.message_passing import uses_dgl
from models.graph_model import GraphModel
from models.resume import Keeper


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a fold that went to its end produced."""

    model: Model[Any, Any]
    """Fitted."""
    history: tuple[Epoch, ...]
    rate_choice: RateChoice | None
    parameters: int
    checkpoint: bytes
    health: GraphHealth | None
    imputed: int | None
    """Crystals that lack a descriptor."""
    backend: Backend | None
    """None of a model without graphs."""
    best_epoch: int
    metrics: Metrics
    last_epoch: Metrics | None
    """With the weights of the last epoch; None of a model without epochs."""
    leak: LeakScores | None
    """None where duplicates cannot be searched."""
    times: Times
    resumed: int
    """How often training went on from a checkpoint."""
    predictions: pd.DataFrame


@lru_cache(maxsize=1)
def prepared(task: Task, model: str, settings: Settings, device: str) -> tuple[Any, float, GraphHealth | None]:
    """What `prepare` makes of the task's crystals, the seconds it took, and the graphs' health; kept for the next fold."""
    built = registry.get(model).model(settings, device)
    crystals = load_task(task).crystals
    inputs = built.prepare(crystals)
    health = _health(crystals, built.rule(settings)) if isinstance(built, GraphModel) else None
    return inputs, built.preparation_seconds(inputs), health


def _health(crystals: Crystals, rule: Rule) -> GraphHealth:
    report = graph_health(crystals, rule)
    return GraphHealth(
        atoms=report.atoms,
        edges=report.edges,
        isolated_atoms=report.isolated_atoms.count,
        atoms_with_fewer_than_k=report.atoms_with_fewer_than_k.count,
        truncated_ties=report.truncated_ties.count,
    )


def train_and_score(
    job: Job, data: TaskData, fold: Fold, seen: np.ndarray | None, keeper: Keeper, prepares: Callable[[int, int], None]
) -> Outcome:
    """Train a job's model on its fold, as far as the keeper has not done so before, and score it on all parts.

    Args:
        job: what to train.
        data: its task.
        fold: rows of the parts.
        seen: (tested,) bool, which test crystals have a duplicate in training or validation; None: unknown.
        keeper: keeps the training.
        prepares: is told how many crystals have their descriptors, and of how many.

    Raises:
        TrainingDiverged: the training, or a prediction, is not finite.
        TrainingStopped: the training was asked to end, and is kept.
    """
    model = fresh_model(job, job.settings)
    with counting(lambda done: prepares(min(done, len(data.crystals)), len(data.crystals))):
        inputs, graph_seconds, health = prepared(job.task, job.model, job.settings, job.device)
    model.warm_up(inputs, data.targets, fold.train)

    def fit(settings: Settings, tell: OnEpoch) -> Fitted:
        nonlocal model
        model = fresh_model(job, settings)
        return model.fit(inputs, data.targets, fold.train, fold.validation, job.training_seed, tell)

    with machine.clock(job.device) as training:
        fitted, choice = fit_with_chosen_rate(job.rates, job.settings, job.device, fit, keeper.begun())
    with machine.clock(job.device) as inference:
        test = _finite(model.predict(inputs, fold.test))
    known = _scores(model, inputs, data.targets, {"train": fold.train, "validation": fold.validation})
    metrics = Metrics(test=score(data.targets[fold.test], test), **known)
    elements = (chemical_symbols[number] for number in data.crystals.take(fold.train).elements)
    model.about = _about(job.key(data.dataset_hash)) | {"elements": " ".join(elements)}
    parameters = model.n_parameters
    assert parameters is not None, "a fitted model knows its size"
    return Outcome(
        model=model,
        history=fitted.history,
        rate_choice=choice,
        parameters=parameters,
        checkpoint=model.to_bytes(),
        health=health,
        imputed=fitted.imputed,
        backend=_backend(model, inputs, fold),
        best_epoch=fitted.best_epoch,
        metrics=metrics,
        last_epoch=_last_epoch(model, fitted, inputs, data.targets, fold, metrics),
        leak=None if seen is None else leak_scores(data.targets[fold.test], test, seen),
        times=Times(
            graphs_wall_s=graph_seconds, training=training.duration.plus(*keeper.earlier), inference=inference.duration
        ),
        resumed=keeper.resumed,
        predictions=predictions_frame(data.crystals.ids[fold.test].astype(str), job.fold, data.targets[fold.test], test),
    )


def _backend(model: Model[Any, Any], inputs: Any, fold: Fold) -> Backend | None:
    """Asked of one of the model's own batches, whose device decides."""
    if not isinstance(model, GraphModel):
        return None
    import torch

    return "dgl" if uses_dgl(inputs.cut(torch.from_numpy(fold.test[:1]))) else "torch"


def _last_epoch(
    model: Model[Any, Any], fitted: Fitted, inputs: Any, targets: np.ndarray, fold: Fold, metrics: Metrics
) -> Metrics | None:
    """The scores with the weights of the last epoch, None where there are none; the model is left as it was."""
    if not fitted.history or not fitted.last_state:
        return metrics if fitted.history else None
    kept = model.state()
    model.set_state({**kept, **fitted.last_state})
    parts = {"train": fold.train, "validation": fold.validation, "test": fold.test}
    try:
        return Metrics(**_scores(model, inputs, targets, parts))
    except TrainingDiverged:
        return None
    finally:
        model.set_state(kept)


def _scores(model: Model[Any, Any], inputs: Any, targets: np.ndarray, parts: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The scores of each part by its name, from its rows; None of a part without crystals."""
    return {
        part: score(targets[rows], _finite(model.predict(inputs, rows))) if len(rows) else None for part, rows in parts.items()
    }


def _about(key: JobKey) -> dict[str, str]:
    """What a checkpoint says of itself: the key without the settings, which it has anyway."""
    said = {name: str(value) for name, value in key if name not in ("settings", "classes", "rates")}
    return said | ({"classes": json.dumps(key.classes)} if key.classes else {})


def _finite(predictions: np.ndarray) -> np.ndarray:
    if not np.isfinite(predictions).all():
        raise TrainingDiverged(f"{(~np.isfinite(predictions)).sum()} of {len(predictions)} predictions are not finite")
    return predictions
