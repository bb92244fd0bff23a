"""The harness: carries out the jobs of a plan in worker processes; a killed run goes on where it was."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from multiprocessing.connection import wait

from benchmark.harness.job import Job, Observer, load_task, make_record
from benchmark.harness.worker import Worker, WorkerDied
from benchmark.results.records import Memory, Record
from benchmark.results.store import Store
from models.contract import Epoch


@dataclass(frozen=True)
class Progress:
    """News from a worker: a job has begun (`epoch` None) or has finished an epoch."""

    job: Job
    epoch: Epoch | None


OnProgress = Callable[[Progress], None]
OnRecord = Callable[[Job, Record], None]


def run_jobs(
    jobs: tuple[Job, ...], store: Store, on_progress: OnProgress, on_record: OnRecord, observer: Observer | None = None,
    deadline: float = math.inf,
) -> list[Record]:  # fmt: skip
    """Carry out every job in `jobs[0].workers` processes and return the records, in the order they were finished.

    After the deadline, in seconds of `time.monotonic`, no further job is begun.

    Where a study observes, what it sees of each fold is kept beside the record.

    A worker that dies (killed for its memory, a crash in native code) costs only its own fold: when the others are done,
    that fold is tried again, alone, and if it kills its worker once more it gets a record saying so.

    Raises:
        BenchmarkError: a record cannot be written.
    """
    records: list[Record] = []

    def finish(job: Job, record: Record) -> None:
        records.append(record)
        on_record(job, record)

    for job in _run_side_by_side(jobs, store, on_progress, finish, observer, deadline):
        if _run_side_by_side([job], store, on_progress, finish, observer, math.inf):
            finish(job, _record_death(job, store))
    return records


def _run_side_by_side(
    jobs: Sequence[Job], store: Store, on_progress: OnProgress, finish: OnRecord, observer: Observer | None, deadline: float
) -> list[Job]:
    """Run the jobs, as many at a time as there are workers; returns those whose worker died."""
    waiting, lost = deque(jobs), list[Job]()
    workers = [Worker(job.threads) for job in jobs[: jobs[0].workers]] if jobs else []
    idle, busy = list(workers), dict[Worker, Job]()
    try:
        while busy or (waiting and time.monotonic() < deadline):
            while waiting and idle and time.monotonic() < deadline:
                worker = idle.pop()
                busy[worker] = waiting.popleft()
                worker.begin(busy[worker], store, observer)
            ready = wait([worker.pipe for worker in busy])
            for worker in [worker for worker in busy if worker.pipe in ready]:
                try:
                    news = worker.news()
                except WorkerDied:
                    lost.append(busy[worker])
                else:
                    if not isinstance(news, Record):
                        on_progress(Progress(busy[worker], news))
                        continue
                    finish(busy[worker], news)
                del busy[worker]
                idle.append(worker)
        for worker in workers:
            worker.dismiss()
        for worker in workers:
            worker.join()
    finally:
        for worker in workers:
            worker.kill()
    return lost


def _record_death(job: Job, store: Store) -> Record:
    data = load_task(job.task)
    fold = data.fold(job.protocol, job.fold, job.seed)
    reason = "the worker process died twice on this fold; most likely the system killed it because memory ran out"
    record = make_record(job, data, fold, "failed", datetime.now(timezone.utc), reason, None)
    # The peak is the parent's, which did not run it.
    record = record.model_copy(update={"memory": Memory(host_bytes=None, device_bytes=None)})
    store.write(record, None)
    return record
