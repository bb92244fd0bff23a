"""What keeps two rows of a task apart, and the command that brings them together. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmark.leaderboard.again import PROFILES, as_runs
from benchmark.leaderboard.comparison_groups import OLDER, ComparisonGroup
from benchmark.leaderboard.kinds import kind_of, unit_of_loss
from benchmark.leaderboard.rows import BoardRow, run_labels
from benchmark.rendering.text import count, in_unit, joined, significant
from benchmark.results.beside import LeftOut
from benchmark.results.directories import PUBLISHED
from benchmark.results.records import Record
from benchmark.results.scores import Run


def differences(row: BoardRow, other: BoardRow) -> list[str]:
    """Which of profile, folds and data differ, with those of both."""
    one, two = row.run.first.key, other.run.first.key
    found = [] if one.profile == two.profile else [f"profile ({one.profile} and {two.profile})"]
    found += [] if one.protocol == two.protocol else [f"folds ({one.protocol} and {two.protocol})"]
    same_data = (one.dataset_hash, one.classes) == (two.dataset_hash, two.classes)
    return found + ([] if same_data else [f"data ({one.dataset_hash[:8]} and {two.dataset_hash[:8]})"])


def most_alike(row: BoardRow, others: Sequence[BoardRow]) -> BoardRow:
    """Of other rows the one with the fewest differences, then the one with the cheapest profile."""

    def dear(other: BoardRow) -> int:
        profile = other.run.first.key.profile
        return PROFILES.index(profile) if profile in PROFILES else len(PROFILES)

    return min(others, key=lambda other: (len(differences(row, other)), dear(other)))


def way_out(row: BoardRow, others: Sequence[BoardRow], root: Path) -> str:
    """How a row differs from the most alike of others, and what to run so that both can be compared."""
    like = most_alike(row, others)
    told = f"{row.label} and {like.label} differ in {joined(differences(row, like))}"
    profiles = [
        name
        for name in dict.fromkeys(other.run.first.key.profile for other in others)
        if name not in (row.run.first.key.profile, like.run.first.key.profile)
    ]
    also = f" (--profile {' or '.join(profiles)} has rows too)" if profiles else ""
    beside = f"; then compare with --from runs --beside {PUBLISHED}" if root == PUBLISHED else ""
    return f"{told}; to compare them, run: {'; '.join(as_runs([row.run], like.run, root))}{also}{beside}"


def completion(row: BoardRow, group: ComparisonGroup, root: Path) -> str:
    """What to run so that a row gets the folds of the compared rows of its group; empty where that does not help."""
    if row.unranked in (None, OLDER) or not row.run.complete or not group.ranked:
        return ""
    lines = to_complete([row.run], group.ranked[0].run, root)
    return f"; to compare it on all folds, run: {'; '.join(lines)} (finished folds are kept)"


def to_complete(runs: Sequence[Run], like: Run, root: Path) -> list[str]:
    """The commands that give runs the complete folds of another one of their comparison group."""
    wanted = folds_of(like.complete)
    failed = [run for run in runs if wanted <= folds_of(run.folds)]
    others = [run for run in runs if run not in failed]
    return [*as_runs(others, like, root), *(f"{line} --retry-failed" for line in as_runs(failed, like, root))]


def folds_of(records: Iterable[Record]) -> set[tuple[int, int]]:
    """Seeds and numbers."""
    return {(record.key.seed, record.key.fold) for record in records}


def same_run_line(run: LeftOut) -> str:
    """Two directories have a run: how many folds each has, their errors, and which of the two is shown."""
    (label,) = run_labels([Run((run.record,))])
    key, kind = run.record.key, kind_of(run.record.key)
    own, other = (run.folds, run.folds_that_stand) if run.is_own else (run.folds_that_stand, run.folds)
    errors = ""
    if run.losses:
        yours, theirs = (in_unit(significant(one, 4), unit_of_loss(key)) for one in run.losses[:: 1 if run.is_own else -1])
        errors = (
            f" On the folds of both, the {kind.loss} is {yours} (yours) and {theirs} (--beside). A difference comes from "
            "rounding on another machine or in another order, not from the model."
        )
    more = ", as it has more folds" if run.folds_that_stand > run.folds else ""
    machines = {one.machine.processor if one.key.device == "cpu" else one.machine.device for one in (run.record, run.stands)}
    where = f"on two machines ({joined(sorted(machines))})" if len(machines) == 2 else "twice"
    shown = "The run of --beside" if run.is_own else "Yours"
    return (
        f"{key.task}, {label}: your run ({count(own, 'fold')}) and the run of --beside ({count(other, 'fold')}) have the same "
        f"settings and source: one model, trained {where}.{errors} {shown} is shown{more}."
    )
