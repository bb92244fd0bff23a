"""The answer as a person reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmark.leaderboard.rows import CONSTANTS
from benchmark.recommend.advice import GOOD, Advice, LeftOut, chance, good_on
from benchmark.recommend.calibration import Calibration
from benchmark.recommend.cost import FOLDS, ON, calibrated, cost, duration, elsewhere, folds_within
from benchmark.recommend.division import divided
from benchmark.recommend.forecast import FEWEST_SETS, Forecast, OnSet, is_beyond
from benchmark.recommend.measured import PROFILE, Trained
from benchmark.recommend.notes import (
    DIVISION,
    compared_with,
    limits_of_records,
    of_times,
    on_record,
    other_ranking,
    tried,
    without_forecast,
)
from benchmark.recommend.question import Question
from benchmark.rendering.commands import command
from benchmark.rendering.text import count, in_unit, joined, percent, significant, table, with_unit


@dataclass(frozen=True)
class Answer:
    """What the terminal and the web page say, in this order."""

    headline: str
    lines: tuple[str, ...]
    """About the models to train."""
    command: str | None
    """That trains them; None where there is none to train."""
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """A model each, lowest error first."""
    notes: tuple[str, ...]

    def __str__(self) -> str:
        first = "\n".join([self.headline, *(f"- {line}" for line in self.lines)])
        command = f"\n\n    {self.command}" if self.command else ""
        notes = "\n".join(f"- {line}" for line in self.notes)
        return f"{first}{command}\n\n{table(self.columns, self.rows)}\n\nWhat you should know:\n{notes}"


def answer(question: Question, advice: Advice, calibration: Calibration | None, left: Sequence[LeftOut] | None) -> Answer:
    """The answer first, then the table, then what limits it; `left` is of advice without a task."""
    slower = calibration.slower if calibration else 1.0
    headline, lines, train = _first(question, advice, slower)
    notes = [*_notes(question, advice, slower), calibrated(calibration, question)]
    what = with_unit("MAE", question.unit) if question.like else "MAE / best other"
    return Answer(
        headline=headline,
        lines=tuple(filter(None, [*lines, "" if left is None else f"How often is such advice right? {tried(left)}"])),
        command=train,
        columns=("model", what, "95 % interval", "one training", "within the time", "yours / on record"),
        rows=tuple(
            (one.model, _three(one.error), _interval(one), *_time(one, advice, slower), _beyond(one)) for one in advice.every
        ),
        notes=tuple(filter(None, notes)),
    )


def _first(question: Question, advice: Advice, slower: float) -> tuple[str, Sequence[str], str | None]:
    """Headline, lines and command."""
    chosen = advice.chosen
    fits = other_ranking(question.like, question.tasks)
    other = f"With and without --like: {fits}" if fits else ""
    if not chosen:
        return _nothing(question, advice, slower), [other], None
    models = (chosen, *advice.equals)
    folds = folds_within(question, models, slower) or 0
    decide = bool(advice.equals) and folds >= FOLDS
    lines = [
        f"Error: {_error(chosen, question)}{_constant(question, advice)}.",
        _logarithm(chosen, question),
        f"Cost: {cost(question, models, slower)}",
        _also(advice, folds, decide),
        f"Not known: {_not_known(question, advice)}",
        other,
    ]
    words = ["run", "--dataset", "path/to/folder", *(word for one in models for word in ("--model", one.model))]
    words += ["--profile", PROFILE, *(["--until-decided"] if decide else [])]
    words += ["--device", "cuda"] if question.device == "gpu" else []
    words += ["--time-limit", f"{question.seconds / 60:g}"] if decide or folds < FOLDS else []
    return _headline(question, chosen), lines, command(*words)


def _nothing(question: Question, advice: Advice, slower: float) -> str:
    learn = [one for one in advice.too_dear if one.model not in CONSTANTS]
    if not learn:
        return _constants_alone(question, advice)
    time, cheapest = min((one.seconds * slower, one.model) for one in learn if one.seconds is not None)
    return (
        f"No model that learns can be trained with {question.crystals:,} crystals in {duration(question.seconds)}; "
        f"the cheapest, {cheapest}, takes about {duration(time)} on {ON[question.device]}."
    )


def _constants_alone(question: Question, advice: Advice) -> str:
    """Where no model that learns has a forecast."""
    if not question.like:
        return "The records are of no model that learns."
    best = advice.every[0]
    return (
        f"The records of {question.like} are of no model that learns. {best.model} predicts one number for all crystals, "
        f"with a test MAE of {in_unit(_three(best.error), question.unit)}."
    )


def _headline(question: Question, chosen: Forecast) -> str:
    train = f"Train {chosen.model} on your {question.crystals:,} crystals"
    if question.like:
        return f"{train}, if they and the target are like {question.like}."
    good, sets = good_on(chosen), len(chosen.on_sets)
    where = f"all {count(sets, 'data set')}" if good == sets > 1 else f"{good} of {count(sets, 'data set')}"
    return f"{train}. On {where} with records, its MAE is the lowest or at most {percent(GOOD - 1)} above the lowest."


def _error(one: Forecast, question: Question) -> str:
    if model := question.ran(one.model):
        train = divided(question.crystals).train
        interval = f"95 % of trainings: {_interval(one)}" if one.limits else f"no interval: {_without_interval(model, train)}"
        return f"a test MAE of {in_unit(_three(one.error), question.unit)} ({interval}), {_basis(one, model, train)}"
    why = "the data sets differ too much" if len(one.on_sets) >= FEWEST_SETS else "too few data sets"
    interval = f"95 %: {_interval(one)}" if one.limits else f"no interval: {why}"
    over = f"the mean of {count(len(one.on_sets), 'data set')}"
    return f"{_three(one.error)} times the MAE of the best other model, {over} ({interval}){_not_ranked(one, question)}"


def _basis(one: Forecast, model: Trained, train: int) -> str:
    """How an error follows from the records of a model."""
    if model.several_sizes or not is_beyond(one):
        return f"from {on_record(model)}"
    measured = f"{_three(model.error_at(model.most))} measured with {model.most:,.0f} training crystals"
    return f"{measured}, scaled to your {train:,}"


def _without_interval(model: Trained, train: int) -> str:
    if len(model.errors) == 1:
        return "one training does not tell how much trainings differ"
    if model.several_sizes:
        return f"{on_record(model)} are too few or too far from your {train:,}"
    times = f"{significant(model.most / train, 2)} times yours"
    return f"{count(len(model.errors), 'training')}, all with {model.most:,.0f} crystals, {times}: too far"


def _on_set(one: OnSet) -> str:
    low, high = round(min(one.crystals)), round(max(one.crystals))
    number = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    others = joined(sorted(set(one.best_other)))
    return f"{_three(one.ratio)} on {one.crystal_set} with {number} training crystals (best other: {others})"


def _logarithm(one: Forecast, question: Question) -> str:
    """What the error of a logarithm means; empty for another unit."""
    if not question.like or not question.unit.startswith("log10("):
        return ""
    return (
        f"Unit: {question.unit}. Train on the decimal logarithm of your values. An error of {_three(one.error)} means a factor "
        f"of {_three(10**one.error)}."
    )


def _by_set(one: Forecast | None) -> str:
    """The error of a model on each data set beside the best other one."""
    if one is None:
        return ""
    kinds = {True: "Measured", False: "Forecast"}
    by_kind = {kind: [_on_set(each) for each in one.on_sets if each.measured is kind] for kind in kinds}
    each = ". ".join(f"{kinds[kind]}: {joined(found)}" for kind, found in by_kind.items() if found)
    return f"The MAE of {one.model} divided by the MAE of the best other model, by data set. {each}."


def _not_ranked(one: Forecast, question: Question) -> str:
    """The models that are the best beside it on a set, but did not run on every set."""
    best = sorted({model for each in one.on_sets for model in each.best_other} & set(question.others))
    if not best:
        return ""
    verb, did = ("is", "it") if len(best) == 1 else ("are", "they")
    return f". {joined(best)} {verb} the best on a data set, but not ranked: {did} did not run on all of them"


def _constant(question: Question, advice: Advice) -> str:
    constants = [one for one in advice.every if one.model in CONSTANTS]
    if not constants or not question.like:
        return ""
    return f"; one number for all crystals has {_three(min(one.error for one in constants))}"


def _also(advice: Advice, folds: int, decide: bool) -> str:
    chosen, others = advice.chosen, advice.equals
    if not chosen or not others:
        return ""
    each = [(one.model, chance(one, chosen)) for one in others]
    named = [model if p is None else f"{model} ({percent(p)} chance)" for model, p in each]
    where = "on most data sets" if chosen.on_sets else "in the records"
    why = "" if all(p is not None for _, p in each) else f": about as good {where}"
    enough = f" The time is enough for about {folds} folds of each: repeat them until the verdict is clear." if decide else ""
    return f"Train too: {joined(named)} may come out better{why}.{enough}"


def _not_known(question: Question, advice: Advice) -> str:
    learn = [one.model for one in advice.every if one.model not in CONSTANTS]
    alone = f" Only {learn[0]} is on record there, so no model is compared with it." if len(learn) == 1 else ""
    if question.like:
        return f"how much harder or easier your crystals are than those of {question.like}.{alone}"
    return "the error in a unit (name a task like yours with --like), and whether the order is the same on your crystals."


def _interval(one: Forecast) -> str:
    return f"{_three(one.limits[0])} to {_three(one.limits[1])}" if one.limits else ""


def _three(value: float) -> str:
    """Three digits, the last zeros too."""
    return f"{value:#.3g}".rstrip(".")


def _time(one: Forecast, advice: Advice, slower: float) -> tuple[str, str]:
    if one.seconds is None:
        return "not known", "not known"
    return duration(one.seconds * slower), "yes" if one in advice.affordable else "no"


def _beyond(one: Forecast) -> str:
    return significant(one.beyond, 2) if is_beyond(one) else ""


def _notes(question: Question, advice: Advice, slower: float) -> list[str]:
    about, of_interval = limits_of_records(question.like)
    if not question.like:
        ran = sorted(question.tasks.items(), key=lambda one: (-len(one[1]), one[0]))
        tasks = joined([f"{task} ({count(len(models), 'model')})" for task, models in ran])
        about += f" For an error in its unit, and for more models, name a task like yours with --like: {tasks}."
    every = advice.every
    far = [one.model for one in every if is_beyond(one)]
    whose = "any model" if len(far) == len(every) else joined(far)
    power_law = f"No record of {whose} has about as many crystals as yours: a power law through the records gives the error."
    parts = divided(question.crystals)
    of_yours = f" Of {question.crystals:,} crystals these are {parts.train:,}, {parts.validation:,} and {parts.test:,}."
    return [
        DIVISION + of_yours,
        about,
        without_forecast(question.like, question.others),
        power_law if far and question.like else "",
        of_interval if any(one.limits for one in every) else "",
        "" if question.like else _by_set(advice.chosen),
        "" if question.like else compared_with(question.tasks),
        of_times(question.like, question.tasks, question.device) + elsewhere(question, advice.chosen, slower),
    ]
