"""The answer as a person reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmark.leaderboard.rows import CONSTANTS
from benchmark.recommend.advice import GOOD, Advice, LeftOut, chance, good_on
from benchmark.recommend.calibration import Calibration
from benchmark.recommend.division import divided
from benchmark.recommend.forecast import FEWEST_SETS, Forecast, OnSet
from benchmark.recommend.measured import PROFILE, Trained
from benchmark.recommend.notes import DIVISION, compared_with, limits_of_records, of_times, tried, with_atoms, without_forecast
from benchmark.rendering.commands import command
from benchmark.rendering.text import count, in_unit, joined, seconds, table, with_unit
from benchmark.results.records import DeviceClass

FOLDS = 5
"""Of a run."""
ON = {"cpu": "one core", "gpu": "a GPU"}


@dataclass(frozen=True)
class Question:
    """What was asked.

    Attributes:
        crystals: with a label, all parts together.
        seconds: there are.
        device: to train on.
        like: a task, or None.
        tasks: all that have records on the kind of device.
        others: models without records that allow a forecast.
    """

    crystals: int
    seconds: float
    device: DeviceClass
    like: str | None
    tasks: Mapping[str, Sequence[Trained]]
    others: tuple[str, ...]

    @property
    def unit(self) -> str:
        """Of the errors."""
        return self.tasks[self.like][0].unit if self.like else "1"


def answer(question: Question, advice: Advice, calibration: Calibration | None, left: Sequence[LeftOut] | None) -> str:
    """The answer first, then the table, then what limits it; `left` is of advice without a task."""
    slower = calibration.slower if calibration else 1.0
    parts = [_first(question, advice, slower), _table(question, advice, slower)]
    notes = [*_notes(question, advice, slower), _calibrated(calibration, question), "" if left is None else tried(left)]
    return "\n\n".join(parts) + "\n\nWhat you should know:\n" + "\n".join(f"- {line}" for line in notes if line)


def _first(question: Question, advice: Advice, slower: float) -> str:
    chosen = advice.chosen
    if not chosen:
        return _nothing(question, advice, slower)
    models = (chosen, *advice.equals)
    folds = int(question.seconds / (slower * sum(one.seconds for one in models)))
    decide = bool(advice.equals) and folds >= FOLDS
    lines = [
        _headline(question, chosen),
        f"- Error: {_error(chosen, question)}{_constant(question, advice)}.",
        f"- Cost: {_cost(question, models, slower)}",
        _also(advice, folds, decide),
        f"- Not known: {_not_known(question, advice)}",
    ]
    words = ["run", "--dataset", "path/to/folder", *(word for one in models for word in ("--model", one.model))]
    words += ["--profile", PROFILE, *(["--until-decided"] if decide else [])]
    words += ["--time-limit", f"{question.seconds / 60:g}"] if decide or folds < FOLDS else []
    return "\n".join(line for line in lines if line) + f"\n\n    {command(*words)}"


def _nothing(question: Question, advice: Advice, slower: float) -> str:
    learn = [one for one in advice.too_dear if one.model not in CONSTANTS]
    if not learn:
        return "The records are of no model that learns."
    cheapest = min(learn, key=lambda one: one.seconds)
    return (
        f"No model that learns can be trained with {question.crystals:,} crystals in {_duration(question.seconds)}; "
        f"the cheapest, {cheapest.model}, takes about {_duration(cheapest.seconds * slower)} on {ON[question.device]}."
    )


def _headline(question: Question, chosen: Forecast) -> str:
    train = f"Train {chosen.model} on your {question.crystals:,} crystals"
    if question.like:
        return f"{train}, if they and the target are like {question.like}."
    return (
        f"{train}. Its MAE is the lowest, or at most {100 * (GOOD - 1):.0f} % above the lowest, "
        f"on {good_on(chosen)} of the {count(len(chosen.on_sets), 'data set')} on record."
    )


def _error(one: Forecast, question: Question) -> str:
    if question.like:
        error = f"a test MAE of {in_unit(_three(one.error), question.unit)}"
        interval = f"95 % of trainings: {_interval(one)}" if one.limits else "no interval: trainings on record tell too little"
        return f"{error} ({interval})"
    why = "the data sets differ too much" if len(one.on_sets) >= FEWEST_SETS else "too few data sets"
    interval = f"95 %: {_interval(one)}" if one.limits else f"no interval: {why}"
    kinds = {True: "Measured", False: "Forecast"}
    by_kind = {kind: [_on_set(each) for each in one.on_sets if each.measured is kind] for kind in kinds}
    each = ". ".join(f"{kinds[kind]}: {joined(found)}" for kind, found in by_kind.items() if found)
    over = f"the mean of {count(len(one.on_sets), 'data set')}"
    return f"{_three(one.error)} times the MAE of the best other model, {over} ({interval}). {each}"


def _on_set(one: OnSet) -> str:
    low, high = round(min(one.crystals)), round(max(one.crystals))
    number = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    others = joined(sorted(set(one.best_other)))
    return f"{_three(one.ratio)} on {one.crystal_set} with {number} training crystals (best other: {others})"


def _constant(question: Question, advice: Advice) -> str:
    constants = [one for one in (*advice.affordable, *advice.too_dear) if one.model in CONSTANTS]
    if not constants or not question.like:
        return ""
    return f"; one number for all crystals has {_three(min(one.error for one in constants))}"


def _cost(question: Question, models: Sequence[Forecast], slower: float) -> str:
    one, total = models[0].seconds * slower, FOLDS * slower * sum(each.seconds for each in models)
    which = "" if len(models) == 1 else f" of each of {len(models)} models"
    yours = _duration(question.seconds)
    late = f", more than your {yours}: the command ends after {yours} and goes on if you start it again"
    return (
        f"about {_duration(one)} on {ON[question.device]} for one training; "
        f"about {_duration(total)} for {FOLDS} folds{which}{late if total > question.seconds else ''}."
    )


def _also(advice: Advice, folds: int, decide: bool) -> str:
    chosen, others = advice.chosen, advice.equals
    if not chosen or not others:
        return ""
    each = [(one.model, chance(one, chosen)) for one in others]
    named = [model if p is None else f"{model} ({100 * p:.0f} % chance)" for model, p in each]
    where = "on most data sets" if chosen.on_sets else "in the records"
    why = "" if all(p is not None for _, p in each) else f": about as good {where}"
    enough = f" The time is enough for about {folds} folds of each: repeat them until the verdict is clear." if decide else ""
    return f"- Train too: {joined(named)} may come out better{why}.{enough}"


def _not_known(question: Question, advice: Advice) -> str:
    learn = [one.model for one in (*advice.affordable, *advice.too_dear) if one.model not in CONSTANTS]
    alone = f" Only {learn[0]} is on record there, so no model is compared with it." if len(learn) == 1 else ""
    alone += " More models have run on CPUs: ask with --device cpu too." if question.device == "gpu" else ""
    if question.like:
        return f"how much harder or easier your crystals are than those of {question.like}.{alone}"
    return "the error in a unit (name a task like yours with --like), and whether the order is the same on your crystals."


def _interval(one: Forecast) -> str:
    return f"{_three(one.limits[0])} to {_three(one.limits[1])}" if one.limits else ""


def _three(value: float) -> str:
    """Three digits, the last zeros too."""
    return f"{value:#.3g}".rstrip(".")


def _duration(value: float) -> str:
    return seconds(value) if value < 120 else f"{value / 60:.3g} min" if value < 7200 else f"{value / 3600:,.3g} h"


def _table(question: Question, advice: Advice, slower: float) -> str:
    what = with_unit("MAE", question.unit) if question.like else "MAE / best other"
    rows = [
        [one.model, _three(one.error), _interval(one),
         _duration(one.seconds * slower), "yes" if one in advice.affordable else "no", _beyond(one)]
        for one in sorted((*advice.affordable, *advice.too_dear), key=lambda one: one.error)
    ]  # fmt: skip
    return table(["model", what, "95 % interval", "one training", "within the time", "beyond the records"], rows)


def _beyond(one: Forecast) -> str:
    return f"{one.beyond:.1f} × the crystals" if one.beyond > 1.05 else ""


def _notes(question: Question, advice: Advice, slower: float) -> list[str]:
    about, of_interval = limits_of_records(question.like)
    if not question.like:
        ran = sorted(question.tasks.items(), key=lambda one: (-len(one[1]), one[0]))
        tasks = joined([f"{task} ({count(len(models), 'model')})" for task, models in ran])
        about += f" For an error in its unit, and for more models, name a task like yours with --like: {tasks}."
    every = (*advice.affordable, *advice.too_dear)
    far = [one.model for one in every if one.beyond > 1.05]
    whose = "any model" if len(far) == len(every) else joined(far)
    power_law = f"No record of {whose} has as many crystals; its error follows a power law through the records."
    parts = divided(question.crystals)
    of_yours = f" Of {question.crystals:,} crystals these are {parts.train:,}, {parts.validation:,} and {parts.test:,}."
    return [
        DIVISION + of_yours,
        about,
        without_forecast(question.like, question.others),
        power_law if far and question.like else "",
        of_interval if any(one.limits for one in every) else "",
        "" if question.like else compared_with(question.tasks),
        of_times(question.like, question.tasks) + _elsewhere(question, advice, slower),
    ]


def _elsewhere(question: Question, advice: Advice, slower: float) -> str:
    """What the chosen model would take on crystals like those of other tasks."""
    if not advice.chosen:
        return ""
    train = divided(question.crystals).train * slower
    each = {
        task: model.seconds_per_crystal * train
        for task, models in question.tasks.items()
        for model in models
        if model.model == advice.chosen.model and task != question.like
    }
    named = joined([f"{_duration(time)} as on {with_atoms(task, question.tasks[task])}" for task, time in each.items()])
    if not question.like:
        named = f"between {_duration(min(each.values()))} and {_duration(max(each.values()))} as on any task on record"
    return f" {advice.chosen.model} would take {named}." if each else ""


def _calibrated(calibration: Calibration | None, question: Question) -> str:
    asked = [question.like] if question.like else list(question.tasks)
    machines = sorted({name for task in asked for model in question.tasks[task] for name in model.machines})
    if not calibration:
        return f"Times are those of {joined(machines)}: this machine was not compared with the machines of the records."
    others = [name for name in machines if name not in calibration.processors]
    scaled = f" Times of {joined(others)} are scaled by it too, though it was not compared." if others else ""
    return (
        f"A short training took {calibration.here:.2f} s of processor time here and {calibration.there:.2f} s in the records "
        f"({joined(calibration.processors)}); times are scaled by it.{scaled}"
    )
