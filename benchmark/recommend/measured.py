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

SAME = 0.9
"""More than this share of a number of crystals counts as that number: folds differ by some crystals."""


@dataclass(frozen=True, eq=False)
class Trained:
    """The folds of one model on one task; all arrays (F,), one entry a training.

    Attributes:
        task: dataset/target.
        model: its name.
        unit: of the errors.
        crystals: how many it was trained on.
        errors: MAE on the test part, in `unit`.
        seconds: processor time of the training (of a GPU: its time); nan of a training on another kind of device.
        atoms: of a crystal of the task, on average; None of a model without graphs.
        machines: processors, or GPUs, of the trainings with a time.
    """

    task: str
    model: str
    unit: str
    crystals: np.ndarray
    errors: np.ndarray
    seconds: np.ndarray
    atoms: float | None = None
    machines: tuple[str, ...] = ()

    @property
    def crystal_set(self) -> str:
        """The data set; tasks of one set are not independent."""
        return self.task.rpartition("/")[0]

    @property
    def most(self) -> float:
        """The most crystals that it was trained on."""
        return float(self.crystals.max())

    @property
    def several_sizes(self) -> bool:
        """Whether its trainings had several numbers of crystals."""
        return len(np.unique(np.round(np.log(self.crystals), 1))) > 1

    def error_at(self, crystals: float) -> float:
        """The mean error of its trainings on so many crystals, `SAME`, as a board has it; nan where there is none."""
        there = self.errors[self.crystals > SAME * crystals]
        return float(np.mean(there)) if len(there) else np.nan

    @property
    def seconds_per_crystal(self) -> float | None:
        """Of the trainings on the most crystals: small ones are dearer a crystal. None without a time on the device."""
        timed = np.isfinite(self.seconds)
        if not timed.any():
            return None
        most = timed & (self.crystals > SAME * self.crystals[timed].max())
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
    """By task, what complete `standard` records on real crystals say of the models; times are those of the kind of device.

    Errors are of either kind of device: they do not depend on it. Of several protocols of a task, the one with more models
    counts, then the one with more times; of a model with several sources, the newest. Models are in alphabetical order.
    """
    found: dict[str, dict[str, dict[str, list[Record]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for record in filter(_counts, records):
        key = record.key
        found[key.task][re.sub(TRAIN_PART, "", key.protocol) + key.dataset_hash][key.model].append(record)
    fullest = {
        task: max(groups.values(), key=lambda models: (len(models), _timed(models, device)))
        for task, groups in sorted(found.items())
    }
    return {
        task: tuple(_trained(task, model, _once(ran, device), device) for model, ran in sorted(models.items()))
        for task, models in fullest.items()
    }


def _counts(record: Record) -> bool:
    key = record.key
    known = built_in().get(key.dataset)
    real = known is not None and not known.card.synthetic
    plain = record.status == "complete" and not record.changed and key.classes is None
    return plain and real and key.profile == PROFILE and has_validation(key.protocol)


def _timed(models: Mapping[str, list[Record]], device: DeviceClass) -> int:
    """How many models ran on the kind of device."""
    return sum(any(record.key.device == device for record in ran) for ran in models.values())


def _once(records: list[Record], device: DeviceClass) -> list[Record]:
    """Each fold once, of the newest source of its kind of device; a fold on both kinds counts on `device`."""
    newest: dict[DeviceClass, Record] = {}
    for record in sorted(records, key=lambda record: record.started_at):
        newest[record.key.device] = record
    kept = [record for record in records if record.key.source == newest[record.key.device].key.source]
    kept.sort(key=lambda record: record.key.device == device)
    return list({(record.key.protocol, record.key.fold, record.key.seed): record for record in kept}.values())


def _trained(task: str, model: str, records: list[Record], device: DeviceClass) -> Trained:
    timed = [record for record in records if record.key.device == device]
    machines = {record.machine.processor if device == "cpu" else record.machine.device for record in timed}
    times = [record.times.training.device_s if record.key.device == device and record.times else np.nan for record in records]
    return Trained(
        task=task,
        model=model,
        unit=records[0].key.unit,
        crystals=np.array([record.split.n_train for record in records], dtype=float),
        errors=np.array([record.metrics.test.loss for record in records if record.metrics]),
        seconds=np.array(times),
        atoms=_atoms(records),
        machines=tuple(sorted(machines)),
    )


def _atoms(records: Iterable[Record]) -> float | None:
    """Of a crystal; where a part of the crystals is trained on, a record does not say how many the atoms are of."""
    whole = [record for record in records if "train 1/" not in record.key.protocol]
    totals = [(record.graph_health.atoms, record.split) for record in whole if record.graph_health]
    each = [atoms / (split.n_train + split.n_validation + split.n_test) for atoms, split in totals]
    return float(np.median(each)) if each else None
