"""What trainings cost, as a person reads it."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.recommend.calibration import Calibration
from benchmark.recommend.division import divided
from benchmark.recommend.forecast import Forecast
from benchmark.recommend.notes import with_atoms
from benchmark.recommend.question import Question
from benchmark.rendering.text import joined, seconds, significant

FOLDS = 5
"""Of a run."""
ON = {"cpu": "one core", "gpu": "a GPU"}


def duration(value: float) -> str:
    """A time in seconds, minutes or hours."""
    return seconds(value) if value < 120 else f"{value / 60:.3g} min" if value < 7200 else f"{value / 3600:,.3g} h"


def folds_within(question: Question, models: Sequence[Forecast], slower: float) -> int | None:
    """How many folds of each model the time is enough for, on the dearest task; None where a time is not known."""
    times = [one.times for one in models if one.times]
    if len(times) < len(models):
        return None
    return int(question.seconds * question.workers / (slower * sum(most for _, most in times)))


def cost(question: Question, models: Sequence[Forecast], slower: float) -> str:
    """Of a training of the first model, and of a run of all."""
    device = question.device.upper()
    ends = f"the command ends after {duration(question.seconds)} and goes on if you start it again"
    untimed = [one.model for one in models if not one.times]
    where = " for this task" if question.like else ""
    without = f"no time of {joined(untimed)} on a {device} is on record{where}, so {ends}."
    if not models[0].times:
        return f"not known: {without}"
    low, high = (slower * limit for limit in models[0].times)
    one = f"{_between(low, high)} on {ON[question.device]} for one training{_borrowed(question, models[0])}"
    one += "" if models[0].span is None or low == high else ", by the number of atoms per crystal"
    if untimed:
        return f"{one}; {without}"
    at_once = min(question.workers, FOLDS * len(models))
    total = [FOLDS * slower / at_once * sum(each.times[end] for each in models if each.times) for end in (0, 1)]
    which = "" if len(models) == 1 else f" of each of {len(models)} models"
    cores = f" on {at_once} cores of this machine" if at_once > 1 else ""
    late = f", more than your {duration(question.seconds)}: {ends}" if total[1] > question.seconds else ""
    return f"{one}; {_between(*total)} for {FOLDS} folds{which}{cores}{late}."


def _borrowed(question: Question, chosen: Forecast) -> str:
    """Of which other task the time is, if it is of one."""
    ran = question.ran(chosen.model)
    other = ran and ran.timed_by and ran.timed_by.task
    return f", as on {other}, which has the same crystals" if other and other != question.like else ""


def _between(low: float, high: float) -> str:
    first, last = duration(low), duration(high)
    return f"about {first}" if first == last else f"about {first} to {last}"


def elsewhere(question: Question, chosen: Forecast | None, slower: float) -> str:
    """What the chosen model would take on crystals like those of tasks other than the one named."""
    if not chosen or not question.like:
        return ""
    train = divided(question.crystals).train * slower
    ran = question.ran(chosen.model)
    told = {question.like, *([ran.timed.task] if ran and ran.timed else [])}
    each = [
        f"{duration(model.seconds_per_crystal * train)} as on {with_atoms(task, models)}"
        for task, models in question.tasks.items()
        for model in models
        if model.model == chosen.model and task not in told and model.seconds_per_crystal is not None
        if model.timed and model.timed.task == task
    ]
    return f" {chosen.model} would take {joined(each)}." if each else ""


WALL = "They are processor times. The training times of boards are wall times, longer where runs shared a processor."


def calibrated(calibration: Calibration | None, question: Question) -> str:
    """How this machine compares with those that the times are of."""
    asked = [question.like] if question.like else list(question.tasks)
    timed = [model.timed for task in asked for model in question.tasks[task] if model.timed]
    machines = sorted({name for model in timed for name in model.machines})
    if not machines:
        return ""
    if not calibration:
        about = f"Times are those of {joined(machines)}: this machine was not compared with the machines of the records."
        return f"{about} {WALL}"
    others = [name for name in machines if name not in calibration.processors]
    unsure = (
        f" This factor is less sure for times recorded on {joined(others)}: no such training is on record there."
        if others
        else ""
    )
    return (
        f"A short training took {calibration.here:.2f} s of processor time here and {calibration.there:.2f} s on "
        f"{joined(calibration.processors)}, so all times on record are multiplied by {significant(calibration.slower)}."
        f"{unsure} {WALL}"
    )
