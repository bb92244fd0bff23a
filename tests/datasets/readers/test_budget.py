"""A file that takes too much time or memory is one line; nothing of the bound is left behind."""

import resource
import signal
import threading
import time

import numpy as np
import pytest

from datasets.errors import InputError
from datasets.readers import budget as module
from datasets.readers.budget import budget, size_of


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(module, "SECONDS", 0.2)
    monkeypatch.setattr(module, "TICK", 0.02)
    monkeypatch.setattr(module, "MEMORY", 100_000_000)


def test_work_without_an_end_is_stopped_though_it_swallows_every_error():
    def parse() -> None:
        while True:
            try:
                sum(range(10_000))
            except Exception:
                continue

    before = time.process_time()
    with pytest.raises(InputError, match=r"^x\.cif: reading it takes more than 0 s of computing; refused$"), budget("x.cif"):
        parse()
    assert time.process_time() - before < 2


def test_memory_that_grows_is_stopped(monkeypatch):
    monkeypatch.setattr(module, "SECONDS", 60.0)

    def parse() -> None:
        held = []
        while len(held) < 10_000:
            held.append(np.ones(100_000))
            sum(range(10_000))

    with pytest.raises(InputError, match=r"x\.cif: reading it takes more than 0\.1 GB of memory; refused"), budget("x.cif"):
        parse()


def test_strict_memory_is_refused_before_it_is_taken():
    with budget("x.cif", strict=True), pytest.raises(MemoryError):
        np.empty(10**9)
    assert len(np.empty(10**9)) == 10**9, "afterwards the limit is gone"


def test_a_larger_file_may_take_more(monkeypatch):
    monkeypatch.setattr(module, "SECONDS_A_MB", 1000.0)
    with budget("x.cif", 10_000):
        until = time.process_time() + 0.5
        while time.process_time() < until:
            pass


def test_handlers_timers_and_limits_are_what_they_were():
    known = signal.getsignal(signal.SIGPROF), resource.getrlimit(resource.RLIMIT_AS)
    with budget("outer", strict=True):
        inside = signal.getsignal(signal.SIGPROF)
        with budget("inner"):
            assert signal.getsignal(signal.SIGPROF) is inside, "the outer budget holds"
        assert signal.getitimer(signal.ITIMER_PROF)[0] > 0
    with pytest.raises(ValueError, match="of the parser"), budget("outer", strict=True):
        raise ValueError("of the parser")
    assert (signal.getsignal(signal.SIGPROF), resource.getrlimit(resource.RLIMIT_AS)) == known
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


def test_in_a_thread_nothing_is_bound_and_nothing_breaks():
    done = []

    def work() -> None:
        with budget("x.cif", strict=True):
            done.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [1]


def test_a_file_above_the_bound_is_refused_by_its_size_alone(tmp_path):
    with (tmp_path / "big.cif").open("wb") as file:
        file.truncate(module.MOST_BYTES + 1)
    with pytest.raises(InputError, match=r"big: 268,435,457 bytes; at most 268,435,456 are read of one structure file"):
        size_of(tmp_path / "big.cif", "big")
