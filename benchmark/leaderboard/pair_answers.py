"""What a comparison group decides about every two of its rows. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    alone_verdict: PairVerdict = "undecided"
    """Of the interval of this pair alone."""
    alone_more_repeats: int | None = None
    """Further repeats that would decide by that interval."""
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
            verdict=found.verdict,
            more_repeats=found.more,
            then=found.then,
            command=None if group.decisions.reason else _command(pair, rows, found.verdict, found.more, root),
            alone_low=alone.limits and alone.limits[0],
            alone_high=alone.limits and alone.limits[1],
            alone_verdict=alone.verdict,
            alone_more_repeats=alone.more,
        )
        for pair, found, alone in zip(group.decisions.pairs, *_decided(group), strict=True)
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


@dataclass(frozen=True)
class _Decided:
    """What limits of the log ratio decide about a pair."""

    verdict: PairVerdict
    more: int | None
    """Further repeats that would decide an undecided one."""
    then: PairVerdict | None
    """What they would show."""
    limits: tuple[float, float] | None
    """Of the ratio, today; None where nothing is decided."""


Limits = Callable[[int], np.ndarray]
"""After so many further repeats: (pairs, 2) limits of the logs of the ratios, those of the higher loss over the lower."""


def _decided(group: ComparisonGroup) -> tuple[list[_Decided], list[_Decided]]:
    """Of each pair, by the limits that hold for all pairs together, and by those of each pair as if no other was compared."""
    assert group.decisions and group.errors
    pairs, models = group.decisions.pairs, group.errors.models
    if group.decisions.reason:
        nothing = [_Decided("undecided", None, None, None)] * len(pairs)
        return nothing, nothing
    evidence = Evidence.of(group.errors)
    places = np.array([[models.index(pair.worse), models.index(pair.better)] for pair in pairs])
    return _decided_by(_of_all(evidence, places)), _decided_by(_of_each(evidence, places))


def _decided_by(limits: Limits) -> list[_Decided]:
    @cache
    def after(more: int) -> tuple[list[tuple[float, float]], list[PairVerdict]]:
        found = [(float(low), float(high)) for low, high in limits(more)]
        return found, [
            "real" if low > 0 else "equal" if max(high, -low) <= np.log1p(MARGIN) else "undecided" for low, high in found
        ]

    today, verdicts = after(0)
    more = repeats_to_decide(verdicts, lambda repeats: after(repeats)[1])
    return [
        _Decided(verdict, more.get(n), after(more[n])[1][n] if n in more else None, exponentials(today[n]))
        for n, verdict in enumerate(verdicts)
    ]


def _of_all(evidence: Evidence, places: np.ndarray) -> Limits:
    """Limits that hold for all pairs together; `places` are (pairs, 2) models, the one with the higher loss first."""
    worse, better = places.T

    def limits(more: int) -> np.ndarray:
        found = intervals_of(evidence, more, ALPHA)
        return np.column_stack([found.low[worse, better], found.high[worse, better]])

    return limits


def _of_each(evidence: Evidence, places: np.ndarray) -> Limits:
    """Limits that hold for each pair alone."""
    first, second = pairs_of(evidence.n_models)
    number = {pair: place for place, pair in enumerate(zip(first.tolist(), second.tolist(), strict=True))}
    chosen = np.array([number[min(pair), max(pair)] for pair in places.tolist()])
    sign = np.where(places[:, 0] < places[:, 1], 1, -1)

    def limits(more: int) -> np.ndarray:
        contrasts = evidence.after(more)
        estimate, half = sign * contrasts.estimate[chosen], contrasts.half_widths(1 - ALPHA)[chosen]
        return np.column_stack([estimate - half, estimate + half])

    return limits
