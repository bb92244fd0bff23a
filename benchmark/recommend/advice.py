"""The model to train within a time, and how often that choice would have been right for sets left out. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import hypot, log

import numpy as np
from scipy.special import stdtr

from benchmark.leaderboard.rows import CONSTANTS
from benchmark.recommend.forecast import Forecast, over_tasks
from benchmark.recommend.measured import Trained
from benchmark.statistics.comparisons import welch

GOOD = 1.10
"""A choice is right whose MAE is at most this times the best model's."""
CHANCE = 0.1
"""From which a model that may come out better is named."""
FOLDS = 5
"""Of each model in a run."""
ROUNDING = 1e-6
"""Of degrees of freedom: 3.9999999 are 4."""


@dataclass(frozen=True)
class Advice:
    """The forecasts whose folds fit in the time, those beyond it and those whose time is not known, each lowest error first."""

    affordable: tuple[Forecast, ...]
    too_dear: tuple[Forecast, ...]
    untimed: tuple[Forecast, ...] = ()

    @property
    def every(self) -> list[Forecast]:
        """All forecasts, lowest error first."""
        return sorted((*self.affordable, *self.too_dear, *self.untimed), key=lambda one: one.error)

    @property
    def chosen(self) -> Forecast | None:
        """The model with the lowest expected error of those that learn and are not beyond the time."""
        return self.learn[0] if self.learn else None

    @cached_property
    def equals(self) -> tuple[Forecast, ...]:
        """Other such models that may beat the chosen one in a training, `CHANCE`."""
        return tuple(one for one in self.learn[1:] if _may_beat(one, self.learn[0]))

    @property
    def dearer(self) -> tuple[Forecast, ...]:
        """Models beyond the time that may beat the chosen one."""
        learn = [one for one in self.too_dear if one.model not in CONSTANTS]
        return tuple(one for one in learn if self.learn and _may_beat(one, self.learn[0]))

    @property
    def learn(self) -> list[Forecast]:
        """The models that learn and are not beyond the time, lowest error first."""
        return [one for one in self.every if one.model not in CONSTANTS and one not in self.too_dear]


def good_on(one: Forecast) -> int:
    """On how many crystal sets its error was the lowest, or about as low, `GOOD`."""
    return sum(on_set.ratio <= GOOD for on_set in one.on_sets)


def _may_beat(one: Forecast, chosen: Forecast) -> bool:
    """Where no interval is known: whether it is about as good, `GOOD`."""
    better = chance(one, chosen)
    return one.error <= GOOD * chosen.error if better is None else better >= CHANCE


def chance(one: Forecast, chosen: Forecast) -> float | None:
    """That a training of one ends with a lower error than a training of the chosen model; None where it is not known.

    Student's t with the degrees of freedom of Welch, rounded down.
    """
    if not (one.deviation and one.freedom and chosen.deviation and chosen.freedom):
        return None
    freedom = welch((one.deviation**2, chosen.deviation**2), (one.freedom, chosen.freedom))
    return float(stdtr(int(freedom + ROUNDING), -log(one.error / chosen.error) / hypot(one.deviation, chosen.deviation)))


def of_run(trainings: Sequence[float], workers: int) -> float:
    """Seconds of `FOLDS` folds of each of some models, given those of one training of each."""
    return FOLDS * sum(trainings) / min(workers, FOLDS * len(trainings))


def advise(forecasts: Sequence[Forecast], seconds: float, workers: int, slower: float = 1.0) -> Advice:
    """Divide forecasts, lowest error first, by whether their folds take at most `seconds`.

    So many `workers` train at once, on a machine that takes `slower` times as long.
    """
    untimed = tuple(one for one in forecasts if one.seconds is None)
    timed = [(one, one.seconds * slower) for one in forecasts if one.seconds is not None]
    affordable = tuple(one for one, training in timed if of_run([training], workers) <= seconds)
    return Advice(affordable, tuple(one for one in forecasts if one not in (*affordable, *untimed)), untimed)


@dataclass(frozen=True)
class LeftOut:
    """What the records of the other crystal sets advise for a task, and what it would have cost in error."""

    task: str
    crystals: int
    models: int
    """That ran on this task and on all others."""
    budget: float | None
    """Seconds; None without a limit."""
    chosen: str
    best: str
    ratio: float
    """MAE of the chosen model over that of the best one within the same time."""


def left_out(tasks: Mapping[str, Sequence[Trained]]) -> list[LeftOut]:
    """Of each task, the choice by the other sets' records: without a limit of time, and with the median model's time if all
    times are known."""
    found = []
    for task, models in tasks.items():
        others = {name: ran for name, ran in tasks.items() if ran[0].crystal_set != models[0].crystal_set}
        if others:
            found += _left_out(task, {model.model: model for model in models}, others)
    return found


def _left_out(task: str, models: Mapping[str, Trained], others: Mapping[str, Sequence[Trained]]) -> list[LeftOut]:
    crystals = float(np.median([model.most for model in models.values()]))
    forecasts = [one for one in over_tasks(others, crystals) if one.model in models]
    if sum(one.model not in CONSTANTS for one in forecasts) < 2:
        return []
    actual = {one.model: models[one.model].error_at(crystals) for one in forecasts}
    found = []
    times = {one.model: one.seconds for one in forecasts if one.seconds is not None}
    all_timed = len(times) == len(forecasts)
    for budget in (None, *([float(np.median(list(times.values())))] if all_timed else [])):
        within = [one for one in forecasts if budget is None or times[one.model] <= budget]
        chosen, best = within[0].model, min((one.model for one in within), key=actual.__getitem__)
        ratio = actual[chosen] / actual[best]
        found.append(LeftOut(task, round(crystals), len(forecasts), budget, chosen, best, ratio))
    return found
