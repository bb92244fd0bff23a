"""Leases: one owner a fold, takeover from an owner that is gone, no comparison of clocks."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmark.harness import leases as module
from benchmark.harness.leases import Lease, Leases, read_leases
from benchmark.results.records import JobKey
from benchmark.results.store import Store
from datasets.errors import BenchmarkError
from tests.benchmark.conftest import environment
from tests.benchmark.constructed import make
from tests.benchmark.harness.test_worker import started


def make_key(fold: int = 0) -> JobKey:
    return make()[0].key.model_copy(update={"fold": fold})


def claim(leases: Leases, fold: int = 0) -> Lease | None:
    key = make_key(fold)
    return leases.claim(key, Store(leases.root).path(key))


@dataclass
class Clock:
    """A watcher's clock that a test moves on."""

    now: float = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    return made


@pytest.fixture
def elsewhere(monkeypatch):
    """Owners of this test count as processes of another machine: whether they live, only their beats tell."""
    monkeypatch.setattr(module, "_process", lambda pid: "")


def test_a_fold_has_one_owner_until_it_is_given_back(tmp_path):
    with Leases(tmp_path) as one, Leases(tmp_path) as two:
        lease = claim(one)
        assert lease and lease.held() and claim(two) is None and claim(one) is None
        assert claim(two, fold=1)
        one.release(lease)
        assert not lease.held()
        again = claim(two)
        assert again and again.held()
    assert not list((tmp_path / "leases").iterdir()), "all are given back at the end"


def test_many_that_want_one_fold_at_once_get_it_once(tmp_path):
    for fold in range(20):
        barrier = threading.Barrier(8)

        def together(leases: Leases, fold: int = fold, barrier: threading.Barrier = barrier) -> Lease | None:
            barrier.wait()
            return claim(leases, fold)

        with ThreadPoolExecutor(8) as pool:
            found = [lease for lease in pool.map(together, [Leases(tmp_path) for _ in range(8)]) if lease]
        assert len(found) <= 1
        assert sum(lease.held() for lease in found) == len(found)


@pytest.mark.usefixtures("elsewhere")
def test_a_lease_that_beats_is_left_alone_and_one_that_does_not_is_taken_over(tmp_path, clock):
    alive, suspended, watcher = Leases(tmp_path), Leases(tmp_path), Leases(tmp_path, stale_s=30)  # this test beats
    dead, living = claim(suspended, 0), claim(alive, 1)
    for _ in range(3):
        alive.beat()
        assert claim(watcher, 0) is None and claim(watcher, 1) is None
        clock.now += 14
    alive.beat()
    taken = claim(watcher, 0)
    assert taken and taken.held() and not dead.held(), "42 s without a beat"
    assert claim(watcher, 1) is None and living.held()
    suspended.release(dead)
    assert taken.held() and claim(alive, 0) is None, "one that wakes up takes nothing from the new owner"
    alive.release(living)
    watcher.release(taken)


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("minutes", [-10, 10])
def test_clocks_that_differ_decide_nothing(tmp_path, clock, minutes):
    alive, watcher = Leases(tmp_path), Leases(tmp_path, stale_s=30)  # their threads never run: this test beats
    lease = claim(alive)
    then = time.time() + 60 * minutes

    def look() -> Lease | None:
        clock.now += 20
        os.utime(lease.path, (then, then))  # as a server whose clock differs has it
        return claim(watcher)

    for _ in range(40):
        alive.beat()
        assert look() is None
    assert lease.held()
    assert look() is None, "20 s without a beat"
    taken = look()
    assert taken and taken.held() and not lease.held(), "40 s without one"
    alive.release(lease)
    watcher.release(taken)


def test_the_fold_of_a_process_of_this_machine_that_was_killed_is_free_at_once(tmp_path):
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from benchmark.harness.leases import Leases\n"
        "from tests.benchmark.harness.test_leases import claim\n"
        f"print(claim(Leases(Path({str(tmp_path)!r}))), flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment()) as owner:
        assert owner.stdout and b"Lease" in owner.stdout.readline()
        with Leases(tmp_path) as leases:
            assert claim(leases) is None
            os.kill(owner.pid, signal.SIGKILL)
            owner.wait()
            taken = claim(leases)
            assert taken and taken.held()


def test_what_a_killed_process_of_this_machine_left_goes_with_the_next_run(tmp_path):
    code = (
        "import os\n"
        "from pathlib import Path\n"
        "from benchmark.harness.leases import Leases\n"
        "from tests.benchmark.harness.test_leases import claim\n"
        f"claim(Leases(Path({str(tmp_path)!r})))\n"
        "os._exit(9)\n"
    )
    with Leases(tmp_path) as living:
        assert claim(living, fold=1)
        assert subprocess.run([sys.executable, "-c", code], env=environment(), check=False).returncode == 9
        assert len(list(read_leases(tmp_path))) == 2
        with Leases(tmp_path):
            assert [holder.fold for _, holder in read_leases(tmp_path)] == [1]


def test_a_damaged_lease_goes_stale_as_any_other(tmp_path, clock):
    with Leases(tmp_path, stale_s=30) as leases:
        first = claim(leases)
        leases.release(first)
        for text in (b"", b"\xff" * 10_000, b"{}"):
            first.path.write_bytes(text)
            assert claim(leases) is None
            assert list(read_leases(tmp_path)) == []
            clock.now += 31
            taken = claim(leases)
            assert taken and taken.held()
            leases.release(taken)


def test_a_lease_says_who_has_which_fold_and_how_far_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    with Leases(tmp_path) as leases:
        lease = claim(leases, fold=3)
        leases.note(lease, 2, 8)
        leases.beat()
        ((path, holder),) = read_leases(tmp_path)
    assert path == lease.path
    assert (holder.pid, holder.fold, holder.epoch, holder.epochs) == (os.getpid(), 3, 2, 8)
    assert holder.scheduler_job == "4711" and holder.model == make_key(3).model
    assert holder.record == Store(tmp_path).path(make_key(3)).relative_to(tmp_path).as_posix()


def test_a_store_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "leases").write_text("no folder")
    with pytest.raises(BenchmarkError, match=r"cannot write .*leases"), Leases(tmp_path) as leases:
        claim(leases)
    assert multiprocessing.active_children() == []


def test_two_runs_at_once_share_the_folds_and_both_print_the_whole_board(small_folder, tmp_path):
    arguments = ["run", "--dataset", small_folder, "--profile", "smoke", "--model", "cgcnn", "--model", "dummy", "--folds", 6]
    arguments += ["--workers", 1]
    with started(tmp_path, *arguments) as one, started(tmp_path, *arguments) as two:
        outputs = [process.communicate(timeout=240) for process in (one, two)]
    assert [one.returncode, two.returncode] == [0, 0], outputs
    records = list(Store(tmp_path / "runs").records())
    assert Counter(r.status for r in records) == {"complete": 12}
    assert all("board: " in stdout for stdout, _ in outputs)
    lines = [line for _, stderr in outputs for line in stderr.splitlines() if ": test MAE" in line]
    own = [line for line in lines if "by another run" not in line]
    assert len(own) == len(set(own)) == 12, "each fold once"
    assert len(lines) <= 24
    assert not list((tmp_path / "runs" / "leases").iterdir())
    assert not [path for path in Path(tmp_path).rglob("*") if "partial" in path.name]
