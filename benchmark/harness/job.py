"""One job: one fold of one model on one task, from crystals to a record on disk. Runs in any process."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel

from benchmark.harness import machine
from benchmark.harness.fingerprint import fingerprint
from benchmark.harness.learning_rate import fit_with_chosen_rate
from benchmark.harness.leases import Lease
from benchmark.harness.stopping import NEVER, Stopping, keeper_of
from benchmark.results.learning_rate import RateChoice, RateGrid
from benchmark.results.records import Backend, GraphHealth, JobKey, Memory, Record, Status, Times
from benchmark.results.store import Store, write_atomically
from benchmark.results.validation import frame_hash, predictions_frame
from benchmark.schema import one_line
from benchmark.tasks.folds import MOST_FOLDS, Fold, Protocol
from benchmark.tasks.leakage import seen_before
from benchmark.tasks.metrics import LeakScores, Metrics, leak_scores, score
from benchmark.tasks.tasks import Task, TaskData, split_of
from datasets.crystals import Crystals
from datasets.errors import BenchmarkError
from datasets.graph_health import graph_health
from datasets.neighbor_search import Rule
from models import registry
from models.contract import Epoch, Fitted, Model, OnEpoch, Settings, TrainingDiverged
from models.graph.message_passing import uses_dgl
from models.graph_model import GraphModel
from models.resume import Keeper, TrainingStopped


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
    def training_seed(self) -> int:
        """Of everything that training draws; no two folds of any seeds share one."""
        return self.seed * MOST_FOLDS + self.fold


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a fold that went to its end produced."""

    model: Model[Any, Any]
    """Fitted."""
    history: tuple[Epoch, ...]
    rate_choice: RateChoice | None
    parameters: int
    checkpoint: bytes
    health: GraphHealth | None
    imputed: int | None
    """Crystals that lack a descriptor."""
    backend: Backend | None
    """None of a model without graphs."""
    best_epoch: int
    metrics: Metrics
    last_epoch: Metrics | None
    """With the weights of the last epoch; None of a model without epochs."""
    leak: LeakScores | None
    """None where duplicates cannot be searched."""
    times: Times
    resumed: int
    """How often training went on from a checkpoint."""
    predictions: pd.DataFrame


@dataclass(frozen=True)
class Observer:
    """What a study looks at when a fold has ended; the answer lies beside the record, `<name>-<fold>.json`.

    `look` gets None for a fold without an outcome. It is neither timed nor counted in the record's memory, and a function of
    a module, so that any process finds it.
    """

    name: str
    look: Callable[[Job, TaskData, Fold, Outcome | None], BaseModel]


class LeaseLost(Exception):
    """Another process has taken the fold over, or has finished it before."""


def execute(
    job: Job, store: Store, on_epoch: OnEpoch = lambda epoch: None, observer: Observer | None = None,
    lease: Lease | None = None, stopping: Stopping = NEVER,
) -> Record:  # fmt: skip
    """Run a job and write its record; a failure of the model becomes a record with its reason.

    What an observer sees is written first, so that a record has it. Without a lease nobody else writes to the store.

    Raises:
        InputError: the task cannot be loaded or split.
        BenchmarkError: the record cannot be written.
        LeaseLost: the fold is another process's by now; nothing is written.
        TrainingStopped: the training was asked to end, and is kept for the next run.
    """
    data = load_task(job.task)
    fold = data.fold(job.protocol, job.fold, job.seed)
    if lease and _is_done(job, store, data, fold, observer):
        raise LeaseLost
    seen = seen_before(data, fold)
    started = datetime.now(timezone.utc)
    machine.reset_peak_memory(job.device)
    outcome: Outcome | None = None
    status: Status = "complete"
    reason: str | None = None
    keeper = keeper_of(store, job.key(data.dataset_hash), split_of(data, fold), on_epoch, stopping)
    try:
        outcome = _run(job, data, fold, seen, keeper)
    except TrainingStopped:
        if stopping.ends():
            raise
        status, reason = (
            "timed-out",
            f"it took longer than {stopping.limit_s / 60:g} minutes; tried again, it goes on from there",
        )
    except Exception as error:
        if stopping.ends():
            raise TrainingStopped from None
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise BenchmarkError("the disk is full; free some space and run the same command again to go on") from None
        status, reason = classify(error)
        if status == "out-of-memory" and (smaller := with_half_batch(job)):
            reason = f"{reason}; tried again with batch_size={getattr(smaller.settings, 'batch_size', '')}, as a run of its own"
    record = make_record(job, data, fold, status, started, reason, outcome)
    if lease and not lease.held():
        raise LeaseLost
    if observer:
        _observe(observer, job, store, record.key, data, fold, outcome)
    checkpoint = outcome.checkpoint if outcome and job.save_checkpoints else None
    store.write(record, outcome.predictions if outcome else None, checkpoint)
    if status != "timed-out":
        store.unfinished(record.key).unlink(missing_ok=True)
    return record


