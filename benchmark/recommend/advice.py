"""The model to train within a time, and how often that choice would have been right for sets left out. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot, log

import numpy as np

from benchmark.leaderboard.rows import CONSTANTS
from benchmark.recommend.forecast import Forecast, over_tasks
from benchmark.recommend.measured import Trained

GOOD = 1.10
"""A choice is right whose MAE is at most this times the best model's."""
TENTH = 1.2816
"""Standard deviations beyond which a tenth of a normal distribution lies."""
LENGTH = 2 * 1.96
"""Of a 95 % interval, in standard deviations."""


@dataclass(frozen=True)
class Advice:
    """The forecasts within the time, lowest error first, and those beyond it."""

    affordable: tuple[Forecast, ...]
    too_dear: tuple[Forecast, ...]

    @property
    def chosen(self) -> Forecast | None:
        """The model with the lowest expected error of those within the time."""
        return self.affordable[0] if self.affordable else None

    @property
    def equals(self) -> tuple[Forecast, ...]:
        """Other models that learn, within the time, and may beat the chosen one in a training: about one chance in ten."""
        chosen, learn = self.chosen, [one for one in self.affordable[1:] if one.model not in CONSTANTS]
        return tuple(one for one in learn if chosen and _may_beat(one, chosen))


def _may_beat(one: Forecast, chosen: Forecast) -> bool:
    """Where no interval is known: whether it is about as good in the records."""
    deviations = [log(each.high / each.low) / LENGTH for each in (one, chosen) if each.low and each.high]
    if len(deviations) < 2:
        return one.error <= GOOD * chosen.error
    return log(one.error / chosen.error) <= TENTH * hypot(*deviations)


def advise(forecasts: Sequence[Forecast], seconds: float, slower: float = 1.0) -> Advice:
    """Divide forecasts, lowest error first, by whether they take at most `seconds` on a machine `slower` times as slow."""
    affordable = tuple(one for one in forecasts if one.seconds * slower <= seconds)
    return Advice(affordable, tuple(one for one in forecasts if one not in affordable))


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
    """Of each task, the choice by the other sets' records, without a limit of time and with the median model's time."""
    found = []
    for task, models in tasks.items():
        others = {name: ran for name, ran in tasks.items() if ran[0].crystal_set != models[0].crystal_set}
        if others:
            found += _left_out(task, {model.model: model for model in models}, others)
    return found


def _left_out(task: str, models: Mapping[str, Trained], others: Mapping[str, Sequence[Trained]]) -> list[LeftOut]:
    crystals = float(np.median([model.crystals.max() for model in models.values()]))
    forecasts = [one for one in over_tasks(others, crystals) if one.model in models]
    if len(forecasts) < 2:
        return []
    actual = {
        one.model: float(np.mean(models[one.model].errors[models[one.model].crystals > 0.9 * crystals])) for one in forecasts
    }
    found = []
    for budget in (None, float(np.median([one.seconds for one in forecasts]))):
        within = [one for one in forecasts if budget is None or one.seconds <= budget]
        chosen, best = within[0].model, min((one.model for one in within), key=actual.__getitem__)
        ratio = actual[chosen] / actual[best]
        found.append(LeftOut(task, round(crystals), len(forecasts), budget, chosen, best, ratio))
    return found
