"""The list of jobs that a `run` stands for, and which of them are done already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmark.folds import Protocol, ProtocolName
from benchmark.job import Job
from benchmark.store import Store
from benchmark.tasks import Task, find_tasks, tasks_of
from datasets import registry as datasets_registry
from datasets.errors import DatasetMissing, InputError
from models import registry

PROFILES = ("smoke", "quick", "paper")
DEFAULT_FOLDS = {"kfold": 5, "shuffle": 10, "published": 1}


@dataclass(frozen=True)
class Plan:
    """Jobs to do, jobs found done in the store, and one line for each dataset that is not on this machine."""

    todo: tuple[Job, ...]
    done: tuple[Job, ...]
    skipped: tuple[str, ...]

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All of them."""
        return self.done + self.todo


@dataclass(frozen=True)
class Request:
    """What the command line asks for; empty tuples stand for all models and, with `everything`, all tasks."""

    tasks: Sequence[str] = ()
    everything: bool = False
    models: Sequence[str] = ()
    settings: Mapping[str, str] | None = None
    profile: str = "quick"
    protocol: ProtocolName | None = None
    folds: int | None = None
    seed: int = 0
    device: str = "cpu"
    workers: int = 1
    threads: int = 1


def make_plan(request: Request, store: Store) -> Plan:
    """Resolve names, load what the tasks need, divide every task, look for finished folds.

    Raises:
        InputError: an unknown name, an impossible setting, a dataset that cannot be read or divided.
        DatasetMissing: a dataset asked for by name is not on this machine.
    """
    if not request.tasks and not request.everything:
        raise InputError("nothing to run: name tasks with --task, a folder with --dataset, or use --all")
    if request.settings and len(request.models) != 1:
        raise InputError("--set changes the settings of one model; name it with a single --model")
    specs = [registry.get(name) for name in request.models or registry.registered()]
    settings = {spec.name: spec.settings(request.profile, request.settings) for spec in specs}
    tasks, skipped = _available(request)
    todo: list[Job] = []
    done: list[Job] = []
    for task in tasks:
        protocol = _protocol(request, task)
        dataset_hash = _check(task, protocol, request)
        for spec in specs:
            for fold in range(protocol.n_folds):
                job = Job(
                    task, spec.name, settings[spec.name], request.profile, protocol, fold, request.seed,
                    request.device, request.threads, request.workers,
                )  # fmt: skip
                finished = store.finished(job.key(dataset_hash), job.fingerprint)
                (done if finished else todo).append(job)
    return Plan(tuple(todo), tuple(done), tuple(skipped))


def _available(request: Request) -> tuple[list[Task], list[str]]:
    """The tasks whose data are here; with --all a missing dataset is left out with its line."""
    tasks = {task.name: task for text in request.tasks for task in find_tasks(text)}
    skipped = []
    if request.everything:
        for name in datasets_registry.registered():
            try:
                datasets_registry.load(name)
            except DatasetMissing as error:
                skipped.append(str(error))
                continue
            tasks.update({task.name: task for task in tasks_of(name)})
    return list(tasks.values()), skipped


def _protocol(request: Request, task: Task) -> Protocol:
    published = datasets_registry.get(task.source).card.split_column is not None
    name: ProtocolName = request.protocol or ("published" if published else "kfold")
    return Protocol(name, request.folds or DEFAULT_FOLDS[name])


def _check(task: Task, protocol: Protocol, request: Request) -> str:
    """Divide the task once, so that what cannot work is said before anything runs; returns the dataset's hash."""
    data = task.load()
    for number in range(protocol.n_folds):
        data.fold(protocol, number, request.seed)
    return data.dataset_hash
