"""A small regression set, trained in this process, or errors without a training."""

from __future__ import annotations

import json
import math
import shutil
from contextlib import contextmanager

import numpy as np
import pytest

from benchmark.harness.execution import execute
from benchmark.harness.job import load_task
from benchmark.regression import check, loss_test, seeds, trainings, update
from benchmark.regression.train_before import once
from benchmark.regression.trainings import ShortTraining
from models import registry
from tests.benchmark.conftest import ROOT, write_folder

EVERY = registry.registered()
UPDATE = ("check", "--seeds", "6", "--update-baseline", "the first baseline")
TASK = "mine/target"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("regression") / "mine", 80)


def only_task(monkeypatch, folder):
    monkeypatch.setattr(trainings, "TRAINED_SETS", (str(folder),))
    for module in (trainings, check, update):
        monkeypatch.setattr(module, "REGRESSION_SETS", (str(folder),))


def in_this_process(jobs, store, on_progress, on_record):
    """What `run_jobs` does, without its workers, which know no patch."""
    records = [execute(job, store) for job in jobs]
    for job, record in zip(jobs, records, strict=True):
        on_record(job, record)
    return records


@pytest.fixture
def small_set(folder, monkeypatch):
    """One task of 80 crystals, six seeds; trained in this process."""
    only_task(monkeypatch, folder)
    monkeypatch.setattr(trainings, "run_jobs", in_this_process)
    monkeypatch.setattr(loss_test, "FEWEST_SEEDS", 6)
    load_task.cache_clear()


@pytest.fixture
def models(monkeypatch):
    """Makes these the only registered models."""

    def only(*names: str) -> None:
        monkeypatch.setattr(registry, "registered", lambda: {name: EVERY[name] for name in names})

    only("cgcnn", "dummy")
    return only


@pytest.fixture
def noisy(small_set, models, monkeypatch):
    """No training: an error of 0.1 with 0.5 % of noise, times the factor of a model; None stands for a failure."""
    factors: dict[str, float | None] = {}
    costs = {"time": 1.0, "memory": 1.0}
    noise: dict[str, float] = {}

    def train(jobs, on_done=lambda: None):
        found = []
        for job in jobs:
            factor = factors.get(job.model, 1.0)
            mae = factor and 0.1 * factor * math.exp(
                noise.get(job.model, 0.005) * np.random.default_rng([job.training_seed, len(job.model)]).normal()
            )
            reason = None if factor else "the loss is nan in epoch 1; lower the learning rate"
            cost = (2.0 + job.training_seed / 10) * costs["time"], int(5e8 * costs["memory"])
            found.append(ShortTraining(job.model, job.task.name, job.training_seed, mae, reason, *cost))
            on_done()
        trained.append(len(jobs))
        return found

    trained: list[int] = []
    monkeypatch.setattr(trainings, "run_trainings", train)
    monkeypatch.setattr("benchmark.harness.machine.uncommitted", lambda root=None: train.uncommitted)
    monkeypatch.setattr(seeds, "slower_now", lambda workers: 1.0)
    train.uncommitted = []
    train.factors, train.costs, train.noise, train.trained = factors, costs, noise, trained
    return train


@pytest.fixture
def before(noisy, tmp_path, monkeypatch):
    """Trains the code of a commit, whose errors have no factor, in this process; lists the seeds that it was asked for."""

    @contextmanager
    def code_of(commit):
        yield ROOT

    @contextmanager
    def trained_before(code, models, begins):
        train = once(trainings.run_trainings)

        def made(seeds):
            asked.append(seeds)
            after = dict(noisy.factors)
            noisy.factors.clear()
            baseline = update.update_baseline("before", models, None, None, train, seeds or 6)
            noisy.factors.update(after)
            return baseline

        yield made

    asked: list[int | None] = []
    monkeypatch.setattr("benchmark.regression.before.code_of", code_of)
    monkeypatch.setattr("benchmark.regression.before.trained_before", trained_before)
    (tmp_path / "leaderboards").mkdir()
    shutil.copy(ROOT / "leaderboards" / "baseline.json", tmp_path / "leaderboards")
    return asked


def rows(done, subject: str) -> list[dict]:
    return [row for row in json.loads(done.stdout)["rows"] if row["subject"] == subject]
