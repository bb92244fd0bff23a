from __future__ import annotations

import json
import re
import shutil
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from benchmark.harness.execution import execute
from benchmark.harness.job import Job, load_task
from benchmark.harness.plan import RunOptions
from benchmark.results.store import Store
from benchmark.studies.depth.page import groups_of, json_rows, page_text
from benchmark.studies.depth.study import STUDY
from benchmark.studies.layer_observer import LAYERS, fresh, look
from benchmark.studies.layers import LayerReport
from benchmark.studies.planning import is_settled, plan_study
from benchmark.studies.published import read_trials
from benchmark.studies.trials import by_task
from benchmark.tasks.folds import Protocol
from benchmark.tasks.tasks import find_tasks, split_of
from models.registry import get
from tests.models.zoo.test_folded import salts


def test_deeper_networks_are_studied_with_either_skip():
    settings = get("deeper-cgcnn").settings("smoke")
    assert [(e.settings.n_layers, e.settings.skip) for e in STUDY.models_to_run(get("deeper-cgcnn"), settings, [4, 30])] == [
        (4, "double"), (30, "double"), (4, "single"), (30, "single"),
    ]  # fmt: skip
    plain = get("cgcnn-mdl")
    assert [e.settings.n_layers for e in STUDY.models_to_run(plain, plain.settings("smoke"), [])] == [
        4,
        6,
        8,
        10,
        15,
        20,
        25,
        30,
    ]


def test_the_rate_is_chosen_on_validation_where_the_profile_has_a_grid(small_folder, tmp_path):
    def grids(**asked: Any) -> set[bool]:
        request = RunOptions(tasks=[str(small_folder)], models=["deeper-cgcnn"], folds=2, **asked)
        return {job.rates is not None for job in plan_study(STUDY, request, [1, 2], Store(tmp_path)).todo}

    assert grids(profile="standard") == {True} and grids(profile="smoke") == {False}
    assert grids(profile="standard", settings={"learning_rate": "0.01"}) == {False}, "asked for"


def test_a_fold_that_diverges_shows_its_fresh_layers_and_is_settled(small_folder, tmp_path):
    store, task = Store(tmp_path), find_tasks(str(small_folder))[0]
    settings = get("cgcnn").settings("smoke", {"learning_rate": "1e30", "n_layers": "3"})
    job = Job(task, "cgcnn", settings, "smoke", Protocol("kfold", 2), 0, 0)
    record = execute(job, store, observer=LAYERS)
    assert record.status == "diverged"
    report = LayerReport.model_validate_json(store.beside(record.key, "layers").read_bytes())
    assert (len(report.initial), len(report.trained), report.reason) == (4, 0, None)
    data = load_task(task)
    settled = is_settled(STUDY, store)
    split = split_of(data, data.fold(job.protocol, 0, 0))
    assert settled(job, data, split)
    assert list(store.records()) == [record]
    store.beside(record.key, "layers").unlink()
    assert not settled(job, data, split)


def test_the_fresh_network_is_the_one_that_training_starts_from(small_folder, tmp_path):
    settings = get("cgcnn").settings("smoke", {"learning_rate": "1e-35", "epochs": "1"})
    job = Job(find_tasks(str(small_folder))[0], "cgcnn", settings, "smoke", Protocol("kfold", 2), 1, 0)
    data = load_task(job.task)
    fold = data.fold(job.protocol, 1, 0)
    model = get("cgcnn").model(settings)
    inputs = model.prepare(data.crystals)
    model.fit(inputs, data.targets, fold.train, fold.validation, job.seed + job.fold)
    network = fresh(job, data, fold, inputs)
    for (name, ours), (_, theirs) in zip(network.named_parameters(), model.network.named_parameters(), strict=True):
        assert torch.allclose(ours, theirs, rtol=0, atol=1e-30), name


def test_layers_are_seen_atom_by_atom_whether_graphs_are_folded_or_not(monkeypatch):
    """Cells repeated and whole: what the observer measures is of every atom and every edge of the validation crystals."""
    crystals = salts()
    data = SimpleNamespace(crystals=crystals, targets=crystals.targets["energy"].to_numpy())
    fold = SimpleNamespace(train=np.arange(40), validation=np.arange(40, 60))
    reports, tables = [], []

    def prepared(task: None, model: str, settings: Any, device: str) -> tuple:
        tables.append(get(model).model(settings).prepare(crystals))
        return tables[-1], 0.0, None

    monkeypatch.setattr("benchmark.studies.layer_observer.prepared", prepared)
    for folded in ("true", "false"):
        settings = get("schnet").settings("smoke", {"fold": folded, "graph": "minimum-image", "edge_scale": "dataset"})
        job = Job(None, "schnet", settings, "smoke", Protocol("kfold", 2), 0, 0)
        reports.append(look(job, data, fold, None))
    assert tables[0].copies is not None and tables[1].copies is None
    assert reports[0] == reports[1] and reports[0].reason is None and reports[0].initial
    assert reports[0].atoms == crystals.n_atoms[40:].sum()


