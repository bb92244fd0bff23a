"""Which tasks need another repeat: those with an undecided model. Needs no torch."""

from __future__ import annotations

from collections.abc import Collection

from benchmark.leaderboard.comparison_groups import comparison_groups
from benchmark.results.records import JobKey
from benchmark.results.scores import scored_tasks
from benchmark.results.sources import Sources
from benchmark.results.store import Store
from benchmark.statistics.comparisons import ALPHA
from benchmark.statistics.decisions import decide


def level_of_look(look: int, alpha: float = ALPHA) -> float:
    """The error rate that look 1, 2, … may spend: α / (look (look + 1)), which adds up to α over all looks."""
    return alpha / (look * (look + 1))


def undecided_tasks(store: Store, groups: Collection[tuple[str, str, str]], look: int) -> set[str]:
    """The tasks where a model is undecided.

    Whoever looks after every repeat and stops when all is decided has many chances of a false decision; so each look has a
    part of the error rate, and all together keep it.

    Args:
        store: with the records.
        groups: task, profile and protocol of the comparison groups that count.
        look: how often was looked before, and this time.
    """
    found = set[str]()
    for task, runs in scored_tasks(store, names={task for task, _, _ in groups}):
        for group, _ in comparison_groups(runs, Sources()):
            if group.errors and group.has_rivals and _place(group.first.key) in groups:
                standings = decide(group.errors, alpha=level_of_look(look)).standings
                found |= {task} if any(standing.verdict == "undecided" for standing in standings) else set()
    return found


def _place(key: JobKey) -> tuple[str, str, str]:
    return key.task, key.profile, key.protocol
