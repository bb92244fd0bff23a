"""Work on every core comes back in order, with its errors, and leaves nothing running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import joblib
import numpy as np
import pytest

from datasets import counting
from datasets.crystals import Crystals
from datasets.errors import BenchmarkError
from datasets.parallel import on_every_core, side_by_side


def square_and_process(x: int) -> tuple[int, int]:
    time.sleep(0.05)
    return x * x, os.getpid()


def reciprocal(x: int) -> float:
    return 1 / x


def test_results_come_in_order_from_this_process_and_others(monkeypatch):
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)
    found = on_every_core(square_and_process, range(100))
    assert [square for square, _ in found] == [x * x for x in range(100)]
    processes = [process for _, process in found]
    assert processes[-1] == os.getpid() and processes[0] != os.getpid()
    assert len(set(processes)) == 2


def described(crystals: Crystals) -> int:
    time.sleep(0.05)
    return sum(len(crystals.to_atoms(row)) for row in range(len(crystals)))


@pytest.mark.parametrize("cores", [1, 2])
def test_crystals_are_counted_whoever_works_on_them(monkeypatch, cores):
    monkeypatch.setattr(joblib, "cpu_count", lambda: cores)
    monkeypatch.setattr(counting, "EVERY_S", 0.0)
    cell = 3 * np.eye(3), [True] * 3, [29], np.zeros((1, 3))
    crystals = Crystals.from_cells([f"c{i}" for i in range(120)], [cell] * 120)
    told: list[int] = []
    with counting.counting(told.append):
        on_every_core(described, [crystals.take(range(i, i + 2)) for i in range(0, 120, 2)])
    assert told == sorted(told) and told[-1] == 120
    described(crystals)
    assert told[-1] == 120, "nobody waits any more"


@pytest.mark.parametrize("cores", [1, 2])
@pytest.mark.parametrize("bad", [0, 19])
def test_an_error_is_raised_wherever_it_happens(monkeypatch, cores, bad):
    monkeypatch.setattr(joblib, "cpu_count", lambda: cores)
    with pytest.raises(ZeroDivisionError):
        on_every_core(reciprocal, [x - bad for x in range(20)])
    assert on_every_core(reciprocal, [1, 2]) == [1, 0.5]


@pytest.mark.parametrize("cores", [1, 3])
def test_nothing_to_do_is_done(monkeypatch, cores):
    monkeypatch.setattr(joblib, "cpu_count", lambda: cores)
    assert on_every_core(reciprocal, []) == []


@pytest.mark.parametrize("processes", [1, 2])
def test_long_pieces_come_in_order_and_are_handed_out_one_by_one(processes):
    waits = [0.6, 0.0, 0.0, 0.0]

    def work(number: int) -> tuple[int, int, int]:
        time.sleep(waits[number])
        return number, os.getpid(), joblib.cpu_count()

    found = side_by_side(work, range(4), processes)
    assert [number for number, _, _ in found] == [0, 1, 2, 3]
    first, *others = [process for _, process, _ in found]
    if processes == 1:
        assert {first, *others} == {os.getpid()}
    else:
        assert first not in others and os.getpid() not in (first, *others), "what is free takes the next"
        assert {cores for _, _, cores in found} == {1}, "work within work is not spread again"


def test_an_error_ends_the_pieces_beside_it(tmp_path):
    def work(number: int) -> None:
        if number == 0:
            raise ValueError("bad")
        time.sleep(1.5)
        (tmp_path / str(number)).touch()

    with pytest.raises(ValueError, match="bad"):
        side_by_side(work, range(4), 2)
    time.sleep(2)
    assert not list(tmp_path.iterdir())


def test_a_killed_process_is_one_line():
    with pytest.raises(BenchmarkError, match="fewer --workers"):
        side_by_side(lambda number: os.kill(os.getpid(), signal.SIGKILL), range(2), 2)


NO_THREAD = """
import threading, joblib
joblib.cpu_count = lambda: 2
from datasets.parallel import on_every_core

def refuse(self, start=threading.Thread.start):
    if type(self).__name__ == "_ExecutorManagerThread":
        raise RuntimeError("can't start new thread")
    start(self)

threading.Thread.start = refuse
print(on_every_core(abs, [-1, -2, -3]), on_every_core(abs, [-4]))
"""


def test_work_goes_on_where_no_thread_can_be_started():
    """Near a limit of memory: the executor was kept, and waited for its thread for ever when it was given the next work."""
    done = subprocess.run([sys.executable, "-c", NO_THREAD], capture_output=True, text=True, check=False, timeout=100)
    # The executor's own processes, which nobody waits for, may print too.
    assert done.returncode == 0 and "[1, 2, 3] [4]" in done.stdout.splitlines(), done.stdout + done.stderr
