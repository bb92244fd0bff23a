"""The answer as a person reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmark.recommend.advice import GOOD, Advice, LeftOut
from benchmark.recommend.calibration import Calibration
from benchmark.recommend.forecast import Forecast
from benchmark.recommend.measured import PROFILE
from benchmark.rendering.commands import command
from benchmark.rendering.text import count, in_unit, joined, seconds, table, with_unit

FOLDS = 5
"""Of a comparison, at least."""


@dataclass(frozen=True)
class Question:
    """What was asked.

    Attributes:
        crystals: to train on.
        seconds: one training may take.
        like: a task, or None.
        unit: of its errors.
        tasks: all that have records → how many models each has.
        others: models without records that allow a forecast.
    """

    crystals: int
    seconds: float
    like: str | None
    unit: str | None
    tasks: Mapping[str, int]
    others: tuple[str, ...]


def answer(question: Question, advice: Advice, calibration: Calibration | None, left: Sequence[LeftOut] | None) -> str:
    """The model first, then the table, then what is not known; `left` is of advice without a task."""
    slower = calibration.slower if calibration else 1.0
    parts = [_first(question, advice, slower), _table(question, advice, slower)]
    unknown = [*_unknown(question, advice), _calibrated(calibration), "" if left is None else tried(left)]
    return "\n\n".join(parts) + "\n\nWhat you should know:\n" + "\n".join(f"- {line}" for line in unknown if line)


def _first(question: Question, advice: Advice, slower: float) -> str:
    chosen = advice.chosen
    if not chosen:
        cheapest = min(advice.too_dear, key=lambda one: one.seconds)
        return (
            f"No model can be trained on {question.crystals:,} crystals in {seconds(question.seconds)}; "
            f"the cheapest, {cheapest.model}, takes about {seconds(cheapest.seconds * slower)}."
        )
    error = _error(chosen, question)
    what = f"a test MAE of {error}" if question.like else f"{error} the MAE of the best other model"
    lines = f"Train {chosen.model}. Expect {what}, after about {seconds(chosen.seconds * slower)}."
    others = [one.model for one in advice.equals]
    models = [word for model in (chosen.model, *others) for word in ("--model", model)]
    words = ["run", "--dataset", "path/to/folder", *models, "--profile", PROFILE]
    if others:
        them = "them" if len(others) > 1 else "it"
        known = all(one.limits for one in (chosen, *advice.equals))
        why = f"about 1 chance in 10 or more{' each' if len(others) > 1 else ''}" if known else "about as good in the records"
        lines += f" {joined(others)} may come out better ({why}): train {them} too, and compare."
        folds = int(question.seconds / (slower * sum(one.seconds for one in (chosen, *advice.equals))))
        if folds >= FOLDS:
            lines += f" The time is enough for about {folds} folds of each: repeat the folds until the verdict is clear."
            words += ["--until-decided", "--time-limit", f"{question.seconds / 60:g}"]
    return f"{lines}\n\n    {command(*words)}"


def _error(one: Forecast, question: Question) -> str:
    times = "" if question.like else " times"
    few = "too few records" if question.like else "too few data sets"
    ratios = [on_set.ratio for on_set in one.on_sets]
    on_sets = f"; {_three(min(ratios))} to {_three(max(ratios))} on those on record" if ratios else ""
    interval = f" (95 %: {_interval(one)})" if one.limits else f" (no interval: {few}{on_sets})"
    return f"{in_unit(_three(one.error) + times, question.unit or '1')}{interval}"


def _interval(one: Forecast) -> str:
    return f"{_three(one.limits[0])} to {_three(one.limits[1])}" if one.limits else ""


def _three(value: float) -> str:
    """Three digits, the last zeros too."""
    return f"{value:#.3g}".rstrip(".")


def _table(question: Question, advice: Advice, slower: float) -> str:
    what = with_unit("MAE", question.unit or "1") if question.like else "MAE / best other"
    rows = [
        [one.model, _three(one.error), _interval(one),
         seconds(one.seconds * slower), "yes" if one in advice.affordable else "no", _beyond(one)]
        for one in sorted((*advice.affordable, *advice.too_dear), key=lambda one: one.error)
    ]  # fmt: skip
    return table(["model", what, "95 % interval", "time", "within the time", "beyond the records"], rows)


def _beyond(one: Forecast) -> str:
    return f"{one.beyond:.1f} × the crystals" if one.beyond > 1.05 else ""


def _unknown(question: Question, advice: Advice) -> list[str]:
    about, of_interval = limits_of_records(question.like, tuple(question.tasks))
    if not question.like:
        tasks = _with_models(question.tasks)
        about += f" For an error in its unit, and for more models, name a task like yours with --like: {tasks}."
    every = (*advice.affordable, *advice.too_dear)
    far = [one.model for one in every if one.beyond > 1.05]
    of_interval = of_interval if any(one.limits for one in every) else ""
    power_law = f"No record of {joined(far)} has as many crystals; the errors there follow a power law through the records."
    return [about, without_forecast(question.like, question.others), power_law if far else "", of_interval]


def _with_models(tasks: Mapping[str, int]) -> str:
    return joined([f"{task} ({count(n, 'model')})" for task, n in sorted(tasks.items(), key=lambda one: (-one[1], one[0]))])


def without_forecast(like: str | None, models: Sequence[str]) -> str:
    """The models that records of a task, or of every set, say nothing of; empty where there is none."""
    where = "No record of the profile standard" if like else "Not every data set on record has a run that"
    return f"{where} allows a forecast of {joined(models)}: they may be better." if models else ""


def limits_of_records(like: str | None, tasks: Sequence[str]) -> tuple[str, str]:
    """What no forecast from the records of these tasks can say, for any number of crystals."""
    if like:
        about = f"Your crystals and target are taken to be as hard as {like}. Other targets are not."
    else:
        about = (
            "Without a task like yours no error in a unit can be told, only how models compare. The records are of "
            f"{joined(tasks)}. On crystals of one chemistry, such as oxides, the order may be another: "
            "only a run on yours can tell."
        )
    return (
        about,
        "The interval covers the luck of one training. It does not cover how much harder or easier your data may be.",
    )


def _calibrated(calibration: Calibration | None) -> str:
    if not calibration:
        return "This machine could not be compared with those of the records; times are theirs."
    return (
        f"A short training took {calibration.here:.2f} s of processor time here and {calibration.there:.2f} s in the records "
        f"({joined(calibration.processors)}); times are scaled by it."
    )


def tried(left: Sequence[LeftOut]) -> str:
    """How often such advice was right for sets left out."""
    free = [one for one in left if one.budget is None]
    if not free:
        return "How good such advice is cannot be told yet: it takes records of two crystal sets."
    within = [one for one in left if one.budget is not None]
    good, good_within = (sum(one.ratio <= GOOD for one in ones) for ones in (free, within))
    return (
        "Such advice was tried on each set on record, with that set left out: the error of the advised model was at most "
        f"{100 * (GOOD - 1):.0f} % above the best in {good} of {count(len(free), 'task')} ({good_within} of {len(within)} "
        "where only half of the models fit into the time)."
    )
