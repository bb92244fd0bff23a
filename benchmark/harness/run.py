"""The harness: carries out the jobs of a plan in worker processes, beside other runs; a killed run goes on where it was."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from benchmark.harness.execution import Observer, classify, code_failed, make_record, with_half_batch
from benchmark.harness.job import Job, dataset_hash, load_task
from benchmark.harness.leases import Lease, Leases
from benchmark.harness.stopping import CHECKPOINT_S
from benchmark.harness.worker import GivenUp, Prepares, Trains, Worker, WorkerDied
from benchmark.results.records import Memory, Record
from benchmark.results.store import Store
from models.contract import Epoch

GRACE_S = 20.0
"""How long a worker may take until its training is kept; most schedulers kill 30 s after their SIGTERM."""

POLL_S = 1.0
"""How often it is looked whether another run has finished a fold, or has died over it."""


@dataclass(frozen=True)
class Progress:
    """News of a job: it has begun (`epoch` None), has finished an epoch, or one of those below."""

    job: Job
    epoch: Epoch | None
    elsewhere: bool = False
    """Another run has finished it."""
    prepares: Prepares | None = None
    """Its descriptors are being computed."""
    trains: Trains | None = None
    """Its training begins."""
    stops: bool = False
    """It is asked to end, and gets up to GRACE_S for it."""
    dies: bool = False
    """Its worker has died; it is tried again when the others are done."""
    not_tried: tuple[Job, ...] = ()
    """Other folds of its task and model, which are left out of this run, as an error of the model's code ended it."""


OnProgress = Callable[[Progress], None]
OnRecord = Callable[[Job, Record], None]
Lost = tuple[Job, Lease, WorkerDied]


def run_jobs(
    jobs: tuple[Job, ...], store: Store, on_progress: OnProgress, on_record: OnRecord, observer: Observer | None = None,
    deadline: float = math.inf, every_s: float = CHECKPOINT_S, limit_s: float = math.inf,
) -> list[Record]:  # fmt: skip
    """Carry out every job in `jobs[0].workers` processes and return the records, in the order they were finished.

    Other runs may work on the same store: each fold is carried out by one of them, and the records of all are returned when
    the last fold has its record. Training is kept every `every_s` seconds; after `limit_s` it is given up, with a record that
    says so. After the deadline, in seconds of `time.monotonic`, and when a signal interrupts this process, no job is begun and
    those under way are kept, for the next run to go on with.

    Where a study observes, what it sees of each fold is kept beside the record.

    A fold that runs out of memory is tried once more with half the batch: that is a job of its own, with a record of its own.

    A worker that dies (killed for its memory, a crash in native code, an error while the record is made) costs only its own
    fold: when the others are done, that fold is tried again, alone, and if it kills its worker once more it gets a record
    saying so.

    Where an error of the model's code ends a fold before its first epoch, and no other fold of its task and model trained, the
    folds of that task and model that have not begun are not tried.

    Raises:
        BenchmarkError: a record cannot be written.
    """
    with Leases(store.root) as leases:
        run = _Run(store, leases, on_progress, on_record, observer, deadline, (every_s, limit_s))
        run.before = {job: _version(run.path(job)) for job in jobs}
        for job, lease, _ in run.side_by_side(jobs):
            for _, _, death in run.side_by_side([job], lease):
                run.finish(job, _record_death(job, death, store), lease)
    return run.records


