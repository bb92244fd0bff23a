"""A user's records with published ones beside them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from benchmark.leaderboard.board import read_board
from benchmark.results.beside import StoreBeside
from benchmark.results.records import Record
from benchmark.results.store import Store
from benchmark.results.validation import parse_json
from datasets.errors import InputError
from tests.benchmark.cli.test_main import one_line_error
from tests.benchmark.constructed import failed, write_run


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
    assert [row.label for row in group.rows] == ["cgcnn (yours)", "megnet (yours)", "dummy"]
    assert [len(row.run.complete) for row in group.rows] == [5, 5, 5], "a run that both have is one's own"
    assert all(row.standing for row in group.rows)


def test_folds_of_two_stores_are_never_pooled_and_the_run_with_more_folds_stands(stores):
    own, published = stores
    for seed in range(1, 4):
        write_run(published, "cgcnn", 0.4, seed=seed, key={"seed": seed})
        write_run(published, "dummy", 2.0, seed=seed, key={"seed": seed})
    store = StoreBeside(own.root, published)
    (group,) = read_board(store).comparison_groups
    found = {row.label: (len(row.run.complete), store.shows_own(row.run.first)) for row in group.rows}
    assert found == {"cgcnn": (15, False), "megnet (yours)": (5, True), "dummy": (20, False)}
    assert [(run.record.key.model, run.is_own, run.folds, run.folds_that_stand) for run in store.left_out] == [
        ("megnet", False, 5, 5), ("cgcnn", True, 5, 15),
    ]  # fmt: skip


def test_a_damaged_record_leaves_out_its_own_run_alone(stores):
    own, published = stores
    (damaged, *_) = (path for path in published.paths() if {"dummy", "target"} <= set(path.parts))
    damaged.write_text("{")
    told: list[InputError] = []
    (group,) = read_board(StoreBeside(own.root, published), on_invalid=told.append).comparison_groups
    assert {row.label for row in group.rows} >= {"cgcnn (yours)", "megnet (yours)"}
    assert [str(damaged) in str(error) for error in told] == [True]


def test_a_record_is_read_once(stores, monkeypatch):
    own, published = stores
    read = Counter[Path]()

    def parse(path: Path, kind: type[Record]) -> Record:
        read[path] += 1
        return parse_json(path, kind)

    monkeypatch.setattr("benchmark.results.store.parse_json", parse)
    read_board(StoreBeside(own.root, published))
    assert set(own.paths()) <= read.keys() and set(read.values()) == {1}


def test_a_store_may_lie_inside_of_the_other_or_be_the_directory_where_one_is(stores, monkeypatch):
    own, _ = stores
    monkeypatch.chdir(own.root)
    write_run(Store(own.root / "old"), "dummy", 2.0)
    for other in ("old", "../published"):
        (group,) = read_board(StoreBeside(Path(), Store(Path(other)))).comparison_groups
        assert {row.label for row in group.rows} == {"cgcnn (yours)", "megnet (yours)", "dummy"}


def test_the_command_writes_the_rows_of_both_and_leaves_the_published_ones_alone(stores, benchmark_command, tmp_path):
    before = sorted((tmp_path / "published").rglob("*"))
    done = benchmark_command("leaderboard", "--from", "runs", "--beside", "published")
    assert done.returncode == 0, done.stderr
    best, own, left_out, written = done.stdout.splitlines()
    assert best.startswith("set/target, cgcnn: best or equal; MAE / best other 0.") and "rank 1 (" in best
    assert own.startswith("set/target, megnet: worse; MAE / best other 1.2") and own.endswith("; runs/tasks/set/target.md)")
    assert left_out.startswith(
        "set/target, megnet: your run (5 folds) and the run of --beside (5 folds) have the same settings and"
    )
    assert left_out.endswith(" Yours is shown.")
    assert written.endswith("files written; begin with runs/README.md or runs/index.html")
    (page,) = (tmp_path / "runs" / "tasks").rglob("*.md")
    assert all(f"[{model}](" in page.read_text() for model in ("cgcnn (yours)", "megnet (yours)", "dummy"))
    assert "(yours) marks your own runs." in page.read_text()
    below = page.read_text().split("\n### Which differences are real")[0]
    assert f"\n\n- {left_out}\n" in below, "the run that is left out is named below the table"
    assert sorted((tmp_path / "published").rglob("*")) == before
    assert len(list((tmp_path / "runs" / "records").rglob("fold-*.json"))) == 10


def test_a_row_of_ones_own_with_fewer_folds_is_compared_on_these(stores, benchmark_command):
    _, published = stores
    write_run(published, "cgcnn", 0.4, seed=1, key={"seed": 1})
    write_run(published, "cgcnn", 0.4)
    done = benchmark_command("leaderboard", "--from", "runs", "--beside", "published")
    assert "set/target, megnet: 5 of 10 folds, on which it is worse; MAE / best other 1.2" in done.stdout
    assert (
        "; to compare it on all folds, run: python -m benchmark run " in done.stdout and " --seed 0 --repeats 2 " in done.stdout
    )
    both = "set/target, cgcnn: your run (5 folds) and the run of --beside (10 folds) have the same settings and source: "
    errors = "one model, trained twice. On the folds of both, the MAE is 0.4006 eV (yours) and 0.4006 eV (--beside). "
    why = "A difference comes from rounding on another machine or in another order, not from the model. "
    assert f"{both}{errors}{why}The run of --beside is shown, as it has more folds." in done.stdout.splitlines()


def test_a_row_whose_other_folds_failed_is_compared_after_they_are_tried_again(stores, benchmark_command):
    own, _ = stores
    own.write(failed(4, key=next(own.records()).key.model_copy(update={"fold": 4})), None)
    done = benchmark_command("leaderboard", "--from", "runs", "--beside", "published")
    (line,) = (line for line in done.stdout.splitlines() if "cgcnn" in line)
    assert "cgcnn: 4 of 5 folds, on which it is best or equal" in line and line.endswith(
        " --retry-failed (finished folds are kept)"
    )


def test_what_synthetic_means_is_said_where_it_stands(tmp_path, benchmark_command):
    for folder, model in (("runs", "cgcnn"), ("published", "dummy")):
        write_run(Store(tmp_path / folder), model, 0.5, task="emt/alloys/formation_energy_per_atom")
    done = benchmark_command("leaderboard", "--from", "runs", "--beside", "published")
    assert "synthetic: synthetic sets have the labels of a toy model (EMT)" in done.stdout


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
