"""Is the difference between two models of a task real? What the board decides about one pair. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmark.leaderboard.comparison_groups import ComparisonGroup, comparison_groups
from benchmark.leaderboard.rows import BoardRow
from benchmark.rendering.text import count, in_unit, interval, plus_minus, significant
from benchmark.results.scores import scored_tasks
from benchmark.results.sources import read_sources
from benchmark.results.store import Store
from benchmark.statistics.comparisons import ALPHA
from benchmark.statistics.contrasts import Evidence
from benchmark.statistics.decisions import MARGIN, MOST_REPEATS, intervals_of, repeats_to_decide
from datasets.errors import InputError, unknown_name

PairVerdict = Literal["real", "equal", "undecided"]


@dataclass(frozen=True)
class PairAnswer:
    """Two models of a comparison group; `lower` has the lower mean loss."""

    task: str
    group: str
    """Profile, protocol and data."""
    loss: str
    """What is compared: MAE or log-loss."""
    unit: str
    lower: str
    higher: str
    lower_loss: float
    lower_std: float | None
    """Over folds."""
    higher_loss: float
    higher_std: float | None
    ratio: float
    """Loss of the higher / loss of the lower."""
    ratio_low: float | None
    """Lower limit of the interval that holds together with those of all pairs of the group; None where nothing is decided."""
    ratio_high: float | None
    verdict: PairVerdict
    """Real: the interval lies above 1. Equal: it lies within the margin on both sides."""
    more_repeats: int | None
    """Further repeats that would decide an undecided pair if the errors stayed as measured; None where too many or decided."""
    folds: int
    repeats: int
    models: int
    """Of the group."""
    reason: str | None
    """Why nothing could be decided."""


def compare_pair(store: Store, task: str, first: str, second: str) -> list[PairAnswer]:
    """What each comparison group of a task that has both models says about them.

    Args:
        store: with the records.
        task: dataset/target.
        first: a model's name, or a row as the board names it.
        second: another one.

    Raises:
        InputError: the store has no such task, no board of the task compares such a model, or none compares both; or a record
            is damaged.
    """
    tasks = [name for name, _ in store.tasks()]
    if task not in tasks:
        raise unknown_name("task", task, tasks)
    if first == second:
        raise InputError(f"a pair has two different models, not {first} twice")
    runs = next((runs for _, runs in scored_tasks(store, names={task})), [])
    groups = [group for group, _ in comparison_groups(runs, read_sources(store.root))] if runs else []
    known = {name for group in groups for row in group.ranked for name in _names(row)}
    for name in (first, second):
        if name not in known:
            raise unknown_name("model", name, known, f"compared on {task}: {', '.join(sorted(known))}")
    found = [(group, [row for row in group.ranked if {first, second} & _names(row)]) for group in groups]
    answers = [_answer(group, *rows) for group, rows in found if len(rows) == 2]
    if not answers:
        raise InputError(f"{first} and {second} both ran on {task}, but not with the same profile, folds and data")
    return answers


def _names(row: BoardRow) -> set[str]:
    """What a person may call a row: its label, and the model's name where it stands for the model."""
    return {row.label, row.model} if row.unchanged else {row.label}


def _answer(group: ComparisonGroup, lower: BoardRow, higher: BoardRow) -> PairAnswer:
    assert group.decisions and group.errors
    pair = next(pair for pair in group.decisions.pairs if (pair.better, pair.worse) == (lower.label, higher.label))
    verdict, more = _decided(group, lower.label, higher.label)
    losses = [row.over_folds("loss") or (0.0, None) for row in (lower, higher)]
    return PairAnswer(
        task=group.first.key.task,
        group=group.title,
        loss=group.kind.loss,
        unit=group.first.key.unit,
        lower=pair.better,
        higher=pair.worse,
        lower_loss=losses[0][0],
        lower_std=losses[0][1],
        higher_loss=losses[1][0],
        higher_std=losses[1][1],
        ratio=pair.ratio,
        ratio_low=pair.interval and pair.interval[0],
        ratio_high=pair.interval and pair.interval[1],
        verdict=verdict,
        more_repeats=more,
        folds=group.folds,
        repeats=len(np.unique(group.errors.repeats)),
        models=len(group.ranked),
        reason=group.decisions.reason,
    )


def _decided(group: ComparisonGroup, lower: str, higher: str) -> tuple[PairVerdict, int | None]:
    """The verdict, and the further repeats that would decide an undecided pair."""
    assert group.decisions and group.errors
    if group.decisions.reason:
        return "undecided", None
    evidence = Evidence.of(group.errors)
    place = group.errors.models.index(higher), group.errors.models.index(lower)

    def after(more: int) -> PairVerdict:
        intervals = intervals_of(evidence, more, ALPHA)
        low, high = intervals.low[place], intervals.high[place]
        return "real" if low > 0 else "equal" if max(high, -low) <= np.log1p(MARGIN) else "undecided"

    today = after(0)
    return today, repeats_to_decide([today], lambda more: [after(more)]).get(0)


def pair_text(answer: PairAnswer) -> str:
    """The answer first, then the errors, what they rest on, and what more repeats would decide."""
    low, high = answer.ratio_low, answer.ratio_high
    limits = "" if low is None or high is None else f" (95 %: {interval(low, high)})"
    ratio = f"the {answer.loss} of {answer.higher} is {significant(answer.ratio)} times that of {answer.lower}{limits}"
    words = {"real": "Real", "equal": f"Equal within {MARGIN:.0%}", "undecided": "Undecided"}
    lower = in_unit(plus_minus(answer.lower_loss, answer.lower_std), answer.unit)
    higher = in_unit(plus_minus(answer.higher_loss, answer.higher_std), answer.unit)
    runs = f"the same {count(answer.folds, 'fold')} of {count(answer.repeats, 'repeat')}"
    lines = [
        f"{answer.task}, {answer.group}",
        f"{words[answer.verdict]}: {ratio}.",
        f"{answer.loss}: {answer.lower} {lower}, {answer.higher} {higher}; {runs} for both.",
    ]
    if answer.reason:
        return "\n".join([*lines, f"Nothing can be decided: {answer.reason}."])
    lines.append(f"The interval holds for all pairs of the {answer.models} models that ran so, together.")
    if answer.verdict == "undecided" and answer.more_repeats:
        more = count(answer.more_repeats, "more repeat")
        lines.append(f"About {more} would decide, if the errors stayed as measured.")
    elif answer.verdict == "undecided":
        lines.append(f"{MOST_REPEATS} more repeats would not decide, if the errors stayed as measured.")
    return "\n".join(lines)
