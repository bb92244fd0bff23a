from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from dataclasses import replace
from multiprocessing import Pipe
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmark.cli.shared.failures import where_to_look
from benchmark.harness import execution as jobs
from benchmark.harness import machine, run
from benchmark.harness.execution import classify, execute, with_half_batch
from benchmark.harness.plan import RunOptions, make_plan
from benchmark.harness.run import run_jobs
from benchmark.harness.stopping import Stopping
from benchmark.results.store import Store
from datasets.errors import InputError
from models import registry
from models.contract import Epoch, TrainingDiverged
from tests.backends import dgl_runs_here
from tests.benchmark.conftest import command, environment
from tests.benchmark.constructed import failed, make
from tests.benchmark.harness.constructed import ignore, make_jobs


def test_every_model_ends_with_a_record_a_fold_and_finite_predictions(small_folder, tmp_path):
    store = Store(tmp_path / "runs")
    plan = make_plan(RunOptions(tasks=[str(small_folder)], profile="smoke", folds=2), store)
    seen = []
    records = run_jobs(plan.todo, store, lambda news: seen.append(news.epoch), ignore)
    assert [r.reason for r in records] == [None] * len(plan.jobs)
    for record in store.records():
        assert len(store.predictions(record).predictions) == record.split.n_test == 15
        assert record.memory.host_bytes > 10_000_000
        assert record.times.training.wall_s > 0
        assert bool(record.last_epoch) == bool(record.epochs_run)
        assert record.backend == (("dgl" if dgl_runs_here else "torch") if record.graph_health else None)
        if record.best_epoch == record.epochs_run:
            assert record.last_epoch in (None, record.metrics)
        elif record.last_epoch:
            assert record.last_epoch.validation.loss >= record.metrics.validation.loss
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


class Scripted:
    """A worker that trains nothing: the news of each fold are given."""

    def __init__(self, news_of):
        self.news_of = news_of

    def begin(self, job, *_):
        self.pipe, theirs = Pipe()
        for news in self.news_of(job):
            theirs.send(news)

    def news(self):
        return self.pipe.recv()

    def dismiss(self):
        pass

    join = kill = dismiss


CODE = "KeyError: 'width' (models/zoo/cgcnn.py, line 9)"


@pytest.mark.parametrize("workers", [1, 2])
def test_after_an_error_of_a_models_code_its_other_folds_are_not_tried(small_folder, tmp_path, monkeypatch, workers):
    def news_of(job):
        yield None
        yield failed(reason=CODE) if job.model == "cgcnn" else make()[0]

    monkeypatch.setattr(run, "Worker", lambda threads: Scripted(news_of))
    jobs = make_jobs(small_folder, folds=4, workers=workers) + make_jobs(small_folder, "dummy", workers=workers)
    told = []
    records = run_jobs(jobs, Store(tmp_path / "runs"), told.append, ignore)
    assert Counter(record.status for record in records) == {"failed": workers, "complete": 2}
    (news,) = [news for news in told if news.not_tried]
    assert news.not_tried == jobs[workers:4], "the folds of the other model are tried"


@pytest.mark.parametrize(
    ("reason", "epochs"),
    [("OSError: [Errno 5] Input/output error", 0), ("RuntimeError: CUDA error: unspecified launch failure", 0), (CODE, 1)],
)
def test_after_another_error_and_after_an_epoch_every_fold_is_tried(small_folder, tmp_path, monkeypatch, reason, epochs):
    def news_of(job):
        yield None
        yield from [Epoch(1, 2, 0.5, 0.5, 0.1)] * epochs
        yield failed(reason=reason)

    monkeypatch.setattr(run, "Worker", lambda threads: Scripted(news_of))
    assert len(run_jobs(make_jobs(small_folder, folds=3), Store(tmp_path / "runs"), ignore, ignore)) == 3


def test_a_fold_that_diverges_is_a_row_and_the_others_go_on(small_folder, tmp_path, benchmark_command):
    arguments = ("run", "--dataset", small_folder, "--model", "cgcnn", "--profile", "smoke", "--folds", "2", "--workers", "1")
    done = benchmark_command(*arguments, "--set", "learning_rate=1e30")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert re.match(r"error: 2 of 2 folds failed, the first: mine/target cgcnn fold \d: the loss is nan", last)
    assert last.endswith("--set learning_rate=1e30 --retry-failed")
    assert "diverged: mine/target cgcnn seed 0 fold 1, 2" in done.stderr
    assert "cgcnn (smoke) (learning_rate=1e+30)  diverged" in done.stdout
    asked = RunOptions(tasks=[str(small_folder)], models=["cgcnn"], profile="smoke", folds=2, failed_only=True)
    again = replace(asked, settings={"learning_rate": "1e30"})
    assert [len(make_plan(one, Store(tmp_path / "runs")).todo) for one in (asked, again)] == [0, 2]
    assert benchmark_command(*arguments).returncode == 0
    records = list(Store(tmp_path / "runs").records())
    assert Counter(r.status for r in records) == {"complete": 2, "diverged": 2}


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


