"""What records say of the models' errors and costs by how many crystals they were trained on. Needs no torch."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from benchmark.results.directories import PUBLISHED, REPORTS
from benchmark.results.packed import read_packed
from benchmark.results.records import DeviceClass, Record
from benchmark.results.store import Store
from benchmark.tasks.folds import TRAIN_PART, has_validation
from datasets.registry import built_in

PROFILE = "standard"
"""The one recipe for every network; miniatures and published recipes say nothing of each other."""

RECORDS = (PUBLISHED, REPORTS / "studies" / "learning-curve")
"""Where the published ones are."""


@dataclass(frozen=True, eq=False)
class Trained:
    """The folds of one model on one task; all arrays (F,), one entry a training.

    Attributes:
        task: dataset/target.
        model: its name.
        unit: of the errors.
        crystals: how many it was trained on.
        errors: MAE on the test part, in `unit`.
        seconds: processor time of the training (of a GPU: its time).
    """

    task: str
    model: str
    unit: str
    crystals: np.ndarray
    errors: np.ndarray
    seconds: np.ndarray

    @property
    def crystal_set(self) -> str:
        """The data set; tasks of one set are not independent."""
        return self.task.rpartition("/")[0]

    @property
    def seconds_per_crystal(self) -> float:
        """Of the trainings on the most crystals: small ones are dearer a crystal."""
        most = self.crystals > 0.9 * self.crystals.max()
        return float(np.median(self.seconds[most] / self.crystals[most]))


def records_of(places: Iterable[Path]) -> list[Record]:
    """The records of directories of runs or of published studies; a fold that lies in several of them counts once."""
    found: dict[Path, Record] = {}
    for store in map(Store, places):
        of_runs = (store.root / "records").is_dir()
        records = store.records() if of_runs else chain.from_iterable(map(read_packed, store.study_paths()))
        found |= {store.path(record.key).relative_to(store.root): record for record in records}
    return list(found.values())


def trained(records: Iterable[Record], device: DeviceClass) -> Mapping[str, tuple[Trained, ...]]:
    """By task, what complete `standard` records on real crystals say, a k-fold protocol alone; models in alphabetical order.

    Of several protocols of a task, the one with more models counts; of a model with several sources, the newest.
    """
    found: dict[str, dict[str, dict[str, list[Record]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for record in filter(lambda record: _counts(record, device), records):
        key = record.key
        found[key.task][re.sub(TRAIN_PART, "", key.protocol) + key.dataset_hash][key.model].append(record)
    fullest = {task: max(groups.values(), key=len) for task, groups in found.items()}
    return {
        task: tuple(_trained(task, model, _newest(ran)) for model, ran in sorted(models.items()))
        for task, models in sorted(fullest.items())
    }


def _counts(record: Record, device: DeviceClass) -> bool:
    key = record.key
    known = built_in().get(key.dataset)
    real = known is not None and not known.card.synthetic
    plain = record.status == "complete" and not record.changed and key.classes is None
    return plain and real and key.profile == PROFILE and key.device == device and has_validation(key.protocol)


def _newest(records: list[Record]) -> list[Record]:
    source = max(records, key=lambda record: record.started_at).key.source
    return [record for record in records if record.key.source == source]


def _trained(task: str, model: str, records: list[Record]) -> Trained:
    return Trained(
        task=task,
        model=model,
        unit=records[0].key.unit,
        crystals=np.array([record.split.n_train for record in records], dtype=float),
        errors=np.array([record.metrics.test.loss for record in records if record.metrics]),
        seconds=np.array([record.times.training.device_s for record in records if record.times]),
    )
