"""What folds cost: by records of the same model and settings, scaled by crystals and epochs, or by a few timed steps."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from benchmark.harness import machine
from benchmark.harness.execution import classify
from benchmark.harness.job import Job, fresh_model, load_task
from benchmark.harness.kept import Kept
from benchmark.results.growth import FORESTS, power
from benchmark.results.learning_rate import RateGrid
from benchmark.results.records import Record
from benchmark.results.store import Store
from benchmark.schema import one_line
from datasets.crystals import Crystals
from datasets.errors import InputError
from models import registry
from models.contract import Settings
from models.graph_model import GraphModel
from models.training import Recipe

STEPS = 2
"""Batches of an epoch of the timed training."""
LEAST_S, MOST_EPOCHS = 0.5, 20
"""The timed training takes about so many seconds of the processor, and at most so many epochs."""
TIMING_S = 20.0
"""No further training is timed after so many seconds: a study has hundreds of settings."""
UNBATCHED, OF_FOREST = 1600, 400
"""Crystals that a model without batches is timed on; a forest is dear already with few."""


@dataclass(frozen=True)
class Estimate:
    """Seconds of training a fold: of one processor core, or of the device."""

    seconds: float
    source: str
    """What it is from."""
    measured_here: bool
    """Whether on this kind of processor or device."""
    of_task: bool = True
    """Whether on the same task: crystals of others may have many more or fewer atoms."""


class Costs:
    """What the trainings on record cost, and what others would."""

    def __init__(self, records: Iterable[tuple[Record, str]] = ()) -> None:
        self.known: dict[str, list[tuple[Record, str]]] = {}
        for record, source in records:
            self.add(record, source)

    def add(self, record: Record, source: str) -> None:
        """Take a record into account, from where it says; without a score it says nothing."""
        if record.times and record.status == "complete":
            key = record.key
            alike = _alike(key.model, key.profile, record.changed, key.rates, key.device != "cpu")
            self.known.setdefault(alike, []).append((record, source))

    def of(self, job: Job, n_train: int) -> Estimate | None:
        """Of a job with so many crystals to train on; None where no training with its settings is on record.

        Trainings on the same task count before others, and those on this kind of processor or device before both.
        """
        alike = _alike(job.model, job.profile, job.changed, job.rates, job.device != "cpu")
        return _estimate(self.known.get(alike, []), job, n_train)

    def roughly(self, job: Job, n_train: int) -> Estimate | None:
        """The same from trainings of the model in this profile with other settings; None where there are none either."""
        wanted = job.model, job.profile, job.rates, job.device != "cpu"
        known = [
            (record, f"{source} with other settings, a rough guess")
            for records in self.known.values()
            for record, source in records
            if (record.key.model, record.key.profile, record.key.rates, record.key.device != "cpu") == wanted
        ]
        return _estimate(known, job, n_train)


def _estimate(known: Sequence[tuple[Record, str]], job: Job, n_train: int) -> Estimate | None:
    """From the records that fit best: of this kind of processor or device, then of the same task; None without any."""

    def fit(record: Record) -> tuple[bool, bool]:
        return _is_here(record, job.device), record.key.task == job.task.name

    best = max((fit(record) for record, _ in known), default=None)
    if best is None:
        return None
    chosen = [(record, source) for record, source in known if fit(record) == best]
    seconds = [record.times.training.device_s * _grown(record, job, n_train) for record, _ in chosen if record.times]
    source = Counter(source for _, source in chosen).most_common(1)[0][0]
    return Estimate(float(np.mean(seconds)), source if best[0] else f"{source}, of another processor", *best)


def _alike(model: str, profile: str, changed: Mapping[str, Any], rates: RateGrid | None, on_gpu: bool) -> str:
    """What trainings share whose costs are compared. Settings as changes of the profile: records lack those of later times."""
    rest = {name: value for name, value in changed.items() if name != "epochs"}
    return json.dumps([model, profile, rest, rates and rates.model_dump(), on_gpu], sort_keys=True)


def _is_here(record: Record, device: str) -> bool:
    """Whether a record is of this kind of processor or GPU. Jobs that are submitted may ask for a GPU that is not here."""
    if device == "cpu":
        return record.machine.processor == one_line(machine.processor())
    return torch.cuda.is_available() and record.machine.device == one_line(machine.device_name(device))


def _grown(record: Record, job: Job, n_train: int) -> float:
    """How many times the cost of a record's training, by crystals and epochs."""
    epochs = record.key.settings.get("epochs")
    more = job.settings.epochs / float(str(epochs)) if isinstance(job.settings, Recipe) and epochs else None
    return float((n_train / record.split.n_train) ** power(job.model, more is not None)) * (more or 1.0)


def costs_on_record(jobs: Iterable[Job], stores: Iterable[Store]) -> Costs:
    """From the records of the jobs' models and profiles; damaged files are left out."""
    wanted = {(job.model, job.profile) for job in jobs}
    return Costs((record, source_of(store)) for store in stores if wanted for record in _records(store, wanted))


def source_of(store: Store) -> str:
    """What an estimate from a store's records is from."""
    return f"records of {store.root}"


def _records(store: Store, wanted: set[tuple[str, str]]) -> Iterator[Record]:
    for task, paths in store.tasks():
        for path in paths:
            model, run = path.relative_to(store.root / "records" / task).parts[:2]
            if any(model == name and run.startswith(f"{profile}_") for name, profile in wanted):
                try:
                    yield from store.read_all(path)
                except InputError:
                    continue


