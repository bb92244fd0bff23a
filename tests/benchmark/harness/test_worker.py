"""Workers: their surroundings, and what is left when one of them dies, the command is killed or a person stops it."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from joblib.externals.loky import get_reusable_executor
from pydantic import BaseModel

from benchmark.harness.execution import Observer
from benchmark.harness.kept import read_kept
from benchmark.harness.run import Progress, run_jobs
from benchmark.harness.worker import SPINS, THREAD_VARIABLES, _inherited
from benchmark.results.store import Store, partial_of
from datasets.errors import BenchmarkError
from tests.benchmark.conftest import command, environment
from tests.benchmark.harness.constructed import ignore, make_jobs


def test_a_worker_that_dies_costs_only_its_own_fold(small_folder, tmp_path):
    store = Store(tmp_path / "runs")
    endless, short = make_jobs(small_folder, epochs="1000000")[:1], make_jobs(small_folder, model="dummy")

    died = []

    def kill(news) -> None:
        died.extend([news.job] * news.dies)
        if news.epoch is not None:
            for process in multiprocessing.active_children():
                process.kill()

    records = run_jobs(endless + short, store, kill, ignore)
    assert Counter(r.status for r in records) == {"complete": 2, "worker-lost": 1}
    assert died == list(endless), "told once, before the fold is tried again"
    lost = next(r for r in store.records() if r.status != "complete")
    assert "died twice" in lost.reason
    assert lost.memory.host_bytes is None


def gone(process: int) -> bool:
    """Whether the process ends in 5 s; a helper that was forgotten would wait for work for 10."""
    with suppress(psutil.NoSuchProcess):
        found = psutil.Process(process)
        deadline = time.monotonic() + 5
        while found.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
    return True


class Surroundings(BaseModel):
    """What a job finds in its worker, and a process that it has started in turn."""

    threads: int
    variables: dict[str, str]
    helper: int


def look_around(job, data, fold, outcome) -> Surroundings:
    import torch

    helper = get_reusable_executor(max_workers=1).submit(os.getpid).result()
    return Surroundings(threads=torch.get_num_threads(), variables=dict(os.environ), helper=helper)


def die_in_the_first_fold(job, data, fold, outcome) -> Surroundings:
    """Kills its worker in fold 0, as often as TEST_DEATHS says; counted by the files in TEST_MARKS, which name the helpers."""
    seen = look_around(job, data, fold, outcome)
    marks = Path(os.environ["TEST_MARKS"])
    if job.fold == 0 and len(list(marks.iterdir())) < int(os.environ["TEST_DEATHS"]):
        (marks / str(seen.helper)).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return seen


@pytest.mark.parametrize(("deaths", "status"), [(1, "complete"), (2, "worker-lost")])
def test_a_fold_whose_worker_died_is_tried_once_more_and_no_other(small_folder, tmp_path, monkeypatch, capfd, deaths, status):
    marks = tmp_path / "marks"
    marks.mkdir()
    monkeypatch.setenv("TEST_MARKS", str(marks))
    monkeypatch.setenv("TEST_DEATHS", str(deaths))
    jobs = make_jobs(small_folder, model="dummy", folds=4, workers=2)
    begun = Counter[int]()
    records = run_jobs(
        jobs, Store(tmp_path / "runs"), lambda news: begun.update([news.job.fold] * (news == Progress(news.job, None))), ignore,
        Observer("seen", die_in_the_first_fold),
    )  # fmt: skip
    assert begun == {0: 2, 1: 1, 2: 1, 3: 1}
    assert {r.key.fold: r.status for r in records} == {0: status, 1: "complete", 2: "complete", 3: "complete"}
    assert records[-1].key.fold == 0, "it is tried again, alone, when the others are done"
    assert len(list(marks.iterdir())) == deaths
    assert all(gone(int(mark.name)) for mark in marks.iterdir()), "what the worker has started ends with it"
    assert "leaked" not in capfd.readouterr().err


def test_an_error_of_the_harness_ends_the_run_and_says_where_it_arose(small_folder, tmp_path):
    endless, broken = make_jobs(small_folder, epochs="1000000", workers=2)[:1], make_jobs(small_folder, "dummy")[:1]
    (tmp_path / "runs" / "leases").mkdir(parents=True)
    (tmp_path / "runs" / "records").write_text("no folder")
    with pytest.raises((BenchmarkError, OSError)) as caught:
        run_jobs(endless + broken, Store(tmp_path / "runs"), ignore, ignore)
    assert "in execute" in str(caught.value.__cause__)
    assert multiprocessing.active_children() == []


class Unportable(Exception):
    """An error that no other process can make again from its arguments."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(what)


def fail_in_the_first_fold(job, data, fold, outcome) -> Surroundings:
    if job.fold == 0:
        raise MemoryError("no room") if job.seed else Unportable("two\nlines", "")
    return look_around(job, data, fold, outcome)


