"""Does another source of a model give the same numbers? Records of short trainings by source, and their comparison.

A record names the source of its model. Moving code changes a source and no number: so the predictions of two sources on
the regression sets are compared, and the outcome is a record as any other. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmark.results.packed import read_packed
from benchmark.results.records import Record
from benchmark.results.validation import Predictions, read_predictions

TOLERANCE = 1e-5
"""Predictions that differ by no more, in standard deviations of the targets, are the same."""

Trained = tuple[Record, Predictions]


def sources_path(root: Path) -> Path:
    """Where the trainings by source lie, below the root of the records that name the sources."""
    return root / "sources.json"


def read_trainings(root: Path) -> list[Trained]:
    """The trainings by source that a store has; none where there is no such file. Raises InvalidFile."""
    path = sources_path(root)
    if not path.exists():
        return []
    records = read_packed(path)
    return list(zip(records, read_predictions(path.with_suffix(".parquet"), records), strict=True))


@dataclass(frozen=True)
class SourceComparison:
    """Two sources of a model, trained on the same tasks."""

    difference: float
    """Largest difference of two predictions, in standard deviations of the targets."""
    one_processor: bool
    """Whether both were trained on processors of one name: another one rounds otherwise."""

    @property
    def same(self) -> bool | None:
        """Whether they compute the same; None where the processors may differ, not the sources."""
        return True if self.difference <= TOLERANCE else False if self.one_processor else None


@dataclass(frozen=True)
class Sources:
    """The sources of every model that were trained, by model and source."""

    trained: dict[str, dict[str, list[Trained]]] = field(default_factory=dict)

    def newest(self, model: str) -> Record | None:
        """A record of the source that was trained last."""
        known = [record for trainings in self.trained.get(model, {}).values() for record, _ in trainings]
        return max(known, key=lambda record: record.started_at, default=None)

    def comparison(self, model: str, source: str) -> SourceComparison | None:
        """A source beside the newest one of its model; None where one of them was not trained, or on no common task."""
        newest, known = self.newest(model), self.trained.get(model, {})
        if newest is None or source not in known:
            return None
        others = {record.key.task: (record, found) for record, found in known[newest.key.source]}
        pairs = [(one, others[one[0].key.task]) for one in known[source] if one[0].key.task in others]
        pairs = [(one, other) for one, other in pairs if _same_request(one[0], other[0])]
        if not pairs:
            return None
        differences = [
            float(np.abs(one.predictions - other.predictions).max() / one.targets.std()) for (_, one), (_, other) in pairs
        ]
        processors = {record.machine.processor for pair in pairs for record, _ in pair}
        return SourceComparison(max(differences), len(processors) == 1)

    def outdated(self, model: str, source: str) -> bool | None:
        """Whether the newest source of a model gives other predictions than this one; None where nobody knows."""
        newest = self.newest(model)
        if newest is None or newest.key.source == source:
            return None if newest is None else False
        compared = self.comparison(model, source)
        return None if compared is None or compared.same is None else not compared.same


def _same_request(one: Record, other: Record) -> bool:
    """Whether the same was trained but for the source; a setting that only one source has is a part of that source."""
    both = one.key.settings.keys() & other.key.settings.keys()
    same_settings = all(one.key.settings[name] == other.key.settings[name] for name in both)
    return same_settings and (one.key.dataset_hash, one.split) == (other.key.dataset_hash, other.split)


def by_source(trainings: Iterable[Trained]) -> Sources:
    """Trainings as the sources that they are of."""
    found: dict[str, dict[str, list[Trained]]] = {}
    for record, predictions in trainings:
        found.setdefault(record.key.model, {}).setdefault(record.key.source, []).append((record, predictions))
    return Sources(found)


def read_sources(root: Path) -> Sources:
    """The sources that were trained for a store. Raises InvalidFile."""
    return by_source(read_trainings(root))
