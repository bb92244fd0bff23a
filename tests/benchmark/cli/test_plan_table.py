"""What a plan says before it is carried out."""

from __future__ import annotations

from benchmark.cli.shared.plan_table import _cost_line, unpublishable
from benchmark.harness.cost import PlanCost
from benchmark.harness.plan import RunOptions


def test_the_cost_says_of_how_many_folds_it_is_and_what_comes_on_top():
    cost = PlanCost(80.0, 40.0, {"records of runs": 3}, 5)
    assert _cost_line(cost, RunOptions(workers=2)) == (
        "Training 3 folds takes about 80 s of one core: 40 s on the clock with 2 workers. This estimate is from records of "
        "runs. No record says how long the other 5 folds take. The start and building graphs come on top."
    )
    several = PlanCost(80.0, 40.0, {"records of runs": 3, "2 batches timed here": 1}, 0)
    told = "This estimate is from records of runs for 3 folds to train; 2 batches timed here for 1 fold to train."
    assert told in _cost_line(several, RunOptions()), "the numbers are not of folds on record"
    assert _cost_line(PlanCost(0.0, 0.0, {}, 5), RunOptions()) == "cost unknown: nothing on record for 5 folds"


def test_the_time_on_the_clock_counts_other_programs():
    told = _cost_line(PlanCost(80.0, 40.0, {"records of runs": 3}, 0, slower=2.5), RunOptions(workers=2))
    assert "2 min on the clock with 2 workers (2.5 times as long as alone, as other programs run here). This" in told


def test_whoever_runs_uncommitted_code_is_told_that_it_cannot_be_published(monkeypatch):
    monkeypatch.setattr("benchmark.harness.machine.uncommitted", lambda: ["models/zoo/mine.py"])
    (line,) = unpublishable(RunOptions())
    assert line.startswith("not committed: models/zoo/mine.py. `publish` refuses records of uncommitted code")
    assert not list(unpublishable(RunOptions(profile="smoke"))), "trials are never published"
    monkeypatch.setattr("benchmark.harness.machine.uncommitted", list)
    assert not list(unpublishable(RunOptions()))
