"""Folds of a study that differ in nothing else: the points of its curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from benchmark.results.records import Record
from benchmark.statistics.comparisons import FoldTest, corrected_t_test
from benchmark.studies.layers import MEASURES, LayerReport
from benchmark.studies.study import Trial


@dataclass(frozen=True)
class Point:
    """The folds of one model with one set of settings: a point of a curve."""

    trials: tuple[Trial, ...]

    @property
    def layers(self) -> int:
        """The depth of its networks."""
        return int(self.records[0].key.settings["n_layers"])

    @property
    def n_train(self) -> int:
        """Training crystals, mean over folds, rounded."""
        return round(float(np.mean([record.split.n_train for record in self.records])))

    @property
    def seconds(self) -> float | None:
        """Of training, mean over the folds with a score."""
        times = [record.times.training.wall_s for record in self.complete if record.times]
        return float(np.mean(times)) if times else None

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
    def wanted(self) -> int:
        """How many folds the protocol has; of independent shuffles, how many were run."""
        return self.records[0].key.n_folds or len(self.trials)

    @property
    def scored(self) -> bool:
        """Whether every fold wanted has a score."""
        return len(self.maes) == self.wanted

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


def difference(point: Point, other: Point) -> FoldTest | None:
    """The corrected resampled t-test of the MAE of `point` minus that of `other` on their common folds; None without any."""
    return _tested(point, other, np.asarray)


def ratio(point: Point, other: Point) -> FoldTest | None:
    """Likewise of the logarithms of the MAE: that of a network that breaks spreads as far as it is large."""
    return _tested(point, other, lambda maes: np.log(np.maximum(maes, np.finfo(float).tiny)))


def _tested(point: Point, other: Point, scale: Callable[[Sequence[float]], np.ndarray]) -> FoldTest | None:
    common = sorted(point.maes.keys() & other.maes.keys())
    if not common:
        return None
    split = other.complete[0].split
    first, second = (scale([p.maes[fold] for fold in common]) for p in (point, other))
    return corrected_t_test(first, second, split.n_test / split.n_train)


def _mean(values: Sequence[float | None]) -> float | None:
    return None if None in values else float(np.mean(np.array(values, dtype=float)))


def state_rows(label: str, point: Point) -> list[dict[str, Any]]:
    """One row for each fold, moment and layer of a point, with every measure."""
    return [
        {"model": label, "layers": point.layers, "fold": trial.record.key.fold, "when": when, **state.model_dump()}
        for trial in point.trials
        if isinstance(trial.seen, LayerReport)
        for when in ("initial", "trained")
        for state in getattr(trial.seen, when)
    ]
