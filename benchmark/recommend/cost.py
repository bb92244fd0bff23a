"""What trainings cost, as a person reads it."""

from __future__ import annotations

from benchmark.recommend.advice import FOLDS, of_run
from benchmark.recommend.calibration import Calibration
from benchmark.recommend.forecast import Forecast
from benchmark.recommend.notes import with_atoms
from benchmark.recommend.plan import Plan, surely
from benchmark.recommend.question import Question
from benchmark.rendering.text import joined

ON = {"cpu": "one core", "gpu": "a GPU"}


def duration(value: float) -> str:
    """A time in seconds, minutes or hours."""
    size, unit = _unit(value)
    return f"{value / size:,.3g} {unit}"


def forecast(low: float, high: float) -> str:
    """A time that is forecast, at least and at most: one digit, or two where the first is 1 or 2."""
    if high < 1:
        return "under 1 s"
    first, last = (_rounded(max(value, 1.0)) for value in (low, high))
    if first == last:
        return " ".join(last)
    return f"{first[0]}{'' if first[1] == last[1] else f' {first[1]}'} to {' '.join(last)}"


def _about(low: float, high: float) -> str:
    text = forecast(low, high)
    return text if text.startswith("under") else f"about {text}"


def _rounded(value: float) -> tuple[str, str]:
    size, unit = _unit(value)
    text = f"{value / size:.1e}"
    return f"{float(text if text[0] in '12' else f'{value / size:.0e}'):,g}", unit


def _unit(value: float) -> tuple[int, str]:
    return (1, "s") if value < 120 else (60, "min") if value < 7200 else (3600, "h")


def cost(question: Question, plan: Plan, slower: float) -> str:
    """Of a training of the first model, and of the run of all."""
    chosen, ends = plan.models[0], f"The command ends after {duration(question.seconds)}; start it again to go on."
    if not chosen.times or not plan.seconds:
        where = " for this task" if question.like else ""
        untimed = f"no time of {chosen.model} on a {question.device.upper()} is on record{where}"
        return f"not known: {untimed}. {ends}"
    low, high = (slower * limit for limit in chosen.times)
    by_atoms = ", by the number of atoms per crystal" if low < high else ""
    one = f"one training of {chosen.model} takes {_about(low, high)} on {ON[question.device]}{by_atoms}."
    cores = f" on {question.workers} cores" if question.workers > 1 else ""
    which = f" of {len(plan.models)} models" if len(plan.models) > 1 else ""
    run = f"{FOLDS} folds{which}{cores} take {_about(*plan.seconds)}"
    late = "." if surely(plan.seconds[1], question) else f", perhaps more than you have. {ends}"
    return f"{one} {run[0].upper()}{run[1:]}{late}"


def cells(question: Question, one: Forecast, slower: float) -> tuple[str, str]:
    """How long the folds of a model take, and whether that is within the time."""
    if not one.times:
        return "not known", "not known"
    low, high = (of_run([slower * limit], question.workers) for limit in one.times)
    median = of_run([slower * (one.seconds or low)], question.workers)
    within = "yes" if surely(high, question) else "perhaps" if median <= question.seconds else "no"
    return forecast(low, high), within


def times(question: Question, calibration: Calibration | None) -> str:
    """Of which crystals and machines the times are; empty where there are none."""
    asked = [question.like] if question.like else list(question.tasks)
    timed = [model.timed for task in asked for model in question.tasks[task] if model.timed]
    machines = sorted({name for model in timed for name in model.machines})
    if not machines:
        return ""
    of = joined([with_atoms(task, question.tasks[task]) for task in sorted({one.task for one in timed})])
    crystals = f"crystals of {of}" if question.like else "crystals of all tasks on record"
    here = (
        f"They are those of {joined(machines)}, times {calibration.slower:.1f}: here a short training takes about so many "
        f"times as long as on {joined(calibration.processors)}, where its record was made."
        f"{'' if {*machines} <= {*calibration.processors} else ' For times of other machines that is a guess.'}"
        if calibration
        else f"The times are those of {joined(machines)}."
    )
    return f"Times: forecasts from {crystals}. More atoms or less symmetry take longer. {here}"
