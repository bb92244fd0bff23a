"""Folds of studies with the errors and the layers that a test wants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmark.results.records import Record
from benchmark.studies.curves import Curve, curves
from benchmark.studies.layers import LayerReport, LayerState
from benchmark.studies.trials import Trial
from benchmark.tasks.metrics import Metrics, Scores
from tests.benchmark.results.test_store import failed, make

NOISE = (0.00, 0.01, -0.01, 0.005, -0.005)


@dataclass(frozen=True)
class Tested:
    """Test crystals of a fold and what was predicted for them."""

    ids: np.ndarray
    targets: np.ndarray
    predictions: np.ndarray


def tested(fold: int, mae: float) -> Tested:
    """Crystals of a fold whose errors have this mean, alike in their pattern whatever the mean."""
    errors = mae * np.linspace(0.5, 1.5, 11)
    return Tested(np.array([f"{fold}-{n}" for n in range(len(errors))]), np.zeros(len(errors)), errors)


def states(layers: int, last: float | None = 1.0, **values: float | None) -> tuple[LayerState, ...]:
    """Features of norm 1, the last of norm `last`; `values` are of every layer."""
    measures = dict(energy=1.0, relative_energy=1.0, neighbor_distance=0.5, distance=0.5, effective_rank=5.0, gradient=1.0)
    return tuple(
        LayerState(
            layer=n, norm=last if n == layers else 1.0, **{**measures, **values, **({"gradient": None} if n == layers else {})}
        )
        for n in range(layers + 1)
    )


def trial(
    layers: int, fold: int, mae: float, status: str = "complete", training: float | None = None, r2: float = 0.9,
    model: str = "cgcnn", fresh: dict[str, Any] | None = None, trained: dict[str, Any] | None = None,
    protocol: str = "kfold(5)", **changes: Any,
) -> Trial:  # fmt: skip
    record, _ = make(fold, model)
    settings = {"epochs": 3, "n_layers": layers, **changes}
    fields: dict[str, Any] = {
        "key": record.key.model_copy(update={"settings": settings, "protocol": protocol}),
        "changed": {"n_layers": layers, **changes},
    }
    test, train = (Scores(mae=value, rmse=value, r2=r2) for value in (mae, mae if training is None else training))
    metrics = Metrics(train=train, validation=test, test=test)
    ended: Record = (
        failed(fold, model=model, status=status, **fields)
        if status != "complete"
        else record.model_copy(update={**fields, "metrics": metrics})
    )
    after = states(layers, **(trained or {})) if status == "complete" else ()
    seen = LayerReport(crystals=2, atoms=8, initial=states(layers, **(fresh or {})), trained=after)
    done = status == "complete"
    return Trial(ended, test if done else None, seen, tested(fold, mae) if done else None)


def curve(*points: tuple[int, float], folds: int = 5, **values: Any) -> list[Trial]:
    """Folds around each mean MAE."""
    return [trial(layers, fold, mae * (1 + NOISE[fold]), **values) for layers, mae in points for fold in range(folds)]


def only(found: list[Trial]) -> Curve:
    (made,) = curves(found)
    return made
