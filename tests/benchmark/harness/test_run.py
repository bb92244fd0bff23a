from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import subprocess
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark.harness.job import Job, classify
from benchmark.harness.plan import RunOptions, make_plan
from benchmark.harness.run import run_jobs
from benchmark.results.store import Store
from benchmark.tasks.folds import Protocol
from benchmark.tasks.tasks import find_tasks
from datasets.errors import InputError
from models.contract import TrainingDiverged
from models.registry import get
from tests.benchmark.conftest import command, environment


def make_jobs(folder: Path, model: str = "cgcnn", folds: int = 2, workers: int = 1, **settings: str) -> tuple[Job, ...]:
    task = find_tasks(str(folder))[0]
    chosen = get(model).settings("smoke", settings)
    return tuple(Job(task, model, chosen, "smoke", Protocol("kfold", folds), n, 0, workers=workers) for n in range(folds))


def ignore(*news) -> None:
    pass


def test_every_model_ends_with_a_record_a_fold_and_finite_predictions(small_folder, tmp_path):
    store = Store(tmp_path / "runs")
    plan = make_plan(RunOptions(tasks=[str(small_folder)], profile="smoke", folds=2), store)
    seen = []
    records = run_jobs(plan.todo, store, lambda news: seen.append(news.epoch), ignore)
    assert [r.reason for r in records] == [None] * len(plan.jobs)
    for record in store.records():
        assert len(store.predictions(record).predictions) == record.split.n_test == 15
        assert record.memory.host_bytes > 10_000_000
        assert record.times.training.wall_s >= 0
    assert any(epoch is not None and epoch.of == 2 for epoch in seen)
    again = make_plan(RunOptions(tasks=[str(small_folder)], profile="smoke", folds=2), store)
    assert again.todo == ()
    assert len(again.done) == len(plan.jobs)


def test_a_preset_runs_the_models_that_have_it_and_names_itself_in_the_record(small_folder, tmp_path):
    store = Store(tmp_path / "runs")
    plan = make_plan(RunOptions(tasks=[str(small_folder)], preset="fung", folds=2), store)
    assert {job.model for job in plan.todo} == {"cgcnn-mdl", "schnet", "mpnn", "megnet-mdl", "gatgnn-mdl"}
    assert {(job.profile, job.settings.epochs, job.settings.graph) for job in plan.todo} == {("fung", 250, "minimum-image")}
    small = {"epochs": "1", "width": "4", "hidden": "4"}
    request = RunOptions(tasks=[str(small_folder)], models=["mpnn"], preset="fung", folds=2, settings=small)
    records = run_jobs(make_plan(request, store).todo[:1], store, ignore, ignore)
    assert [(r.key.profile, r.changed) for r in records] == [("fung", {"epochs": 1, "width": 4, "hidden": 4})]
    assert records[0].graph_rule == "minimum-image(12, 8 Å, to neighbor) + self-loops"


@pytest.mark.parametrize(
    ("models", "preset", "message"),
    [
        ((), "fang", "unknown preset 'fang'; did you mean fung"),
        (("cgcnn",), "omee", "unknown preset of cgcnn 'omee'"),
    ],
)
def test_a_preset_that_no_model_has_is_refused_in_one_line(small_folder, tmp_path, models, preset, message):
    with pytest.raises(InputError, match=message) as caught:
        make_plan(RunOptions(tasks=[str(small_folder)], models=models, preset=preset), Store(tmp_path))
    assert "\n" not in str(caught.value)


def test_two_workers_give_the_same_predictions_as_one(small_folder, tmp_path):
    stores = [Store(tmp_path / "one"), Store(tmp_path / "two")]
    for store, workers in zip(stores, (1, 2), strict=True):
        run_jobs(make_jobs(small_folder, workers=workers), store, ignore, ignore)
    one, two = ([store.predictions(r).predictions for r in store.records()] for store in stores)
    assert len(one) == 2
    np.testing.assert_array_equal(one, two)


def test_a_worker_that_dies_costs_only_its_own_fold(small_folder, tmp_path):
    store = Store(tmp_path / "runs")
    endless, short = make_jobs(small_folder, epochs="1000000")[:1], make_jobs(small_folder, model="dummy")

    def kill(news) -> None:
        if news.epoch is not None:
            for process in multiprocessing.active_children():
                process.kill()

    records = run_jobs(endless + short, store, kill, ignore)
    assert Counter(r.status for r in records) == {"complete": 2, "failed": 1}
    lost = next(r for r in store.records() if r.status != "complete")
    assert "died twice" in lost.reason
    assert lost.memory.host_bytes is None


def test_a_fold_that_diverges_is_a_row_and_the_others_go_on(small_folder, tmp_path, benchmark_command):
    arguments = ("run", "--dataset", small_folder, "--model", "cgcnn", "--profile", "smoke", "--folds", "2", "--workers", "1")
    done = benchmark_command(*arguments, "--set", "learning_rate=1e30")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert re.match(r"error: 2 of 2 folds failed, the first: mine/target cgcnn fold \d: the loss is nan", last)
    assert "cgcnn (learning_rate=1e+30)  diverged" in done.stdout
    assert benchmark_command(*arguments).returncode == 0
    records = list(Store(tmp_path / "runs").records())
    assert Counter(r.status for r in records) == {"complete": 2, "diverged": 2}


