"""Ground truth for a record's targets and split: the data on this machine, or else the published records.

Scores that agree with their predictions prove nothing where the targets themselves were changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from benchmark.results.records import JobKey, Record
from benchmark.results.scores import FoldResult
from benchmark.results.store import Store
from benchmark.results.validation import Predictions
from benchmark.tasks.folds import Fold, Protocol, Split
from benchmark.tasks.leakage import seen_before
from benchmark.tasks.metrics import leak_scores
from benchmark.tasks.tasks import Task, TaskData, split_of
from datasets import registry
from datasets.errors import InputError

FoldKey = tuple[str, str, str, int, int]


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """Split, unit and targets by id of one fold, from another source than the record to check."""

    source: str
    split: Split
    unit: str
    classes: tuple[str, ...] | None
    targets: pd.Series
    fold: tuple[TaskData, Fold] | None = None
    """Where the data are on this machine."""

    def problems(self, record: Record, predictions: Predictions | FoldResult | None) -> list[str]:
        """Where record and predictions disagree with it, one line each; predictions are None for a fold that failed."""
        mine, theirs = record.split.model_dump(), self.split.model_dump()
        found = [
            f"split.{name} is {mine[name]}, {self.source} says {theirs[name]}" for name in mine if mine[name] != theirs[name]
        ]
        if record.key.unit != self.unit:
            found.append(f"key.unit is '{record.key.unit}', {self.source} says '{self.unit}'")
        if record.key.classes != self.classes:
            found.append(f"key.classes is {record.key.classes}, {self.source} says {self.classes}")
        if not predictions:
            return found
        return found + (self._target_problems(predictions) or ([] if found else self._leak_problems(record, predictions)))

    def _leak_problems(self, record: Record, predictions: Predictions | FoldResult) -> list[str]:
        """Of the right crystals and targets: whether those with a duplicate in training or validation were told apart."""
        seen = seen_before(*self.fold) if record.leak and self.fold else None
        if record.leak is None or self.fold is None or seen is None:
            return []
        data, fold = self.fold
        ids = data.crystals.ids[fold.test][seen].astype(str)
        found = leak_scores(predictions.targets, predictions.predictions, np.isin(predictions.ids.astype(str), ids))
        mine, theirs = record.leak.model_dump(), found.model_dump()
        wrong = [name for name in mine if not np.isclose(mine[name] or 0, theirs[name] or 0, rtol=1e-9, atol=1e-12)]
        return [f"leak.{name} is {mine[name]}, {self.source} says {theirs[name]}" for name in wrong]

    def _target_problems(self, predictions: Predictions | FoldResult) -> list[str]:
        expected = self.targets.reindex(predictions.ids).to_numpy()
        wrong = expected != predictions.targets  # also where an id is unknown, for which the value is not a number
        if not wrong.any():
            return []
        first = wrong.argmax()
        note = "; the sign is flipped" if np.array_equal(expected, -predictions.targets) else ""
        return [
            f"target of '{predictions.ids[first]}' is {predictions.targets[first]}, {self.source} says {expected[first]}; "
            f"{wrong.sum()} of {len(wrong)} differ{note}"
        ]


@dataclass(frozen=True, eq=False)
class Data:
    """A task's data on this machine, or in one line why there are none."""

    data: TaskData | None
    missing: str = ""

    @cached_property
    def targets(self) -> pd.Series:
        """By id."""
        assert self.data
        return pd.Series(self.data.targets, index=pd.Index(self.data.crystals.ids))


@dataclass(eq=False)
class GroundTruths:
    """Finds the ground truth of a record; what was loaded for one task is dropped with the next."""

    board: Store
    _task: tuple[str, str] = ("", "")
    _data: Data = field(default_factory=lambda: Data(None))
    _folds: dict[FoldKey, GroundTruth | None] = field(default_factory=dict)
    _published: dict[FoldKey, list[Record]] = field(default_factory=dict)

    def of(self, record: Record) -> GroundTruth | None:
        """What the record is to be checked against; None where there is neither data nor another published record.

        Raises:
            InputError: the data are here, and cannot be split as the record says.
        """
        key = record.key
        if self._task != (key.task, key.dataset_hash):
            self._task, self._data, self._folds = (key.task, key.dataset_hash), _data_of(key), {}
            self._published = self._published_folds(key.task)
        place = _fold_key(key)
        if self._data.data:
            if place not in self._folds:
                self._folds[place] = _from_data(self._data, key)
            return self._folds[place]
        return next((found for other in self._published.get(place, []) if (found := self._from_record(other, key))), None)

    def missing(self) -> str:
        """Why the data of the last record cannot be used, and what to do."""
        return self._data.missing

    @cached_property
    def _paths(self) -> dict[str, list[Path]]:
        return dict(self.board.tasks())

    def _published_folds(self, task: str) -> dict[FoldKey, list[Record]]:
        """The complete records of a task by fold. One that is invalid is left out; it is found where the board is read."""
        found: dict[FoldKey, list[Record]] = {}
        for path in self._paths.get(task, []):
            try:
                records = self.board.read_all(path)
            except InputError:
                continue
            for record in records:
                if record.status == "complete":
                    found.setdefault(_fold_key(record.key), []).append(record)
        return found

    def _from_record(self, other: Record, key: JobKey) -> GroundTruth | None:
        if other.key == key:
            return None
        try:
            found = self.board.predictions(other)
        except InputError:
            return None
        series = pd.Series(found.targets, index=pd.Index(found.ids))
        source = f"the published {self.board.run_path(other.key)}, fold {key.fold + 1}"
        return GroundTruth(source, other.split, other.key.unit, other.key.classes, series)


def _fold_key(key: JobKey) -> FoldKey:
    return key.task, key.dataset_hash, key.protocol, key.seed, key.fold


def _data_of(key: JobKey) -> Data:
    if key.dataset not in registry.registered():
        return Data(None, f"no dataset is called '{key.dataset}' here; bring it with `python -m benchmark datasets import`")
    if key.target not in registry.get(key.dataset).card.targets:
        return Data(None, f"{key.dataset} has no target '{key.target}'")
    try:
        data = Task(key.dataset, key.dataset, key.target, key.unit, key.classes).load()
    except InputError as error:
        return Data(None, str(error))
    if data.dataset_hash != key.dataset_hash:
        return Data(None, f"{key.dataset} is here in another release (content hash {data.dataset_hash[:16]})")
    return Data(data)


def _from_data(here: Data, key: JobKey) -> GroundTruth:
    data = here.data
    assert data
    fold = data.fold(Protocol.named(key.protocol), key.fold, key.seed)
    card = registry.get(key.dataset).card
    about = card.targets[key.target], card.classes.get(key.target)
    return GroundTruth("the dataset", split_of(data, fold), *about, here.targets, (data, fold))
