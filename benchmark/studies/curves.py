"""Folds of a study as curves: a model with everything but its depth fixed, over depths."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, Literal

import numpy as np

from benchmark.records import Record
from benchmark.studies.layers import MEASURES, LayerReport
from benchmark.studies.study import Trial


@dataclass(frozen=True)
class Point:
    """A depth of a curve: its folds."""

    layers: int
    trials: tuple[Trial, ...]

    @cached_property
    def maes(self) -> dict[int, float]:
        """Fold → test MAE, of the folds that have one."""
        return {trial.record.key.fold: trial.scores.mae for trial in self.trials if trial.scores}

    @property
    def records(self) -> tuple[Record, ...]:
        """Of all folds."""
        return tuple(trial.record for trial in self.trials)

    @property
    def complete(self) -> tuple[Record, ...]:
        """Of the folds with a score."""
        return tuple(record for record in self.records if record.status == "complete")

    @property
    def mae(self) -> float:
        """Mean over folds; infinite without any."""
        return float(np.mean(list(self.maes.values()))) if self.maes else float("inf")

    @property
    def mae_std(self) -> float | None:
        """Sample standard deviation over folds."""
        return float(np.std(list(self.maes.values()), ddof=1)) if len(self.maes) > 1 else None

    @property
    def training_mae(self) -> float:
        """Mean over folds of the error on the training part."""
        return float(np.mean([record.metrics.train.mae for record in self.complete if record.metrics]))

    @property
    def r2(self) -> float:
        """Mean over folds."""
        return float(np.mean([trial.scores.r2 or 0.0 for trial in self.trials if trial.scores]))

    @property
    def diverged(self) -> bool:
        """Whether any fold did."""
        return any(record.status == "diverged" for record in self.records)

    @cached_property
    def reports(self) -> tuple[LayerReport, ...]:
        """What was seen in the layers, of the folds that have it."""
        return tuple(trial.seen for trial in self.trials if isinstance(trial.seen, LayerReport) and trial.seen.initial)

    def states(self, when: Literal["initial", "trained"]) -> list[dict[str, float | None]]:
        """By layer, the mean over folds of each measure; None where a fold has a value that is not finite. Empty: not seen."""
        seen = [getattr(report, when) for report in self.reports]
        return [
            {name: _mean([getattr(state, name) for state in states]) for name in MEASURES}
            for states in zip(*(found for found in seen if found), strict=True)
        ]


def _mean(values: Sequence[float | None]) -> float | None:
    return None if None in values else float(np.mean(np.array(values, dtype=float)))


@dataclass(frozen=True)
class Curve:
    """A model with everything but its depth fixed, over depths."""

    model: str
    changes: dict[str, Any]
    """Settings that differ from the profile's, without the depth."""
    points: tuple[Point, ...]
    source: str = ""
    """Of the model's code, where two curves differ in nothing else."""

    @property
    def label(self) -> str:
        """The model and what was changed."""
        notes = [
            *(f"{name}={value}" for name, value in self.changes.items()),
            *([f"source {self.source}"] if self.source else []),
        ]
        return f"{self.model} ({', '.join(notes)})" if notes else self.model

    @property
    def first(self) -> Record:
        """A record to read what all share from."""
        return self.points[0].records[0]


def curves(found: Iterable[Trial]) -> list[Curve]:
    """The curves in folds of comparable runs: of one task, data, profile, protocol and seed; by name."""

    def key(trial: Trial) -> tuple[Any, ...]:
        record = trial.record
        changes = tuple((name, value) for name, value in record.changed.items() if name != "n_layers")
        return record.key.model, tuple(map(str, changes)), record.model_fingerprint, changes

    made = []
    for (model, _, fingerprint, changes), group in groupby(sorted(found, key=lambda t: key(t)[:3]), key=key):
        by_depth = sorted(group, key=lambda trial: (depth_of(trial), trial.record.key.fold))
        points = tuple(Point(depth, tuple(folds)) for depth, folds in groupby(by_depth, key=depth_of))
        made.append(Curve(model, dict(changes), points, fingerprint[:8]))
    names = [(curve.model, str(curve.changes)) for curve in made]
    return [
        curve if names.count((curve.model, str(curve.changes))) > 1 else Curve(curve.model, curve.changes, curve.points)
        for curve in made
    ]


def depth_of(trial: Trial) -> int:
    """The layers that a fold's network had."""
    return int(trial.record.key.settings["n_layers"])


def state_rows(label: str, point: Point) -> list[dict[str, Any]]:
    """One row for each fold, moment and layer of a point, with every measure."""
    return [
        {"model": label, "layers": point.layers, "fold": trial.record.key.fold, "when": when, **state.model_dump()}
        for trial in point.trials
        if isinstance(trial.seen, LayerReport)
        for when in ("initial", "trained")
        for state in getattr(trial.seen, when)
    ]
