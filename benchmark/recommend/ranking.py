"""Rivals of a model that ran alone on the task named: the ranking over crystal sets. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from benchmark.leaderboard.rows import CONSTANTS
from benchmark.recommend.advice import Advice
from benchmark.recommend.division import divided
from benchmark.recommend.forecast import Forecast, over_tasks, times_at, within_reach
from benchmark.recommend.measured import Trained
from benchmark.recommend.question import Question


def rivals_over_sets(tasks: Mapping[str, Sequence[Trained]], like: str | None, crystals: int) -> tuple[Forecast, ...]:
    """Of each model the forecast over all crystal sets, with its time on the task named.

    Empty where no task is named, where not exactly one model that learns ran on it, and where the sets compare none.
    """
    if not like or sum(one.model not in CONSTANTS for one in tasks[like]) != 1:
        return ()
    train = divided(crystals).train
    times = times_at(tasks, train)[like]
    found = tuple(_on_task(one, tasks, like, times) for one in within_reach(over_tasks(tasks, train)))
    return found if any(one.model not in CONSTANTS for one in found) else ()


def _on_task(one: Forecast, tasks: Mapping[str, Sequence[Trained]], like: str, times: Mapping[str, float]) -> Forecast:
    """With its time on the task named; a model without graphs, which may not depend on atoms, keeps its median time."""
    if one.model in times:
        return replace(one, seconds=times[one.model], span=None)
    networks = {model.model for models in tasks.values() for model in models if model.atoms}
    ran = {model.model for model in tasks[like]}
    return replace(one, seconds=None if one.model in networks | ran else one.seconds, span=None)


def unranked(question: Question, ranking: Advice) -> tuple[str, ...]:
    """The models of the question that the ranking lacks."""
    asked = {*question.others, *(one.model for models in question.tasks.values() for one in models)}
    return tuple(sorted(asked - {one.model for one in ranking.every}))
