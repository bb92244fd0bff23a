"""A board: every contest of a store, and models over tasks; from records alone. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from benchmark.across_tasks import Overall, Ranks, critical_differences, mae_table, overall_scores
from benchmark.contests import BASELINE, RESAMPLES, Contest, Predictions, contests
from benchmark.scores import refuse, scored_tasks
from benchmark.store import Store
from datasets.errors import InputError


@dataclass(frozen=True, eq=False)
class League:
    """Models over the tasks of one profile, protocol and seed."""

    title: str
    contests: tuple[Contest, ...]
    models: tuple[str, ...]
    """Those that are ranked, with the profile's own settings, on every task where two models are; the baseline is not one."""
    overall: Overall | None
    """None without a model, or without the baseline."""
    ranks: Ranks | None
    """None with fewer than two models."""


@dataclass(frozen=True, eq=False)
class Board:
    """Every contest of a store."""

    contests: tuple[Contest, ...]

    @cached_property
    def leagues(self) -> tuple[League, ...]:
        """Contests of one profile, protocol and seed together; those with most tasks first."""
        ordered = sorted(self.contests, key=lambda contest: contest.league)
        groups = [tuple(group) for _, group in groupby(ordered, key=lambda contest: contest.league)]
        return tuple(map(league, sorted(groups, key=lambda group: -len(group))))


def read_board(
    store: Store,
    each: Callable[[Contest, Predictions | None], None] = lambda contest, predictions: None,
    on_invalid: Callable[[InputError], None] = refuse,
) -> Board:
    """Score every record of the store anew and put the runs into contests.

    Args:
        store: where the records are.
        each: called with every contest and the predictions of its ranked rows, which are forgotten before the next task.
        on_invalid: as for `scored_tasks`.

    Raises:
        InputError: an invalid record, by default.
    """
    current = current_fingerprints()
    found = []
    for _, runs in scored_tasks(store, on_invalid):
        for contest, predictions in contests(runs, current):
            each(contest, predictions)
            found.append(contest)
    return Board(tuple(found))


def current_fingerprints() -> dict[str, str]:
    """Of the source of every model here; empty on a machine without torch, where models cannot be imported."""
    from benchmark.fingerprint import fingerprint

    try:
        from models.registry import registered
    except ImportError:
        return {}
    return {name: fingerprint(spec.model) for name, spec in registered().items()}


def league(group: tuple[Contest, ...]) -> League:
    """Statistics over the tasks of contests that share profile, protocol and seed."""
    title = group[0].league
    ranked = [[row.label for row in contest.rows if row.tier and row.label == row.model] for contest in group]
    contested = [(c, set(labels) - {BASELINE}) for c, labels in zip(group, ranked, strict=True)]
    several = [(contest, labels) for contest, labels in contested if len(labels) > 1]
    models = sorted(set.intersection(*(labels for _, labels in several))) if several else []
    tasks = [contest.errors for contest, _ in several if contest.errors]
    if not models:
        return League(title, group, (), None, None)
    return League(
        title=title,
        contests=group,
        models=tuple(models),
        overall=overall_scores(tasks, models, resamples=RESAMPLES),
        ranks=critical_differences(models, mae_table(tasks, models)) if len(models) > 1 else None,
    )
