from __future__ import annotations

import json
import math

from benchmark.cli.shared.events import run_log
from benchmark.cli.shared.progress import live
from benchmark.harness.plan import Plan
from benchmark.harness.run import Progress
from models.contract import Epoch
from tests.benchmark.constructed import make
from tests.benchmark.harness.constructed import make_jobs


def test_a_run_leaves_a_log_with_a_line_of_json_for_each_event(small_folder, tmp_path):
    one, other = make_jobs(small_folder)
    record = make()[0]
    with live(Plan((one, other), (), ()), tmp_path, quiet=True) as display:
        display.on_progress(Progress(one, None))
        display.on_progress(Progress(one, Epoch(1, 2, 0.5, math.nan, 0.1)))
        display.on_record(one, record)
        display.on_progress(Progress(other, None, elsewhere=True))
        display.on_record(other, record)
    (path,) = (tmp_path / "logs").iterdir()
    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(e["event"], e["fold"]) for e in events] == [("begun", 0), ("epoch", 0), ("record", 0), ("record", 1)]
    assert (events[1]["epochs"], events[1]["validation_error"]) == (2, None)
    assert [e["elsewhere"] for e in events[2:]] == [False, True]
    assert events[2]["test_loss"] == record.metrics.test.loss and events[2]["status"] == "complete"


def test_a_log_that_cannot_be_written_costs_nothing(small_folder, tmp_path):
    (tmp_path / "logs").write_text("no folder")
    run_log(tmp_path).progress(Progress(make_jobs(small_folder)[0], None))
    assert (tmp_path / "logs").read_text() == "no folder"
