"""A worker: a process that carries out one job after another; imports little, so that it soon notices its parent's end.

Ours, not loky's pool: loky ends all folds when one worker dies, replaces a worker that has grown by 300 MB (its graphs are
then made again), and has no news of a job under way. Pipes leave nothing behind after kill -9; semaphores would.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import TYPE_CHECKING

from datasets.errors import BenchmarkError, InputError

if TYPE_CHECKING:
    from benchmark.harness.execution import Observer
    from benchmark.harness.job import Job
    from benchmark.harness.kept import Kept
    from benchmark.harness.leases import Lease
    from benchmark.results.records import Record
    from benchmark.results.store import Store
    from models.contract import Epoch

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

SPINS = {"GOMP_SPINCOUNT": "20000"}
"""Threads that spin long while they wait starve one another where other work shares a core: CGCNN fell to a quarter."""


STOPS = (signal.SIGINT, signal.SIGTERM)


class WorkerDied(Exception):
    """A worker ended in the middle of a job: killed for its memory, crashed in native code, or by an error that is none of
    the model's."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__(error)
        self.error = error
        """None where the process ended without a word."""


@dataclass(frozen=True)
class Trains:
    """The graphs or descriptors of the fold are there, and its training begins: anew, or from what is kept."""

    kept: Kept | None


@dataclass(frozen=True)
class Prepares:
    """So many crystals have their descriptors, of all crystals of the task."""

    done: int
    of: int


@dataclass(frozen=True)
class GivenUp:
    """The fold has no record of this worker: it is another process's, or its training was asked to end and is kept."""


@dataclass(frozen=True)
class Failed:
    """An error that is none of the model's, whether it ends the whole run, and where in the worker it arose."""

    error: Exception
    ends_run: bool
    where: str

    @classmethod
    def now(cls, error: Exception) -> Failed:
        """The error that is being handled, as another process can make it again: not every class of exceptions can be."""
        said, where = str(error), traceback.format_exc()
        if isinstance(error, BenchmarkError):
            return cls((InputError if isinstance(error, InputError) else BenchmarkError)(said), True, where)
        if isinstance(error, MemoryError):
            return cls(MemoryError(said), False, where)
        return cls(BenchmarkError(f"{type(error).__name__}: {said}"), False, where)


class Worker:
    """A process with `threads` threads, started at its first job and again at the first one after its death."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.process: SpawnProcess | None = None
        self.pipe: Connection
        """Readable when there is news of the job."""

    def begin(self, job: Job, store: Store, observer: Observer | None, lease: Lease, times: tuple[float, float]) -> None:
        """Send a job to the process; its training is kept every so many seconds, and ended after so many."""
        if self.process is None:
            context = multiprocessing.get_context("spawn")
            self.pipe, theirs = context.Pipe()
            self.process = context.Process(target=_work, args=(theirs, self.threads))
            with _inherited({**SPINS, **dict.fromkeys(THREAD_VARIABLES, str(self.threads))}):
                self.process.start()
            theirs.close()
        with suppress(OSError):  # it has died meanwhile, as `news` will say
            self.pipe.send((job, store, observer, lease, times))

    def news(self) -> Epoch | Record | GivenUp | Prepares | Trains | None:
        """The next news of the job: None when it begins, then how far it is, at the end its record or that it was given up.

        Raises:
            WorkerDied: the process has ended.
            BenchmarkError: the job's, which ends the whole run.
        """
        try:
            news = self.pipe.recv()
        except (EOFError, OSError):
            self.kill()
            raise WorkerDied from None
        if isinstance(news, Failed):
            self.kill()
            raise news.error if news.ends_run else WorkerDied(news.error) from RuntimeError(news.where)
        return news

    def stop(self) -> None:
        """Ask for the end of the job under way: training is kept after its present step; before training it ends at once."""
        if self.process and self.process.pid:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGTERM)

    def dismiss(self) -> None:
        """Let the process end by itself: no job comes any more."""
        if self.process:
            self.pipe.close()

    def join(self) -> None:
        """Wait until the process has ended."""
        if self.process:
            self.process.join()

    def kill(self) -> None:
        """End the process, if it has not ended yet, and all that it has started."""
        process, self.process = self.process, None
        if process and process.pid:
            process.kill()  # it may not have made its group yet
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.join()
            self.pipe.close()


@contextmanager
def _stops_wait() -> Iterator[None]:
    """Ctrl-C and SIGTERM come into effect at the end: a thread of a library takes what this one's mask does not let through."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    handlers = {number: signal.signal(number, lambda number, _: came.append(number)) for number in STOPS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if came:
        signal.raise_signal(came[0])


@contextmanager
def _inherited(variables: Mapping[str, str]) -> Iterator[None]:
    """What processes started meanwhile inherit: the variables, which libraries read as they load, and deafness to Ctrl-C."""
    resource_tracker.ensure_running()  # started with a process, it would let Ctrl-C through
    before = {name: os.environ.get(name) for name in variables}
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.environ.update(variables)
    try:
        with _stops_wait():
            yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _work(pipe: Connection, threads: int) -> None:
    """Carry out the jobs that come, in a process group of its own, so that all it starts can be ended with it."""
    os.setpgrp()
    asked, training = threading.Event(), threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        asked.set()
        if not training.is_set():  # there is nothing to keep
            _die()

    signal.signal(signal.SIGTERM, stop)

    def tell(news: Epoch | Record | Failed | GivenUp | Prepares | Trains | None) -> None:
        try:
            pipe.send(news)
        except OSError:  # the parent has ended; the model must not be told, or its fold would be recorded as failed
            _die()

    def prepares(done: int, of: int) -> None:
        tell(Prepares(done, of))

    def begins(kept: Kept | None) -> None:
        training.set()
        tell(Trains(kept))

    try:
        threading.Thread(target=_die_with_parent, daemon=True).start()
        import torch

        from benchmark.harness.execution import LeaseLost, execute
        from benchmark.harness.stopping import Stopping
        from models.resume import TrainingStopped

        torch.set_num_threads(threads)
        for job, store, observer, lease, (every_s, limit_s) in _received(pipe):
            training.clear()
            tell(None)
            try:
                stopping = Stopping(every_s, asked.is_set, limit_s, begins, prepares)
                tell(execute(job, store, tell, observer, lease, stopping))
            except (LeaseLost, TrainingStopped):
                tell(GivenUp())
    except Exception as error:
        tell(Failed.now(error))


def _received(pipe: Connection) -> Iterator[tuple[Job, Store, Observer | None, Lease, tuple[float, float]]]:
    """The jobs that come, until the parent closes the pipe."""
    with suppress(EOFError, ConnectionError):
        while True:
            yield pipe.recv()


def _die_with_parent() -> None:
    """End this process group when the parent has ended, even by kill -9, so that no orphan goes on training."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    _die()


def _die() -> None:
    os.killpg(0, signal.SIGKILL)
