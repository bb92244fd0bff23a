from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from benchmark.cli.shared import consoles, progress
from benchmark.cli.shared.events import newest_plan, run_log
from benchmark.cli.shared.progress import live
from benchmark.harness.cost import Costs
from benchmark.harness.kept import kept_of
from benchmark.harness.plan import Plan
from benchmark.harness.run import Progress
from benchmark.harness.worker import Prepares, Trains
from benchmark.results.learning_rate import GRIDS
from models.contract import Epoch
from tests.benchmark.constructed import failed, make
from tests.benchmark.harness.constructed import make_jobs


def test_a_run_leaves_a_log_with_a_line_of_json_for_each_event(small_folder, tmp_path, capsys):
    one, other = make_jobs(small_folder)
    record = make()[0]
    with live(Plan((one, other), (), ()), tmp_path, quiet=True, costs=Costs(), events=True) as display:
        display.on_progress(Progress(one, None))
        display.on_progress(Progress(one, Epoch(1, 2, 0.5, math.nan, 0.1)))
        display.on_record(one, record)
        display.on_progress(Progress(other, None, elsewhere=True))
        display.on_record(other, record)
    (path,) = (tmp_path / "logs").iterdir()
    plan, *events = [json.loads(line) for line in path.read_text().splitlines()]
    assert (plan["event"], plan["ended"], plan["folds"]) == ("plan", 0, 2)
    assert [(e["event"], e["fold"]) for e in events] == [("begun", 0), ("epoch", 0), ("record", 0), ("record", 1)]
    assert newest_plan(tmp_path) == (2, 2) and newest_plan(tmp_path / "none") is None
    assert (events[1]["epochs"], events[1]["validation_error"]) == (2, None)
    assert [e["elsewhere"] for e in events[2:]] == [False, True]
    assert events[2]["test_loss"] == record.metrics.test.loss and events[2]["status"] == "complete"
    assert [(e["ended"], e["folds"]) for e in events[2:]] == [(1, 2), (2, 2)] and events[3]["left_s"] == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [e for e in events if e["event"] != "epoch"]


def test_80_columns_show_the_time_left_of_the_plan_and_of_each_fold(small_folder, tmp_path, monkeypatch):
    shown = Console(file=StringIO(), width=80, force_terminal=True, color_system=None)
    monkeypatch.setattr(consoles, "console", lambda quiet=False: shown)
    jobs = make_jobs(small_folder, folds=3)
    with live(Plan(jobs, (), ()), tmp_path, quiet=False, costs=Costs()) as display:
        display.time_left.started -= 100
        display.on_record(jobs[0], make()[0])
        for number in (1, 40):  # the first epoch tells no time
            display.on_progress(Progress(jobs[1], Epoch(number, 200, 0.5, 0.123456, 0.1)))
        display.progress.refresh()
    lines = shown.file.getvalue().split("\n")
    assert any(re.search(r"all folds .* 1/3 .*\d+ \S+ left", line) for line in lines), lines
    assert any("MAE 0.1235" in line and line.rstrip().endswith("left") for line in lines), lines


def test_without_a_terminal_a_long_fold_says_how_far_it_is(small_folder, tmp_path, monkeypatch):
    shown = Console(file=StringIO(), width=80)
    monkeypatch.setattr(consoles, "console", lambda quiet=False: shown)
    monkeypatch.setattr(progress, "MILESTONE_S", 0.0)
    jobs = make_jobs(small_folder)
    with live(Plan(jobs, (), ()), tmp_path, quiet=False, costs=Costs()) as display:
        display.on_progress(Progress(jobs[0], Epoch(1, 2, 0.5, math.nan, 0.1)))
        display.on_record(jobs[0], make()[0])
    epoch, fold = shown.file.getvalue().splitlines()
    assert epoch.endswith("fold 1/2: epoch 1 of 2 | 0 of 2 folds"), "the first epoch tells no time"
    assert "fold 1/2: test MAE" in fold and fold.endswith(" | 1 of 2 folds")


def searching(folder):
    """A fold of 30 epochs that tries three learning rates for 3 epochs each."""
    (job, *_) = make_jobs(folder, epochs="30")
    return replace(job, rates=GRIDS["standard"])


def shown_of(job, told, root, monkeypatch, terminal: bool) -> str:
    """What 80 columns show of a fold that tells its progress."""
    shown = Console(file=StringIO(), width=80, force_terminal=terminal, color_system=None)
    monkeypatch.setattr(consoles, "console", lambda quiet=False: shown)
    monkeypatch.setattr(progress, "MILESTONE_S", 0.0)
    with live(Plan((job,), (), ()), root, quiet=False, costs=Costs()) as display:
        for one in told:
            display.on_progress(one)
        display.progress.refresh()
    return shown.file.getvalue()


@pytest.mark.parametrize(
    ("number", "in_full", "short"),
    [(4, "trying 3 learning rates, epoch 4 of 9", " rates 4/9 "), (21, "epoch 12 of 30", " 12/30 ")],
)
def test_the_search_for_a_rate_is_told_apart_from_the_training(small_folder, tmp_path, monkeypatch, number, in_full, short):
    job = searching(small_folder)
    epochs = [Progress(job, Epoch(epoch, 39, 0.5, 0.1234, 0.1)) for epoch in (1, number)]
    texts = [shown_of(job, epochs, tmp_path, monkeypatch, terminal) for terminal in (False, True)]
    assert f"fold 1/2: {in_full}, MAE 0.1234" in texts[0].splitlines()[-1]
    assert any(short in line and line.rstrip().endswith(" left") for line in texts[1].split("\n")), texts[1]


