"""Folds of a study that differ in nothing but their crystals, and tests of two such sets of folds. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmark.results.records import Record
from benchmark.statistics.comparisons import FoldTest, TaskErrors, corrected_t_test
from benchmark.studies.trials import Trial
from benchmark.tasks.metrics import losses

Place = tuple[int, int]
"""Seed and number of a fold; each seed splits the crystals anew and draws new weights, a repeat."""


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
    def maes(self) -> dict[Place, float]:
        """Fold → test MAE, of the folds that have one."""
        return {place_of(trial): trial.scores.mae for trial in self.trials if trial.scores}

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
        """How many folds the protocol has, times the seeds that were run; of independent shuffles, how many were run."""
        n = self.records[0].key.n_folds
        return n * len({record.key.seed for record in self.records}) if n else len(self.trials)

    @property
    def scored(self) -> bool:
        """Whether every fold wanted has a score."""
        return len(self.maes) == self.wanted

    @property
    def mae(self) -> float:
        """Mean over folds; infinite without any."""
        return float(np.mean(list(self.maes.values()))) if self.maes else float("inf")

    @property
    def fold_rows(self) -> list[dict[str, float]]:
        """The folds with a score as plain JSON values."""
        return [{"seed": seed, "fold": fold, "mae": mae} for (seed, fold), mae in self.maes.items()]

    @property
    def mae_std(self) -> float | None:
        """Sample standard deviation over folds."""
        return float(np.std(list(self.maes.values()), ddof=1)) if len(self.maes) > 1 else None

    @property
    def training_mae(self) -> float:
        """Mean over folds of the error on the training part."""
        return float(np.mean([record.metrics.train.loss for record in self.complete if record.metrics]))

    @property
    def validation_loss(self) -> float:
        """Mean over folds of the loss on the validation part; infinite where a fold has none."""
        found = [r.metrics.validation.loss for r in self.complete if r.metrics and r.metrics.validation]
        return float(np.mean(found)) if found and len(found) == len(self.trials) else float("inf")

    @property
    def r2(self) -> float:
        """Mean over folds."""
        return float(np.mean([trial.scores.r2 or 0.0 for trial in self.trials if trial.scores]))

    @property
    def diverged(self) -> bool:
        """Whether any fold did."""
        return any(record.status == "diverged" for record in self.records)


def place_of(trial: Trial) -> Place:
    """Which fold a trial is."""
    return trial.record.key.seed, trial.record.key.fold


def task_errors(named: Mapping[str, Configuration]) -> TaskErrors | None:
    """The losses of several configurations, crystal by crystal, on the folds that all of them have; None without any.

    Raises:
        ValueError: two of them were not tested on the same crystals of a fold.
    """
    tested = [{place_of(t): t.tested for t in one.trials if t.tested is not None} for one in named.values()]
    common = sorted(set.intersection(*(set(folds) for folds in tested)))
    if not common:
        return None
    rows = []
    for place in common:
        found = [folds[place] for folds in tested]
        orders = [np.argsort(one.ids, kind="stable") for one in found]
        ids = found[0].ids[orders[0]].astype(str)
        if any(not np.array_equal(one.ids[order].astype(str), ids) for one, order in zip(found, orders, strict=True)):
            raise ValueError(f"fold {place[1] + 1} of seed {place[0]} has other test crystals in one of {', '.join(named)}")
        columns = [losses(one.targets[order], one.predictions[order]) for one, order in zip(found, orders, strict=True)]
        rows.append((np.full(len(ids), place[0]), np.full(len(ids), place[1]), ids, np.column_stack(columns)))
    repeats, folds, ids, errors = (np.concatenate(column) for column in zip(*rows, strict=True))
    first = next(iter(named.values())).complete[0]
    ratio = first.split.n_test / first.split.n_train
    return TaskErrors(first.key.task, tuple(named), ids, folds, errors, ratio, repeats)


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
