"""One job: one fold of one model on one task, as plain values, with the crystals and the model that it names."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from benchmark.harness.fingerprint import fingerprint
from benchmark.results.learning_rate import RateGrid
from benchmark.results.records import JobKey
from benchmark.tasks.folds import MOST_FOLDS, Protocol
from benchmark.tasks.tasks import Task, TaskData
from models import registry
from models.contract import Model, Settings


@dataclass(frozen=True)
class Job:
    """Everything a fold needs; nothing but plain values, so that any process or machine can carry it out."""

    task: Task
    model: str
    settings: Settings
    profile: str
    protocol: Protocol
    fold: int
    seed: int
    device: str = "cpu"
    threads: int = 1
    workers: int = 1
    save_checkpoints: bool = False
    rates: RateGrid | None = None
    """What the learning rate is chosen from; None: it is that of the settings."""
    halved: bool = False
    """Whether its batch is half of what was asked for, because memory ran out."""

    def key(self, dataset_hash: str) -> JobKey:
        """What decides the result."""
        return JobKey(
            task=self.task.name,
            dataset=self.task.dataset,
            target=self.task.target,
            unit=self.task.unit,
            dataset_hash=dataset_hash,
            model=self.model,
            settings=self.settings.as_dict(),
            profile=self.profile,
            protocol=str(self.protocol),
            fold=self.fold,
            seed=self.seed,
            rates=self.rates,
            source=self.fingerprint,
            classes=self.task.classes,
            device="cpu" if self.device == "cpu" else "gpu",
        )

    @property
    def fingerprint(self) -> str:
        """Of the model's source."""
        return fingerprint(registry.get(self.model).model)

    @property
    def changed(self) -> dict[str, Any]:
        """Settings that differ from the profile's."""
        standard = registry.get(self.model).published(self.profile, self.task.name).as_dict()
        return {name: value for name, value in self.settings.as_dict().items() if standard[name] != value}

    @property
    def trial_epochs(self) -> int:
        """How many epochs the search for a learning rate takes, before those of the training itself; 0 without a search."""
        return self.rates.epochs_in_all(int(self.settings.as_dict()["epochs"])) if self.rates else 0

    @property
    def training_seed(self) -> int:
        """Of everything that training draws; no two folds of any seeds share one."""
        return self.seed * MOST_FOLDS + self.fold


@lru_cache(maxsize=1)
def load_task(task: Task) -> TaskData:
    """The task's crystals, kept while one worker runs its folds."""
    return task.load()


@lru_cache(maxsize=1024)
def dataset_hash(task: Task) -> str:
    """Of the whole data set, as the key of a job has it."""
    return task.whole().content_hash


def fresh_model(job: Job, settings: Settings) -> Model[Any, Any]:
    """The job's model with these settings, before training."""
    return registry.get(job.model).model(settings, job.device, len(job.task.classes or ()))
