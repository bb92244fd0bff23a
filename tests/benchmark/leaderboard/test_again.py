"""Every command that a board prints asks for the folds of its rows, and for nothing else."""

from __future__ import annotations

import re
import shlex
import shutil
from dataclasses import replace

import pytest

from benchmark.cli.shared import plan_table
from benchmark.harness import machine, plan
from benchmark.harness.bad_crystals import BadCrystals
from benchmark.leaderboard.board import read_board
from benchmark.leaderboard.comparison_groups import ComparisonGroup
from benchmark.leaderboard.pages.task import task_page
from benchmark.results.directories import PUBLISHED
from benchmark.results.learning_rate import GRIDS, RateChoice
from benchmark.results.records import JobKey
from benchmark.results.store import Store
from benchmark.schema import Duration
from benchmark.tasks.tasks import Task, find_tasks
from datasets.cards import AS_GIVEN
from models.registry import get
from tests.benchmark.conftest import ROOT, write_folder
from tests.benchmark.constructed import make, write_run

FOLDER = "path/to/mine"
"""Where the commands of a folder's board look for it."""
HASH = "0" * 64
NEWER = ("fold", "length_tolerance", "keep", "pairs")
"""Settings that the oldest published records do not have."""

ROWS = {
    "as the profile has it": dict(model="cgcnn"),
    "of another model": dict(model="dummy"),
    "a changed setting": dict(model="cgcnn", named="smoke", changed={"epochs": 3, "n_layers": 2}),
    "a preset": dict(model="schnet", named="omee"),
    "a chosen rate": dict(model="cgcnn", named="standard", rates=GRIDS["standard"]),
    "a rate taken as it is": dict(model="cgcnn", named="standard"),
    "seeds with a gap": dict(model="dummy", named="smoke", seeds=(0, 1, 4)),
    "grouped duplicates": dict(model="dummy", protocol="kfold(3, grouped)", folds=3),
    "independent splits": dict(model="dummy", protocol="shuffle(80:10:10)", folds=2),
    "a test part alone": dict(model="dummy", protocol="holdout(80:20)", folds=2),
    "a GPU": dict(model="cgcnn", device="gpu"),
}


@pytest.fixture
def planned(benchmark_command, monkeypatch, tmp_path):
    """The keys of the folds that a printed command plans, as on a machine with a GPU; nothing is trained."""
    write_folder(tmp_path / FOLDER, 30)
    plans: list[plan.Plan] = []
    monkeypatch.setattr(machine, "choose_device", str)
    monkeypatch.setattr(plan_table, "show_plan", lambda made, *rest: plans.append(made))

    def call(line: str) -> set[str]:
        python, _, benchmark, *words = shlex.split(line)
        assert (python, benchmark) == ("python", "benchmark")
        done = benchmark_command(*words, "--dry-run")
        assert done.returncode == 0, done.stderr
        return {asked_for(job.key(HASH)) for job in plans.pop().jobs}

    return call


def asked_for(key: JobKey) -> str:
    """All of a key but the data and the source, which the page names, and the settings that came with a newer source."""
    settings = {name: value for name, value in key.settings.items() if name not in NEWER}
    return key.model_copy(update={"source": HASH, "dataset_hash": HASH, "settings": settings}).model_dump_json()


def printed(group: ComparisonGroup) -> list[str]:
    return re.findall(r"^- again: `(.*)`$", task_page([group]), re.MULTILINE)


def keys_of(group: ComparisonGroup) -> set[str]:
    return {asked_for(record.key) for row in group.rows for record in row.run.folds}


def write_row(store, model, named="mini", changed=None, seeds=(0,), folds=5, protocol="kfold(5)", device="cpu", rates=None):
    """Records of a run of the folder, as `run` would write them."""
    settings = get(model).published(named).as_dict() | (changed or {})
    key = {
        "profile": named, "settings": settings, "protocol": protocol, "device": device, "rates": rates, "unit": AS_GIVEN,
    }  # fmt: skip
    where = make(0)[0].machine.model_copy(update={"device": "NVIDIA H200" if device == "gpu" else "cpu"})
    tried = [{"learning_rate": rate, "validation_loss": rate} for rate in (0.001, 0.003)]
    choice = RateChoice(tried=tried, epochs=3, cost=Duration(wall_s=1, device_s=1)) if rates else None
    about = {"changed": changed or {}, "machine": where, "rate_choice": choice}
    for seed in seeds:
        write_run(store, model, 0.2, folds, seed, task="mine/target", key=key | {"seed": seed}, **about)


@pytest.mark.parametrize("row", ROWS)
def test_the_command_of_a_row_plans_its_folds(tmp_path, planned, row):
    store = Store(tmp_path / "runs")
    write_row(store, **ROWS[row])
    (group,) = read_board(store).comparison_groups
    assert set.union(*map(planned, printed(group))) == keys_of(group)


def test_the_commands_of_rows_together_plan_the_folds_of_all(tmp_path, planned):
    store = Store(tmp_path / "runs")
    for row in ("as the profile has it", "of another model", "a GPU"):
        write_row(store, **ROWS[row])
    write_row(store, "cgcnn", changed={"epochs": 3})
    (group,) = read_board(store).comparison_groups
    assert len(printed(group)) == 3
    assert set.union(*map(planned, printed(group))) == keys_of(group)


def test_the_command_of_a_published_board_plans_its_folds(tmp_path, planned, monkeypatch):
    """Its crystals are replaced by few, which the names of folds do not depend on."""
    few = find_tasks(str(tmp_path / FOLDER))[0].load()
    monkeypatch.setattr(Task, "load", lambda task: replace(few, task=task))
    monkeypatch.setattr(BadCrystals, "warnings", lambda bad, data: ())
    task = "emt/pt_clusters/total_energy"
    shutil.copytree(ROOT / PUBLISHED / "records" / task, tmp_path / "records" / task)
    (group,) = read_board(Store(tmp_path)).comparison_groups
    assert set.union(*map(planned, printed(group))) == keys_of(group)
