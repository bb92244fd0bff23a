"""The error of a training on so many crystals: a power law through the records, log MAE = a + b log n. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import stdtrit

from benchmark.leaderboard.rows import CONSTANTS
from benchmark.recommend.measured import SAME, Trained
from benchmark.statistics.comparisons import welch

LEVEL = 0.95
"""Of every interval."""

NEAR = 1.25
"""Within this factor of the sizes that ran, no exponent is needed."""

FEWEST_SETS = 3
"""Crystal sets from which an interval over sets says something: Student's t of two sets is 12.7."""

WIDEST = 3.0
"""Upper over lower limit, beyond which an interval over sets says nothing that helps."""

WIDEST_ERROR = 10.0
"""Likewise of an error on one task: its order of magnitude is not known."""

OUTSIDE = 1.05
"""A number of crystals this many times the most, or this many times below the fewest, is said to be beyond the records."""

FARTHEST = 10
"""No forecast is made at more than so many times the crystals of any record of the model, and no interval at so many times
fewer."""


@dataclass(frozen=True)
class OnSet:
    """How a model did on one crystal set.

    Attributes:
        crystal_set: its name.
        ratio: of the model's MAE to the best other model's; a geometric mean over targets.
        best_other: the best other model of each target.
        crystals: how many all models were trained on, of each target.
        measured: whether they were; False where an error is a forecast.
        tasks: the targets' tasks.
    """

    crystal_set: str
    ratio: float
    best_other: tuple[str, ...]
    crystals: tuple[float, ...]
    measured: bool
    tasks: tuple[str, ...]


@dataclass(frozen=True)
class Curve:
    """How the error of a model fell with crystals on a task: MAE in proportion to crystals to the power of the exponent."""

    task: str
    model: str
    exponent: float


@dataclass(frozen=True)
class Forecast:
    """What a training of a model is expected to give.

    Attributes:
        model: its name.
        error: MAE, or its ratio to the best other model's where no task is named.
        deviation: standard deviation of the logarithm of the error of one training; None where the records do not give one.
        freedom: its degrees of freedom; None likewise.
        seconds: of processor time, as measured in the records; None where no record has a time on the kind of device.
        beyond: the crystals over the most, or the fewest, of any record of it; 1 between the two.
        on_sets: its ratio on each crystal set, where no task is named.
        span: seconds on the cheapest and on the dearest task on record, where no task is named.
        scaled_by: the learning curves whose mean exponent leads to the error; none where trainings of the model alone do.
        rough: its lowest and highest error by the exponents of these curves; None with fewer than two.
    """

    model: str
    error: float
    deviation: float | None
    freedom: float | None
    seconds: float | None
    beyond: float
    on_sets: tuple[OnSet, ...] = ()
    span: tuple[float, float] | None = None
    scaled_by: tuple[Curve, ...] = ()
    rough: tuple[float, float] | None = None

    @property
    def times(self) -> tuple[float, float] | None:
        """Seconds at least and at most, by the task; None where they are not known."""
        return None if self.seconds is None else self.span or (self.seconds, self.seconds)

    @cached_property
    def limits(self) -> tuple[float, float] | None:
        """Of the 95 % interval of one training, by Student's t."""
        if self.deviation is None or self.freedom is None:
            return None
        factor = float(np.exp(stdtrit(self.freedom, (1 + LEVEL) / 2) * self.deviation))
        return self.error / factor, self.error * factor


def is_beyond(one: Forecast) -> bool:
    """Whether the records of a model have clearly fewer crystals, or clearly more."""
    return not 1 / OUTSIDE < one.beyond < OUTSIDE


def curves(models: Sequence[Trained]) -> list[Curve]:
    """Of each model that learns and ran with several numbers of crystals."""
    several = [model for model in models if model.several_sizes and model.model not in CONSTANTS]
    return [Curve(one.task, one.model, one.exponent) for one in several]


def on_task(tasks: Mapping[str, Sequence[Trained]], task: str, crystals: float) -> list[Forecast]:
    """Of each model that ran on the task, lowest error first.

    A model that ran with one number of crystals takes the mean exponent of those that ran with several: of its kind on this
    task, or else of all there, or else on other tasks; where none did, it is left out unless its number is near. A constant
    does not learn: its exponent is 0.
    """
    every = [model for others in tasks.values() for model in others]
    found = [_forecast(model, crystals, _known(model, tasks[task]) or curves(every)) for model in tasks[task]]
    return sorted((one for one in found if one), key=lambda one: one.error)


