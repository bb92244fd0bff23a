"""A user's records with published ones beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmark.leaderboard.board import read_board
from benchmark.results.store import Store, StoreBeside
from tests.benchmark.cli.test_main import one_line_error
from tests.benchmark.constructed import write_run


@pytest.fixture
def stores(tmp_path):
    own, published = Store(tmp_path / "runs"), Store(tmp_path / "published")
    for store in (own, published):
        write_run(store, "megnet", 0.5)
    write_run(own, "cgcnn", 0.4)
    write_run(published, "dummy", 2.0)
    write_run(published, "dummy", 2.0, task="fung/2d/work_function")
    return own, published


def test_published_rows_stand_beside_ones_own_on_the_same_tasks(stores):
    own, published = stores
    (group,) = read_board(StoreBeside(own.root, published)).comparison_groups
    assert [row.label for row in group.rows] == ["cgcnn", "megnet", "dummy"]
    assert [len(row.run.complete) for row in group.rows] == [5, 5, 5], "a run that both have is one's own"
    assert all(row.standing for row in group.rows)


def test_folds_of_two_stores_are_never_pooled(stores):
    own, published = stores
    write_run(published, "cgcnn", 0.4, key={"seed": 1})
    (group,) = read_board(StoreBeside(own.root, published)).comparison_groups
    assert [len(row.run.complete) for row in group.rows] == [5, 5, 5]


def test_a_store_may_lie_inside_of_the_other_or_be_the_directory_where_one_is(stores, monkeypatch):
    own, _ = stores
    monkeypatch.chdir(own.root)
    write_run(Store(own.root / "old"), "dummy", 2.0)
    for other in ("old", "../published"):
        (group,) = read_board(StoreBeside(Path(), Store(Path(other)))).comparison_groups
        assert {row.label for row in group.rows} == {"cgcnn", "megnet", "dummy"}


def test_the_command_writes_the_rows_of_both_and_leaves_the_published_ones_alone(stores, benchmark_command, tmp_path):
    before = sorted((tmp_path / "published").rglob("*"))
    done = benchmark_command("leaderboard", "--from", "runs", "--beside", "published")
    assert done.returncode == 0, done.stderr
    (page,) = (tmp_path / "runs" / "tasks").rglob("*.md")
    assert all(f"[{model}](" in page.read_text() for model in ("cgcnn", "megnet", "dummy"))
    assert sorted((tmp_path / "published").rglob("*")) == before
    assert len(list((tmp_path / "runs" / "records").rglob("fold-*.json"))) == 10


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--from", "runs", "--beside", "nowhere"), "with --beside"),
        (("--from", "nowhere", "--beside", "published"), "with --from"),
        (("--from", "runs", "--beside", "runs"), "of another directory than your own"),
    ],
)
def test_directories_that_cannot_stand_beside_each_other_are_refused(stores, benchmark_command, arguments, told):
    assert told in one_line_error(benchmark_command("leaderboard", *arguments))
