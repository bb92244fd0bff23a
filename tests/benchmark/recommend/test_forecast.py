"""Power laws through records: exponents, intervals, crystal sets that count once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.recommend import forecast
from benchmark.recommend.forecast import curves, over_tasks
from benchmark.recommend.measured import Trained


def ran(model: str, sizes, errors, task: str = "set/target", seconds=None) -> Trained:
    sizes = np.asarray(sizes, dtype=float)
    return Trained(task, model, "eV", sizes, np.asarray(errors, dtype=float), sizes * 0.1 if seconds is None else seconds)


def on_task(models: list[Trained], crystals: float) -> list[forecast.Forecast]:
    return forecast.on_task({"set/target": models}, "set/target", crystals)


@given(st.floats(-1, -0.05), st.floats(0.01, 100))
def test_an_exact_power_law_is_continued(exponent, scale):
    sizes = np.array([100, 100, 400, 400, 1600, 1600])
    (found,) = on_task([ran("m", sizes, scale * sizes**exponent)], 12_800)
    assert found.error == pytest.approx(scale * 12_800**exponent, rel=1e-9)
    assert found.limits == pytest.approx((found.error, found.error), rel=1e-6) and found.beyond == pytest.approx(8)
    assert found.seconds == pytest.approx(1280)


def test_the_time_is_that_of_the_trainings_on_the_nearest_number_of_crystals():
    """Small trainings are dearer a crystal: a start costs the same."""
    model = ran("m", [100, 100, 1600, 1600], [1, 1, 0.5, 0.5], seconds=np.array([8.0, 10.0, 30.0, 34.0]))
    assert [model.seconds_at(n) for n in (100, 50, 1600, 3200)] == pytest.approx([9, 4.5, 32, 64])


def test_crystals_above_and_below_those_of_the_records_are_beyond_them():
    sizes = [100, 100, 400, 400]
    found = {n: on_task([ran("m", sizes, [1, 1.1, 0.5, 0.6])], n)[0].beyond for n in (25, 100, 200, 400, 1200)}
    assert found == pytest.approx({25: 0.25, 100: 1, 200: 1, 400: 1, 1200: 3})


def test_95_percent_intervals_hold_95_percent_of_new_trainings():
    rng = np.random.default_rng(0)
    sizes, held = np.repeat([500, 1000, 2000, 4000], 3), 0
    for _ in range(2000):
        errors = sizes**-0.4 * np.exp(rng.normal(0, 0.05, len(sizes)))
        (found,) = on_task([ran("m", sizes, errors)], 8000)
        held += found.limits[0] <= 8000**-0.4 * np.exp(rng.normal(0, 0.05)) <= found.limits[1]
    assert 0.93 < held / 2000 < 0.97


def test_a_model_of_one_size_takes_the_exponent_of_the_others_and_a_wider_interval_away_from_it():
    several = [ran(name, [100, 1000, 100, 1000], [1, 10**b, 1.01, 1.01 * 10**b]) for name, b in (("a", -0.3), ("b", -0.5))]
    single = ran("c", [1000, 1000, 1000], [0.5, 0.51, 0.49])
    constant = ran("dummy", [100, 1000], [2, 2])
    assert [curve.exponent for curve in curves([*several, single, constant])] == pytest.approx([-0.3, -0.5])
    near, far = (next(one for one in on_task([*several, single], n) if one.model == "c") for n in (1000, 1500))
    assert far.error == pytest.approx(near.error * 1.5**-0.4)
    assert far.limits[1] / far.limits[0] > near.limits[1] / near.limits[0] > 1


def test_a_network_takes_the_exponent_of_networks_and_another_model_that_of_others():
    """Networks learn faster: on work functions and bulk moduli their exponents are up to twice those of descriptors."""

    def at(name: str, exponent: float | None, atoms: float | None) -> Trained:
        sizes = [1000, 1000] if exponent is None else [100, 1000]
        return replace(ran(name, sizes, [1, 1] if exponent is None else [10**-exponent, 1]), atoms=atoms)

    models = [at("net", -0.4, 8.0), at("forest", -0.1, None), at("new net", None, 8.0), at("new kernel", None, None)]
    found = {one.model: one for one in on_task(models, 500)}
    assert [curve.model for curve in found["new net"].scaled_by] == ["net"]
    assert [curve.model for curve in found["new kernel"].scaled_by] == ["forest"]
    assert found["new net"].error == pytest.approx(0.5**-0.4)
    without = [model for model in models if model.model != "forest"]
    assert {one.model: one for one in on_task(without, 500)}["new kernel"].scaled_by[0].model == "net"


def test_limits_are_those_of_students_t_by_hand():
    (found,) = on_task([ran("m", [100, 100, 100], np.exp([0.0, 0.1, 0.2]))], 100)
    # Variance 0.01 with 2 degrees of freedom; one more training adds a third; the table's quantile is 4.303.
    assert (found.deviation, found.freedom) == (pytest.approx((0.01 * 4 / 3) ** 0.5), 2)
    assert found.limits == pytest.approx((np.exp(0.1 - 0.4968), np.exp(0.1 + 0.4968)), rel=1e-3)


def test_an_exponent_from_one_other_model_gives_an_error_without_an_interval():
    models = [ran("a", [100, 1000, 100, 1000], [1, 0.3, 1.01, 0.31]), ran("b", [1000, 1000], [0.4, 0.41])]
    near, far = (next(one for one in on_task(models, n) if one.model == "b") for n in (1100, 4000))
    assert near.limits and far.limits is None and far.error < near.error


def test_an_interval_over_more_than_a_power_of_ten_is_none():
    models = [ran(name, [100, 1000, 100, 1000], [1, b, 1.01, b]) for name, b in (("a", 0.9), ("b", 0.1))]
    near, far = (on_task([*models, ran("c", [100, 100, 100], [0.5, 0.51, 0.49])], n) for n in (100, 1000))
    assert [{one.model: bool(one.limits) for one in each}["c"] for each in (near, far)] == [True, False]


def test_a_constant_does_not_learn_from_more_crystals():
    models = [ran("a", [100, 1000], [1, 0.3]), ran("dummy", [100, 100], [2, 2.1])]
    assert {one.model: one.error for one in on_task(models, 1000)}["dummy"] == pytest.approx(4.2**0.5)


def test_a_model_of_one_size_is_left_out_at_another_where_nothing_tells_an_exponent():
    alone = [ran("a", [1000, 1000], [1, 1.05]), ran("b", [1000], [1])]
    assert on_task(alone, 5000) == []
    assert [(one.model, one.limits is None) for one in on_task(alone, 1100)] == [("b", True), ("a", False)]


def test_a_task_without_an_exponent_takes_that_of_other_tasks():
    tasks = {"x/1": [ran("a", [100, 1000], [1, 10**-0.5], "x/1")], "y/1": [ran("a", [100, 100], [8, 8], "y/1")]}
    (found,) = forecast.on_task(tasks, "y/1", 1000)
    assert found.error == pytest.approx(8 * 10**-0.5)


def test_targets_of_one_set_count_once_and_the_interval_is_over_sets():
    tasks = {
        task: [ran("a", [100, 100], [1, 1], task), ran("b", [100, 100], [ratio, ratio], task)]
        for task, ratio in (("x/1", 2), ("x/2", 2), ("x/3", 2), ("y/1", 8))
    }
    best, other = over_tasks(tasks, 100)
    assert (best.model, best.error) == ("a", pytest.approx(1 / 4))
    assert other.error == pytest.approx(4)  # the geometric mean of 2 and 8, not of 2, 2, 2 and 8
    assert other.limits is None, "two sets say next to nothing of others"
    assert all(one.limits is None for one in over_tasks(tasks | of_set("z/1", 4), 100)), "2, 4 and 8 are too far apart"
    alike = {task: tasks[task] for task in ("x/1", "x/2", "x/3")} | of_set("y/1", 2.2) | of_set("z/1", 2.1)
    assert all(one.limits[0] < one.error < one.limits[1] for one in over_tasks(alike, 100))


def of_set(task: str, ratio: float) -> dict[str, list[Trained]]:
    return {task: [ran("a", [100, 100], [1, 1], task), ran("b", [100, 100], [ratio, ratio], task)]}


def test_ratios_are_compared_with_the_most_on_record_and_never_beyond():
    tasks = {
        "x/1": [ran("a", [100, 1000, 1000], [1, 0.3, 0.5], "x/1"), ran("b", [1000, 1000], [0.2, 0.3], "x/1")],
        "y/1": [ran("a", [50, 500], [1, 0.1], "y/1"), ran("b", [50, 500], [0.5, 0.2], "y/1")],
        "z/1": [ran("a", [10_000, 10_000], [1, 1], "z/1"), ran("b", [10_000, 10_000], [2, 2], "z/1")],
    }
    by_model = {one.model: one for one in over_tasks(tasks, 4000)}
    x, y, z = by_model["a"].on_sets
    # Means of the trainings on 1,000 crystals, 0.4 and 0.25; on 500 crystals 0.1 and 0.2.
    assert (x.ratio, x.crystals, x.measured) == (pytest.approx(1.6), (1000,), True)
    assert (y.ratio, y.crystals, y.measured) == (pytest.approx(0.5), (500,), True)
    assert (z.crystals, z.measured) == ((4000,), False)
    assert by_model["a"].error == pytest.approx((1.6 * 0.5 * z.ratio) ** (1 / 3))
    assert by_model["a"].seconds == pytest.approx(400), "of as many crystals as the user has"
    assert [one.on_sets[0].ratio for one in over_tasks(tasks, 40_000) if one.model == "a"] == [x.ratio]


def test_a_model_that_a_set_lacks_is_not_compared_over_sets():
    tasks = {task: [ran(model, [100], [1], task) for model in models] for task, models in (("x/1", "abc"), ("y/1", "ab"))}
    assert [one.model for one in over_tasks(tasks, 100)] == ["a", "b"]
    assert over_tasks({}, 100) == []


def test_models_that_ran_alone_are_not_compared():
    tasks = {
        "x/1": [ran("a", [100], [1], "x/1"), ran("b", [100], [3], "x/1")],
        "x/2": [ran("b", [100], [1], "x/2")],
        "y/1": [ran("a", [100], [1], "y/1")],
    }
    assert [(one.model, one.error) for one in over_tasks(tasks, 100)] == [("a", pytest.approx(1 / 3)), ("b", pytest.approx(3))]
    assert over_tasks({"y/1": tasks["y/1"]}, 100) == []
