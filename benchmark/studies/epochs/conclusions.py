"""When each model stops improving, and whether the ranking depends on the budget. Needs no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import ClassVar

import numpy as np
from pydantic import Field
from scipy.stats import kendalltau

from benchmark.rendering.text import percent
from benchmark.schema import Strict
from benchmark.statistics.comparisons import ALPHA, FoldTest, holm
from benchmark.studies.comparison_groups import by_network
from benchmark.studies.configurations import Configuration, difference
from benchmark.studies.trials import Observation, Trial

VARIED = ("epochs",)
"""Settings that differ within a comparison group."""

STAGNATES = 0.02
"""An epoch has stagnated if the best validation error so far is at most this much above the best of all."""

RULE = (
    "Each budget is trained on its own, with the whole schedule of the learning rate. A model has stagnated at the first epoch "
    f"at which its best validation MAE so far, mean over folds, is at most {percent(STAGNATES)} above that of all epochs of "
    "the largest budget; in the last tenth of the epochs means that it might go on. As the learning rate falls to the end, a "
    "model that stagnates is at the end of its schedule, not of what it could learn with another. Rankings by test MAE are "
    "compared by Kendall's τ, 1 for the same order, with that at the largest budget of which two or more models have every "
    "score. For each model, the test error of a smaller budget is compared with that of the largest by the corrected resampled "
    "t-test (Nadeau & Bengio 2003), with Holm's correction for all of them; significant is "
    f"p below {ALPHA:g}. That two orders differ does not say that any two models do."
)


class EpochState(Strict):
    """One pass over the training crystals."""

    number: int = Field(ge=1)
    training_loss: float
    """In units of the scaled target, of the recipe's loss, while the weights change."""
    validation_mae: float | None
    """In the target's unit; None: not finite."""
    seconds: float


class History(Observation):
    """Every epoch of a fold that went to its end."""

    kind: ClassVar[str] = "history"
    epochs: tuple[EpochState, ...] = ()


@dataclass(frozen=True)
class Budgets:
    """A model over budgets, smallest first."""

    model: str
    label: str
    points: tuple[Configuration, ...]

    @cached_property
    def history(self) -> np.ndarray:
        """(epochs, 2) training loss and validation MAE of the largest budget, mean over folds; empty where none ended well."""
        seen = [t.seen.epochs for t in self.points[-1].trials if isinstance(t.seen, History) and t.seen.epochs]
        rows = [
            [(e.training_loss, np.nan if e.validation_mae is None else e.validation_mae) for e in epochs] for epochs in seen
        ]
        return np.mean(np.array(rows, dtype=float), axis=0) if rows else np.empty((0, 2))

    @property
    def stagnates_at(self) -> int | None:
        """The epoch, from 1, by RULE; None where nothing is known, or a fold is missing."""
        best = np.fmin.accumulate(self.history[:, 1]) if len(self.history) and self.points[-1].scored else np.empty(0)
        return int(np.argmax(best <= (1 + STAGNATES) * best[-1])) + 1 if len(best) and np.isfinite(best[-1]) else None


def epochs_of(point: Configuration) -> int:
    """The budget of a point."""
    return int(point.records[0].key.settings["epochs"])


def budgets(found: Iterable[Trial]) -> list[Budgets]:
    """The models in folds that may be compared, lowest error with the largest budget first."""

    def number(trial: Trial) -> int:
        return int(trial.record.key.settings["epochs"])

    made = []
    for network in by_network(found):
        trials = sorted(network.trials, key=lambda trial: (number(trial), trial.record.key.fold))
        points = tuple(Configuration(tuple(folds)) for _, folds in groupby(trials, key=number))
        made.append(Budgets(network.model, network.label, points))
    return sorted(made, key=lambda one: (not one.points[-1].scored, one.points[-1].mae, one.label))


def largest_shared(made: Sequence[Budgets]) -> int | None:
    """The largest budget of which two or more models have all scores; None without any."""
    counts = Counter(epochs_of(point) for one in made for point in one.points if point.scored)
    return max((epochs for epochs, n in counts.items() if n > 1), default=None)


def agreement(made: Sequence[Budgets], epochs: int) -> float | None:
    """Kendall's τ of the ranking at a budget with that at the largest shared one; None with fewer than two models of both."""
    maes = [{epochs_of(point): point.mae for point in one.points if point.scored} for one in made]
    last = largest_shared(made)
    pairs = [(found[epochs], found[last]) for found in maes if last in found and epochs in found]
    tau = kendalltau(*zip(*pairs, strict=True)).statistic if len(pairs) > 1 else np.nan
    return float(tau) if np.isfinite(tau) else None


def gains(made: Sequence[Budgets]) -> dict[tuple[str, int], tuple[FoldTest, float]]:
    """(label, epochs) of a smaller budget → the test of its error minus that of the largest, and p after Holm's correction."""
    tests: dict[tuple[str, int], FoldTest] = {}
    for one in made:
        last = one.points[-1]
        for point in one.points[:-1]:
            if point.scored and last.scored and (test := difference(point, last)):
                tests[one.label, epochs_of(point)] = test
    corrected = holm(np.array([test.p for test in tests.values()]))
    return {key: (test, float(p)) for (key, test), p in zip(tests.items(), corrected, strict=True)}
