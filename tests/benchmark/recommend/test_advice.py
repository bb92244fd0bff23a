"""The choice within a time, and how it is tried on sets left out."""

from __future__ import annotations

import numpy as np
import pytest

from benchmark.recommend.advice import FOLDS, advise, chance, left_out
from benchmark.recommend.forecast import Forecast, OnSet
from benchmark.recommend.notes import tried
from tests.benchmark.recommend.test_forecast import ran

QUICK = Forecast("quick", 0.5, 0.08, 4, 10, 1)
GOOD = Forecast("good", 0.3, 0.08, 4, 100, 1)
NEARLY = Forecast("nearly", 0.33, 0.08, 4, 90, 1)
FAR = Forecast("far", 0.5, 0.28, 50, 90, 1)
UNKNOWN = Forecast("unknown", 0.32, None, None, 90, 1)


def test_the_lowest_error_within_the_time_is_chosen_and_what_may_beat_it_is_named():
    advice = advise([GOOD, NEARLY, QUICK], seconds=150, workers=FOLDS)
    assert advice.chosen == GOOD and advice.equals == (NEARLY,) and advice.too_dear == ()
    assert FAR.limits[0] < GOOD.error and advise([GOOD, UNKNOWN, FAR], seconds=150, workers=FOLDS).equals == (UNKNOWN,)
    poor = Forecast("poor", 0.34, None, None, 90, 1)
    assert advise([GOOD, poor], seconds=150, workers=FOLDS).equals == (), "no interval, and more than 10 % above in the records"
    assert advise([GOOD, NEARLY, QUICK], seconds=150, workers=FOLDS, slower=2).chosen == QUICK
    assert advise([GOOD, NEARLY, QUICK], seconds=5, workers=FOLDS).chosen is None


def test_a_time_is_for_all_folds_on_the_cores_there_are():
    for workers, enough in ((1, 500), (2, 250), (5, 100), (16, 100)):
        assert advise([GOOD], enough, workers).affordable == (GOOD,) and advise([GOOD], enough - 1, workers).affordable == ()
    assert advise([GOOD, NEARLY, QUICK], seconds=50, workers=1).dearer == (GOOD, NEARLY), "with more time they may be better"


def test_without_a_task_and_an_interval_what_is_about_as_good_on_the_mean_is_named():
    def over_sets(model: str, error: float, *ratios: float) -> Forecast:
        return Forecast(
            model,
            error,
            None,
            None,
            1,
            1,
            tuple(OnSet(str(ratio), ratio, ("a",), (100,), True, ("t",)) for ratio in ratios),
        )

    best, near = over_sets("best", 0.9, 0.7, 0.98, 0.99), over_sets("near", 0.98, 0.8, 1.11, 1.11)
    mostly = over_sets("mostly", 1.2, 1.02, 1.04, 1.8)
    assert advise([best, near, mostly], seconds=10, workers=FOLDS).equals == (near,)


def test_a_model_whose_time_is_not_known_is_still_advised():
    untimed = Forecast("untimed", 0.29, 0.08, 4, None, 1)
    advice = advise([untimed, GOOD, QUICK], seconds=50, workers=FOLDS)
    assert (advice.untimed, advice.affordable, advice.too_dear) == ((untimed,), (QUICK,), (GOOD,))
    assert advice.chosen == untimed and advice.equals == ()


def test_a_constant_is_never_advised():
    dummy = Forecast("dummy", 0.2, 0.1, 4, 0.001, 1)
    assert advise([dummy, GOOD, NEARLY], seconds=150, workers=FOLDS).chosen == GOOD
    assert advise([dummy, GOOD, NEARLY], seconds=5, workers=FOLDS).chosen is None


def test_the_chance_to_be_better_is_that_of_a_table_of_students_t():
    def with_gap(quantile: float) -> Forecast:
        return Forecast("other", 0.3 * np.exp(quantile * 0.1), 0.06, 4, 90, 1)

    good = Forecast("good", 0.3, 0.08, 4, 90, 1)
    # Deviations 0.06 and 0.08 make 0.1; 0.01² / (0.0064² / 4 + 0.0036² / 4) = 7.4 degrees of freedom, 7 in the table.
    assert [chance(with_gap(quantile), good) for quantile in (1.415, 1.895)] == pytest.approx([0.1, 0.05], abs=2e-4)
    assert chance(good, good) == 0.5 and chance(UNKNOWN, good) is None
    assert advise([good, with_gap(1.40)], 150, FOLDS).equals, "1.28 of a normal distribution would leave it out"
    assert not advise([good, with_gap(1.43)], 150, FOLDS).equals


def test_left_out_sets_tell_what_the_advice_of_the_others_costs():
    def task(name: str, errors: dict[str, float]):
        costs = {"a": 1.0, "b": 10.0, "c": 100.0}
        return [ran(model, [100, 100], [error, error], name, np.full(2, costs[model])) for model, error in errors.items()]

    tasks = {
        "x/1": task("x/1", {"a": 3.0, "b": 2.0, "c": 1.0}),
        "y/1": task("y/1", {"a": 3.0, "b": 2.0, "c": 1.0}),
        "z/1": task("z/1", {"a": 3.0, "b": 1.0, "c": 1.5}),
    }
    found = {(one.task, one.budget is None): one for one in left_out(tasks)}
    assert len(found) == 6
    assert (found["z/1", True].chosen, found["z/1", True].best) == ("c", "b")
    assert found["z/1", True].ratio == pytest.approx(1.5)
    assert (found["z/1", False].chosen, found["z/1", False].ratio) == ("b", 1)
    assert found["x/1", True].ratio == 1
    assert left_out({"x/1": tasks["x/1"]}) == []
    said = tried(left_out(tasks))
    assert "had an MAE at most 10 % above the lowest; c on z/1 was 50 % above" in said and "2 of 3 choices" in said, said
