"""Carries out one job: from crystals to a record on disk, whatever becomes of the training. Runs in any process."""

from __future__ import annotations

import builtins
import errno
import hashlib
import re
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from pydantic import BaseModel

from benchmark.harness import machine
from benchmark.harness.job import Job, load_task
from benchmark.harness.leases import Lease
from benchmark.harness.outcome import Outcome, train_and_score
from benchmark.harness.stopping import NEVER, Stopping, keeper_of
from benchmark.results.records import JobKey, Memory, Record, Status
from benchmark.results.store import Store, remove_leftovers, write_atomically
from benchmark.results.validation import frame_hash
from benchmark.schema import one_line
from benchmark.tasks.folds import Fold
from benchmark.tasks.leakage import seen_before
from benchmark.tasks.tasks import TaskData, split_of
from datasets.errors import BenchmarkError
from models import registry, zoo
from models.contract import OnEpoch, TrainingDiverged
from models.resume import TrainingStopped


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
    keeper = keeper_of(store, job.key(data.dataset_hash), split_of(data, fold), on_epoch, stopping, job.changed)
    try:
        with _other_shapes_refused():
            outcome = train_and_score(job, data, fold, seen, keeper, stopping.prepares)
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
        remove_leftovers(store.unfinished(record.key))
    return record


@contextmanager
def _other_shapes_refused() -> Iterator[None]:
    """Inside, a loss of outputs and targets of different shapes is an error: torch warns, broadcasts and trains nonsense."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "Using a target size", UserWarning)
        try:
            yield
        except UserWarning as error:
            wanted, given = re.findall(r"Size\(\[(.*?)\]\)", str(error))
            raise ValueError(f"forward gives {given} numbers for {wanted} crystals; it must give one a crystal") from error


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
    return "failed", text if isinstance(error, BenchmarkError) else f"{type(error).__name__}: {text}{_place(error)}"


def code_failed(record: Record) -> bool:
    """Whether an error of code, not of files or of a GPU, ended a fold: it will likely end the model's other folds too."""
    named = re.match(r"(\w+(?:Error|Exception)): ", record.reason or "")
    if record.status != "failed" or not named or "CUDA" in str(record.reason):
        return False
    known = getattr(builtins, named[1], Exception)
    return not issubclass(known, (OSError, MemoryError))


def _place(error: BaseException) -> str:
    """File and line of the innermost call inside a model's file, in brackets; empty where none was under way."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).parent.as_posix() in zoo.__path__]
    return f" (models/zoo/{Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""


def make_record(
    job: Job, data: TaskData, fold: Fold, status: Status, started: datetime, reason: str | None, outcome: Outcome | None
) -> Record:
    """The record of a fold that ended, well (`outcome`) or not (`reason`)."""
    spec = registry.get(job.model)
    device_bytes = None
    if job.device != "cpu":
        import torch

        device_bytes = torch.cuda.max_memory_allocated(job.device)
    return Record(
        key=job.key(data.dataset_hash),
        status=status,
        reason=reason,
        training_seed=job.training_seed,
        changed=job.changed,
        graph_rule=spec.graph_rule(job.settings),
        graph_health=outcome.health if outcome else None,
        imputed=outcome.imputed if outcome else None,
        left_out=len(job.task.without) or None,
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