def at_once(job: Job) -> int:
    """How many cores or devices the jobs of a run keep busy."""
    return job.workers if job.device != "cpu" else min(job.workers * job.threads, machine.cores())


@dataclass(frozen=True)
class PlanCost:
    """What the open folds of a plan would cost.

    Attributes:
        device_s: seconds of processor cores, or of the device; of the folds whose cost is known.
        wall_s: on the clock, where as many cores as the run uses are free.
        sources: how many folds are estimated from what.
        unknown: how many folds nothing is known of.
        slower: how many times longer the clock runs now, as other programs run beside.
    """

    device_s: float
    wall_s: float
    sources: Mapping[str, int]
    unknown: int
    slower: float = 1.0


def plan_cost(
    todo: Sequence[Job], n_train: Mapping[Job, int], costs: Costs, measured: Mapping[Job, Estimate] | None = None,
    kept: Mapping[Job, Kept] | None = None,
) -> PlanCost:  # fmt: skip
    """The cost of jobs with so many crystals each to train on; of some without a record it may be measured.

    Where it is not, trainings with other settings tell it roughly.
    Epochs that a checkpoint of `kept` has are not trained again, and cost nothing.
    """
    found = [(measured or {}).get(job) or costs.of(job, n_train[job]) or costs.roughly(job, n_train[job]) for job in todo]
    shares = [_share_left((kept or {}).get(job)) for job in todo]
    known = [replace(one, seconds=one.seconds * share) for one, share in zip(found, shares, strict=True) if one]
    total = sum(one.seconds for one in known)
    wall = max([total / at_once(todo[0]), *(one.seconds / todo[0].threads for one in known)]) if known else 0.0
    return PlanCost(total, wall, dict(Counter(one.source for one in known)), len(found) - len(known))


def _share_left(kept: Kept | None) -> float:
    """Which part of a fold is still to be trained."""
    return 1 - kept.epoch / kept.epochs if kept and kept.epochs else 1.0


def timed_where_unknown(
    todo: Sequence[Job], n_train: Mapping[Job, int], costs: Costs
) -> tuple[dict[Job, Estimate], dict[str, str]]:
    """What the folds of tasks without a record would cost: one of each task and model is timed, until TIMING_S are over.

    It is one with the most crystals; the others are scaled.

    Returns:
        The estimates, and why a model cannot be trained, by its name.
    """
    found: dict[tuple[object, ...], tuple[Estimate, int]] = {}
    measured, broken = {}, dict[str, str]()
    here = [job for job in todo if job.device == "cpu" or torch.cuda.is_available()]
    ends = time.monotonic() + TIMING_S
    for job in sorted(here, key=n_train.__getitem__, reverse=True):
        alike = (job.task, job.model, job.settings, job.rates)
        known = costs.of(job, n_train[job])
        if job.model in broken or (known and known.of_task):
            continue
        try:
            if alike not in found:
                if time.monotonic() > ends:
                    continue
                found[alike] = timed(job), n_train[job]
        except Exception as error:
            broken[job.model] = classify(error)[1]
            continue
        one, crystals = found[alike]
        grown = (n_train[job] / crystals) ** power(job.model, isinstance(job.settings, Recipe))
        measured[job] = replace(one, seconds=one.seconds * grown)
    return measured, broken


def timed(job: Job) -> Estimate:
    """Train on crystals drawn from the training part, and count up to the whole job, in processor time on a CPU.

    A network grows with the atoms of its crystals, a model without epochs with a power of their number.
    """
    data = load_task(job.task)
    train = data.fold(job.protocol, job.fold, job.seed).train
    settings = job.settings
    unbatched = OF_FOREST if job.model in FORESTS else UNBATCHED
    size = STEPS * settings.batch_size if isinstance(settings, Recipe) else unbatched
    rows = np.sort(np.random.default_rng(0).permutation(train)[:size])
    torch.set_num_threads(job.threads)
    trained = _Trained(job, data.crystals.take(rows), data.targets[rows])
    grown = len(train) / len(rows)
    if not isinstance(settings, Recipe):
        rate = power(job.model, in_epochs=False)
        return Estimate(
            trained.seconds(settings) * grown**rate,
            f"{len(rows):,} crystals timed here, scaled up (time grows as n^{rate:g})",
            True,
        )
    once = trained.seconds(replace(settings, epochs=1))
    epochs = max(1, min(MOST_EPOCHS, round(LEAST_S / once)))
    an_epoch = trained.seconds(replace(settings, epochs=epochs)) / epochs if epochs > 1 else once
    if issubclass(registry.get(job.model).model, GraphModel):
        grown = data.crystals.n_atoms[train].sum() / data.crystals.n_atoms[rows].sum()
    return Estimate(float(an_epoch * grown * (settings.epochs + job.trial_epochs)), f"{STEPS} batches timed here", True)


class _Trained:
    """A few crystals of a task as a model takes them, to train it on for a moment."""

    def __init__(self, job: Job, sample: Crystals, targets: np.ndarray) -> None:
        self.job, self.targets, self.rows = job, targets, np.arange(len(sample))
        model = fresh_model(job, job.settings)
        self.inputs = model.prepare(sample)
        model.warm_up(self.inputs, targets, self.rows)

    def seconds(self, settings: Settings) -> float:
        """What a training with these settings takes."""
        model = fresh_model(self.job, settings)
        with machine.clock(self.job.device) as clock:
            model.fit(self.inputs, self.targets, self.rows, self.rows[: max(1, len(self.rows) // 10)], seed=0)
        return clock.duration.device_s
