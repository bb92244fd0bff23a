"""Descriptors: what they will cost, and how far they are."""

from __future__ import annotations

import pytest

from benchmark.harness.execution import execute
from benchmark.harness.job import load_task
from benchmark.harness.outcome import prepared
from benchmark.harness.preparation import descriptors_to_compute
from benchmark.harness.stopping import Stopping
from benchmark.results.store import Store
from datasets import counting
from tests.benchmark.harness.constructed import make_jobs


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("BENCHMARK_CACHE", str(tmp_path / "cache"))
    prepared.cache_clear()


def test_descriptors_cost_something_until_they_are_cached_and_shared_ones_count_once(small_folder):
    (svr, *_), (mlp, *_), (network, *_) = (make_jobs(small_folder, model=name) for name in ("soap-svr", "soap-mlp", "cgcnn"))
    alone, both = descriptors_to_compute([svr]), descriptors_to_compute([svr, mlp, network])
    assert alone.seconds > 0 and alone.models == ("soap-svr",)
    assert both.models == ("soap-svr", "soap-mlp") and both.seconds < 10 * alone.seconds
    prepared(svr.task, svr.model, svr.settings, "cpu")
    assert descriptors_to_compute([svr, mlp, network]) is None
    (other, *_) = make_jobs(small_folder, model="soap-svr", n_max="2")
    assert descriptors_to_compute([svr, other]).models == ("soap-svr",)


def test_a_fold_tells_how_many_crystals_have_their_descriptors(small_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(counting, "EVERY_S", 0.0)
    told = []
    job, other = make_jobs(small_folder, model="soap-svr")
    n = len(load_task(job.task).crystals)
    stopping = Stopping(prepares=lambda done, of: told.append((done, of)))
    assert execute(job, Store(tmp_path / "runs"), stopping=stopping).status == "complete"
    assert told == [(done, n) for done in range(1, n + 1)]
    execute(other, Store(tmp_path / "runs"), stopping=stopping)
    assert len(told) == n, "they are there"


def test_a_dry_run_says_how_long_descriptors_take(benchmark_command, small_folder):
    asked = ("run", "--dataset", small_folder, "--profile", "smoke", "--folds", "2", "--dry-run", "--model")
    said = benchmark_command(*asked, "soap-svr").stdout.splitlines()[-1]
    assert said.startswith("Before that, the descriptors of soap-svr are computed once: about ") and said.endswith(
        " of one core."
    )
    assert "descriptors" not in benchmark_command(*asked, "dummy").stdout