@pytest.mark.parametrize(
    ("seed", "status", "reason"), [(0, "failed", "Unportable: two lines"), (1, "out-of-memory", "no room")]
)
def test_an_error_outside_of_the_model_costs_one_fold_not_the_run(small_folder, tmp_path, capfd, seed, status, reason):
    """Memory that runs out while a record is made, for example."""
    jobs = tuple(replace(job, seed=seed) for job in make_jobs(small_folder, model="dummy"))
    records = run_jobs(jobs, Store(tmp_path / "runs"), ignore, ignore, Observer("seen", fail_in_the_first_fold))
    assert [(r.key.fold, r.status, r.reason) for r in records] == [(1, "complete", None), (0, status, reason)]
    assert "Traceback" not in capfd.readouterr().err


def test_a_temporary_directory_that_cannot_be_written_fails_no_model(small_folder, tmp_path, monkeypatch):
    """A checkpoint was written there only to be measured; a full directory became a model that failed."""
    from benchmark.harness.execution import execute

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "is-full"))
    for job in (*make_jobs(small_folder)[:1], replace(make_jobs(small_folder, model="dummy")[0], save_checkpoints=True)):
        record = execute(job, Store(tmp_path / "runs"))
        assert (record.status, record.reason) == ("complete", None)
        assert record.checkpoint_bytes > 100


def test_a_worker_has_its_threads_and_the_processes_that_it_starts_end_with_it(small_folder, tmp_path, capfd):
    before = dict(os.environ)
    jobs = tuple(replace(job, threads=3) for job in make_jobs(small_folder, model="dummy"))
    run_jobs(jobs, store := Store(tmp_path / "runs"), ignore, ignore, Observer("seen", look_around))
    for record in store.records():
        seen = Surroundings.model_validate_json(store.beside(record.key, "seen").read_bytes())
        assert seen.threads == 3
        assert {seen.variables[name] for name in THREAD_VARIABLES} == {"3"}
        assert seen.variables.items() >= SPINS.items()
        assert gone(seen.helper)
    assert dict(os.environ) == before
    assert "leaked" not in capfd.readouterr().err


def wait_for_records(root: Path, n: int) -> None:
    deadline = time.monotonic() + 300
    while len(list(root.rglob("fold-*.json"))) < n:
        assert time.monotonic() < deadline, "no record in five minutes"
        time.sleep(0.05)


