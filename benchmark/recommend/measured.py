"""What records say of the models' errors and costs by how many crystals they were trained on. Needs no torch."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from math import log
from pathlib import Path

import numpy as np

from benchmark.leaderboard.rows import rate_was_set
from benchmark.results.directories import PUBLISHED, REPORTS
from benchmark.results.growth import power
from benchmark.results.learning_rate import GRIDS
from benchmark.results.packed import read_packed
from benchmark.results.records import DeviceClass, Record
from benchmark.results.store import Store
from benchmark.tasks.folds import TRAIN_PART, has_validation
from datasets.registry import built_in

PROFILE = "standard"
"""The one recipe for every network; miniatures and published recipes say nothing of each other."""

RECORDS = (PUBLISHED, REPORTS / "studies" / "learning-curve")
"""Where the published ones are."""

ALIKE = 1.05
"""Two tasks of a data set with mean numbers of atoms within this factor have the same crystals, up to those without a label."""

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
        seconds: processor time of the training (of a GPU: its time), with the search for the learning rate that a run does;
            nan of a training on another kind of device.
        atoms: of a crystal of the task, on average; None of a model without graphs.
        machines: processors, or GPUs, of the trainings with a time.
        in_epochs: whether it is trained in epochs.
        timed_by: the same model with another protocol or on another task of the same crystals, where there is no time on the
            kind of device here.
    """

    task: str
    model: str
    unit: str
    crystals: np.ndarray
    errors: np.ndarray
    seconds: np.ndarray
    atoms: float | None = None
    machines: tuple[str, ...] = ()
    in_epochs: bool = True
    timed_by: Trained | None = None

    @property
    def crystal_set(self) -> str:
        """The data set; tasks of one set are not independent."""
        return self.task.rpartition("/")[0]

    @property
    def timed(self) -> Trained | None:
        """The trainings that its times are of; None without a time on the device."""
        return self if self.machines else self.timed_by

    @cached_property
    def most(self) -> float:
        """The most crystals that it was trained on."""
        return float(self.crystals.max())

    @cached_property
    def several_sizes(self) -> bool:
        """Whether its trainings had several numbers of crystals."""
        return len(np.unique(np.round(np.log(self.crystals), 1))) > 1

    def error_at(self, crystals: float) -> float:
        """The mean error of its trainings on so many crystals, `SAME`, as a board has it; nan where there is none."""
        there = self.errors[self.crystals > SAME * crystals]
        return float(np.mean(there)) if len(there) else np.nan

    @cached_property
    def exponent(self) -> float:
        """The b of log MAE = a + b log n through its trainings, of several numbers of crystals."""
        return float(np.polyfit(np.log(self.crystals), np.log(self.errors), 1)[0])

    def seconds_at(self, crystals: float) -> float | None:
        """Of a training on so many crystals, from those on the nearest number; None without a time on the device."""
        timed = np.isfinite(self.seconds)
        if not timed.any():
            return self.timed_by.seconds_at(crystals) if self.timed_by else None
        apart = np.abs(np.log(self.crystals / crystals))
        near = timed & (apart <= apart[timed].min() - log(SAME))
        grown = (crystals / self.crystals[near]) ** power(self.model, self.in_epochs)
        return float(np.median(self.seconds[near] * grown))


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

    Errors are the same whatever the device. Of several protocols of a task, the one with more models counts, then the one with
    more trainings; of a model with several sources, the newest. Models are in alphabetical order.
    """
    found: dict[str, dict[str, dict[str, list[Record]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for record in filter(_counts, records):
        key = record.key
        found[key.task][re.sub(TRAIN_PART, "", key.protocol) + key.dataset_hash][key.model].append(record)
    fullest = {task: max(groups.values(), key=_fullness) for task, groups in sorted(found.items())}
    counted = {task: _of_models(task, models, device) for task, models in fullest.items()}
    every = chain.from_iterable(_of_models(task, one, device) for task, groups in found.items() for one in groups.values())
    timed = [one for one in every if one.machines]
    return {task: tuple(_timed(model, timed, counted) for model in models) for task, models in counted.items()}


def _of_models(task: str, models: Mapping[str, list[Record]], device: DeviceClass) -> tuple[Trained, ...]:
    return tuple(_trained(task, model, ran, device) for model, ran in sorted(models.items()))


def _fullness(models: Mapping[str, list[Record]]) -> tuple[int, int]:
    """Models, and trainings of whatever device."""
    return len(models), sum(len(_once(ran)) for ran in models.values())


def atoms_of(models: Iterable[Trained]) -> float | None:
    """Of a crystal of a task, on average; None where no record says so."""
    return next((model.atoms for model in models if model.atoms), None)


def _timed(model: Trained, timed: Iterable[Trained], tasks: Mapping[str, Sequence[Trained]]) -> Trained:
    """A model without a time on a task, with its trainings of another protocol, or of another task of the same crystals.

    Of several the most alike in atoms, then the one with the most crystals.
    """
    if model.machines:
        return model
    same = [one for one in timed if (one.crystal_set, one.model) == (model.crystal_set, model.model)]
    near = [
        (distance, -one.most, one.task, one) for one in same if (distance := _apart(model.task, one.task, tasks)) is not None
    ]
    return replace(model, timed_by=min(near, key=lambda one: one[:3])[-1]) if near else model


def _apart(task: str, other: str, tasks: Mapping[str, Sequence[Trained]]) -> float | None:
    """By how much the crystals of two tasks of a data set differ in atoms, 0 for one task; None: too much, or not known."""
    if task == other:
        return 0.0
    here, there = atoms_of(tasks[task]), atoms_of(tasks[other])
    if not here or not there:
        return None
    distance = abs(log(there / here))
    return distance if distance < log(ALIKE) else None


def _counts(record: Record) -> bool:
    key = record.key
    known = built_in().get(key.dataset)
    real = known is not None and not known.card.synthetic
    plain = record.status == "complete" and not record.changed and key.classes is None
    return plain and real and key.profile == PROFILE and has_validation(key.protocol)


def _once(records: list[Record]) -> list[Record]:
    """Each fold once, of the newest source of its kind of device; of a fold on both kinds that of the CPU counts."""
    newest: dict[DeviceClass, Record] = {}
    for record in sorted(records, key=lambda record: record.started_at):
        newest[record.key.device] = record
    kept = [record for record in records if record.key.source == newest[record.key.device].key.source]
    kept.sort(key=lambda record: record.key.device == "cpu")
    return list({_fold_of(record): record for record in kept}.values())


def _fold_of(record: Record) -> tuple[str, int, int]:
    return record.key.protocol, record.key.fold, record.key.seed


def _trained(task: str, model: str, ran: list[Record], device: DeviceClass) -> Trained:
    records, timed = _once(ran), _once([record for record in ran if record.key.device == device])
    times = {_fold_of(record): _seconds(record) for record in timed if record.times}
    machines = {record.machine.processor if device == "cpu" else record.machine.device for record in timed}
    return Trained(
        task=task,
        model=model,
        unit=records[0].key.unit,
        crystals=np.array([record.split.n_train for record in records], dtype=float),
        errors=np.array([record.metrics.test.loss for record in records if record.metrics]),
        seconds=np.array([times.get(_fold_of(record), np.nan) for record in records]),
        atoms=_atoms(records),
        machines=tuple(sorted(machines)),
        in_epochs=any(record.epochs_run for record in records),
    )


def _seconds(record: Record) -> float:
    """Of a training as a run does it today: one whose learning rate was set gets the time of the search on top."""
    assert record.times
    seconds, epochs = record.times.training.device_s, record.epochs_run
    if not epochs or not rate_was_set(record.key):
        return seconds
    return seconds * (1 + GRIDS[record.key.profile].epochs_in_all(epochs) / epochs)


def _atoms(records: Iterable[Record]) -> float | None:
    """Of a crystal; where a part of the crystals is trained on, a record does not say how many the atoms are of."""
    whole = [record for record in records if "train 1/" not in record.key.protocol]
    totals = [(record.graph_health.atoms, record.split) for record in whole if record.graph_health]
    each = [atoms / (split.n_train + split.n_validation + split.n_test) for atoms, split in totals]
    return float(np.median(each)) if each else None