@pytest.mark.parametrize("size", [1, 7])
def test_an_output_of_another_shape_fails_and_says_so_also_where_torch_broadcasts(small_folder, tmp_path, monkeypatch, size):
    class Wrong(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.zeros(size))

        def forward(self, batch):
            return self.weight

    monkeypatch.setattr(registry.get("cgcnn").model, "build", lambda *arguments: Wrong())
    record = execute(make_jobs(small_folder)[0], Store(tmp_path))
    said = rf"ValueError: forward gives {size} numbers for \d+ crystals; it must give one a crystal"
    assert record.status == "failed" and re.fullmatch(said, record.reason)


def test_a_failed_run_names_the_file_of_the_model_and_its_tests():
    said = where_to_look(failed(reason="ValueError: forward gives 7 numbers for 64 crystals"))
    assert "models/zoo/cgcnn.py: `python -m pytest tests/models/zoo/test_contract.py -k cgcnn -x -n 0`" in said
    assert where_to_look(failed(reason="crystal 'a': no neighbours; remove the crystal")) == ""


def test_a_failure_inside_a_models_file_names_file_and_line():
    with pytest.raises(AttributeError) as caught:
        registry.get("dummy").model.predict(None, 0, [])
    assert re.search(r"\(models/zoo/dummy\.py, line \d+\)$", classify(caught.value)[1])


def test_a_fold_that_runs_out_of_memory_is_tried_once_more_with_half_the_batch(small_folder, tmp_path, monkeypatch):
    def run(job, *_):
        raise MemoryError("no room")

    monkeypatch.setattr(jobs, "train_and_score", run)
    job, store = make_jobs(small_folder)[0], Store(tmp_path)
    record = jobs.execute(job, store)
    half = with_half_batch(job)
    assert half.settings.batch_size == job.settings.batch_size // 2 and with_half_batch(half) is None
    assert record.status == "out-of-memory"
    assert record.reason == f"no room; tried again with batch_size={half.settings.batch_size}, as a run of its own"
    assert jobs.execute(half, store).reason == "no room"
    assert Counter(r.changed.get("batch_size") for r in store.records()) == {None: 1, half.settings.batch_size: 1}


def test_a_fold_that_takes_too_long_is_a_row_and_goes_on_when_it_is_tried_again(small_folder, tmp_path):
    job, store = make_jobs(small_folder)[0], Store(tmp_path / "runs")
    record = jobs.execute(job, store, stopping=Stopping(limit_s=0))
    assert (record.status, record.metrics) == ("timed-out", None) and "longer than 0 minutes" in record.reason
    again, fresh = jobs.execute(job, store), jobs.execute(job, other := Store(tmp_path / "other"))
    assert (again.status, again.resumed, fresh.resumed) == ("complete", 1, 0)
    np.testing.assert_array_equal(store.predictions(again).predictions, other.predictions(fresh).predictions)


def test_dry_run_writes_nothing_and_lists_every_job(small_folder, tmp_path, benchmark_command):
    done = benchmark_command("run", "--dataset", small_folder, "--profile", "smoke", "--dry-run", "--json")
    listed = json.loads(done.stdout)["jobs"]
    assert Counter(job["model"] for job in listed).keys() >= {"cgcnn", "dummy", "soap-mlp", "soap-svr"}
    assert set(Counter(job["model"] for job in listed).values()) == {5}
    assert not (tmp_path / "runs").exists()