class _Run:
    """The jobs of one call, and what has become of them."""

    def __init__(
        self, store: Store, leases: Leases, on_progress: OnProgress, on_record: OnRecord, observer: Observer | None,
        deadline: float, times: tuple[float, float],
    ) -> None:  # fmt: skip
        self.store, self.leases, self.observer = store, leases, observer
        self.deadline, self.times = deadline, times
        self.on_progress, self.on_record = on_progress, on_record
        self.records: list[Record] = []
        self.before: dict[Job, tuple[int, ...] | None] = {}
        """Which file each job's record was, if it had one."""
        self.died: set[Job] = set()
        """Those that are tried once more."""
        self.trained: set[tuple[Any, ...]] = set()
        """What `_alike` says of the folds that finished an epoch or have a score."""

    def path(self, job: Job) -> Path:
        """Of a job's record."""
        return self.store.path(job.key(dataset_hash(job.task)))

    def finish(self, job: Job, record: Record, lease: Lease | None) -> None:
        """Take a record, of this run (with its lease) or of another one."""
        self.records.append(record)
        if record.status == "complete":
            self.trained.add(_alike(job))
        self.on_record(job, record)
        if lease:
            self.leases.release(lease)

    def side_by_side(self, jobs: Sequence[Job], lease: Lease | None = None) -> list[Lost]:
        """Run the jobs, as many at a time as there are workers; returns those whose worker died, which are still ours.

        With a lease there is one job, which is ours already.
        """
        waiting: dict[Job, Lease | None] = dict.fromkeys(jobs, lease)
        lost: list[Lost] = []
        workers = [Worker(job.threads) for job in jobs[: jobs[0].workers]] if jobs else []
        idle, busy = list(workers), dict[Worker, tuple[Job, Lease]]()
        try:
            while time.monotonic() < self.deadline and (busy or waiting):
                while idle and time.monotonic() < self.deadline and (found := self._next(waiting)):
                    worker = idle.pop()
                    worker.begin(found[0], self.store, self.observer, found[1], self.times)
                    busy[worker] = found
                if busy or waiting:
                    # Idle beside folds of other runs: look again soon.
                    idle += self._news(busy, waiting, lost, POLL_S if waiting and idle else math.inf)
            if busy:  # the time is up
                self._stop(busy, lost)
            for worker in workers:
                worker.dismiss()
            for worker in workers:
                worker.join()
        except KeyboardInterrupt:
            self._stop(busy, lost)
            raise
        finally:
            for worker in workers:
                worker.kill()
        return lost

    def _news(
        self, busy: dict[Worker, tuple[Job, Lease]], waiting: dict[Job, Lease | None], lost: list[Lost],
        longest: float,
    ) -> list[Worker]:  # fmt: skip
        """Take the news of the next seconds; returns the workers that have ended their jobs, and are no longer busy."""
        longest = max(0.0, min(longest, self.deadline - time.monotonic()))
        ready = wait([worker.pipe for worker in busy], None if math.isinf(longest) else longest)
        ended = [worker for worker in busy if worker.pipe in ready and self._has_ended(worker, *busy[worker], waiting, lost)]
        for worker in ended:
            del busy[worker]
        return ended

    def _stop(self, busy: dict[Worker, tuple[Job, Lease]], lost: list[Lost]) -> None:
        """Let the jobs under way be kept, as far as that is quick."""
        for worker, (job, _) in busy.items():
            worker.stop()
            self.on_progress(Progress(job, None, stops=True))
        self.deadline = time.monotonic() + GRACE_S
        while busy and time.monotonic() < self.deadline:
            self._news(busy, {}, lost, math.inf)
        self.deadline = -math.inf

    def _next(self, waiting: dict[Job, Lease | None]) -> tuple[Job, Lease] | None:
        """A job that is ours now, taken out of those that wait; jobs that another run has finished are taken out too."""
        for job in list(waiting):
            lease = waiting[job] or self.leases.claim(job.key(dataset_hash(job.task)), self.path(job), job.changed)
            # After the claim: whoever had it before has written its record by now.
            if self._taken_from_another(job):
                del waiting[job]
                if lease:
                    self.leases.release(lease)
            elif lease:
                del waiting[job]
                return job, lease
        return None

    def _taken_from_another(self, job: Job) -> bool:
        """Whether another run has written the job's record since this one began; it is then taken as it is."""
        path = self.path(job)
        if _version(path) in (None, self.before[job]):
            return False
        self.on_progress(Progress(job, None, elsewhere=True))
        self.finish(job, self.store.read(path), None)
        return True

    def _has_ended(self, worker: Worker, job: Job, lease: Lease, waiting: dict[Job, Lease | None], lost: list[Lost]) -> bool:
        """Take a worker's news; whether it has ended its job."""
        try:
            news = worker.news()
        except WorkerDied as death:
            lost.append((job, lease, death))
            if job not in self.died:
                self.died.add(job)
                self.on_progress(Progress(job, None, dies=True))
            return True
        if isinstance(news, Record):
            self.finish(job, news, lease)
            if news.status == "out-of-memory" and (smaller := with_half_batch(job)):
                self.before[smaller] = _version(self.path(smaller))
                waiting[smaller] = None
            elif code_failed(news) and _alike(job) not in self.trained:
                self._leave_out(job, waiting)
        elif isinstance(news, GivenUp):
            self.leases.release(lease)
            worker.kill()  # one that was asked to end takes no further job
            self.before[job] = None
            waiting[job] = None
        elif isinstance(news, Prepares):
            self.on_progress(Progress(job, None, prepares=news))
            return False
        elif isinstance(news, Trains):
            self.on_progress(Progress(job, None, trains=news))
            return False
        else:
            self.on_progress(Progress(job, news))
            if news:
                self.trained.add(_alike(job))
                self.leases.note(lease, news.number, news.of)
            return False
        return True

    def _leave_out(self, job: Job, waiting: dict[Job, Lease | None]) -> None:
        """Take the folds like this one out of those that wait: its code will fail there too."""
        left_out = tuple(other for other in waiting if _alike(other) == _alike(job))
        for other in left_out:
            del waiting[other]
        if left_out:
            self.on_progress(Progress(job, None, not_tried=left_out))


def _alike(job: Job) -> tuple[Any, ...]:
    """What folds of one task and model share, whatever their fold and seed."""
    return job.task.name, job.model, job.settings, job.profile


def _version(path: Path) -> tuple[int, ...] | None:
    """Tells a file from the one that is written over it; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _record_death(job: Job, death: WorkerDied, store: Store) -> Record:
    data = load_task(job.task)
    fold = data.fold(job.protocol, job.fold, job.seed)
    killed = "the worker process died twice on this fold; most likely the system killed it because memory ran out"
    status, reason = classify(death.error) if death.error else ("worker-lost", killed)
    record = make_record(job, data, fold, status, datetime.now(timezone.utc), reason, None)
    # The peak is the parent's, which did not run it.
    record = record.model_copy(update={"memory": Memory(host_bytes=None, device_bytes=None)})
    store.write(record, None)
    return record
