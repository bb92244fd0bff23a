"""Work in other processes: many short pieces on every core, or a few long ones side by side."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from typing import Any, TypeVar

import joblib
from joblib.externals.loky import ProcessPoolExecutor, get_reusable_executor  # unlike spawn, need no guard in a script

from datasets.counting import count_crystals
from datasets.errors import BenchmarkError

SWITCH_S = 2e-4
"""Longest wait of the thread that receives results for this process's own work; Python's 5 ms would hold the senders up."""

_no_room: list[str] = []
"""Why this process does all work itself, once a process or a thread could not be started."""

T = TypeVar("T")
R = TypeVar("R")


def _handed_over(work: Callable[[T], R], inputs: Sequence[T], helpers: int) -> list[Future[R]]:
    """The inputs, handed over to so many processes; none where there is no room for them, now or before.

    Where no thread can be started, loky's executor stays as it is and would never answer what it is given later.
    """
    if not helpers or _no_room:
        return []
    pool, futures = get_reusable_executor(max_workers=helpers), list[Future[R]]()
    try:
        for one in inputs:
            futures.append(pool.submit(work, one))
    except (MemoryError, OSError, RuntimeError) as error:
        if isinstance(error, BrokenExecutor):
            raise
        _no_room.append(str(error))
        for future in futures:
            future.cancel()
        return []
    return futures


def on_every_core(work: Callable[[T], R], inputs: Sequence[T], processes: int | None = None) -> list[R]:
    """`work` of each input, in order, in one process a core, or in `processes`; worth it where it all takes some seconds.

    New processes take a second or more to import what they need. So there is one less, and meanwhile this process works
    too: from the last input backwards, while the others go forwards.

    Raises:
        What `work` raises.
    """
    futures = _handed_over(work, inputs, (processes or joblib.cpu_count()) - 1)
    if not futures:
        return [work(one) for one in inputs]
    own: list[R] = []
    counted = 0
    interval = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        while len(own) < len(inputs) and futures[-1 - len(own)].cancel():
            own.append(work(inputs[-1 - len(own)]))
            counted = _count_ended(futures, inputs, counted)
        theirs = list[R]()
        for future in futures[: len(inputs) - len(own)]:
            theirs.append(future.result())
            counted = _count_ended(futures, inputs, counted)
    finally:
        sys.setswitchinterval(interval)
        for future in futures:
            future.cancel()
    return theirs + own[::-1]


def _count_ended(futures: Sequence[Future[R]], inputs: Sequence[Any], counted: int) -> int:
    """Count the crystals of the futures that have ended since, from the first on; returns how many futures are counted."""
    while counted < len(futures) and futures[counted].done() and not futures[counted].cancelled():
        count_crystals(len(inputs[counted]) if hasattr(inputs[counted], "ids") else 0)
        counted += 1
    return counted


def side_by_side(work: Callable[[T], R], inputs: Sequence[T], processes: int) -> list[R]:
    """`work` of each input, in order, at most `processes` at a time, each with one core; for pieces that take minutes.

    Each process takes the next piece when it is done with one. A stop and an error end all of them before this returns.

    Raises:
        What `work` raises; BenchmarkError: a process was killed.
    """
    processes = min(processes, len(inputs))
    if processes < 2:
        return [work(one) for one in inputs]
    # What the work itself would do on every core it does alone.
    pool = ProcessPoolExecutor(processes, env={"LOKY_MAX_CPU_COUNT": "1"})
    found: dict[int, R] = {}
    running: dict[Future[R], int] = {}
    try:
        # No more are handed over than run, as loky stumbles over those that wait when it is to end.
        for number, one in enumerate(inputs):
            running[pool.submit(work, one)] = number
            while len(running) == processes or (running and number == len(inputs) - 1):
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    found[running.pop(done)] = done.result()
        return [found[number] for number in range(len(inputs))]
    except BrokenExecutor:
        raise BenchmarkError("a process was killed, for memory for example; try again with fewer --workers") from None
    finally:
        pool.shutdown(kill_workers=True)