@contextmanager
def started(tmp_path: Path, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A command of its own session; whatever is left of it at the end is killed."""
    process = subprocess.Popen(
        command(arguments), cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # Tests that a shell started in the background inherit that Ctrl-C is ignored.
        start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    try:
        yield process
    finally:
        for left in still_running(process.pid):
            with suppress(ProcessLookupError):
                os.kill(int(left), signal.SIGKILL)
        process.communicate()


def wait_until_gone(session: int) -> None:
    deadline = time.monotonic() + 120
    while still_running(session) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert still_running(session) == []


def wait_for_workers(session: int) -> None:
    """Returns as soon as a worker starts."""
    deadline = time.monotonic() + 300
    while not any("spawn_main" in line for line in map(command_line, still_running(session))):
        assert time.monotonic() < deadline, "no worker in five minutes"
        time.sleep(0.02)


def command_line(process: str) -> str:
    try:
        return Path("/proc", process, "cmdline").read_text()
    except OSError:
        return ""


def still_running(session: int) -> list[str]:
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(status.parent.name)
    return found


ARGUMENTS = ("--profile", "smoke", "--model", "cgcnn", "--set", "epochs=40", "--folds", "5")


def test_after_kill_9_the_same_command_goes_on_and_no_worker_is_left(small_folder, tmp_path, benchmark_command):
    with started(tmp_path, "run", "--dataset", small_folder, *ARGUMENTS) as process:
        wait_for_records(tmp_path / "runs", 2)
        process.kill()
        wait_until_gone(process.pid)
        assert "leaked" not in process.communicate()[1]
    assert {record.status for record in Store(tmp_path / "runs").records()} == {"complete"}
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("fold-*.json")}
    again = benchmark_command("run", "--dataset", small_folder, *ARGUMENTS)
    assert again.returncode == 0, again.stderr
    assert f"5 folds, {len(before)} of them done" in again.stderr
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    assert len(list(Store(tmp_path / "runs").records())) == 5
    # A worker may have been killed while it wrote: the fold's next writer removes that.
    assert not list((tmp_path / "runs").rglob("*.partial"))


def test_kill_9_while_the_workers_start_leaves_none(small_folder, tmp_path):
    endless = ("--profile", "smoke", "--model", "cgcnn", "--set", "epochs=1000000")
    with started(tmp_path, "run", "--dataset", small_folder, *endless) as process:
        wait_for_workers(process.pid)
        time.sleep(0.5)  # they have their jobs now, and would train for hours
        process.kill()
        wait_until_gone(process.pid)
        errors = process.communicate()[1]
    assert "Traceback" not in errors and "leaked" not in errors


def test_ctrl_c_does_not_interrupt_the_start_of_a_worker_whichever_thread_takes_it():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have started the tests without it
    other = threading.Event()
    threading.Thread(target=other.wait, daemon=True).start()  # it does not block the signal, like those of OpenBLAS
    reached = []

    def start() -> None:
        with _inherited({}):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.1)
            reached.append("the end")

    try:
        with pytest.raises(KeyboardInterrupt):
            start()
    finally:
        signal.signal(signal.SIGINT, before)
        other.set()
    assert reached


@pytest.mark.parametrize("while_they_start", [False, True])
def test_ctrl_c_stops_at_once_with_one_line_and_keeps_finished_folds(small_folder, tmp_path, while_they_start):
    arguments = ("run", "--dataset", small_folder, *ARGUMENTS[:4], "--set", "epochs=400", "--folds", "10")
    with started(tmp_path, *arguments) as process:
        if while_they_start:
            wait_for_workers(process.pid)
        else:
            wait_for_records(tmp_path / "runs", 1)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
        wait_until_gone(process.pid)  # Python's tracker of resources ends a moment after its parent
    assert process.returncode == 130
    said = r"stopped: \d of 10 folds done(, \d more with a checkpoint)?; run the same command"
    assert re.match(said, errors.splitlines()[-1]), errors
    assert not [word for word in ("Traceback", "leaked", "Exception") if word in errors], errors
    assert "error" not in errors
    records = list(Store(tmp_path / "runs").records())
    assert len(records) < 10 and bool(records) != while_they_start
    assert not list((tmp_path / "runs").rglob("*.partial"))


def wait_for_checkpoint(root: Path) -> None:
    deadline = time.monotonic() + 300
    while not list(root.rglob("*.unfinished")):
        assert time.monotonic() < deadline, "no checkpoint in five minutes"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def undisturbed(small_folder, tmp_path_factory) -> list[float]:
    """Predictions of fold 0 of LONG."""
    store = Store(tmp_path_factory.mktemp("undisturbed"))
    (record,) = run_jobs(make_jobs(small_folder, epochs="60")[:1], store, ignore, ignore)
    return store.predictions(record).predictions.tolist()


LONG = ("--profile", "smoke", "--model", "cgcnn", "--set", "epochs=60", "--folds", "2", "--workers", "1")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_fold_that_was_stopped_or_killed_goes_on_to_the_same_predictions(
    small_folder, tmp_path, benchmark_command, undisturbed, number
):
    root = tmp_path / "runs"
    with started(tmp_path, "run", "--dataset", small_folder, *LONG, "--checkpoint-every", 0) as process:
        wait_for_checkpoint(root)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
        wait_until_gone(process.pid)
    assert errors.count("stopping: no fold begins any more") == (number != signal.SIGKILL), errors
    if number != signal.SIGKILL:
        assert process.returncode == 128 + number, errors
        left, shows = "0 of 2 folds done, 1 more with a checkpoint", "(`python -m benchmark jobs --out runs` shows them)"
        assert errors.splitlines()[-1] == f"stopped: {left}; run the same command again to go on {shows}"
        assert "error" not in errors and not list((root / "leases").iterdir())
    (kept,) = root.rglob("*.unfinished")
    shown = benchmark_command("jobs").stdout
    assert (
        f"1 fold with a checkpoint, from which the same command goes on:\n  {small_folder.name}/target cgcnn (smoke, epochs=60)"
        in shown
    )
    epochs = read_kept(kept).epoch
    planned = benchmark_command("run", "--dataset", small_folder, *LONG, "--dry-run").stdout
    assert f"1 of these folds goes on from a checkpoint: cgcnn {small_folder.name}/target seed 0 fold 1 " in planned
    here = partial_of(kept).name.split(".")[2]
    kept.with_name(f"{kept.name}.{here}.999999999.01234567.partial").write_text("killed while a checkpoint was written")
    goes_on = []
    (record,) = run_jobs(make_jobs(small_folder, epochs="60")[:1], Store(root), goes_on.append, ignore)
    assert record.resumed == 1
    assert [news.trains.kept.epoch for news in goes_on if news.trains] == [epochs]
    assert min(news.epoch.number for news in goes_on if news.epoch) == epochs + 1
    assert Store(root).predictions(record).predictions.tolist() == undisturbed
    assert not list(root.rglob("*.unfinished*")) and not list((root / "leases").iterdir())


def test_the_time_limit_keeps_the_folds_under_way(small_folder, tmp_path):
    store, endless = Store(tmp_path / "runs"), make_jobs(small_folder, epochs="1000000")
    begun: list[float] = []

    def note(news) -> None:
        if news.trains:
            begun.append(time.monotonic())

    start = time.monotonic()
    assert run_jobs(endless, store, note, ignore, deadline=start + 8) == []
    assert time.monotonic() - start < 60
    assert len(list(store.root.rglob("*.unfinished"))) == bool(begun)
    assert multiprocessing.active_children() == []