def wait_for_records(root: Path, n: int) -> None:
    deadline = time.monotonic() + 120
    while len(list(root.rglob("fold-*.json"))) < n:
        assert time.monotonic() < deadline, "no record in two minutes"
        time.sleep(0.05)


def start(tmp_path: Path, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(arguments), cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # Tests that a shell started in the background inherit that Ctrl-C is ignored.
        start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


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
    process = start(tmp_path, "run", "--dataset", small_folder, *ARGUMENTS)
    wait_for_records(tmp_path / "runs", 2)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 20
    while still_running(process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert still_running(process.pid) == []
    assert not list((tmp_path / "runs").rglob("*.partial"))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("fold-*.json")}
    again = benchmark_command("run", "--dataset", small_folder, *ARGUMENTS)
    assert again.returncode == 0, again.stderr
    assert f"5 folds, {len(before)} of them done" in again.stderr
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    assert len(list(Store(tmp_path / "runs").records())) == 5


def test_ctrl_c_stops_at_once_with_one_line_and_keeps_finished_folds(small_folder, tmp_path):
    process = start(tmp_path, "run", "--dataset", small_folder, *ARGUMENTS[:4], "--set", "epochs=400", "--folds", "10")
    wait_for_records(tmp_path / "runs", 1)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors.strip().splitlines()[-1].startswith("error: stopped; finished folds are kept")
    assert "Traceback" not in errors
    assert 1 <= len(list(Store(tmp_path / "runs").records())) < 10
    assert not list((tmp_path / "runs").rglob("*.partial"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_one_line(tmp_path, unbuffered):
    with open("/dev/full", "w") as full:
        arguments, env = command(["models", "--json"]), environment(PYTHONUNBUFFERED=unbuffered)
        done = subprocess.run(arguments, cwd=tmp_path, env=env, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.strip().splitlines()) == 1


def test_failures_are_classified():
    assert classify(MemoryError())[0] == "out-of-memory"
    assert classify(RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"))[0] == "out-of-memory"
    assert classify(ValueError("two\nlines")) == ("failed", "ValueError: two lines")
    assert classify(InputError("a reason")) == ("failed", "a reason")
    assert classify(TrainingDiverged("the loss is nan")) == ("diverged", "the loss is nan")


def test_dry_run_writes_nothing_and_lists_every_job(small_folder, tmp_path, benchmark_command):
    done = benchmark_command("run", "--dataset", small_folder, "--profile", "smoke", "--dry-run", "--json")
    jobs = json.loads(done.stdout)["jobs"]
    assert Counter(job["model"] for job in jobs).keys() >= {"cgcnn", "dummy", "soap-mlp", "soap-svr"}
    assert set(Counter(job["model"] for job in jobs).values()) == {5}
    assert not (tmp_path / "runs").exists()


def test_saved_checkpoints_are_kept_made_again_where_missing_and_change_nothing_else(small_folder, tmp_path, benchmark_command):
    arguments = ("run", "--dataset", small_folder, "--profile", "smoke", "--model", "dummy", "--folds", "2")
    request = RunOptions(tasks=[str(small_folder)], profile="smoke", models=["dummy"], folds=2)
    saving = replace(request, save_checkpoints=True)
    store = Store(tmp_path / "runs")
    assert benchmark_command(*arguments).returncode == 0
    plain = list(store.records())
    assert [r.checkpoint_sha256 for r in plain] == [None, None]
    assert len(make_plan(saving, store).todo) == 2
    done = benchmark_command(*arguments, "--save-checkpoints")
    assert done.returncode == 0, done.stderr
    folder = store.path(plain[0].key).parent
    assert done.stdout.endswith(f"checkpoints: {folder.relative_to(tmp_path)}\n")
    assert sorted(path.name for path in folder.glob("*.safetensors")) == ["fold-00.safetensors", "fold-01.safetensors"]
    for before, after in zip(plain, store.records(), strict=True):
        assert (before.key, before.metrics, before.checkpoint_bytes) == (after.key, after.metrics, after.checkpoint_bytes)
        assert after.checkpoint_bytes == store.checkpoint(after.key).stat().st_size
    assert [len(make_plan(asked, store).done) for asked in (request, saving)] == [2, 2]
    store.checkpoint(plain[1].key).unlink()
    assert [job.fold for job in make_plan(saving, store).todo] == [1]
    assert make_plan(request, store).todo == ()


def test_threads_are_divided_between_workers(small_folder, tmp_path):
    assert threading.active_count() >= 1
    job = make_jobs(small_folder)[0]
    assert (job.threads, job.workers) == (1, 1)


def test_a_machine_without_dgl_trains(small_folder, tmp_path):
    (tmp_path / "dgl.py").write_text("raise ModuleNotFoundError('no DGL here')")
    arguments = ("run", "--dataset", small_folder, "--model", "cgcnn", "--profile", "smoke", "--out", tmp_path / "runs")
    paths = os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])
    done = subprocess.run(command(arguments), env=environment(PYTHONPATH=paths), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "runs").rglob("fold-*.json"))) == 5
