"""What a reader should know of every forecast, in the terminal and on the web page. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmark.leaderboard.rows import CONSTANTS
from benchmark.recommend.advice import GOOD, LeftOut
from benchmark.recommend.forecast import Forecast, is_beyond, most_on_record
from benchmark.recommend.measured import SAME, Trained, atoms_of
from benchmark.rendering.text import count, joined, percent
from benchmark.results.records import DeviceClass

DIVISION = "A run divides your crystals: a fold trains on 72 %, chooses the epoch on 8 % and tests on 20 %."


def without_forecast(like: str | None, models: Sequence[str]) -> str:
    """The models that records of a task, or of every set, say nothing of; empty where there is none."""
    if not models:
        return ""
    if like:
        return f"These models have no record of {like} in the profile standard, so they are not ranked: {joined(models)}."
    return f"These models did not run on every data set, so they are not ranked: {joined(models)}."


def limits_of_records(like: str | None) -> tuple[str, str]:
    """What no forecast from the records can say, for any number of crystals."""
    if like:
        about = f"Your crystals and target are taken to be as hard as {like}. Other targets are not."
    else:
        about = "Without a task like yours no error in a unit can be told, only how models compare."
    about += " On crystals of one chemistry, such as oxides, the order may be another: only a run on yours can tell."
    if like:
        interval = "The interval covers the luck of one training. It does not cover how much harder or easier your data may be."
    else:
        interval = "The interval is for one more data set. It comes from how much the ratios on the data sets on record differ."
    return about, interval


def other_ranking(like: str | None, tasks: Mapping[str, Sequence[Trained]]) -> str:
    """How an answer with a task and one without fit together; empty where the records compare no models."""
    sets = len({models[0].crystal_set for models in tasks.values() if len(models) > 1})
    if not sets:
        return ""
    over = f"mean over {count(sets, 'data set')}"
    learn = [model.model for model in tasks[like] if model.model not in CONSTANTS] if like else []
    if len(learn) == 1:
        return (
            f"only {learn[0]} ran on {like}. So this ranking is by the {over}, as without --like. Error and times are those of "
            "the task."
        )
    if like:
        return (
            f"this ranking is of {like} alone. Without --like, models are ranked by the {over}, and the order may differ. "
            f"If your crystals and target are like {like}, follow this ranking."
        )
    return (
        f"this ranking is by the {over}. With --like TASK, models are ranked on that task alone, and the order may differ. "
        "If your crystals and target are like that task, follow its ranking."
    )


def best_without_rank(chosen: Forecast, without: Sequence[str]) -> str:
    """The models that are the best beside the chosen one on a set, but did not run on every set; empty where there is none."""
    best = {model: one.crystal_set for one in chosen.on_sets for model in one.best_other if model in without}
    if not best:
        return ""
    each = joined([f"{model} (the best rival on {crystal_set})" for model, crystal_set in sorted(best.items())])
    add = " ".join(f"--model {model}" for model in sorted(best))
    them = "it" if len(best) == 1 else "them"
    return f"Without a rank: {each} did not run on all data sets. To try {them}, add {add} to the command."


def power_law(forecasts: Sequence[Forecast]) -> str:
    """By which power of the crystals errors are scaled from other numbers of crystals; empty where none is."""
    far = [one for one in forecasts if is_beyond(one)]
    known = {curve for one in far for curve in one.scaled_by}
    if not far:
        return ""
    whose = "any model" if len(far) == len(forecasts) else joined([one.model for one in far])
    about = f"No record of {whose} has about as many training crystals as yours."
    if not known:
        return f"{about} A power law through the records of the model gives its error."
    each = joined(
        [f"{minus(curve.exponent)} ({curve.model} on {curve.task})" for curve in sorted(known, key=lambda one: one.exponent)]
    )
    if len(known) == 1:
        return f"{about} The error is scaled by a power law. Its exponent is that of one learning curve: {each}."
    mean = minus(sum(curve.exponent for curve in known) / len(known))
    rough = any(one.rough and not one.limits for one in far)
    return (
        f"{about} The error is scaled by a power law. Its exponent is {mean}, the mean of "
        f"{count(len(known), 'learning curve')}: {each}."
        f"{' The lowest and the highest of them give the rough range.' if rough else ''}"
    )


def minus(value: float) -> str:
    """A number with two decimals and a real minus."""
    return f"{value:.2f}".replace("-", "\u2212")


def scaled_times(like: str | None, tasks: Mapping[str, Sequence[Trained]], models: Sequence[str]) -> str:
    """Whose times are taken from tasks where they ran to one where they did not; empty where none are."""
    networks = {one.model for ran in tasks.values() for one in ran if one.atoms} & set(models)
    there = (
        {one.model for one in tasks[like] if one.timed}
        if like
        else set.intersection(*({one.model for one in ran if one.timed} for ran in tasks.values()))
    )
    scaled = sorted(networks - there)
    if not scaled:
        return ""
    where = f"have no time on {like}" if like else "did not run on some of the tasks"
    whose = joined(scaled)
    return f"{whose} {where}. Their times there are scaled from those of other networks."


def compared_with(tasks: Mapping[str, Sequence[Trained]]) -> str:
    """With how many crystals the models are compared where no task is named."""
    each = [f"{most_on_record(models):,.0f} on {task}" for task, models in tasks.items() if len(models) > 1]
    return (
        f"The largest numbers of training crystals on record: {joined(each)}. If you have fewer, the ratio is a forecast for "
        "your number. If you have more, it is measured at the largest number."
    )


def of_times(like: str | None, tasks: Mapping[str, Sequence[Trained]], device: DeviceClass) -> str:
    """Which crystals the times are of, with their atoms."""
    timed = {model.timed.task for model in tasks[like] if model.timed} if like else set()
    if like and like not in timed:
        about = f"No time on a {device.upper()} is on record for {with_atoms(like, tasks[like])}."
        about += f" Times are those of {joined(sorted(timed))}: the same crystals." if timed else ""
    elif like:
        about = f"Times are those of {with_atoms(like, tasks[like])}."
    else:
        compared = {task: models for task, models in tasks.items() if len(models) > 1 and any(one.timed for one in models)}
        each = [with_atoms(task, models) for task, models in compared.items()]
        about = f"Times are medians over tasks whose crystals differ in size: {joined(each)}."
    return f"{about} A training takes longer on crystals with more atoms or less symmetry."


def on_record(model: Trained) -> str:
    """How many trainings of a model on a task there are, and with how many crystals."""
    low, high = round(model.crystals.min()), round(model.crystals.max())
    number = f"{high:,}" if low > SAME * high else f"{low:,} to {high:,}"
    return f"{count(len(model.errors), 'training')} with {number} training crystals"


def with_atoms(task: str, models: Sequence[Trained]) -> str:
    """A task and how large its crystals are, where a record says so."""
    atoms = atoms_of(models)
    return f"{task} ({atoms:.3g} atoms per crystal)" if atoms else task


def tried(left: Sequence[LeftOut]) -> str:
    """How often such advice was right for sets left out."""
    free = [one for one in left if one.budget is None]
    if not free:
        return "Not known yet: it takes records of two data sets."
    within = [one for one in left if one.budget is not None]
    good, good_within = (sum(one.ratio <= GOOD for one in ones) for ones in (free, within))
    timed = f" With time for only half of the models: {good_within} of {len(within)}." if within else ""
    return (
        f"A test chose a model for each of {count(len(free), 'task')} from the records of the other data sets alone: {good} of "
        f"{count(len(free), 'choice')} had an MAE at most {percent(GOOD - 1)} above the lowest.{timed}"
    )
