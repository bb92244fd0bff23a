"""Rows with fewer folds than their comparison group, compared on the folds that they have. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from benchmark.leaderboard.comparison_groups import ComparisonGroup, GroupPredictions, comparison_groups
from benchmark.leaderboard.rows import BoardRow
from benchmark.results.records import Record
from benchmark.results.scores import FoldResult, Run, ScoredRun
from benchmark.results.sources import Sources

Fold = tuple[int, int]
"""Seed and number."""


@dataclass(frozen=True, eq=False)
class CommonFolds:
    """A comparison group on the folds of some of its rows that have fewer."""

    group: ComparisonGroup
    """With all runs that have these folds."""
    whole: ComparisonGroup
    """With all folds."""
    short: frozenset[str]
    """Labels of the rows that have no other folds."""

    def row_of(self, full: BoardRow) -> BoardRow | None:
        """A row with these folds alone; None where it is not compared on them."""
        return next((row for row in self.group.ranked if row.run.first in full.run.folds), None)

    def full_row(self, label: str) -> BoardRow:
        """The row of a label with all its folds."""
        record = next(row for row in self.group.rows if row.label == label).run.first
        return next(row for row in self.whole.rows if record in row.run.folds)


def on_common_folds(
    runs: Sequence[ScoredRun], groups: Iterable[ComparisonGroup], sources: Sources, is_own: Callable[[Record], bool]
) -> list[tuple[CommonFolds, GroupPredictions]]:
    """For each set of fewer folds in a comparison group, the group on these folds, with the predictions of its ranked rows.

    There is none where no other run has them.
    """
    found = []
    for group in groups:
        of_group = [scored for scored in runs if any(scored.run is row.run for row in group.rows)]
        some = {frozenset(_folds(scored)) for scored in of_group if 0 < len(scored.results) < group.folds}
        for folds in sorted(some, key=sorted):
            cut = [one for scored in of_group if (one := _cut(scored, folds))]
            names = {id(record) for scored in of_group if set(_folds(scored)) == folds for record in scored.run.folds}
            for together, predictions in comparison_groups(cut, sources, is_own=is_own):
                short = frozenset(row.label for row in together.ranked if id(row.run.first) in names)
                if short and predictions and together.has_rivals:
                    found.append((CommonFolds(together, group, short), predictions))
    return found


def _folds(scored: ScoredRun) -> list[Fold]:
    return [_fold(result.record) for result in scored.results]


def _fold(record: Record) -> Fold:
    return record.key.seed, record.key.fold


def _cut(scored: ScoredRun, folds: frozenset[Fold]) -> ScoredRun | None:
    """A run with these folds alone; None where it lacks one."""
    results: tuple[FoldResult, ...] = tuple(one for one in scored.results if _fold(one.record) in folds)
    return ScoredRun(Run(tuple(one.record for one in results)), results) if len(results) == len(folds) else None
