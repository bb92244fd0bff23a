"""What `recommend` says, for many numbers of crystals at once, as a web page takes it. Needs no torch."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, get_args

import numpy as np
from scipy.stats import t

from benchmark.leaderboard.rows import CONSTANTS
from benchmark.recommend.advice import CHANCE, good_on, left_out
from benchmark.recommend.division import divided
from benchmark.recommend.forecast import Forecast, most_on_record, on_task, over_tasks, within_reach
from benchmark.recommend.measured import SAME, Trained, trained
from benchmark.recommend.notes import DIVISION, compared_with, limits_of_records, of_times, on_record, tried, without_forecast
from benchmark.rendering.text import unit_shown
from benchmark.results.records import DeviceClass, Record

CRYSTALS = tuple(np.unique(np.geomspace(100, 100_000, 31).round()).astype(int).tolist())
"""With a label, all parts together."""
QUANTILES = tuple(t.isf(CHANCE, np.arange(1, 101)).round(4).tolist())
"""The page takes the last one for more degrees of freedom."""


def forecasts_for_page(records: Iterable[Record]) -> dict[str, Any] | None:
    """Forecasts by device and by task ("" without one), for each of `crystals`; None where no record allows one.

    A model has, for each number of crystals, [error, lower limit, upper limit, seconds, times beyond the records, standard
    deviation of the logarithm of the error, its degrees of freedom, data sets on which it is about the best], or null where
    there is no forecast. `sets` is how many data sets there are without a task. `quantiles` are those of Student's t beyond
    which `CHANCE` lies, by degrees of freedom from 1 on. `records` says of each model how many trainings are on record.
    """
    kept, devices = list(records), {}
    known = {record.key.model for record in kept}
    by_device = {device: trained(kept, device) for device in get_args(DeviceClass)}
    crystals = _crystals([models for tasks in by_device.values() for models in tasks.values() if len(models) > 1])
    for device, tasks in by_device.items():
        if not any(model.machines for models in tasks.values() for model in models):
            continue
        asked = {like: _asked(tasks, like, known, crystals, device) for like in ("", *tasks)}
        found = {like: one for like, one in asked.items() if one["models"]}
        if found:
            devices[device] = found
    return {"crystals": crystals, "constants": CONSTANTS, "quantiles": QUANTILES, "devices": devices} if devices else None


def _crystals(tasks: Iterable[Sequence[Trained]]) -> list[int]:
    """`CRYSTALS` and both sides of each step from a forecast to a measured ratio: between two of them logarithms are linear."""
    possible = range(CRYSTALS[0], CRYSTALS[-1])
    steps = [bisect_right(possible, SAME * most_on_record(models), key=lambda n: divided(n).train) for models in tasks]
    beside = {possible[step + side] for step in steps if 0 < step < len(possible) for side in (-1, 0)}
    return sorted({*CRYSTALS, *beside})


def _asked(
    tasks: Mapping[str, Sequence[Trained]], like: str, known: Set[str], crystals: Sequence[int], device: DeviceClass
) -> dict[str, Any]:
    numbers = [divided(number).train for number in crystals]
    at_each = [on_task(tasks, like, number) if like else over_tasks(tasks, number) for number in numbers]
    found = [{one.model: _numbers(one) for one in within_reach(forecasts)} for forecasts in at_each]
    models = set[str]().union(*found)
    return {
        "unit": unit_shown(tasks[like][0].unit) if like else "",
        "models": {model: [forecasts.get(model) for forecasts in found] for model in sorted(models)},
        "sets": max((len(one.on_sets) for forecasts in at_each for one in forecasts), default=0),
        "records": {model.model: on_record(model) for model in tasks[like]} if like else {},
        "notes": [
            DIVISION,
            *limits_of_records(like),
            "" if like else compared_with(tasks),
            without_forecast(like, sorted(known - models)),
            of_times(like, tasks, device),
            "" if like else tried(left_out(tasks)),
        ],
    }


def _numbers(one: Forecast) -> list[float | None]:
    values = (
        one.error, *(one.limits or (None, None)), one.seconds, one.beyond, one.deviation, one.freedom, good_on(one)
    )  # fmt: skip
    return [None if value is None else float(f"{value:.4g}") for value in values]