def _known(model: Trained, models: Sequence[Trained]) -> list[Curve]:
    """The curves of a task that tell of a model: those of its kind, graph networks or others; of all where it has none."""
    alike = [one for one in models if (one.atoms is None) == (model.atoms is None)]
    return curves(alike) or curves(models)


def _forecast(model: Trained, crystals: float, known: Sequence[Curve]) -> Forecast | None:
    slopes = np.array([curve.exponent for curve in known])
    x, y = np.log(model.crystals), np.log(model.errors)
    centre, several = float(np.mean(x)), model.several_sizes
    distance = float(np.log(crystals)) - centre
    slope, of_slope, slope_free = (model.exponent, 0.0, 1) if several else _borrowed(model, slopes, distance)
    if np.isnan(slope):
        return None
    rest, free = y - np.mean(y) - slope * (x - centre), len(y) - 1 - several
    own = _variance(rest, free) * (1 + 1 / len(y) + (distance**2 / float(np.sum((x - centre) ** 2)) if several else 0))
    deviation, freedom = _deviation((own, of_slope * distance**2), (free, slope_free))
    error = float(np.exp(np.mean(y) + slope * distance))
    found = Forecast(model.model, error, deviation, freedom, model.seconds_at(crystals), _beyond([model], crystals))
    if not several and model.model not in CONSTANTS:
        ends = sorted(np.exp(np.mean(y) + slopes * distance).tolist())
        found = replace(found, scaled_by=tuple(known), rough=(ends[0], ends[-1]) if len(ends) > 1 else None)
    return _unless_far_or_wide(found, WIDEST_ERROR)


def _beyond(models: Sequence[Trained], crystals: float) -> float:
    least, most = min(float(model.crystals.min()) for model in models), most_on_record(models)
    return crystals / min(max(crystals, least), most)


def _borrowed(model: Trained, slopes: np.ndarray, distance: float) -> tuple[float, float, int]:
    """The exponent of a model that ran with one number of crystals, its variance and degrees of freedom; nan: not known."""
    near = abs(distance) < np.log(NEAR)
    if model.model in CONSTANTS:
        return 0.0, 0.0, 1  # more crystals do not help it
    if not len(slopes):
        return 0.0 if near else np.nan, 0.0, 1
    if len(slopes) == 1:
        return float(slopes[0]), 0.0 if near else np.nan, 1
    return float(np.mean(slopes)), float(np.var(slopes, ddof=1)) * (1 + 1 / len(slopes)), len(slopes) - 1


def _variance(rest: np.ndarray, free: int) -> float:
    return float(np.sum(rest**2)) / free if free > 0 else np.nan


def _deviation(variances: Sequence[float], freedoms: Sequence[int]) -> tuple[float | None, float | None]:
    """Of a sum of independent parts, and its degrees of freedom; None where a variance is not known."""
    if not np.isfinite(sum(variances)):
        return None, None
    return float(np.sqrt(sum(variances))), welch(variances, freedoms)


def within_reach(forecasts: Sequence[Forecast]) -> list[Forecast]:
    """Those that are not too far from the records, `FARTHEST`."""
    return [one for one in forecasts if one.beyond <= FARTHEST]


@dataclass(frozen=True)
class _Compared:
    """The errors of the models of a task, all with so many crystals: never more than are on record there."""

    task: str
    crystals: float
    measured: bool
    errors: Mapping[str, float]
    models: Mapping[str, Trained]


def most_on_record(models: Sequence[Trained]) -> float:
    """The most crystals that a model of a task was trained on."""
    return max(model.most for model in models)


def _compared(tasks: Mapping[str, Sequence[Trained]], task: str, crystals: float) -> _Compared:
    models, most = {model.model: model for model in tasks[task]}, most_on_record(tasks[task])
    if crystals <= SAME * most:
        errors = {one.model: one.error for one in on_task(tasks, task, crystals)}
        return _Compared(task, crystals, False, errors, models)
    there = {name: model for name, model in models.items() if model.most > SAME * most}
    number = np.median([n for model in there.values() for n in model.crystals if n > SAME * most])
    return _Compared(task, float(number), True, {name: model.error_at(most) for name, model in there.items()}, models)


