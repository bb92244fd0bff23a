"""Examines a data set: elements, cells, targets, outliers, duplicates, leakage between folds, graphs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from benchmark.datasheets.graph_folding import GraphFolding, graph_folding, targets_of
from benchmark.tasks.leakage import Leakage, leakage
from benchmark.tasks.tasks import tasks_of
from datasets import registry
from datasets.contents import (
    EXAMPLES,
    OUTLIER_RULE,
    Cells,
    ElementCount,
    Spread,
    TargetSummary,
    count_elements,
    describe_cells,
    doubts_of_all,
    spread_of_duplicates,
    summarize,
)
from datasets.crystals import Crystals
from datasets.duplicates import RULE, Duplicates, find_duplicates
from datasets.errors import InputError, listed_reasons
from datasets.graph_health import GraphHealth, graph_health
from datasets.neighbor_search import MinimumImage, Nearest, Radius, Rule

RULES: tuple[Rule, ...] = (Nearest(12, 8.0), Radius(4.0), Radius(5.0), MinimumImage(12, 8.0))
"""The graphs of the published models."""


@dataclass(frozen=True)
class DuplicateSummary:
    """The number and size of groups of duplicates, the largest by id, and how much their targets differ."""

    groups: int
    crystals: int
    largest: int
    compared: int
    seconds: float
    not_compared: int
    """Crystals periodic along one direction."""
    examples: tuple[tuple[str, ...], ...]
    spreads: tuple[Spread, ...]


@dataclass(frozen=True)
class DatasetHealth:
    """All findings about one data set; `as_dict` is what `--json` prints."""

    name: str
    description: str
    content_hash: str
    unreadable: dict[str, str]
    """Id → why, of the crystals of a folder that cannot be read; everything else is about the others."""
    crystals: int
    atoms: int
    elements: tuple[ElementCount, ...]
    cells: Cells
    targets: tuple[TargetSummary, ...]
    doubts: tuple[str, ...]
    """About the targets' values."""
    duplicates: DuplicateSummary
    leakage: tuple[Leakage, ...]
    graphs: tuple[GraphHealth, ...]
    folding: tuple[GraphFolding, ...]

    def as_dict(self) -> dict[str, Any]:
        """The report and the rules that it states, as plain JSON values."""
        leaks = [{**asdict(row), "share": row.share} for row in self.leakage]
        return {**asdict(self), "leakage": leaks, "duplicate_rule": RULE, "outlier_rule": OUTLIER_RULE}


def examine(source: str, rules: Sequence[Rule] = RULES) -> DatasetHealth:
    """Examine a dataset: a name, or a folder's path. Duplicates and graphs are kept in the cache directory.

    Crystals of a folder that cannot be read are named and left out.

    Raises:
        DatasetMissing: its files are not on this machine.
        InputError: it cannot be read or has no crystals.
    """
    crystals, unreadable = registry.load_readable(source)
    card = registry.get(source, tuple(unreadable)).card
    if not len(crystals):
        raise InputError(f"{card.name} has no crystals to examine", listed_reasons(list(unreadable.values()), source))
    duplicates = find_duplicates(crystals)
    numbers = crystals.targets.columns.difference(list(card.classes))
    targets = {target: unit for target, unit in card.targets.items() if target in numbers}
    summaries = tuple(summarize(crystals, target, unit) for target, unit in targets.items())
    judged = targets_of(source, crystals)
    valued = {summary.target for summary in summaries if summary.count}
    tasks = [replace(task, without=tuple(unreadable)) for task in tasks_of(source) if task.target in valued]
    return DatasetHealth(
        name=card.name,
        description=card.description,
        content_hash=crystals.content_hash,
        unreadable=unreadable,
        crystals=len(crystals),
        atoms=len(crystals.atomic_numbers),
        elements=count_elements(crystals),
        cells=describe_cells(crystals),
        targets=summaries,
        doubts=tuple(doubts_of_all(crystals, targets)),
        duplicates=_summarize_duplicates(crystals, duplicates, targets),
        leakage=tuple(row for task in tasks for row in leakage(task.load())),
        graphs=tuple(graph_health(crystals, rule) for rule in rules),
        folding=tuple(graph_folding(crystals, rule, duplicates.labels, judged) for rule in rules),
    )


def _summarize_duplicates(crystals: Crystals, duplicates: Duplicates, targets: dict[str, str]) -> DuplicateSummary:
    groups = duplicates.groups
    largest_first = sorted(groups, key=lambda rows: (-len(rows), rows[0]))[:EXAMPLES]
    spreads = (spread_of_duplicates(crystals, duplicates, target, unit) for target, unit in targets.items())
    return DuplicateSummary(
        groups=len(groups),
        crystals=sum(map(len, groups)),
        largest=max(map(len, groups), default=1),
        compared=duplicates.compared,
        seconds=duplicates.seconds,
        not_compared=int(np.sum(crystals.pbc.sum(axis=1) == 1)),
        examples=tuple(tuple(map(str, crystals.ids[rows[:EXAMPLES]])) for rows in largest_first),
        spreads=tuple(spread for spread in spreads if spread),
    )
