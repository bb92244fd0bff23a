"""The forecasts that answer a question, or why there is none. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmark.recommend.division import divided, labelled
from benchmark.recommend.forecast import FARTHEST, Forecast, most_on_record, on_task, over_tasks, within_reach
from benchmark.recommend.measured import Trained
from benchmark.recommend.notes import on_record
from benchmark.rendering.text import in_unit, joined, significant
from datasets.errors import InputError


def forecasts_for(tasks: Mapping[str, Sequence[Trained]], like: str | None, crystals: int) -> list[Forecast]:
    """Those for so many labelled crystals, of a task or over all, lowest error first. Raises InputError where there is none."""
    train = divided(crystals).train
    forecasts = on_task(tasks, like, train) if like else over_tasks(tasks, train)
    if not forecasts:
        raise InputError(f"no model can be forecast for {crystals:,} crystals: {_why(tasks, like)}")
    near = within_reach(forecasts)
    if not near:
        most = max(train / one.beyond for one in forecasts)
        have, reach = round(labelled(most)), int(labelled(FARTHEST * most))
        raise InputError(
            f"--crystals {crystals:,}: records of {like or 'the data sets compared'} have at most {have:,}; "
            f"ask for at most {reach:,}{_or_like(tasks, like, train)}"
        )
    return near


def _or_like(tasks: Mapping[str, Sequence[Trained]], like: str | None, train: int) -> str:
    """The tasks on record whose crystals reach so far, to name instead of none."""
    able = [task for task, models in tasks.items() if train <= FARTHEST * most_on_record(models)]
    return f", or name a task with more: --like {' or '.join(able)}" if able and not like else ""


def _why(tasks: Mapping[str, Sequence[Trained]], like: str | None) -> str:
    if not like:
        return f"no two models ran on every set; name a task with --like: {', '.join(tasks)}"
    measured = [
        f"{model.model} has a test MAE of {in_unit(significant(model.error_at(model.most)), model.unit)} ({on_record(model)})"
        for model in tasks[like]
    ]
    return f"{like} ran with other numbers of crystals alone: {joined(measured)}"