def with_half_batch(job: Job) -> Job | None:
    """What is tried once where memory runs out; its settings, and so its record, say so. None where that was tried."""
    size = getattr(job.settings, "batch_size", 1)
    if job.halved or size < 2:
        return None
    return replace(job, settings=job.settings.changed({"batch_size": str(size // 2)}), halved=True)


def _is_done(job: Job, store: Store, data: TaskData, fold: Fold, observer: Observer | None) -> bool:
    key = job.key(data.dataset_hash)
    seen = observer is None or store.beside(key, observer.name).exists()
    return seen and store.finished(key, split_of(data, fold), job.save_checkpoints)


def _observe(
    observer: Observer, job: Job, store: Store, key: JobKey, data: TaskData, fold: Fold, outcome: Outcome | None
) -> None:
    path = store.beside(key, observer.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, (observer.look(job, data, fold, outcome).model_dump_json(indent=1) + "\n").encode())


def classify(error: BaseException) -> tuple[Status, str]:
    """The status and the one-line reason that a failure gets in its record."""
    text = one_line(str(error))[:300] or type(error).__name__
    memory = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    if memory or "allocate memory" in text:
        return "out-of-memory", text
    if isinstance(error, TrainingDiverged):
        return "diverged", text
    return "failed", text if isinstance(error, BenchmarkError) else f"{type(error).__name__}: {text}"


@lru_cache(maxsize=1)
def load_task(task: Task) -> TaskData:
    """The task's crystals, kept while one worker runs its folds."""
    return task.load()


@lru_cache(maxsize=1)
def prepared(task: Task, model: str, settings: Settings, device: str) -> tuple[Any, float, GraphHealth | None]:
    """What `prepare` makes of the task's crystals, the seconds it took, and the graphs' health; kept for the next fold."""
    built = registry.get(model).model(settings, device)
    crystals = load_task(task).crystals
    inputs = built.prepare(crystals)
    health = _health(crystals, built.rule(settings)) if isinstance(built, GraphModel) else None
    return inputs, built.preparation_seconds(inputs), health


def _health(crystals: Crystals, rule: Rule) -> GraphHealth:
    report = graph_health(crystals, rule)
    return GraphHealth(
        atoms=report.atoms,
        edges=report.edges,
        isolated_atoms=report.isolated_atoms.count,
        atoms_with_fewer_than_k=report.atoms_with_fewer_than_k.count,
        truncated_ties=report.truncated_ties.count,
    )


def _run(job: Job, data: TaskData, fold: Fold, seen: np.ndarray | None, keeper: Keeper) -> Outcome:
    model = fresh_model(job, job.settings)
    inputs, graph_seconds, health = prepared(job.task, job.model, job.settings, job.device)
    model.warm_up(inputs, data.targets, fold.train)

    def fit(settings: Settings, tell: OnEpoch) -> Fitted:
        nonlocal model
        model = fresh_model(job, settings)
        return model.fit(inputs, data.targets, fold.train, fold.validation, job.training_seed, tell)

    with machine.clock(job.device) as training:
        fitted, choice = fit_with_chosen_rate(job.rates, job.settings, job.device, fit, keeper.begun())
    with machine.clock(job.device) as inference:
        test = _finite(model.predict(inputs, fold.test))
    known = _scores(model, inputs, data.targets, {"train": fold.train, "validation": fold.validation})
    metrics = Metrics(test=score(data.targets[fold.test], test), **known)
    model.about = _about(job.key(data.dataset_hash))
    parameters = model.n_parameters
    assert parameters is not None, "a fitted model knows its size"
    return Outcome(
        model=model,
        history=fitted.history,
        rate_choice=choice,
        parameters=parameters,
        checkpoint=model.to_bytes(),
        health=health,
        imputed=fitted.imputed,
        backend=_backend(model, inputs, fold),
        best_epoch=fitted.best_epoch,
        metrics=metrics,
        last_epoch=_last_epoch(model, fitted, inputs, data.targets, fold, metrics),
        leak=None if seen is None else leak_scores(data.targets[fold.test], test, seen),
        times=Times(
            graphs_wall_s=graph_seconds, training=training.duration.plus(*keeper.earlier), inference=inference.duration
        ),
        resumed=keeper.resumed,
        predictions=predictions_frame(data.crystals.ids[fold.test].astype(str), job.fold, data.targets[fold.test], test),
    )


def fresh_model(job: Job, settings: Settings) -> Model[Any, Any]:
    """The job's model with these settings, before training."""
    return registry.get(job.model).model(settings, job.device, len(job.task.classes or ()))


def _backend(model: Model[Any, Any], inputs: Any, fold: Fold) -> Backend | None:
    """Asked of one of the model's own batches, whose device decides."""
    if not isinstance(model, GraphModel):
        return None
    import torch

    return "dgl" if uses_dgl(inputs.cut(torch.from_numpy(fold.test[:1]))) else "torch"


def _last_epoch(
    model: Model[Any, Any], fitted: Fitted, inputs: Any, targets: np.ndarray, fold: Fold, metrics: Metrics
) -> Metrics | None:
    """The scores with the weights of the last epoch, None where there are none; the model is left as it was."""
    if not fitted.history or not fitted.last_state:
        return metrics if fitted.history else None
    kept = model.state()
    model.set_state({**kept, **fitted.last_state})
    parts = {"train": fold.train, "validation": fold.validation, "test": fold.test}
    try:
        return Metrics(**_scores(model, inputs, targets, parts))
    except TrainingDiverged:
        return None
    finally:
        model.set_state(kept)


def _scores(model: Model[Any, Any], inputs: Any, targets: np.ndarray, parts: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The scores of each part by its name, from its rows; None of a part without crystals."""
    return {
        part: score(targets[rows], _finite(model.predict(inputs, rows))) if len(rows) else None for part, rows in parts.items()
    }


def _about(key: JobKey) -> dict[str, str]:
    """What a checkpoint says of itself: the key without the settings, which it has anyway."""
    said = {name: str(value) for name, value in key if name not in ("settings", "classes", "rates")}
    return said | ({"classes": json.dumps(key.classes)} if key.classes else {})


def _finite(predictions: np.ndarray) -> np.ndarray:
    if not np.isfinite(predictions).all():
        raise TrainingDiverged(f"{(~np.isfinite(predictions)).sum()} of {len(predictions)} predictions are not finite")
    return predictions


def make_record(
    job: Job, data: TaskData, fold: Fold, status: Status, started: datetime, reason: str | None, outcome: Outcome | None
) -> Record:
    """The record of a fold that ended, well (`outcome`) or not (`reason`)."""
    spec = registry.get(job.model)
    standard = spec.published(job.profile, job.task.name).as_dict()
    device_bytes = None
    if job.device != "cpu":
        import torch

        device_bytes = torch.cuda.max_memory_allocated(job.device)
    return Record(
        key=job.key(data.dataset_hash),
        status=status,
        reason=reason,
        training_seed=job.training_seed,
        changed={name: value for name, value in job.settings.as_dict().items() if standard[name] != value},
        graph_rule=spec.graph_rule(job.settings),
        graph_health=outcome.health if outcome else None,
        imputed=outcome.imputed if outcome else None,
        rate_choice=outcome.rate_choice if outcome else None,
        backend=outcome.backend if outcome else None,
        paper=spec.paper,
        split=split_of(data, fold),
        parameters=outcome.parameters if outcome else None,
        checkpoint_bytes=len(outcome.checkpoint) if outcome else None,
        epochs_run=len(outcome.history) if outcome else None,
        best_epoch=outcome.best_epoch if outcome else None,
        metrics=outcome.metrics if outcome else None,
        last_epoch=outcome.last_epoch if outcome else None,
        leak=outcome.leak if outcome else None,
        times=outcome.times if outcome else None,
        memory=Memory(host_bytes=machine.peak_memory(), device_bytes=device_bytes),
        machine=machine.machine(job.device, job.threads, job.workers),
        versions=machine.versions(),
        git_commit=machine.git_commit(),
        resumed=outcome.resumed if outcome else None,
        started_at=started,
        predictions_sha256=frame_hash(outcome.predictions) if outcome else None,
        checkpoint_sha256=hashlib.sha256(outcome.checkpoint).hexdigest() if outcome and job.save_checkpoints else None,
    )
