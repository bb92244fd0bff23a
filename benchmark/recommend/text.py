"""The answer as a person reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmark.leaderboard.rows import BASELINE, CONSTANTS
from benchmark.recommend.advice import GOOD, Advice, LeftOut, advise, chance, good_on
from benchmark.recommend.calibration import Calibration
from benchmark.recommend.cost import FOLDS, ON, calibrated, cost, duration, elsewhere, folds_within
from benchmark.recommend.division import divided
from benchmark.recommend.forecast import FEWEST_SETS, Forecast, OnSet, is_beyond
from benchmark.recommend.measured import PROFILE, Trained
from benchmark.recommend.notes import (
    DIVISION,
    best_without_rank,
    compared_with,
    limits_of_records,
    of_times,
    on_record,
    other_ranking,
    power_law,
    scaled_times,
    tried,
    without_forecast,
)
from benchmark.recommend.question import Question
from benchmark.recommend.ranking import unranked
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


def answer(question: Question, advice: Advice, calibration: Calibration | None, left: Sequence[LeftOut]) -> Answer:
    """The answer first, then the table, then what limits it; `left` is of advice by all data sets.

    Where one model alone ran on the task named, all data sets rank the models, and the task gives error and times.
    """
    slower = calibration.slower if calibration else 1.0
    ranking = advise(question.over_sets, question.seconds, slower) if question.over_sets else advice
    headline, lines, train = _first(question, advice, ranking, slower)
    notes = [*_notes(question, advice, ranking, slower), calibrated(calibration, question)]
    by_sets = not question.like or ranking is not advice
    what = "MAE / best other" if by_sets else with_unit("MAE", question.unit)
    return Answer(
        headline=headline,
        lines=tuple(filter(None, [*lines, f"How often is such advice right? {tried(left)}" if by_sets else ""])),
        command=train,
        columns=("model", what, "95 % interval", "one training", "within the time", "yours / on record"),
        rows=tuple(
            (one.model, _three(one.error), _interval(one), *_time(one, ranking, slower), _beyond(one)) for one in ranking.every
        ),
        notes=tuple(filter(None, notes)),
    )


def _first(question: Question, advice: Advice, ranking: Advice, slower: float) -> tuple[str, Sequence[str], str | None]:
    """Headline, lines and command."""
    chosen = ranking.chosen
    fits = other_ranking(question.like, question.tasks)
    other = f"With and without --like: {fits}" if fits else ""
    if not chosen:
        return _nothing(question, ranking, slower), [other], None
    models = (chosen, *ranking.equals)
    folds = folds_within(question, models, slower) or 0
    decide = bool(ranking.equals) and folds >= FOLDS
    on_task = next((one for one in advice.every if one.model not in CONSTANTS), None) if question.like else None
    by_sets = not question.like or ranking is not advice
    lines = [
        f"Error: {_error(on_task, question)}{_constant(question, advice)}." if on_task else "",
        _logarithm(on_task, question) if on_task else "",
        f"Compared with the other models: {_ratio(chosen)}." if by_sets else "",
        f"Cost: {cost(question, models, slower)}",
        _also(ranking, folds, decide),
        best_without_rank(chosen, unranked(question, ranking)) if by_sets else "",
        f"Not known: {_not_known(question)}",
        other,
    ]
    words = ["run", "--dataset", "path/to/folder", *(word for one in models for word in ("--model", one.model))]
    words += ["--model", BASELINE, "--profile", PROFILE, *(["--until-decided"] if decide else [])]
    words += ["--device", "cuda"] if question.device == "gpu" else []
    words += ["--time-limit", f"{question.seconds / 60:g}"]
    return _headline(question, chosen), lines, command(*words)


def _nothing(question: Question, advice: Advice, slower: float) -> str:
    """Why no model is advised."""
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
    if question.like and not chosen.on_sets:
        return f"{train}, if they and the target are like {question.like}."
    good, sets = good_on(chosen), len(chosen.on_sets)
    where = f"all {count(sets, 'data set')}" if good == sets > 1 else f"{good} of {count(sets, 'data set')}"
    return f"{train}. On {where} with records, its MAE is the lowest or at most {percent(GOOD - 1)} above the lowest."


def _error(one: Forecast, question: Question) -> str:
    """On the task named, in its unit."""
    model = question.ran(one.model)
    assert model
    train = divided(question.crystals).train
    alike = f"if your crystals and target are like {question.like}"
    if not one.limits and one.rough:
        low, high = (significant(limit, 2) for limit in one.rough)
        about = f"{in_unit(significant(one.error, 2), question.unit)} (roughly {low} to {high}; no 95 % interval)"
        curves = f"by how errors fell with crystals in {count(len(one.scaled_by), 'learning curve')}"
        return f"a test MAE of about {about}, {alike}. {one.model} has {_basis(one, model, train)} {curves}"
    interval = f"95 % of trainings: {_interval(one)}" if one.limits else f"no interval: {_without_interval(model, train)}"
    return f"a test MAE of {in_unit(_three(one.error), question.unit)} ({interval}), {_basis(one, model, train)}"


def _ratio(one: Forecast) -> str:
    """Over the data sets, beside the best other model of each."""
    why = "the data sets differ too much" if len(one.on_sets) >= FEWEST_SETS else "too few data sets"
    interval = f"95 %: {_interval(one)}" if one.limits else f"no interval: {why}"
    over = f"the mean of {count(len(one.on_sets), 'data set')}"
    return f"{one.model} has {_three(one.error)} times the MAE of the best other model, {over} ({interval})"


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


def _not_known(question: Question) -> str:
    if question.like:
        return f"how much harder or easier your crystals are than those of {question.like}."
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


def _notes(question: Question, advice: Advice, ranking: Advice, slower: float) -> list[str]:
    about, of_interval = limits_of_records(question.like)
    if not question.like:
        ran = sorted(question.tasks.items(), key=lambda one: (-len(one[1]), one[0]))
        tasks = joined([f"{task} ({count(len(models), 'model')})" for task, models in ran])
        about += f" For an error in its unit, and for more models, name a task like yours with --like: {tasks}."
    by_sets = not question.like or ranking is not advice
    intervals = [limits_of_records(None)[1]] if ranking is not advice else []
    intervals += [of_interval] if any(one.limits for one in advice.every) else []
    parts = divided(question.crystals)
    of_yours = f" Of {question.crystals:,} crystals these are {parts.train:,}, {parts.validation:,} and {parts.test:,}."
    like = question.like if ranking is advice else None
    return [
        DIVISION + of_yours,
        f"{BASELINE} predicts the mean of the training crystals: a network must be better." if ranking.chosen else "",
        about,
        without_forecast(like, unranked(question, ranking)),
        power_law(advice.every) if question.like else "",
        *intervals,
        _by_set(ranking.chosen) if by_sets else "",
        compared_with(question.tasks) if by_sets else "",
        of_times(question.like, question.tasks, question.device) + elsewhere(question, ranking.chosen, slower),
        scaled_times(question.like, question.tasks, [one.model for one in ranking.every if one.seconds is not None]),
    ]
