"""The answer as a person reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmark.leaderboard.rows import CONSTANTS
from benchmark.recommend.advice import FOLDS, GOOD, Advice, LeftOut, advise, chance, good_on, of_run
from benchmark.recommend.calibration import Calibration
from benchmark.recommend.cost import cells, cost, duration, forecast, times
from benchmark.recommend.division import divided
from benchmark.recommend.forecast import FEWEST_SETS, Forecast, is_beyond
from benchmark.recommend.measured import Trained
from benchmark.recommend.notes import SAVED, not_ranked, on_record, ranking, tried
from benchmark.recommend.plan import Plan, command_of, planned
from benchmark.recommend.question import Question
from benchmark.recommend.ranking import unranked
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
    """The answer first, then the table, then what to do with it; `left` is of advice by all data sets.

    Where one model alone ran on the task named, all data sets rank the models, and the task gives error and times.
    """
    slower = calibration.slower if calibration else 1.0
    ranked = advise(question.over_sets, question.seconds, question.workers, slower) if question.over_sets else advice
    by_sets = not question.like or ranked is not advice
    plan = planned(question, ranked, slower)
    lines = _lines(question, advice, plan, slower, left if by_sets else None) if plan else []
    on_task = _on_task(question, advice)
    notes = [
        _logarithm(on_task, question) if on_task else "",
        SAVED if plan else "",
        ranking(question.like, question.tasks, ranked.every[0].on_sets if by_sets else ()),
        not_ranked(None if by_sets else question.like, unranked(question, ranked), ranked.chosen),
        times(question, calibration),
    ]
    what = "MAE / best other" if by_sets else with_unit("MAE", question.unit)
    return Answer(
        headline=_headline(question, plan.models[0], ranked) if plan else _nothing(question, ranked, slower),
        lines=tuple(filter(None, lines)),
        command=command_of(question, plan) if plan else None,
        columns=("model", what, "95 % interval", f"{FOLDS} folds alone", "alone within the time", "yours / on record"),
        rows=tuple(
            (one.model, _three(one.error), _interval(one), *cells(question, one, slower), _beyond(one)) for one in ranked.every
        ),
        notes=tuple(filter(None, notes)),
    )


def _on_task(question: Question, advice: Advice) -> Forecast | None:
    """The model that learns with the lowest error on the task named; None without such a task."""
    return next((one for one in advice.every if one.model not in CONSTANTS), None) if question.like else None


def _lines(question: Question, advice: Advice, plan: Plan, slower: float, left: Sequence[LeftOut] | None) -> list[str]:
    """Error, cost, rivals and what is not known; `left` where all data sets rank the models."""
    on_task = _on_task(question, advice)
    return [
        f"Error: {_error(on_task, question)}{_constant(question, advice)}" if on_task else "",
        "" if on_task else f"Error: {_ratio(plan.models[0])}.",
        f"Cost: {cost(question, plan, slower)}",
        _also(plan, question.seconds),
        f"Not known: {_not_known(question)}{tried(left) if left is not None else ''}",
    ]


def _nothing(question: Question, advice: Advice, slower: float) -> str:
    """Why no model is advised."""
    learn = [one for one in advice.too_dear if one.model not in CONSTANTS]
    if not learn:
        return _constants_alone(question, advice)
    cheapest = min(learn, key=lambda one: one.seconds or 0.0)
    low, high = (of_run([slower * limit], question.workers) for limit in cheapest.times or (0.0, 0.0))
    return (
        f"No model that learns can be trained with {question.crystals:,} crystals in {duration(question.seconds)}: "
        f"{FOLDS} folds of the cheapest, {cheapest.model}, take about {forecast(low, high)}."
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


def _headline(question: Question, chosen: Forecast, ranked: Advice) -> str:
    constants = [one for one in ranked.every if one.model in CONSTANTS]
    if any(one.error <= chosen.error for one in constants):
        return (
            f"With {question.crystals:,} crystals no model that fits in the time is expected to be better than one number for "
            f"all crystals ({constants[0].model}). If you try one, take {chosen.model}."
        )
    train = f"Train {chosen.model} on your {question.crystals:,} crystals"
    if question.like and not chosen.on_sets:
        return f"{train}, if they and the target are like {question.like}."
    good, sets = good_on(chosen), len(chosen.on_sets)
    where = f"all {count(sets, 'data set')}" if good == sets > 1 else f"{good} of {count(sets, 'data set')}"
    names = joined([on_set.crystal_set for on_set in chosen.on_sets])
    as_low = f"its MAE is the lowest or at most {percent(GOOD - 1)} above the lowest"
    return f"{train}. On {where} with records ({names}), {as_low}."


def _error(one: Forecast, question: Question) -> str:
    """On the task named, in its unit."""
    model = question.ran(one.model)
    assert model
    train = divided(question.crystals).train
    if not one.limits and one.scaled_by and is_beyond(one):
        ends = f"roughly {' to '.join(significant(limit, 2) for limit in one.rough)}; " if one.rough else ""
        about = f"about {in_unit(significant(one.error, 2), question.unit)} ({ends}no 95 % interval)"
    else:
        interval = f"95 % of trainings: {_interval(one)}" if one.limits else f"no interval: {_without_interval(model, train)}"
        about = f"{in_unit(_three(one.error), question.unit)} ({interval})"
    alone = len([name for name in question.tasks.get(question.like or "", ()) if name.model not in CONSTANTS]) == 1
    only = f", the only one that ran on {question.like}," if alone else ""
    return f"{one.model}{only} is expected to have a test MAE of {about}.{_basis(one, model, train) if is_beyond(one) else ''}"


def _ratio(one: Forecast) -> str:
    """Over the data sets, beside the best other model of each."""
    why = "the data sets differ too much" if len(one.on_sets) >= FEWEST_SETS else "too few data sets"
    interval = f"95 %: {_interval(one)}" if one.limits else f"no interval: {why}"
    over = f"the mean of {count(len(one.on_sets), 'data set')}"
    return f"{one.model} has {_three(one.error)} times the MAE of the best other model, {over} ({interval})"


def _basis(one: Forecast, model: Trained, train: int) -> str:
    """How an error far from the records follows from them."""
    if model.several_sizes:
        return f" It is scaled from {on_record(model)}."
    measured = f"{_three(model.error_at(model.most))}, measured with {model.most:,.0f} training crystals"
    curves = joined(sorted({curve.task for curve in one.scaled_by}))
    by = f" by {count(len(one.scaled_by), 'learning curve')} (of {curves})" if one.scaled_by else ""
    return f" It is scaled to your {train:,}{by} from {measured}."


def _without_interval(model: Trained, train: int) -> str:
    if len(model.errors) == 1:
        return "one training does not tell how much trainings differ"
    if model.several_sizes:
        return f"{on_record(model)} are too few or too far from your {train:,}"
    return f"its {count(len(model.errors), 'training')} differ too much"


def _logarithm(one: Forecast, question: Question) -> str:
    """What the error of a logarithm means; empty for another unit."""
    if not question.like or not question.unit.startswith("log10("):
        return ""
    return (
        f"Unit: {question.unit}. Train on the decimal logarithm of your values. An error of {_three(one.error)} means a factor "
        f"of {_three(10**one.error)}."
    )


def _constant(question: Question, advice: Advice) -> str:
    constants = [one for one in advice.every if one.model in CONSTANTS]
    if not constants or not question.like:
        return ""
    return f" One number for all crystals has {_three(min(one.error for one in constants))}."


def _also(plan: Plan, seconds: float) -> str:
    """The rivals that the command trains, and those that may not fit; empty without rivals."""
    chosen, *rivals = plan.models
    told = []
    if rivals:
        repeats = "The command repeats folds until the verdict is clear or the time is over."
        told.append(f"{_named(rivals, chosen)} may come out better. {repeats}")
    if plan.rest:
        told.append(f"More models together may not fit: with more than {duration(seconds)}, add {_named(plan.rest, chosen)}.")
    if plan.untimed:
        told.append(f"Without a time on record: {_named(plan.untimed, chosen)}.")
    return f"Train too: {' '.join(told)}" if rivals else " ".join(told)


def _named(models: Sequence[Forecast], chosen: Forecast) -> str:
    each = [(one.model, chance(one, chosen)) for one in models]
    return joined(
        [f"{model} ({'about as good' if p is None else f'{percent(p)} chance of a lower error'})" for model, p in each]
    )


def _not_known(question: Question) -> str:
    if question.like:
        return f"whether your crystals are harder or easier than those of {question.like}, and whether models rank alike there."
    return "the error in a unit (`--like TASK` gives one), and whether the order is the same on your crystals, such as oxides."


def _interval(one: Forecast) -> str:
    return f"{_three(one.limits[0])} to {_three(one.limits[1])}" if one.limits else ""


def _three(value: float) -> str:
    """Three digits, the last zeros too."""
    return f"{value:#.3g}".rstrip(".")


def _beyond(one: Forecast) -> str:
    return significant(one.beyond, 2) if is_beyond(one) else ""
