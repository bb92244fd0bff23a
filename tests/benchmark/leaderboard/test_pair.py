"""Is the difference between two models real? The verdict of one pair, from the command and from Python."""

from __future__ import annotations

import json

import pytest

from benchmark import api
from benchmark.leaderboard.board import read_board
from benchmark.leaderboard.pair import compare_pair
from benchmark.results.store import Store
from tests.benchmark.cli.test_main import one_line_error
from tests.benchmark.conftest import ROOT
from tests.benchmark.constructed import write_run

TASK = "set/target"


@pytest.fixture
def store(tmp_path):
    found = Store(tmp_path / "runs")
    for model, mae in (("cgcnn", 0.4), ("megnet", 0.8), ("schnet", 0.401), ("dummy", 2.0)):
        write_run(found, model, mae)
    write_run(found, "mpnn", 0.4, key={"profile": "mini"})
    return found


def test_the_answer_comes_first_and_nothing_is_written(store, benchmark_command, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    done = benchmark_command("leaderboard", "--from", "runs", "--pair", "megnet", "cgcnn", "--task", TASK)
    assert done.returncode == 0, done.stderr
    place, answer, errors, *rest = done.stdout.splitlines()
    assert place.startswith(f"{TASK}, standard, kfold(5)")
    assert answer.startswith("Real: the MAE of megnet is 2.0") and "times that of cgcnn (95 %: " in answer
    assert errors.endswith("the same 5 folds of 1 repeat for both.")
    assert len(rest) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_the_interval_is_the_one_of_the_board(store):
    (group,) = [group for group in read_board(store).comparison_groups if group.has_rivals]
    for pair in group.decisions.pairs:
        (answer,) = compare_pair(store, TASK, pair.worse, pair.better)
        assert (answer.lower, answer.higher) == (pair.better, pair.worse)
        assert (answer.ratio, (answer.ratio_low, answer.ratio_high)) == (pair.ratio, pair.interval)
        assert (answer.verdict == "real") == pair.decided


def test_equal_is_shown_undecided_says_what_would_decide(tmp_path):
    alike, noisy = Store(tmp_path / "alike"), Store(tmp_path / "noisy")
    for model in ("cgcnn", "schnet"):
        write_run(alike, model, 0.4, folds=5)
    for seed in range(3):
        write_run(noisy, "cgcnn", 0.4 + 0.1 * seed, seed=seed, key={"seed": seed})
        write_run(noisy, "schnet", 0.6 - 0.1 * seed, seed=seed, key={"seed": seed})
    (equal,) = compare_pair(alike, TASK, "cgcnn", "schnet")
    assert equal.verdict == "equal" and 1 / 1.05 <= equal.ratio_low <= 1 <= equal.ratio_high <= 1.05
    (undecided,) = compare_pair(noisy, TASK, "cgcnn", "schnet")
    assert undecided.verdict == "undecided" and undecided.repeats == 3
    assert undecided.ratio_high > 1.05 and undecided.ratio_low < 1


@pytest.mark.parametrize(
    ("pair", "task", "told"),
    [
        (("cgcn", "megnet"), TASK, "unknown model 'cgcn'; did you mean cgcnn"),
        (("cgcnn", "megnet"), "set/targets", "unknown task 'set/targets'; did you mean set/target?"),
        (("cgcnn", "cgcnn"), TASK, "a pair has two different models, not cgcnn twice"),
        (("cgcnn", "mpnn"), TASK, "but not with the same profile, folds and data"),
    ],
)
def test_a_pair_that_cannot_be_compared_is_one_line(store, benchmark_command, pair, task, told):
    assert told in one_line_error(benchmark_command("leaderboard", "--from", "runs", "--pair", *pair, "--task", task))


def test_a_pair_needs_its_task(store, benchmark_command):
    told = one_line_error(benchmark_command("leaderboard", "--from", "runs", "--pair", "cgcnn", "megnet"))
    assert "--pair compares two models on one task" in told
    told = one_line_error(benchmark_command("leaderboard", "--from", "runs", "--task", TASK))
    assert "--task goes only with --pair" in told


def test_json_and_python_give_the_same(store, benchmark_command):
    done = benchmark_command("leaderboard", "--from", "runs", "--pair", "cgcnn", "megnet", "--task", TASK, "--json")
    table = api.compare("cgcnn", "megnet", TASK, store.root)
    assert json.loads(done.stdout) == table.astype(object).where(table.notna(), None).to_dict("records")


def test_the_command_of_the_page_works_on_the_published_board(benchmark_command, tmp_path):
    (tmp_path / "leaderboards").symlink_to(ROOT / "leaderboards")
    done = benchmark_command("leaderboard", "--pair", "cgcnn", "schnet", "--task", "cgcnn/log10_k_vrh")
    assert done.returncode == 0, done.stderr
    assert "the MAE of" in done.stdout and len(done.stdout.splitlines()) <= 6
