"""What a reader should know of a forecast, in the terminal and on the web page. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmark.leaderboard.rows import CONSTANTS
from benchmark.recommend.advice import GOOD, LeftOut
from benchmark.recommend.forecast import Forecast, OnSet
from benchmark.recommend.measured import SAME, Trained, atoms_of
from benchmark.rendering.text import count, joined, percent

SAVED = "The models are kept (--save-checkpoints), and the run prints where. Give that place to predict --checkpoint."


def not_ranked(like: str | None, models: Sequence[str], chosen: Forecast | None) -> str:
    """The models that records of a task, or of every set, say nothing of, the best rivals first; empty where there is none."""
    if not models:
        return ""
    best = {} if like or not chosen else {model: one.crystal_set for one in chosen.on_sets for model in one.best_other}
    named = [f"{model} (the best rival on {best[model]})" if model in best else model for model in models]
    named.sort(key=lambda name: " " not in name)
    why = f"without a standard record of {like}" if like else "as they did not run on every data set"
    return f"Not ranked, {why}: {joined(named)}. To try one, add --model NAME to the command."


def ranking(like: str | None, tasks: Mapping[str, Sequence[Trained]], over_sets: Sequence[OnSet]) -> str:
    """By which records the models are ranked, and how to ask otherwise; empty where the records compare no models.

    `over_sets` are the data sets, where they rank the models.
    """
    sets = len({models[0].crystal_set for models in tasks.values() if len(models) > 1})
    if not sets:
        return ""
    named = ", ".join(task for one in over_sets for task in one.tasks)
    over = f"mean over {count(sets, 'data set')}" + (f" ({named})" if named else "")
    if like and over_sets:
        (alone,) = (model.model for model in tasks[like] if model.model not in CONSTANTS)
        above = f"The error above it is of {alone} on {like}. Times of models that did not run there come from other tasks."
        return f"Ranking: by the {over}, as only {alone} ran on {like}: the table is about these sets. {above}"
    if like:
        return f"Ranking: of {like} alone. If your crystals or target are unlike it, ask without --like (the {over})."
    ran = sorted(tasks.items(), key=lambda one: (-len(one[1]), one[0]))
    asked = joined([f"{task} ({count(len(models), 'model')})" for task, models in ran])
    return (
        f"Ranking: by the {over}. If your crystals and target are like a task on record, name it with --like. That ranking "
        f"counts then, and gives an error in a unit. The tasks: {asked}."
    )


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
    """How often such advice was right for sets left out; empty where records of two data sets are lacking."""
    free = [one for one in left if one.budget is None]
    if not free:
        return ""
    missed = [one for one in free if one.ratio > GOOD]
    others = [f"{one.chosen} on {one.task} was {percent(one.ratio - 1)} above" for one in missed]
    return (
        f" Tried on {count(len(free), 'task')}, with records of other data sets alone: {len(free) - len(missed)} of "
        f"{count(len(free), 'choice')} had an MAE at most {percent(GOOD - 1)} above the lowest"
        f"{'; ' + joined(others) if others else ''}."
    )
