"""A crystal that a run cannot use costs its own row, and all of them are named at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmark.harness.plan import RunOptions, make_plan
from benchmark.harness.run import run_jobs
from benchmark.results.compositions import path_of
from benchmark.results.store import Store
from datasets.errors import InputError
from datasets.registry import load
from tests.benchmark.conftest import METALS, write_folder
from tests.benchmark.harness.constructed import ignore

N = 20


@pytest.fixture
def folder(tmp_path) -> Path:
    """Twenty good crystals, two files that cannot be read, one element without features and one vast cluster."""
    folder = write_folder(tmp_path / "mine", N)
    good = (folder / "c0.cif").read_text()
    (folder / "cut.cif").write_text(good[:200])
    (folder / "empty.cif").write_text("")
    (folder / "heavy.cif").write_text(good.replace(METALS[0], "Lr"))
    (folder / "vast.xyz").write_text("3\n\nMg 0 0 0\nO 2 0 0\nO 2e7 2e7 2e7\n")
    with (folder / "id_prop.csv").open("a") as table:
        table.write("cut,1\nempty,2\nheavy,3\nvast,4\n")
    return folder


def options(folder: Path, **changes) -> RunOptions:
    return RunOptions(**{"tasks": [str(folder)], "models": ["cgcnn", "dummy"], "profile": "smoke", "folds": 2, **changes})


def test_files_that_cannot_be_read_are_named_together(folder, tmp_path):
    with pytest.raises(InputError) as caught:
        make_plan(options(folder), Store(tmp_path / "runs"))
    assert f"2 of {N + 4} crystals cannot be read; " in str(caught.value) and "--skip-bad" in str(caught.value)
    assert [line.split(": ")[:2] for line in caught.value.details] == [
        [f"id_prop.csv line {N + 1}", "cut.cif"], [f"id_prop.csv line {N + 2}", "empty.cif"],
    ]  # fmt: skip


def test_crystals_that_a_model_cannot_take_are_named_together(folder, tmp_path):
    rows = (folder / "id_prop.csv").read_text().splitlines()
    (folder / "id_prop.csv").write_text("\n".join(row for row in rows if not row.startswith(("cut", "empty"))))
    with pytest.raises(InputError) as caught:
        make_plan(options(folder), Store(tmp_path / "runs"))
    text = str(caught.value)
    assert text.startswith("mine: cgcnn: crystal 'heavy': no features for the element with Z = 103; crystal 'vast': its atoms")
    assert text.endswith("; remove the crystals, or leave them out with --skip-bad, or the model with --model")
    assert len(make_plan(options(folder, models=["dummy"]), Store(tmp_path / "runs")).todo) == 2


def test_bad_crystals_are_left_out_for_all_models_and_a_stopped_run_goes_on(folder, tmp_path):
    store = Store(tmp_path / "runs")
    plan = make_plan(options(folder, skip_bad=True, workers=2), store)
    [warning] = plan.warnings
    first, *lines = warning.split("\n  ")
    assert first == "mine: without 4 of its crystals:" and [line.split(": ")[0] for line in lines] == [
        f"id_prop.csv line {N + 1}", f"id_prop.csv line {N + 2}", "crystal 'vast'", "crystal 'heavy'",
    ]  # fmt: skip
    [without] = {job.task.without for job in plan.jobs}
    assert sorted(without) == ["cut", "empty", "heavy", "vast"]
    records = run_jobs(plan.todo, store, ignore, ignore)
    assert [(record.status, record.reason) for record in records] == [("complete", None)] * 4
    good = load(str(write_folder(tmp_path / "good" / "mine", N)))
    assert {record.key.dataset_hash for record in records} == {good.content_hash}
    assert {record.split.n_test for record in records} == {N // 2}
    assert make_plan(options(folder, skip_bad=True), store).todo == ()


def test_the_command_tells_what_it_leaves_out(folder, benchmark_command, tmp_path):
    arguments = ("run", "--dataset", folder, "--model", "dummy", "--folds", "2", "--profile", "smoke", "--skip-bad")
    ended = benchmark_command(*arguments)
    assert ended.returncode == 0 and "warning: mine: without 2 of its crystals:\n  id_prop.csv line" in ended.stderr
    assert "warning" not in ended.stdout
    shown = json.loads(benchmark_command(*arguments, "--dry-run", "--json").stdout)
    assert [job["done"] for job in shown["jobs"]] == [True, True] and "2 of its crystals" in shown["warnings"][0]
    kept = load(str(folder), ("cut", "empty"))
    assert path_of(tmp_path / "runs", kept.content_hash).is_file()


def test_health_names_bad_files_and_reports_on_the_others(folder, benchmark_command):
    rows = (folder / "id_prop.csv").read_text()
    (folder / "id_prop.csv").write_text(rows.replace("vast,4\n", ""))
    done = benchmark_command("datasets", "health", folder, "--rule", "nearest:12:8")
    told = [line for line in done.stderr.splitlines() if line.startswith("- ")]
    assert done.returncode == 0 and [line.split()[1:4] for line in told] == [
        ["id_prop.csv", "line", f"{N + 1}:"], ["id_prop.csv", "line", f"{N + 2}:"],
    ]  # fmt: skip
    assert (
        f"mine: {N + 1} crystals" in done.stdout
        and "2 crystals cannot be read, and are left out: cut and empty." in done.stdout
    )


def test_a_row_without_a_file_is_told_with_the_unreadable_files(folder, benchmark_command):
    (folder / "empty.cif").unlink()
    arguments = ("run", "--dataset", folder, "--model", "dummy", "--folds", "2", "--profile", "smoke", "--dry-run")
    refused = benchmark_command(*arguments)
    assert refused.returncode == 2 and "2 of 24 crystals cannot be read; mend them" in refused.stderr
    assert "cut.cif" in refused.stderr and "id 'empty' has no structure file" in refused.stderr
    left_out = benchmark_command(*arguments, "--skip-bad")
    assert left_out.returncode == 0 and "mine: without 2 of its crystals:" in left_out.stdout
    assert "id 'empty' has no structure file" in left_out.stdout


def test_a_set_of_bad_crystals_alone_is_refused(tmp_path):
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "a.cif").write_text("nothing")
    (folder / "id_prop.csv").write_text("a,1\n")
    with pytest.raises(InputError, match=r"no crystal can be used: .*a\.cif"):
        make_plan(options(folder, skip_bad=True), Store(tmp_path / "runs"))


def test_a_row_without_a_value_is_left_out_with_a_warning(tmp_path):
    folder = write_folder(tmp_path / "mine", N)
    (folder / "id_prop.csv").write_text("\n".join(f"c{n},{'n.a.' if n == 3 else n}" for n in range(N)))
    plan = make_plan(options(folder, models=["dummy"]), Store(tmp_path / "runs"))
    assert plan.warnings == ("mine: 1 row without a value of any target, left out: line 4",)
    records = run_jobs(plan.todo, Store(tmp_path / "runs"), ignore, ignore)
    assert sum(record.split.n_test for record in records) == N - 1


def test_doubtful_targets_are_told_before_training(tmp_path, benchmark_command):
    folder = write_folder(tmp_path / "mine", N)
    rows = [line.split(",") for line in (folder / "id_prop.csv").read_text().splitlines()]
    (folder / "id_prop.csv").write_text("\n".join(["id,flat,wild", *(f"{i},7,{v if i != 'c3' else 99999}" for i, v in rows)]))
    flat, wild = make_plan(options(folder), Store(tmp_path / "runs")).warnings
    assert flat == "mine/flat: all 20 values are 7; there is nothing to learn"
    assert wild.startswith("mine/wild: 'c3' has 99999, while the median is ")
    ended = benchmark_command("datasets", "info", folder)
    told = [line.removeprefix("warning: ").partition(":")[0] for line in ended.stderr.splitlines()]
    assert ended.returncode == 0 and told == ["flat", "wild"]
