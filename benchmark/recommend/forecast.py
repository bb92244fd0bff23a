"""The error of a training on so many crystals: a power law through the records, log MAE = a + b log n. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t

from benchmark.leaderboard.rows import CONSTANTS
from benchmark.recommend.measured import Trained

LEVEL = 0.95
"""Of every interval."""

NEAR = 1.25
"""Within this factor of the sizes that ran, no exponent is needed."""

FEWEST_SETS = 3
"""Crystal sets from which an interval over sets says something: Student's t of two sets is 12.7."""

WIDEST = 3.0
"""Upper over lower limit, beyond which an interval over sets says nothing that helps."""

FARTHEST = 10
"""No forecast is made at more than so many times the crystals of any record of the model."""


@dataclass(frozen=True)
class Forecast:
    """What a training of a model is expected to give.

    Attributes:
        model: its name.
        error: MAE, or its ratio to the best other model's where no task is named.
        low, high: limits of the 95 % interval of one training; None where the records do not give one.
        seconds: of processor time, as measured in the records.
        beyond: how many times more crystals than any record of it; at least 1.
        on_sets: lowest and highest ratio over the crystal sets, where no task is named.
    """

    model: str
    error: float
    low: float | None
    high: float | None
    seconds: float
    beyond: float
    on_sets: tuple[float, float] | None = None


def exponents(models: Sequence[Trained]) -> np.ndarray:
    """(E,) b of each model that learns and ran with several numbers of crystals."""
    several = [model for model in models if _several(model) and model.model not in CONSTANTS]
    return np.array([np.polyfit(np.log(model.crystals), np.log(model.errors), 1)[0] for model in several])


def on_task(tasks: Mapping[str, Sequence[Trained]], task: str, crystals: float) -> list[Forecast]:
    """Of each model that ran on the task, lowest error first.

    A model that ran with one number of crystals takes the mean exponent of the models that ran with several on this task, or
    else on others; where none did, it is left out unless its number is near.
    """
    models = tasks[task]
    slopes = exponents(models)
    if not len(slopes):
        slopes = exponents([model for others in tasks.values() for model in others])
    found = [_forecast(model, crystals, slopes) for model in models]
    return sorted((one for one in found if one), key=lambda one: one.error)


def _several(model: Trained) -> bool:
    return len(np.unique(np.round(np.log(model.crystals), 1))) > 1


def _forecast(model: Trained, crystals: float, slopes: np.ndarray) -> Forecast | None:
    x, y = np.log(model.crystals), np.log(model.errors)
    at, centre = np.log(crystals), float(np.mean(x))
    if _several(model):
        slope, intercept = np.polyfit(x, y, 1)
        rest, free = y - slope * x - intercept, len(y) - 2
        slope_variance = _variance(rest, free) / float(np.sum((x - centre) ** 2))
    elif len(slopes) or abs(at - centre) < np.log(NEAR):
        slope = float(np.mean(slopes)) if len(slopes) else 0.0
        rest, free = y - np.mean(y), len(y) - 1
        slope_variance = float(np.var(slopes, ddof=1)) if len(slopes) > 1 else 0.0
    else:
        return None
    variance = _variance(rest, free) * (1 + 1 / len(y)) + slope_variance * (at - centre) ** 2
    mean = float(np.mean(y)) + slope * (at - centre)
    low, high = _limits(mean, variance, free)
    seconds = model.seconds_per_crystal * crystals
    return Forecast(model.model, float(np.exp(mean)), low, high, seconds, max(1.0, crystals / float(model.crystals.max())))


def _variance(rest: np.ndarray, free: int) -> float:
    return float(np.sum(rest**2)) / free if free > 0 else np.nan


def _limits(mean: float, variance: float, free: int) -> tuple[float | None, float | None]:
    """Of e to the power of something with this mean and variance; None without a degree of freedom."""
    if free < 1 or not np.isfinite(variance):
        return None, None
    half = t.ppf((1 + LEVEL) / 2, free) * np.sqrt(variance)
    return float(np.exp(mean - half)), float(np.exp(mean + half))


def within_reach(forecasts: Sequence[Forecast]) -> list[Forecast]:
    """Those that are not too far from the records, `FARTHEST`."""
    return [one for one in forecasts if one.beyond <= FARTHEST]


def over_tasks(tasks: Mapping[str, Sequence[Trained]], crystals: float) -> list[Forecast]:
    """Of each model that ran on every crystal set, the ratio of its MAE to the best other model's, lowest first.

    A task that one model ran on compares nothing. Of the targets of a set those with the most models count; they are averaged
    first (geometric means). The interval is Student's over the sets, None with fewer than `FEWEST_SETS` or where it is wider
    than `WIDEST`.
    """
    by_set: dict[str, list[dict[str, Forecast]]] = {}
    for task, models in tasks.items():
        found = {one.model: one for one in on_task(tasks, task, crystals)}
        if len(found) > 1:
            by_set.setdefault(models[0].crystal_set, []).append(found)
    fullest = {name: [one for one in found if len(one) == max(map(len, found))] for name, found in by_set.items()}
    shared = set.intersection(*(set(one) for found in fullest.values() for one in found)) if fullest else set()
    forecasts = [_over_sets(model, fullest) for model in shared]
    return sorted(forecasts, key=lambda one: (one.error, one.model))


def _over_sets(model: str, by_set: Mapping[str, Sequence[Mapping[str, Forecast]]]) -> Forecast:
    ratios, seconds, beyond = [], [], []
    for targets in by_set.values():
        ratios.append(np.mean([np.log(found[model].error / _best_other(found, model)) for found in targets]))
        seconds += [found[model].seconds for found in targets]
        beyond += [found[model].beyond for found in targets]
    mean, sets = float(np.mean(ratios)), len(ratios)
    variance = float(np.var(ratios, ddof=1)) * (1 + 1 / sets) if sets >= FEWEST_SETS else np.nan
    low, high = _limits(mean, variance, sets - 1)
    if low is not None and high is not None and high > WIDEST * low:
        low, high = None, None
    span = float(np.exp(min(ratios))), float(np.exp(max(ratios)))
    return Forecast(model, float(np.exp(mean)), low, high, float(np.median(seconds)), float(np.min(beyond)), span)


def _best_other(found: Mapping[str, Forecast], model: str) -> float:
    return min(one.error for one in found.values() if one.model != model)
