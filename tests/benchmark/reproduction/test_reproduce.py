"""The command, on a table of quick cells; and that the committed pages are what it writes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from benchmark.cli.reproduce import _chosen, _costed, _print_plan, _Request
from benchmark.harness import cost, run
from benchmark.harness.plan import RunOptions
from benchmark.leaderboard.published_results import PublishedResult
from benchmark.reproduction import tables
from benchmark.reproduction.cells import Cell, Table
from benchmark.reproduction.page import page
from benchmark.reproduction.planning import plan_cells
from benchmark.reproduction.results import cell_results
from benchmark.reproduction.tables import TABLES
from benchmark.results.store import Store
from tests.benchmark.conftest import ROOT
from tests.benchmark.constructed import failed

TASK = "emt/alloys/formation_energy_per_atom"


@pytest.fixture
def quick(monkeypatch):
    """A table of the two dummies, and one cell whose data are missing."""
    paper = PublishedResult(TASK, "dummy", 0.5, "A paper", "other crystals", epochs=1)
    cells = (
        Cell("fung/surface/adsorption_energy", "dummy", "mini", "shuffle", 3),
        Cell(TASK, "dummy", "mini", "shuffle", 3, published=(paper,)),
        Cell(TASK, "dummy-median", "mini", "shuffle", 3),
    )
    monkeypatch.setattr(tables, "TABLES", {"quick": Table("quick", "A table", cells)})


def test_a_stop_is_gone_on_with_and_a_missing_set_has_its_line(quick, benchmark_command, tmp_path):
    stopped = benchmark_command("reproduce", "quick", "--time-limit", "0", "--workers", "1")
    assert stopped.returncode == 0 and "0 of 6 folds done" in stopped.stderr, stopped.stderr
    assert "fung/surface" in stopped.stderr
    first = benchmark_command("reproduce", "quick", "--rounds", "1", "--workers", "1")
    assert first.returncode == 0, first.stderr
    assert re.search(r"^\S+/\S+, dummy: MAE \S+ \(1 round\), published \S+ \(.+\): [+-]\d", first.stdout, re.M), first.stdout
    page = (tmp_path / "reports/reproduction/quick.md").read_text()
    assert "2 of 3 cells have at least one round, 0 have all planned rounds" in page
    rest = benchmark_command("reproduce", "quick", "--time-limit", "0", "--workers", "1")
    assert "6 folds, 2 of them done" in rest.stderr and "the time is up: 2 of 6 folds done" in rest.stderr


def test_every_first_round_comes_before_every_second_one(quick, tmp_path):
    cells = tables.TABLES["quick"].cells
    plan, todo = plan_cells(cells, RunOptions(), [Store(tmp_path)], rounds=2)
    assert [(one.cell.model, one.round) for one in todo] == [
        ("dummy", 0),
        ("dummy-median", 0),
        ("dummy", 1),
        ("dummy-median", 1),
    ]
    assert [one.job for one in todo] == list(plan.todo) and len(plan.skipped) == 1


def test_a_dry_run_says_what_it_costs_and_trains_nothing(quick, benchmark_command, tmp_path):
    told = benchmark_command("reproduce", "quick", "--dry-run", "--model", "dummy", "--task", TASK, "--json", "--workers", "1")
    (row,) = json.loads(told.stdout)["cells"]
    assert (row["model"], row["open rounds"]) == ("dummy", 3) and row["core hours"] >= 0
    assert not (tmp_path / "runs").exists() and not (tmp_path / "reports").exists()


def test_variations_run_in_place_of_the_cells_where_a_table_has_some(quick, monkeypatch, benchmark_command, tmp_path):
    refused = benchmark_command("reproduce", "quick", "--vary")
    assert (refused.returncode, refused.stderr) == (2, "error: quick has no variations; leave out --vary\n")
    table = tables.TABLES["quick"]
    varied = replace(table, variations=(replace(table.cells[2], rounds=1, published=()),))
    monkeypatch.setattr(tables, "TABLES", {"quick": varied})
    ran = benchmark_command("reproduce", "quick", "--vary", "--workers", "1")
    assert ran.returncode == 0, ran.stderr
    assert [path.parts[-3] for path in (tmp_path / "runs/records").rglob("*.json")] == ["dummy-median"]


def test_a_dry_run_begins_with_empty_cells(quick, benchmark_command):
    asked = ("reproduce", "quick", "--task", TASK, "--workers", "1")
    assert benchmark_command(*asked, "--model", "dummy", "--rounds", "1").returncode == 0
    cells = json.loads(benchmark_command(*asked, "--dry-run", "--json").stdout)["cells"]
    assert [(cell["model"], cell["open rounds"]) for cell in cells] == [("dummy-median", 3), ("dummy", 2)]


def test_a_dry_run_has_cheap_cells_before_dear_ones(quick, monkeypatch, tmp_path):
    seconds = {"dummy": 9.0, "dummy-median": 1.0}
    monkeypatch.setattr(cost, "timed", lambda job: SimpleNamespace(seconds=seconds[job.model], source="timed"))
    cells, store = tables.TABLES["quick"].cells, Store(tmp_path)
    plan, todo = plan_cells(cells, RunOptions(), [store])
    assert [row[1] for row in _costed(plan, todo, cells, [store])] == ["dummy-median", "dummy"]


def test_a_dry_run_says_so_where_nothing_is_left(quick, benchmark_command):
    asked = ("reproduce", "quick", "--task", TASK, "--workers", "1")
    assert benchmark_command(*asked, "--model", "dummy", "--rounds", "1").returncode == 0
    left = benchmark_command(*asked, "--model", "dummy", "--rounds", "1", "--dry-run")
    assert left.stdout.startswith("nothing to run: every round asked for is done\n1 cell is done. ")


def test_a_done_cell_is_run_again_by_the_command_that_the_plan_names(quick, benchmark_command):
    asked = ("reproduce", "quick", "--task", TASK, "--model", "dummy", "--rounds", "1")
    assert benchmark_command(*asked).returncode == 0
    told = benchmark_command(*asked, "--dry-run").stdout.splitlines()[-1]
    assert f"--task {TASK} --model dummy --rounds 1 --out runs/again --reports runs/again" in told
    again = told.removeprefix("python -m benchmark ").split()
    assert "all rounds:" in benchmark_command(*again, "--dry-run").stdout
    assert told in benchmark_command(*asked).stderr, "a run that has nothing to do names it too"


def test_published_rounds_say_nothing_of_the_cost_on_this_machine(quick, benchmark_command, tmp_path):
    asked = ("reproduce", "quick", "--task", TASK, "--model", "dummy")
    assert benchmark_command(*asked, "--rounds", "1").returncode == 0
    plan = (*asked, "--dry-run", "--json")
    assert json.loads(benchmark_command(*plan).stdout)["cells"][0]["estimated from"] == "records of runs"
    (tmp_path / "runs").rename(tmp_path / "reports" / "reproduction_runs")
    (tmp_path / "reports/reproduction_runs/records").rename(tmp_path / "reports/reproduction/records")
    (row,) = json.loads(benchmark_command(*plan).stdout)["cells"]
    assert row["open rounds"] == 2 and "records" not in row["estimated from"]


def test_run_finds_done_what_reproduce_trained(quick, benchmark_command):
    assert benchmark_command("reproduce", "quick", "--task", TASK, "--model", "dummy", "--rounds", "1").returncode == 0
    same = ("--profile", "mini", "--protocol", "shuffle", "--no-group-duplicates")
    plan = benchmark_command("run", "--task", TASK, "--model", "dummy", *same, "--dry-run")
    assert "10 folds, 1 of them done" in plan.stdout + plan.stderr


def test_a_plan_has_one_unit_of_time_and_a_short_one_has_minutes(capsys):
    def told(*hours: float) -> list[str]:
        _print_plan([["a/task", "cgcnn", 2, each, 2 * each, "records"] for each in hours])
        return capsys.readouterr().out.splitlines()

    header, _, row, *_, sums = told(0.0025)
    assert "core minutes a round" in header and row.split() == ["a/task", "cgcnn", "2", "0.15", "0.30", "records"]
    assert sums.startswith("one round of each: 0.15; all rounds: 0.30 core minutes")
    header, *_, sums = told(0.1, 0.5)
    assert "core hours a round" in header and sums.startswith("one round of each: 0.60; all rounds: 1.2 core hours")


def test_a_row_is_chosen_by_its_name_on_the_page():
    def chosen(*models: str) -> list[str]:
        request = _Request(["cgcnn/band_gap"], list(models), None, None, "cpu", 1, True)
        return [cell.label for cell in _chosen(TABLES["thesis-6"], request)]

    assert chosen("soap-svr (gamma=auto)") == ["soap-svr (gamma=auto)"]
    assert chosen("soap-svr") == ["soap-svr", "soap-svr (gamma=auto)"]


def test_a_fold_that_failed_ends_in_an_error_after_the_page_is_written(quick, benchmark_command, tmp_path, monkeypatch):
    broken, diverged = failed(0), failed(1, status="diverged")
    monkeypatch.setattr(run, "run_jobs", lambda *arguments, **named: [broken, diverged])
    done = benchmark_command("reproduce", "quick", "--task", TASK)
    assert done.returncode == 1 and "1 of 2 folds failed, the first: set/target cgcnn seed 0 fold 1: it broke" in done.stderr
    assert (tmp_path / "reports/reproduction/quick.md").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("quik",), "unknown table 'quik'; did you mean quick"),
        (("quick", "--model", "cgcn"), "unknown model of quick 'cgcn'"),
        (("quick", "--task", "emt/alloys"), "unknown task of quick 'emt/alloys'"),
    ],
)
def test_wrong_use_is_one_line(quick, benchmark_command, arguments, message):
    done = benchmark_command("reproduce", *arguments)
    assert done.returncode == 2 and message in done.stderr and done.stderr.count("\n") == 1


def test_a_task_without_variations_names_those_with_some(benchmark_command):
    done = benchmark_command("reproduce", "thesis-4", "--vary", "--task", "cgcnn/poisson_ratio")
    said = "thesis-4 has no variation of the task cgcnn/poisson_ratio; it has some of cgcnn/band_gap, "
    assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", TABLES)
def test_the_committed_page_is_what_the_committed_records_give(name):
    committed = ROOT / "reports" / "reproduction"
    results = cell_results(TABLES[name].every, [Store(ROOT / "leaderboards"), Store(committed)])
    assert (committed / f"{name}.md").read_text() == page(TABLES[name], results, Store(ROOT / "leaderboards")), (
        f"run `python -m benchmark reproduce {name} --publish` and commit reports/reproduction"
    )