def test_saved_checkpoints_are_kept_made_again_where_missing_and_change_nothing_else(small_folder, tmp_path, benchmark_command):
    arguments = ("run", "--dataset", small_folder, "--profile", "smoke", "--model", "dummy", "--folds", "2")
    request = RunOptions(tasks=[str(small_folder)], profile="smoke", models=["dummy"], folds=2)
    saving = replace(request, save_checkpoints=True)
    store = Store(tmp_path / "runs")
    assert benchmark_command(*arguments).returncode == 0
    plain = list(store.records())
    assert [r.checkpoint_sha256 for r in plain] == [None, None]
    plan = make_plan(saving, store)
    assert len(plan.todo) == 2
    assert "2 finished folds without a saved model: trained again, to save it (--save-checkpoints)" in plan.notes
    done = benchmark_command(*arguments, "--save-checkpoints")
    assert done.returncode == 0, done.stderr
    folder = store.path(plain[0].key).parent
    kept = folder.relative_to(tmp_path)
    assert f"\ncheckpoints: {kept}\n" in done.stdout
    assert done.stdout.endswith(f"predict --checkpoint {kept.parent} crystal.cif\n")
    other = benchmark_command("run", "--dataset", small_folder, "--profile", "mini", *arguments[5:], "--save-checkpoints")
    mini = re.search(r"\ncheckpoints: (.*)\n", other.stdout)
    assert mini and other.stdout.endswith(f"predict --checkpoint {mini[1]} crystal.cif\n"), "one of two runs has to be named"
    shutil.rmtree(tmp_path / mini[1])
    assert sorted(path.name for path in folder.glob("*.safetensors")) == ["fold-00.safetensors", "fold-01.safetensors"]
    for before, after in zip(plain, store.records(), strict=True):
        assert (before.key, before.metrics, before.checkpoint_bytes) == (after.key, after.metrics, after.checkpoint_bytes)
        assert after.checkpoint_bytes == store.checkpoint(after.key).stat().st_size
    assert [len(make_plan(asked, store).done) for asked in (request, saving)] == [2, 2]
    store.checkpoint(plain[1].key).unlink()
    assert [job.fold for job in make_plan(saving, store).todo] == [1]
    assert make_plan(request, store).todo == ()


@pytest.mark.parametrize(("cores", "workers", "threads"), [(8, 2, 4), (8, 3, 2), (2, 4, 1)])
def test_threads_are_divided_between_workers(small_folder, benchmark_command, monkeypatch, cores, workers, threads):
    monkeypatch.setattr(machine, "cores", lambda: cores)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    done = benchmark_command("run", "--dataset", small_folder, "--workers", workers, "--dry-run")
    assert f"{workers} worker(s) × {threads} thread(s)" in done.stdout


def test_a_plan_warns_of_few_optimiser_steps_and_names_settings_that_help(small_folder, tmp_path, benchmark_command):
    arguments = ("run", "--dataset", small_folder, "--model", "cgcnn", "--folds", "2", "--dry-run", "--out", tmp_path)

    def warnings(*more: str) -> list[str]:
        told = json.loads(benchmark_command(*arguments, "--json", *more).stdout)["warnings"]
        return [line for line in told if "uncommitted" not in line]  # whoever works on the program has such changes

    (warning,) = warnings()
    assert warning.startswith("only 8 optimiser steps a training (cgcnn): a network may end no better than the mean. ")
    longer = warning.partition("for example ")[2].split()
    assert warnings(*longer) == []
    (saving,) = warnings("--save-checkpoints")
    assert saving == f"{warning} --save-checkpoints"


def test_a_plan_shows_each_changed_setting_once_and_a_dry_run_prints_it_on_stdout(benchmark_command, tmp_path):
    arguments = ("run", "--task", "emt/alloys", "--model", "cgcnn", "--profile", "smoke", "--folds", "2", "--dry-run")
    changes = ("--set", "n_layers=4", "--set", "learning_rate=0.01", "--set", "epochs=2")
    done = benchmark_command(*arguments, *changes)
    told = [line for line in done.stdout.splitlines() if line.startswith("setting ")]
    assert told == ["setting epochs: 2, as by default", "setting learning_rate: 0.003 → 0.01", "setting n_layers: 2 → 4"]
    assert "4 folds, 0 of them done" in done.stdout and "setting " not in done.stderr
    assert "setting " not in benchmark_command(*arguments).stdout


def test_a_machine_without_dgl_trains(small_folder, tmp_path):
    (tmp_path / "dgl.py").write_text("raise ModuleNotFoundError('no DGL here')")
    arguments = ("run", "--dataset", small_folder, "--model", "cgcnn", "--profile", "smoke", "--out", tmp_path / "runs")
    paths = os.pathsep.join([str(tmp_path), environment()["PYTHONPATH"]])
    done = subprocess.run(command(arguments), env=environment(PYTHONPATH=paths), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [record.backend for record in Store(tmp_path / "runs").records()] == ["torch"] * 5
