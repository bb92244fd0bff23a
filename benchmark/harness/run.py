"""The harness: carries out the jobs of a plan in worker processes; a killed run goes on where it was."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from multiprocessing.connection import wait as wait_for
from multiprocessing.process import BaseProcess
from typing import Any

from benchmark.harness.job import Job, Observer, execute, load_task, make_record
from benchmark.results.records import Memory, Record
from benchmark.results.store import Store
from models.contract import Epoch

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

SPINS = {"GOMP_SPINCOUNT": "20000"}
"""Threads that spin long while they wait starve one another where other work shares a core: CGCNN fell to a quarter."""


@dataclass(frozen=True)
class Progress:
    """News from a worker: a job has begun (`epoch` None) or has finished an epoch."""

    job: Job
    epoch: Epoch | None


OnProgress = Callable[[Progress], None]
OnRecord = Callable[[Job, Record], None]


def run_jobs(
    jobs: tuple[Job, ...], store: Store, on_progress: OnProgress, on_record: OnRecord, observer: Observer | None = None
) -> list[Record]:
    """Carry out every job in `jobs[0].workers` processes and return the records, in the order they were finished.

    Where a study observes, what it sees of each fold is kept beside the record.

    A worker that dies (killed for its memory, a crash in native code) costs only its own fold: the folds that were under
    way are tried again one by one, and the one that kills its worker once more gets a record saying so.

    Raises:
        BenchmarkError: a record cannot be written.
    """
    records: list[Record] = []

    def finish(job: Job, record: Record) -> None:
        records.append(record)
        on_record(job, record)

    waiting = list(jobs)
    while waiting:
        waiting, suspects = _run_pool(waiting, waiting[0].workers, store, on_progress, finish, observer)
        for job in suspects:
            left, died = _run_pool([job], 1, store, on_progress, finish, observer)
            if left or died:
                finish(job, _record_death(job, store))
    return records


def _run_pool(
    jobs: list[Job], workers: int, store: Store, on_progress: OnProgress, finish: OnRecord, observer: Observer | None
) -> tuple[list[Job], list[Job]]:
    """Run until all is done or a worker dies: the jobs not begun, and those that were under way when it died."""
    waiting, running = list(jobs), dict[Future[Record], Job]()
    with _pool(min(workers, len(jobs)), jobs[0].threads, on_progress) as pool, suppress(BrokenProcessPool):
        while waiting or running:
            # Only as many are handed out as there are workers, so that after a death the suspects are known.
            while waiting and len(running) < workers:
                running[pool.submit(execute_in_worker, waiting[0], store, observer)] = waiting[0]
                waiting.pop(0)
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in sorted(finished, key=lambda future: future.exception() is not None):
                record = future.result()
                finish(running.pop(future), record)
    return waiting, list(running.values())


def _record_death(job: Job, store: Store) -> Record:
    data = load_task(job.task)
    fold = data.fold(job.protocol, job.fold, job.seed)
    reason = "the worker process died twice on this fold; most likely the system killed it because memory ran out"
    record = make_record(job, data, fold, "failed", datetime.now(timezone.utc), reason, None)
    # The peak is the parent's, which did not run it.
    record = record.model_copy(update={"memory": Memory(host_bytes=None, device_bytes=None)})
    store.write(record, None)
    return record


@contextmanager
def _pool(workers: int, threads: int, on_progress: OnProgress) -> Iterator[ProcessPoolExecutor]:
    """Worker processes with their threads set, a listener for their news, and no worker left behind at the end."""
    context = multiprocessing.get_context("spawn")
    news = context.Queue()
    ended = threading.Event()
    wanted = {**SPINS, **dict.fromkeys(THREAD_VARIABLES, str(threads))}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(news, threads))
    listener = threading.Thread(target=_listen, args=(news, ended, on_progress), daemon=True)
    listener.start()
    try:
        yield pool
    except BaseException:
        # The executor has no public way to stop a job that is under way, or to name its processes.
        _kill(list((pool._processes or {}).values()))
        raise
    finally:
        started = list((pool._processes or {}).values())
        pool.shutdown(wait=True, cancel_futures=True)
        _kill(started)
        ended.set()
        listener.join()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _listen(news: Any, ended: threading.Event, on_progress: OnProgress) -> None:
    while not ended.is_set():
        with suppress(queue.Empty):
            on_progress(news.get(timeout=0.2))


_news: Any = None


def _start_worker(news: Any, threads: int) -> None:
    global _news
    _news = news
    # A sibling killed in the middle of a message must not keep this process from ending.
    news.cancel_join_thread()
    # A group of its own: Ctrl-C reaches the parent alone, and whatever this worker starts can be ended with it.
    os.setpgrp()
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_die_with, args=(parent.sentinel,), daemon=True).start()
    import torch

    torch.set_num_threads(threads)


def _die_with(sentinel: int) -> None:
    """End this group when the parent has ended, even by kill -9, so that no orphan goes on training."""
    wait_for([sentinel])
    os.killpg(0, signal.SIGKILL)


def _kill(workers: Sequence[BaseProcess]) -> None:
    """End what is left of the workers and of the processes that they started."""
    for process in workers:
        process.kill()  # it may not have made its group yet
        if process.pid:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)


def execute_in_worker(job: Job, store: Store, observer: Observer | None = None) -> Record:
    """`execute`, with news of its epochs sent to the parent."""
    _news.put(Progress(job, None))
    return execute(job, store, lambda epoch: _news.put(Progress(job, epoch)), observer)
