"""Short trainings of every model on the regression sets: small built-in tasks, always the same, that show what changed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from benchmark.harness.job import Job
from benchmark.harness.machine import default_workers, machine
from benchmark.harness.run import run_jobs
from benchmark.regression.baseline import TaskBaseline
from benchmark.results.records import Record, Times
from benchmark.results.store import Store
from benchmark.schema import Machine
from benchmark.tasks.folds import Fold, Protocol
from benchmark.tasks.metrics import score
from benchmark.tasks.tasks import Task, TaskData, find_tasks, split_of
from models.contract import ModelSpec, Settings

TRAINED_SETS = ("emt/alloys/formation_energy_per_atom",)
"""What models are trained on: small cells, so that many seeds are cheap, and the quietest of the built-in targets."""

REGRESSION_SETS = (*TRAINED_SETS, "emt/surfaces/adsorption_energy", "emt/pt_clusters/total_energy")
"""Whose data and folds are compared."""

PROFILE = "mini"
"""Whose settings a model is trained with, but for what its baseline changes."""

HALVES = Protocol("kfold", 2)
"""Half of the crystals are tested: the error is then known more sharply, and training costs little."""

REPEATED = Protocol("shuffle")
"""What the trainings are called: each is a fold of its own, with a training seed of its own, of one and the same split."""

COMPARED_SPLITS = (Protocol("kfold", 5), Protocol("shuffle", 3), HALVES)
"""Splits whose hashes are compared; nothing is trained on the first two."""


@dataclass(frozen=True)
class RegressionSet(Task):
    """A task that is split the same way in every fold: what differs between folds is the training alone."""

    def load(self) -> TaskData:
        """The crystals, split as the first fold of HALVES whatever is asked for."""
        data = super().load()
        return RegressionData(data.task, data.crystals, data.targets, data.published, data.whole, data.present)


@dataclass(frozen=True, eq=False)
class RegressionData(TaskData):
    """Crystals that are split in one way only."""

    def fold(self, protocol: Protocol, number: int, seed: int) -> Fold:
        """The first fold of HALVES."""
        return super().fold(HALVES, 0, 0)


@dataclass(frozen=True)
class ShortTraining:
    """One training of a model on a regression set; without `mae` it failed, for `reason`."""

    model: str
    task: str
    seed: int
    mae: float | None
    reason: str | None
    training_s: float
    """Processor time."""
    peak_bytes: int | None
    wall_s: float = 0.0
    """On the clock, with graphs and predictions, without the start of a worker."""


Train = Callable[[tuple[Job, ...]], list[ShortTraining]]

Begins = Callable[[int], Callable[[], None]]
"""Is told how many trainings begin; what it returns is called after each."""


def regression_sets(names: Iterable[str]) -> list[RegressionSet]:
    """The tasks of these names."""
    found = [task for name in names for task in find_tasks(name)]
    return [RegressionSet(task.source, task.dataset, task.target, task.unit) for task in found]


def parameters(spec: ModelSpec, settings: Settings) -> tuple[int | None, int | None]:
    """Trainable parameters with these settings and with the paper's; None where the data decide it."""
    return spec.model(settings).n_parameters, spec.describe()["parameters"]


def task_baseline(task: RegressionSet) -> TaskBaseline:
    """Hashes of the task's data and of its folds today. Raises what loading the dataset raises."""
    data = Task.load(task)
    watched = [(protocol, number) for protocol in COMPARED_SPLITS for number in range(protocol.n_folds)]
    splits = {
        f"{protocol} fold {number} seed 0": split_of(data, data.fold(protocol, number, 0)) for protocol, number in watched
    }
    fold = data.fold(HALVES, 0, 0)
    mean = np.full(len(fold.test), data.targets[fold.train].mean())
    # Rounded, so that it is the same number on every machine.
    scale = round(score(data.targets[fold.test], mean).loss, 9)
    return TaskBaseline(dataset_hash=data.dataset_hash, scale=scale, splits=splits)


def training_jobs(seeds: Mapping[str, Iterable[int]], settings: Mapping[str, Settings]) -> tuple[Job, ...]:
    """The trainings of models under seeds, by task and model; one thread each, as many workers as cores."""
    workers = default_workers()
    wanted = [(name, seed) for name, numbers in seeds.items() for seed in numbers]
    return tuple(
        Job(task, name, settings[name], PROFILE, REPEATED, fold=seed, seed=0, workers=workers)
        for task, (name, seed) in product(regression_sets(TRAINED_SETS), wanted)
    )


def run_trainings(jobs: tuple[Job, ...], on_done: Callable[[], None] = lambda: None) -> list[ShortTraining]:
    """Carry the jobs out by the harness, in a store that is thrown away; a failed one is a measurement with its reason.

    Raises:
        BenchmarkError: a record cannot be written.
    """
    with tempfile.TemporaryDirectory() as folder:
        records = run_jobs(jobs, Store(Path(folder)), lambda news: None, lambda job, record: on_done()) if jobs else []
    return [_short_training(record) for record in records]


class Trainings:
    """Measurements by model, task and seed; trains what is asked for."""

    def __init__(self, train: Train, settings: Mapping[str, Settings]) -> None:
        self.train = train
        self.settings = settings
        self.done: dict[tuple[str, str, int], ShortTraining] = {}

    def extend(self, seeds: Mapping[str, Iterable[int]]) -> None:
        """Train these models under these seeds on every task."""
        for found in self.train(training_jobs(seeds, self.settings)):
            self.done[found.model, found.task, found.seed] = found

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks that were trained on, in order."""
        return sorted({task for _, task, _ in self.done})

    def of(self, model: str, task: str) -> list[ShortTraining]:
        """In order of their seeds."""
        return [m for (name, where, _), m in sorted(self.done.items()) if (name, where) == (model, task)]

    def log_mae(self, model: str, tasks: Iterable[str]) -> np.ndarray:
        """(seeds, tasks) of a model without failures."""
        return np.log([[m.mae for m in self.of(model, task) if m.mae] for task in tasks]).T

    def failure(self, model: str) -> str | None:
        """The first reason why a training of the model failed."""
        failed = (m for (name, _, _), m in sorted(self.done.items()) if name == model and m.mae is None)
        return next((f"{m.task}, seed {m.seed}: {m.reason}" for m in failed), None)


def this_machine() -> Machine:
    """This machine, as the short trainings use it."""
    return machine("cpu", 1, default_workers())


def _short_training(record: Record) -> ShortTraining:
    mae = record.metrics.test.loss if record.metrics else None
    known = mae == 0  # nobody predicts crystals that were held out without any error
    return ShortTraining(
        record.key.model,
        record.key.task,
        record.training_seed,
        mae or None,
        "the error is exactly 0: the model knows the test targets" if known else record.reason,
        record.times.training.device_s if record.times else 0.0,
        record.memory.host_bytes,
        _wall_s(record.times),
    )


def _wall_s(times: Times | None) -> float:
    return times.graphs_wall_s + times.training.wall_s + times.inference.wall_s if times else 0.0
