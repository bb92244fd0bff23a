"""What `recommend` says, for many numbers of crystals at once, as a web page takes it. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, get_args

import numpy as np
from scipy.stats import t

from benchmark.leaderboard.rows import CONSTANTS
from benchmark.recommend.advice import CHANCE, left_out
from benchmark.recommend.forecast import Forecast, on_task, over_tasks, within_reach
from benchmark.recommend.measured import Trained, trained
from benchmark.recommend.text import limits_of_records, tried, without_forecast
from benchmark.rendering.text import unit_shown
from benchmark.results.records import DeviceClass, Record

CRYSTALS = tuple(np.unique(np.geomspace(100, 100_000, 31).round()).astype(int).tolist())
"""The page interpolates between them, as the forecasts do: logarithms of errors by that of the number."""
QUANTILES = tuple(t.isf(CHANCE, np.arange(1, 101)).round(4).tolist())
"""The page takes the last one for more degrees of freedom."""


def forecasts_for_page(records: Iterable[Record]) -> dict[str, Any] | None:
    """Forecasts by device and by task ("" without one), at each of `CRYSTALS`; None where no record allows one.

    A model has, for each number of crystals, [error, lower limit, upper limit, seconds, times beyond the records, standard
    deviation of the logarithm of the error, its degrees of freedom], or null where there is no forecast. `quantiles` are those
    of Student's t beyond which `CHANCE` lies, by degrees of freedom from 1 on.
    """
    kept, devices = list(records), {}
    known = {record.key.model for record in kept}
    for device in get_args(DeviceClass):
        tasks = trained(kept, device)
        asked = {like: _asked(tasks, like, known) for like in ("", *tasks)}
        found = {like: one for like, one in asked.items() if one["models"]}
        if found:
            devices[device] = found
    return {"crystals": CRYSTALS, "constants": CONSTANTS, "quantiles": QUANTILES, "devices": devices} if devices else None


def _asked(tasks: Mapping[str, Sequence[Trained]], like: str, known: Set[str]) -> dict[str, Any]:
    at_each = [on_task(tasks, like, crystals) if like else over_tasks(tasks, crystals) for crystals in CRYSTALS]
    found = [{one.model: _numbers(one) for one in within_reach(forecasts)} for forecasts in at_each]
    models = set[str]().union(*found)
    return {
        "unit": unit_shown(tasks[like][0].unit) if like else "",
        "models": {model: [forecasts.get(model) for forecasts in found] for model in sorted(models)},
        "notes": [
            *limits_of_records(like, tuple(tasks)),
            without_forecast(like, sorted(known - models)),
            "" if like else tried(left_out(tasks)),
        ],
    }


def _numbers(one: Forecast) -> list[float | None]:
    values = (one.error, *(one.limits or (None, None)), one.seconds, one.beyond, one.deviation, one.freedom)
    return [None if value is None else float(f"{value:.4g}") for value in values]
