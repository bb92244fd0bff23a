"""The index of a board: what to conclude, and every model on every task."""

from __future__ import annotations

import re

import numpy as np
import pytest

from benchmark.leaderboard.coverage import RECORD, Coverage, SimulatedRates
from benchmark.results.store import Store
from datasets.errors import InputError
from tests.benchmark.constructed import PER_FOLD, write_fold, write_run
from tests.benchmark.leaderboard.markdown import pages_of, row_of


def test_groups_of_one_model_alone_are_counted(store, tmp_path):
    write_run(store, "cgcnn", 0.3, task="set/other")
    write_run(store, "cgcnn", 0.3, key={"protocol": "kfold(5, grouped)"})
    page = pages_of(store)["README.md"]
    write_run(store, "dummy", 2.0, key={"protocol": "kfold(5, grouped)"})
    page = pages_of(store)["README.md"]
    told = "one model alone ran, or dummies beside it: no two models are compared there."
    assert f"In 2 comparison groups, *without a rival* in the table, {told}" in page and "In 1 of 1 comparison group" in page
    assert page.count("without a rival") == 3
    lone = Store(tmp_path / "lone")
    write_run(lone, "cgcnn", 0.3)
    assert f"In each comparison group, {told}" in pages_of(lone)["README.md"]
    write_run(lone, "dummy", 2.0)
    assert (
        "set/target: 2 models, one of which is more than a number, 5 folds. cgcnn is best or equal"
        in pages_of(lone)["README.md"]
    )


def test_published_size_comes_before_miniatures_and_toy_labels(store):
    for profile in ("standard", "mini"):
        for model, mae in (("cgcnn", 0.3), ("schnet", 0.9), ("dummy", 2.0)):
            write_run(store, model, mae, task="cgcnn/band_gap", key={"profile": profile})
    lines = [line for line in pages_of(store)["README.md"].splitlines() if line.startswith("- ")]
    assert lines[0].startswith("- At published size: In 2 of 2 comparison groups a model is shown")
    assert lines[1].startswith("- With miniatures or toy labels: In 1 of 1 comparison group")


def test_models_that_do_not_beat_the_dummy_over_tasks_are_named(store):
    for model, mae in (("cgcnn", 0.2), ("schnet", 2.1), ("dummy", 2.0), ("dummy-median", 2.0)):
        write_run(store, model, mae, task="other/target")
    write_run(store, "schnet", 2.1)
    write_run(store, "dummy-median", 2.0)
    over_tasks = pages_of(store)["README.md"].split("## Over 2 tasks")[1].split("##")[0]
    assert "Not shown to be better than predicting the mean: schnet." in over_tasks


def test_the_index_concludes_then_shows_every_model_on_every_task(store):
    for model, mae in (("cgcnn", 3.0), ("schnet", 1.0), ("dummy", 4.0)):
        write_run(store, model, mae, task="set/other")
    write_run(store, "late", 1.0, task="set/other", folds=1)
    page = pages_of(store)["README.md"]
    conclusions = [line for line in page.splitlines() if line.startswith("- ")]
    assert "In 2 of 2 comparison groups a model is shown to be best or equal, within 5 %" in conclusions[0]
    assert "within 5 %. 6 of 6 pairs of models are told apart." in conclusions[0]
    assert "most often" not in conclusions[0], "each is it once"
    assert "Over 2 tasks of 1 crystal set (track standard, kfold(5)), schnet has the lowest error, 0.25" in conclusions[1]
    assert "of the dummy's; schnet is shown to be best or equal, within 5 %, and 1 of 1 pair is told apart." in conclusions[1]
    everything = page.split("## Every model")[1]
    assert "[set/other](tasks/set/other.md), eV" in everything
    cells = row_of(everything, "late", before="\0")
    assert cells[1].endswith("(1 of 5 folds)") and cells[2] == ""
    assert row_of(everything, "schnet", before="\0")[1].startswith("**")
    assert everything.rstrip().splitlines()[-1].startswith("| [dummy]")


def test_an_undecided_first_place_is_said(store):
    rng = np.random.default_rng(1)
    for fold in range(5):
        write_fold(store, "cgcnn-mdl", fold, 0.2 * rng.uniform(0.5, 1.5, PER_FOLD))
    page = pages_of(store)["README.md"]
    assert "- set/target: " in page and "None is shown to be the best" in page
    assert re.search(r"cgcnn(-mdl)?; cgcnn(-mdl)? ", page)


def test_models_over_tasks_have_verdicts_and_the_coverage_of_their_intervals(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = Store(tmp_path / "runs")
    for task in ("one/a", "one/b", "two/a"):
        for model, mae in (("dummy", 4.0), ("a", 1.0), ("b", 2.0)):
            write_run(store, model, mae, task=task)
    page = pages_of(store)["README.md"]
    assert "a is shown to be best or equal, within 5 %, and 1 of 1 pair is told apart." in page
    table = page.split("## Over 3 tasks of 2 crystal sets")[1]
    assert row_of(table, "a", before="\0")[0] == "best or equal"
    assert "one (2 tasks) and two (1 task)" in table
    assert "We simulated" not in table
    rates = SimulatedRates(simulated=640, coverage=0.961, least_coverage=0.94, false=0.02, most_false=0.05)
    RECORD.parent.mkdir()
    RECORD.write_text(Coverage(one_task=rates, over_tasks=rates).model_dump_json())
    table = pages_of(store)["README.md"].split("## Over 3 tasks of 2 crystal sets")[1]
    assert "We simulated 640 tracks" in table and "true ratio in 96.1 % of cases" in table
    RECORD.write_text("{}")
    with pytest.raises(InputError, match="run it again"):
        pages_of(store)
