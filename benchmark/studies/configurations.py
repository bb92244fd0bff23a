"""Folds of a study that differ in nothing but their crystals, and tests of two such sets of folds. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmark.results.records import Record
from benchmark.statistics.comparisons import FoldTest, corrected_t_test
from benchmark.studies.trials import Trial


@dataclass(frozen=True)
class Configuration:
    """The folds of one model with one set of settings."""

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
        return float(np.mean([record.metrics.train.loss for record in self.complete if record.metrics]))

    @property
    def r2(self) -> float:
        """Mean over folds."""
        return float(np.mean([trial.scores.r2 or 0.0 for trial in self.trials if trial.scores]))

    @property
    def diverged(self) -> bool:
        """Whether any fold did."""
        return any(record.status == "diverged" for record in self.records)


def difference(one: Configuration, other: Configuration) -> FoldTest | None:
    """The corrected resampled t-test of the MAE of `one` minus that of `other` on their common folds; None without any."""
    return _tested(one, other, np.asarray)


def ratio(one: Configuration, other: Configuration) -> FoldTest | None:
    """Likewise of the logarithms of the MAE: that of a network that breaks spreads as far as it is large."""
    return _tested(one, other, lambda maes: np.log(np.maximum(maes, np.finfo(float).tiny)))


def _tested(one: Configuration, other: Configuration, scale: Callable[[Sequence[float]], np.ndarray]) -> FoldTest | None:
    common = sorted(one.maes.keys() & other.maes.keys())
    if not common:
        return None
    split = other.complete[0].split
    first, second = (scale([c.maes[fold] for fold in common]) for c in (one, other))
    return corrected_t_test(first, second, split.n_test / split.n_train)