def test_descriptors_show_how_many_crystals_have_theirs(small_folder, tmp_path, monkeypatch):
    job = searching(small_folder)
    prepares = [Progress(job, None, prepares=Prepares(1250, 7582))]
    texts = [shown_of(job, prepares, tmp_path, monkeypatch, terminal) for terminal in (False, True)]
    assert not any('"begun"' in path.read_text() for path in (tmp_path / "logs").iterdir()), "it begins once"
    assert "fold 1/2: computes descriptors, 1,250 of 7,582 crystals | 0 of 1 fold" in texts[0]
    assert "1250/7582" in texts[1]


def test_the_reason_of_a_failure_is_told_once_for_the_folds_of_a_model(small_folder, tmp_path, monkeypatch):
    shown = Console(file=StringIO(), width=80)
    monkeypatch.setattr(consoles, "console", lambda quiet=False: shown)
    one, two = make_jobs(small_folder)
    with live(Plan((one, two), (), ()), tmp_path, quiet=False, costs=Costs()) as display:
        for job, size in ((one, 290), (two, 271)):
            display.on_record(job, failed(reason=f"ValueError: {size} numbers"))
    first, second = shown.file.getvalue().splitlines()
    assert "failed: ValueError: 290 numbers | 1 of 2" in first
    assert "fold 2/2: failed: as fold 1 of seed 0 | 2 of 2" in second


def test_folds_that_are_not_tried_are_one_line_and_no_time_is_left_for_them(small_folder, tmp_path, monkeypatch):
    shown = Console(file=StringIO(), width=80)
    monkeypatch.setattr(consoles, "console", lambda quiet=False: shown)
    first, *others = make_jobs(small_folder, folds=4)
    with live(Plan((first, *others), (), ()), tmp_path, quiet=False, costs=Costs()) as display:
        display.on_record(first, failed(reason="ValueError: 290 numbers"))
        display.on_progress(Progress(first, None, not_tried=tuple(others)))
        path = display.log.path
    *_, line = shown.file.getvalue().splitlines()
    assert line == (
        "not tried: 3 more folds of cgcnn on mine/target, as its code failed in fold 1; mend the model and run the same "
        "command again | 1 of 4 folds, none left"
    )
    assert [json.loads(event)["event"] for event in path.read_text().splitlines()] == ["plan", "record", *3 * ["not tried"]]


def test_a_fold_that_goes_on_says_after_which_epoch_also_within_the_first(small_folder, tmp_path, monkeypatch):
    shown = Console(file=StringIO(), width=80)
    monkeypatch.setattr(consoles, "console", lambda quiet=False: shown)
    jobs = make_jobs(small_folder)
    with live(Plan(jobs, (), ()), tmp_path, quiet=False, costs=Costs()) as display:
        kept = kept_of(make()[0].key, "a" * 64)
        display.on_progress(Progress(jobs[0], None, trains=Trains(kept.model_copy(update={"epoch": 5, "epochs": 20}))))
        display.on_progress(Progress(jobs[1], None, trains=Trains(kept)))
    first, second = shown.file.getvalue().splitlines()
    assert "fold 1/2: goes on from its checkpoint after epoch 5 of 20" in first
    assert "fold 2/2: goes on from its checkpoint within its first epoch" in second


def test_a_stop_is_one_line_and_the_bars_say_what_is_done_before_the_first_epoch(small_folder, tmp_path, monkeypatch):
    shown = Console(file=StringIO(), width=100, force_terminal=True, color_system=None)
    monkeypatch.setattr(consoles, "console", lambda quiet=False: shown)
    jobs = make_jobs(small_folder)
    with live(Plan(jobs, (), ()), tmp_path, quiet=False, costs=Costs()) as display:
        display.progress.refresh()
        display.on_progress(Progress(jobs[0], None))
        display.progress.refresh()
        for job in jobs:
            display.on_progress(Progress(job, None, stops=True))
    text = shown.file.getvalue()
    assert text.index("starting workers") < text.index("builds graphs or descriptors") < text.index("stopping: no fold begins")
    assert text.count("stopping: no fold begins") == 1


def test_a_fold_whose_worker_died_is_told_and_logged(small_folder, tmp_path, monkeypatch):
    shown = Console(file=StringIO(), width=200, color_system=None)
    monkeypatch.setattr(consoles, "console", lambda quiet=False: shown)
    jobs = make_jobs(small_folder)
    with live(Plan(jobs, (), ()), tmp_path, quiet=False, costs=Costs()) as display:
        display.on_progress(Progress(jobs[0], None))
        display.on_progress(Progress(jobs[0], None, dies=True))
        assert not display.bars
        path = display.log.path
    (line,) = shown.file.getvalue().splitlines()
    assert "fold 1/2: its worker process has died; it is tried again when the other folds are done" in line
    assert [json.loads(event)["event"] for event in path.read_text().splitlines()] == ["plan", "begun", "worker died"]


def test_a_log_that_cannot_be_written_costs_nothing(small_folder, tmp_path):
    (tmp_path / "logs").write_text("no folder")
    run_log(tmp_path).progress(Progress(make_jobs(small_folder)[0], None))
    assert (tmp_path / "logs").read_text() == "no folder"
