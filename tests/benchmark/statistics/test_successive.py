from __future__ import annotations

import numpy as np
import pytest

from benchmark.statistics.comparisons import TaskErrors
from benchmark.statistics.decisions import decide
from benchmark.statistics.successive import decide_in_order, step_verdict
from tests.benchmark.statistics.simulated_errors import correlated, names, rows
from tests.benchmark.statistics.test_decisions import task_of


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.8, 1.0499, "as good"),
        (1.01, 1.04, "as good"),
        (1.0, 1.06, "undecided"),
        (1.06, 1.5, "worse"),
        (1.0499, 1.5, "undecided"),
    ],
)
def test_the_three_words(low, high, word):
    assert step_verdict(np.log(low), np.log(high), 0.05) == word


def test_each_is_held_against_the_best_of_those_before_it_only():
    steps = decide_in_order(task_of([1.2, 1.0, 1.02, 1.4, 0.7], spread=0.01))
    assert [(one.model, one.before, one.verdict) for one in steps] == [
        ("model-01", "model-00", "as good"), ("model-02", "model-01", "as good"), ("model-03", "model-01", "worse"),
        ("model-04", "model-01", "as good"),
    ]  # fmt: skip
    assert steps[2].ratio == pytest.approx(1.4, abs=0.01) and steps[2].interval[0] > 1.05
    assert steps[3].ratio == pytest.approx(0.7, abs=0.01)


def test_two_have_the_interval_that_decide_gives_them():
    task = task_of([1.0, 1.1], spread=0.3)
    (step,) = decide_in_order(task)
    worse = next(one for one in decide(task).standings if one.model == "model-01")
    assert step.interval == pytest.approx(worse.interval) and step.ratio == pytest.approx(worse.ratio)


def test_a_point_estimate_within_the_margin_is_undecided_until_repeats_show_it():
    task = task_of([1.0, 1.01], spread=0.6, seed=3)
    (step,) = decide_in_order(task)
    assert step.verdict == "undecided" and step.more_repeats is None, "the crystals leave it open"
    ids, folds = rows(per_fold=400)
    rng = np.random.default_rng(0)
    luck = 1 + 0.02 * rng.normal(size=(5, 2))
    steady = TaskErrors("t", names(2), ids, folds, np.ones((len(ids), 2)) * luck[folds] * [1.0, 0.99], 0.05)
    (step,) = decide_in_order(steady)
    assert step.verdict == "as good" or step.more_repeats


def test_nothing_is_decided_with_one_fold():
    task = task_of([1.0, 3.0])
    alone = TaskErrors(task.task, task.models, task.ids, np.zeros_like(task.folds), task.errors, 0.25)
    (step,) = decide_in_order(alone)
    assert (step.interval, step.verdict, step.more_repeats) == (None, "undecided", None) and step.ratio > 2.9


def test_a_depth_worse_by_the_margin_is_called_as_good_in_at_most_one_of_twenty_groups():
    rng, wrong = np.random.default_rng(1), 0
    for _ in range(60):
        steps = decide_in_order(correlated(rng, 4, worse_by=np.array([0.0, 0.06, 0.06, 0.06])))
        wrong += any(one.verdict == "as good" for one in steps)
    assert wrong <= 6


def test_wrong_levels_are_refused():
    with pytest.raises(ValueError, match="margin"):
        decide_in_order(task_of([1.0, 1.1]), margin=-0.1)
