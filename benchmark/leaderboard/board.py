"""A board: every comparison group of a store, and models over tasks; from records alone. Needs no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from typing import TypeVar

from benchmark.leaderboard.apart import same_run_line
from benchmark.leaderboard.common_folds import CommonFolds, on_common_folds
from benchmark.leaderboard.comparison_groups import ComparisonGroup, GroupPredictions, comparison_groups
from benchmark.leaderboard.kinds import Kind
from benchmark.leaderboard.rows import BASELINE, BoardRow, without_mark
from benchmark.rendering.text import MARKED, model_name
from benchmark.results.beside import LeftOut, left_out_of
from benchmark.results.scores import OnInvalid, ScoredRun, refuse, scored_tasks
from benchmark.results.sources import read_sources
from benchmark.results.store import Store
from benchmark.statistics.across_tasks import Overall, SetTask, overall

T = TypeVar("T")
Groups = list[tuple[ComparisonGroup, GroupPredictions | None]]


@dataclass(frozen=True, eq=False)
class Track:
    """Models over the tasks of one profile and protocol, all of numbers or all of classes."""

    title: str
    comparison_groups: tuple[ComparisonGroup, ...]
    models: tuple[str, ...]
    """Labels of the models compared, two or more: ranked, with the profile's own settings, on the same tasks; no baseline."""
    overall: Overall | None
    """None without models to compare."""

    @property
    def kind(self) -> Kind:
        """Of all its tasks."""
        return self.comparison_groups[0].kind


@dataclass(frozen=True, eq=False)
class Board:
    """Every comparison group of a store."""

    comparison_groups: tuple[ComparisonGroup, ...]
    common_folds: tuple[CommonFolds, ...] = ()
    """Of groups in which a row has fewer folds than the ranked ones."""
    left_out: tuple[LeftOut, ...] = ()
    """Runs that a store and the one beside it both have."""

    def same_runs(self, group: ComparisonGroup) -> list[str]:
        """A line for each of these of a comparison group."""
        place = group.first.key.task, group.title
        return [same_run_line(run) for run in self.left_out if (run.record.key.task, run.record.key.comparison_group) == place]

    def on_fewer_folds(self, row: BoardRow) -> tuple[CommonFolds, BoardRow] | None:
        """Where a row that has fewer folds than the ranked ones is compared on these; None where it is not."""
        found = ((common, common.row_of(row)) for common in self.common_folds if row in common.whole.rows)
        return next(((common, cut) for common, cut in found if cut and cut.label in common.short), None)

    @cached_property
    def tracks(self) -> tuple[Track, ...]:
        """Comparison groups of one profile and protocol together; what says most of real crystals and networks first."""
        ordered = sorted(self.comparison_groups, key=lambda group: group.track)
        found = [tuple(together) for _, together in groupby(ordered, key=lambda group: group.track)]
        return tuple(map(track_of, sorted(found, key=_worth)))


def _worth(groups: Sequence[ComparisonGroup]) -> tuple[bool, bool, int, int]:
    """Real sets, published sizes, then most sets with models that are compared, then most rows; the lowest is best."""
    miniatures = groups[0].first.key.profile in MARKED
    compared = {group.crystal_set for group in groups if group.compares_models}
    return groups[0].synthetic, miniatures, -len(compared), -sum(len(group.rows) for group in groups)


def read_board(
    store: Store,
    each: Callable[[ComparisonGroup, GroupPredictions | None], None] = lambda group, predictions: None,
    on_invalid: OnInvalid = refuse,
    each_common: Callable[[CommonFolds, GroupPredictions], None] = lambda common, predictions: None,
) -> Board:
    """Score every record of the store anew and put the runs into comparison groups.

    Args:
        store: where the records are.
        each: called with every comparison group and the predictions of its ranked rows, which are then forgotten. Meanwhile
            the next task is ranked and the one after it read: the runs of three tasks are in memory at once.
        on_invalid: as for `scored_tasks`; called from the threads that read and rank.
        each_common: called with every comparison group on fewer folds, likewise.

    Raises:
        InputError: an invalid record, by default.
    """
    sources = read_sources(store.root)
    found, shorter = list[ComparisonGroup](), list[CommonFolds]()

    def ranked(runs: list[ScoredRun]) -> tuple[Groups, list[tuple[CommonFolds, GroupPredictions]]]:
        groups = comparison_groups(runs, sources, on_invalid, store.shows_own)
        return groups, on_common_folds(runs, [group for group, _ in groups], sources, store.shows_own)

    read = _ahead(scored_tasks(store, on_invalid))
    for together, on_fewer in _ahead(ranked(runs) for _, runs in read):
        for group, predictions in together:
            each(group, predictions)
            found.append(group)
        for common, cut in on_fewer:
            each_common(common, cut)
            shorter.append(common)
    return Board(tuple(found), tuple(shorter), tuple(left_out_of(store)))


def _ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items; the next is made in another thread while one is in use."""
    with ThreadPoolExecutor(1) as maker:
        following = maker.submit(next, items, None)
        while (item := following.result()) is not None:
            following = maker.submit(next, items, None)
            yield item


def track_of(groups: tuple[ComparisonGroup, ...]) -> Track:
    """Statistics over the tasks of comparison groups that share profile and protocol."""
    entered: dict[str, tuple[SetTask, set[str]]] = {}
    for group in groups:
        labels = {without_mark(row.label) for row in group.rows if row.standing and row.unchanged and not row.is_baseline}
        known = entered.get(group.first.key.task)
        if group.errors and len(labels) > (len(known[1]) if known else 1):
            errors = replace(group.errors, models=tuple(map(without_mark, group.errors.models)))
            entered[group.first.key.task] = SetTask(group.crystal_set, errors), labels
    models = sorted(fullest_table([labels for _, labels in entered.values()]))
    if not models:
        return Track(groups[0].track, groups, (), None)
    baseline = model_name(BASELINE, groups[0].first.key.profile)
    found = overall([task for task, _ in entered.values()], models, baseline=baseline)
    return Track(groups[0].track, groups, tuple(models), found if found.tasks else None)


def fullest_table(ran: Sequence[set[str]]) -> set[str]:
    """The models of the largest table of models by tasks without a hole; of equally large ones, that of most tasks.

    A model that ran on one task does not shut out the others from theirs, nor does a task on which few ran.

    Args:
        ran: the models of each task.
    """
    count = Counter(model for models in ran for model in models)
    often = [{model for model, n in count.items() if n >= least} for least in range(1, len(ran) + 1)]
    tables = [(models, sum(models <= others for others in ran)) for models in (*ran, *often) if len(models) > 1]
    return max(tables, key=lambda table: (len(table[0]) * table[1], table[1]), default=(set(), 0))[0]