def numbers(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What `--json` prints but the times."""
    return [{**row, "depths": [{k: v for k, v in p.items() if k != "training_s"} for p in row["depths"]]} for row in rows]


def told(store: Store) -> tuple[list[dict[str, Any]], str]:
    """The report's numbers and its page, without times."""
    found = list(read_trials(store, LayerReport, pytest.fail))
    ((task, group),) = by_task(found)
    opening = page_text(task, groups_of(group), "target").split("\n\n")[0]
    return numbers(json_rows(found)), re.sub(r", in [\d.]+ times the training time of \d+ layers?", "", opening)


@pytest.fixture
def one_thread():
    """As a worker on one core has it: sums are rounded by how many threads share them."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
def test_a_study_that_is_killed_and_resumed_or_has_two_workers_gives_the_same_report(benchmark_command, small_folder, tmp_path):
    store = Store(tmp_path / "runs" / "studies" / "depth")
    request = RunOptions(tasks=[str(small_folder)], models=["cgcnn"], profile="smoke", folds=2)
    plan = plan_study(STUDY, request, [1, 2], store)
    assert [(j.settings.n_layers, j.fold) for j in plan.todo] == [(1, 0), (1, 1), (2, 0), (2, 1)]
    for job in plan.todo:
        execute(job, store, observer=LAYERS)
    rows, opening = told(store)
    states = [point["layer_states"]["trained"] for point in rows[0]["depths"]]
    assert [len(found) for found in states] == [2, 3]
    assert all(0 <= state["within_crystals"] <= 1 for found in states for state in found)
    # Killed: of some folds nothing came, of one the record is missing.
    records = store.paths()
    assert len(records) == 4
    shutil.rmtree(records[0].parent)
    records[-1].unlink()
    arguments = ("study", "depth", "--dataset", small_folder, "--model", "cgcnn", "--layers", "1,2", "--folds", "2")
    done = benchmark_command(*arguments, "--profile", "smoke", "--json", "--device", "cpu", "--workers", "1", "--resume")
    assert done.returncode == 0, done.stderr
    assert numbers(json.loads(done.stdout)) == json.loads(json.dumps(rows))
    assert told(store) == (rows, opening)
    two = benchmark_command(*arguments, "--profile", "smoke", "--json", "--device", "cpu", "--workers", "2", "--out", "two")
    assert two.returncode == 0, two.stderr
    assert numbers(json.loads(two.stdout)) == json.loads(json.dumps(rows))
    report = tmp_path / "runs" / "depth" / "mine" / "target"
    assert opening[:40] in report.with_suffix(".md").read_text()
    assert len((report / "table.csv").read_text().splitlines()) == 1 + 2 * 2 * (2 + 3)
    page = report.with_suffix(".md").read_bytes()
    report.with_suffix(".md").unlink()
    again = ("study", "depth", "--dataset", small_folder, "--render-only")
    assert benchmark_command(*again).returncode == 0
    assert report.with_suffix(".md").read_bytes() == page
    elsewhere = tmp_path / "two" / "depth" / "mine" / "target.md"
    assert elsewhere.is_file() and not (tmp_path / "reports").exists(), "a report lies beside its records"
    assert benchmark_command(*again, "--out", "two", "--reports", "pages").returncode == 0
    assert (tmp_path / "pages" / "depth" / "mine" / "target.md").read_bytes() == elsewhere.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("dept", "--task", "emt/alloys"), "unknown study 'dept'; did you mean depth"),
        (("depth",), "nothing to study: name tasks with --task"),
        (("depth", "--task", "emt/surfaces", "--render-only"), "has no fold of emt/surfaces/adsorption_energy"),
        (("depth", "--render-only"), "has no fold of any task named"),
        (("depth", "--task", "emt/surfaces", "--render-only", "--dry-run"), "trains nothing; leave out --dry-run"),
        (("depth", "--task", "emt/alloys", "--layers", "4,x"), "write whole numbers separated by commas"),
        (("depth", "--task", "emt/alloys", "--layers", "0"), "at least 1 layer"),
        (
            ("depth", "--task", "emt/alloys", "--model", "cgcnn", "--resume"),
            "/runs/studies/depth has no finished fold",
        ),
        (("depth", "--task", "emt/alloys", "--model", "soap-svr"), "soap-svr is not a graph network"),
    ],
)
def test_wrong_use_of_a_study_is_one_line(benchmark_command, arguments, message):
    done = benchmark_command("study", *arguments)
    assert done.returncode == 2
    assert message in done.stderr and len(done.stderr.strip().splitlines()) == 1