def over_tasks(tasks: Mapping[str, Sequence[Trained]], crystals: float) -> list[Forecast]:
    """Of each model that ran on every crystal set, the ratio of its MAE to the best other model's, lowest first.

    On a task the models are compared with `crystals`, or with the most on record there where that is fewer: a ratio is never
    continued beyond the records. A task that one model ran on compares nothing. Of the targets of a set those with the most
    models count; they are averaged first (geometric means). The interval is Student's over the sets, None with fewer than
    `FEWEST_SETS` or where it is wider than `WIDEST`.
    """
    by_set: dict[str, list[_Compared]] = {}
    for task, models in tasks.items():
        compared = _compared(tasks, task, crystals)
        if len(compared.errors) > 1:
            by_set.setdefault(models[0].crystal_set, []).append(compared)
    fullest = {
        name: [one for one in found if len(one.errors) == max(len(other.errors) for other in found)]
        for name, found in by_set.items()
    }
    shared = set.intersection(*(set(one.errors) for found in fullest.values() for one in found)) if fullest else set()
    times = times_at(tasks, crystals) if shared else {}
    forecasts = [replace(_over_sets(model, fullest, crystals), span=_span(times, model)) for model in shared]
    return sorted(forecasts, key=lambda one: (one.error, one.model))


def _span(times: Mapping[str, Mapping[str, float]], model: str) -> tuple[float, float] | None:
    of_model = [of_task[model] for of_task in times.values() if model in of_task]
    return (min(of_model), max(of_model)) if of_model else None


def times_at(tasks: Mapping[str, Sequence[Trained]], crystals: float) -> dict[str, dict[str, float]]:
    """Task → model → seconds of a training on so many crystals, where a record or another graph network there tells them.

    Where a network did not run: the time of each network that did, times how much longer it takes on tasks of both. The
    median counts.
    """
    known = {
        name: {one.model: each for one in models if (each := one.seconds_at(crystals)) is not None}
        for name, models in tasks.items()
    }
    networks = {one.model for models in tasks.values() for one in models if one.atoms}
    found = {name: dict(times) for name, times in known.items()}
    for task, times in known.items():
        for model in networks - times.keys():
            scaled = []
            for other in sorted(times.keys() & networks):
                ratios = [each[model] / each[other] for each in known.values() if model in each and other in each]
                scaled += [times[other] * float(np.median(ratios))] if ratios else []
            if scaled:
                found[task][model] = float(np.median(scaled))
    return found


def _over_sets(model: str, by_set: Mapping[str, Sequence[_Compared]], crystals: float) -> Forecast:
    on_sets = tuple(_on_set(model, name, targets) for name, targets in sorted(by_set.items()))
    each = [one.models[model] for targets in by_set.values() for one in targets]
    ratios = np.log([one.ratio for one in on_sets])
    variance = float(np.var(ratios, ddof=1)) * (1 + 1 / len(ratios)) if len(ratios) >= FEWEST_SETS else np.nan
    deviation, freedom = _deviation((variance,), (len(ratios) - 1,))
    times = [taken for one in each if (taken := one.seconds_at(crystals)) is not None]
    seconds = float(np.median(times)) if times else None
    beyond = _beyond(each, crystals)
    found = Forecast(model, float(np.exp(np.mean(ratios))), deviation, freedom, seconds, beyond, on_sets)
    return _unless_far_or_wide(found, WIDEST)


def _unless_far_or_wide(found: Forecast, widest: float) -> Forecast:
    far = found.beyond * FARTHEST < 1
    wide = found.limits is not None and found.limits[1] > widest * found.limits[0]
    return replace(found, deviation=None, freedom=None) if far or wide else found


def _on_set(model: str, name: str, targets: Sequence[_Compared]) -> OnSet:
    best = [min((other for other in one.errors if other != model), key=one.errors.__getitem__) for one in targets]
    ratios = [one.errors[model] / one.errors[other] for one, other in zip(targets, best, strict=True)]
    ratio, measured = float(np.exp(np.mean(np.log(ratios)))), all(one.measured for one in targets)
    return OnSet(name, ratio, tuple(best), tuple(one.crystals for one in targets), measured, tuple(one.task for one in targets))
