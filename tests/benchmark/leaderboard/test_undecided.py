"""When more repeats are needed: the looks share the error rate, and only undecided tasks get another repeat."""

import json

import numpy as np
import pytest

from benchmark.leaderboard.undecided import level_of_look, undecided_tasks
from benchmark.results.store import Store
from benchmark.statistics.comparisons import ALPHA
from tests.benchmark.conftest import write_folder
from tests.benchmark.constructed import PER_FOLD, write_fold, write_run


def test_the_levels_of_all_looks_add_up_to_the_error_rate():
    assert [level_of_look(look) for look in (1, 2, 3)] == pytest.approx([ALPHA / 2, ALPHA / 6, ALPHA / 12])
    assert sum(map(level_of_look, range(1, 10_000))) == pytest.approx(ALPHA, rel=1e-3)


def test_a_task_is_undecided_where_a_model_is_and_only_in_the_groups_asked_for(tmp_path):
    store, rng = Store(tmp_path / "runs"), np.random.default_rng(0)
    for model, mae in (("a", 1.0), ("b", 3.0)):
        write_run(store, model, mae, task="set/clear")
        for fold in range(5):
            write_fold(store, model, fold, rng.uniform(0.5, 1.5, PER_FOLD), task="set/even")
    both = {(f"set/{name}", "standard", "kfold(5)") for name in ("clear", "even")}
    assert undecided_tasks(store, both, look=1) == {"set/even"}
    assert undecided_tasks(store, {("set/even", "mini", "kfold(5)"), ("set/clear", "standard", "kfold(5)")}, look=1) == set()


def test_repeats_are_added_until_every_model_is_decided_and_every_task_is_shown(small_folder, benchmark_command, tmp_path):
    other = write_folder(tmp_path / "other", 30, seed=5)
    asked = (
        "run",
        "--dataset",
        small_folder,
        "--dataset",
        other,
        "--model",
        "dummy",
        "--model",
        "soap-svr",
        "--profile",
        "smoke",
        "--folds",
        "3",
    )
    twice = benchmark_command(*asked, "--repeats", "2", "--dry-run", "--json")
    assert sorted({job["seed"] for job in json.loads(twice.stdout)["jobs"]}) == [0, 1]
    done = benchmark_command(*asked, "--until-decided", "--json")
    assert done.returncode == 0 and "every model is decided against the best other one, repeats: " in done.stderr, done.stderr
    rows = json.loads(done.stdout.splitlines()[-1])["scores"]
    assert [row["task"] for row in rows] == ["mine/target", "mine/target", "other/target", "other/target"]
    for task in (rows[:2], rows[2:]):
        assert {row["verdict"] for row in task} == {"best or equal", "worse"}
        seeds = [{fold["seed"] for fold in row["folds"]} for row in task]
        assert seeds[0] == seeds[1] == set(range(len(seeds[0])))


def test_no_fold_is_begun_after_the_time_limit_and_the_run_goes_on_later(small_folder, benchmark_command):
    asked = ("run", "--dataset", small_folder, "--model", "dummy", "--profile", "smoke", "--folds", "2")
    stopped = benchmark_command(*asked, "--time-limit", "0")
    assert stopped.returncode == 0 and "the time is up: 0 of 2 folds done; run the same command again" in stopped.stderr
    done = benchmark_command(*asked, "--json")
    (row,) = json.loads(done.stdout.splitlines()[-1])["scores"]
    assert [fold["status"] for fold in row["folds"]] == ["complete", "complete"]
    more = benchmark_command(*asked, "--model", "dummy-median", "--time-limit", "0")
    assert "the time is up: 2 of 4 folds done" in more.stderr
