"""What a comparison group decides about every two of its rows. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from benchmark.leaderboard.again import as_runs, longer_training, more_repeats
from benchmark.leaderboard.apart import folds_of
from benchmark.leaderboard.common_folds import CommonFolds
from benchmark.leaderboard.comparison_groups import ComparisonGroup
from benchmark.leaderboard.rows import BoardRow
from benchmark.results.directories import RUNS
from benchmark.statistics.comparisons import ALPHA
from benchmark.statistics.contrasts import Evidence, pairs_of
from benchmark.statistics.decisions import MARGIN, PairDecision, exponentials, intervals_of, repeats_to_decide

PairVerdict = Literal["real", "equal", "undecided"]


@dataclass(frozen=True)
class PairAnswer:
    """Two rows of a comparison group; `lower` has the lower mean loss."""

    task: str
    group: str
    """Profile, protocol and data."""
    loss: str
    """What is compared: MAE or log-loss."""
    unit: str
    """Of the loss; 1 where it has none."""
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
    then: PairVerdict | None
    """What they would show; None without such repeats."""
    command: str | None
    """That trains what is missing, one a line: the repeats, or where no repeats decide more epochs. None of a decided pair."""
    folds: int
    repeats: int
    models: int
    """Of the group."""
    reason: str | None
    """Why nothing could be decided."""
    alone_low: float | None = None
    """Lower limit of the interval of this pair alone: for who planned no other comparison. None where nothing is decided."""
    alone_high: float | None = None
    common_folds: str | None = None
    """Which row has further folds that the other lacks, so that these are left out. None where all folds are compared."""
    missing_repeats: int = 0
    """Of the row with fewer folds."""


def pair_answers(group: ComparisonGroup, root: Path = RUNS) -> list[PairAnswer]:
    """What is decided about every two ranked rows of a comparison group, those with the lowest losses first.

    Args:
        group: with decisions or without.
        root: the directory of its records, to which the commands add repeats.
    """
    if not group.decisions or not group.errors:
        return []
    rows = {row.label: row for row in group.ranked}
    losses = {label: row.over_folds("loss") or (0.0, None) for label, row in rows.items()}
    shared: dict[str, Any] = {
        "task": group.first.key.task,
        "group": group.title,
        "loss": group.kind.loss,
        "unit": group.unit,
        "folds": group.folds,
        "repeats": len(np.unique(group.errors.repeats)),
        "models": len(rows),
        "reason": group.decisions.reason,
    }
    return [
        PairAnswer(
            **shared,
            lower=pair.better,
            higher=pair.worse,
            lower_loss=losses[pair.better][0],
            lower_std=losses[pair.better][1],
            higher_loss=losses[pair.worse][0],
            higher_std=losses[pair.worse][1],
            ratio=pair.ratio,
            ratio_low=pair.interval and pair.interval[0],
            ratio_high=pair.interval and pair.interval[1],
            verdict=verdict,
            more_repeats=more,
            then=then,
            command=None if group.decisions.reason else _command(pair, rows, verdict, more, root),
            alone_low=alone and alone[0],
            alone_high=alone and alone[1],
        )
        for pair, (verdict, more, then), alone in zip(group.decisions.pairs, _decided(group), _alone(group), strict=True)
    ]


def _command(
    pair: PairDecision, rows: Mapping[str, BoardRow], verdict: PairVerdict, more: int | None, root: Path
) -> str | None:
    """What to train so that an undecided pair may be decided: more repeats, or where these do not help more epochs."""
    if verdict != "undecided":
        return None
    runs = [rows[label].run for label in (pair.better, pair.worse)]
    return "\n".join(more_repeats(runs, more, root) if more else longer_training(runs, root)) or None


def answers_on_common_folds(common: CommonFolds, root: Path = RUNS) -> list[PairAnswer]:
    """The answers about rows with fewer folds; where the other row of a pair has more, what gives both as many."""
    found = []
    for answer in pair_answers(common.group, root):
        short = [label for label in (answer.lower, answer.higher) if label in common.short]
        if len(short) == 1:
            (longer,) = {answer.lower, answer.higher} - set(short)
            answer = _with_missing(answer, common.full_row(short[0]), common.full_row(longer), root)
        found += [answer] if short else []
    return found


def _with_missing(answer: PairAnswer, short: BoardRow, longer: BoardRow, root: Path) -> PairAnswer:
    """An answer on the folds of one row, with what the other has besides; the command trains as many of these as decide."""
    n, of = len(short.run.complete), len(longer.run.complete)
    done = folds_of(short.run.complete)
    missing = sorted({seed for seed, _ in folds_of(longer.run.complete) - done})
    more, command = answer.more_repeats, answer.command
    if answer.verdict != "undecided" or answer.reason:
        command = "\n".join(as_runs([short.run], longer.run, root))
    elif more and more <= len(missing):
        wanted = sorted({*(seed for seed, _ in done), *missing[:more]})
        command = "\n".join(as_runs([short.run], longer.run, root, wanted))
    said = f"{longer.label} has {of} folds, {short.label} has {n} of them: these {n} are compared"
    return replace(answer, command=command, common_folds=said, missing_repeats=len(missing))


def _alone(group: ComparisonGroup) -> list[tuple[float, float] | None]:
    """Of each pair the interval that holds for it alone."""
    assert group.decisions and group.errors
    if group.decisions.reason:
        return [None] * len(group.decisions.pairs)
    contrasts = Evidence.of(group.errors).after()
    half = contrasts.half_widths(1 - ALPHA)
    first, second = (side.tolist() for side in pairs_of(len(group.errors.models)))
    place = {pair: number for number, pair in enumerate(zip(first, second, strict=True))}
    limits: list[tuple[float, float] | None] = []
    for pair in group.decisions.pairs:
        worse, better = (group.errors.models.index(label) for label in (pair.worse, pair.better))
        number = place[min(worse, better), max(worse, better)]
        estimate = contrasts.estimate[number] * (1 if worse < better else -1)
        limits.append(exponentials((estimate - half[number], estimate + half[number])))
    return limits


def _decided(group: ComparisonGroup) -> list[tuple[PairVerdict, int | None, PairVerdict | None]]:
    """Of each pair the verdict, the further repeats that would decide an undecided one, and what they would show."""
    assert group.decisions and group.errors
    pairs, models = group.decisions.pairs, group.errors.models
    if group.decisions.reason:
        return [("undecided", None, None)] * len(pairs)
    evidence = Evidence.of(group.errors)
    places = [models.index(pair.worse) for pair in pairs], [models.index(pair.better) for pair in pairs]

    @cache
    def after(more: int) -> list[PairVerdict]:
        intervals = intervals_of(evidence, more, ALPHA)
        limits = zip(intervals.low[places], intervals.high[places], strict=True)
        return ["real" if low > 0 else "equal" if max(high, -low) <= np.log1p(MARGIN) else "undecided" for low, high in limits]

    today = after(0)
    more = repeats_to_decide(today, after)
    then = {number: after(repeats)[number] for number, repeats in more.items()}
    return [(verdict, more.get(number), then.get(number)) for number, verdict in enumerate(today)]
