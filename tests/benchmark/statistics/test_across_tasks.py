from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.statistics.across_tasks import SetTask, common_tasks, nested_contrasts, nested_mean, overall
from benchmark.statistics.comparisons import TaskErrors
from benchmark.statistics.contrasts import Contrasts, Evidence
from benchmark.statistics.decisions import decide
from tests.benchmark.statistics.simulated_errors import rows

SEEDS = st.integers(0, 2**32 - 1)


def task(
    name: str, levels: dict[str, float], seed: int = 0, spread: float = 0.3, n_folds: int = 5, of: str | None = None
) -> SetTask:
    """Models with about these MAE on crystals of their own, whose folds vary."""
    rng = np.random.default_rng(seed)
    ids, folds = rows(n_folds, 20)
    errors = np.array(list(levels.values())) * (1 + spread * rng.uniform(-1, 1, (len(ids), len(levels))))
    errors *= 1 + spread / 10 * rng.normal(size=(n_folds, len(levels)))[folds]
    found = TaskErrors(name, tuple(levels), np.char.add(f"{name}-", ids), folds, errors, 0.25)
    return SetTask(of or name.rpartition("/")[0], found)


def by_model(found):
    return {standing.model: standing for standing in found.standings}


def test_ratios_are_averaged_over_targets_first_then_over_sets():
    tasks = [
        task("s/a", {"dummy": 8.0, "x": 1.0, "y": 4.0}, spread=0),
        task("s/b", {"dummy": 8.0, "x": 4.0, "y": 4.0}, spread=0),
        task("t/a", {"y": 50.0, "x": 50.0, "dummy": 100.0}, spread=0),
    ]
    found = overall(tasks, ["x", "y"], baseline="dummy")
    # x: √(√(1/8 · 4/8) · 1/2); y: √(1/2 · 1/2)
    assert by_model(found)["x"].score == pytest.approx((0.25 * 0.5) ** 0.5)
    assert by_model(found)["y"].score == pytest.approx(0.5)
    assert by_model(found)["y"].ratio == pytest.approx(2**0.5)
    assert by_model(found)["x"].ratio == pytest.approx(0.5**0.5)
    # x: ((1 + 1.5)/2 + 1.5)/2; y: ((2 + 1.5)/2 + 1.5)/2
    assert (by_model(found)["x"].mean_rank, by_model(found)["y"].mean_rank) == (1.375, 1.625)
    assert found.sets == (("s", ("s/a", "s/b")), ("t", ("t/a",)))
    assert found.tasks == ("s/a", "s/b", "t/a")


def test_a_second_target_of_a_set_makes_no_interval_narrower_and_a_second_set_does():
    levels = {"dummy": 8.0, "x": 1.0, "y": 1.2}
    one, again, other = task("s/a", levels), task("s/b", levels), task("t/a", levels)
    width = [
        np.log(high / low)
        for tasks in ([one], [one, again], [one, other])
        for low, high in [by_model(overall(tasks, ["x", "y"], baseline="dummy"))["y"].score_interval]
    ]
    assert width[1] == pytest.approx(width[0])
    # Twice the sets, and about twice the degrees of freedom.
    assert width[2] < 0.72 * width[0]


def test_errors_of_targets_add_up_and_variances_of_sets_do():
    def contrasts(estimate: float, error: float, freedom: float) -> Contrasts:
        return Contrasts(*(np.array([float(value)]) for value in (estimate, error, freedom)))

    found = nested_contrasts([contrasts(1, 0.1, 4), contrasts(3, 0.3, 9), contrasts(0, 0.2, 4)], ["s", "s", "t"])
    assert found.estimate == pytest.approx([1.0])
    assert found.error == pytest.approx([(0.2**2 + 0.2**2) ** 0.5 / 2])
    assert found.freedom == pytest.approx([8.0])
    same = nested_contrasts([contrasts(0, 0, 4), contrasts(0, 0, 7)], ["s", "t"])
    assert (same.error[0], same.freedom[0]) == (0, 4)


def test_one_task_is_decided_as_on_its_own_page():
    one = task("s/a", {"x": 1.0, "y": 1.1, "z": 2.0})
    found = overall([one], ["x", "y", "z"], baseline="dummy")
    own = decide(one.errors)
    for standing in own.standings:
        again = by_model(found)[standing.model]
        assert again.interval == pytest.approx(standing.interval)
        assert (again.verdict, again.ranks) == (standing.verdict, standing.ranks)
        assert (again.score, again.score_interval) == (None, None)
    assert found.decided_pairs == sum(pair.decided for pair in own.pairs)


def test_the_score_has_an_interval_of_its_own():
    one = task("s/a", {"x": 1.0, "y": 1.1, "dummy": 2.0})
    evidence = Evidence.of(one.of(["x", "y", "dummy"])).after()
    low, high = by_model(overall([one], ["x", "y"], baseline="dummy"))["x"].score_interval
    assert np.log(high / low) / 2 == pytest.approx(evidence.half_widths(0.95)[1])


def test_a_model_that_is_best_on_every_set_is_decided():
    tasks = [task(f"s{n}/a", {"x": 1.0, "y": 1.5, "dummy": 2.0}, seed=n, spread=0.1) for n in range(3)]
    found = overall(tasks, ["y", "x"], baseline="dummy")
    assert [(one.model, one.verdict, one.ranks) for one in found.standings] == [
        ("x", "best or equal", (1, 1)),
        ("y", "worse", (2, 2)),
    ]
    assert found.decided_pairs == 1


def test_a_task_that_one_model_lacks_counts_for_none_and_is_named():
    tasks = [
        task("s/a", {"dummy": 2.0, "x": 1.0, "y": 0.5}),
        task("s/b", {"dummy": 1.0, "x": 0.1}),
        task("s/c", {"x": 1.0, "y": 1.0}),
        task("s/d", {"dummy": 0.0, "x": 1.0, "y": 1.0, "z": 0.0}),
    ]
    found = overall(tasks, ["x", "y"], baseline="dummy")
    assert found.tasks == ("s/a",)
    assert found.left_out == (("s/b", "without y"), ("s/c", "without dummy"), ("s/d", "no error is made by dummy"))
    none = overall(tasks[1:2], ["x", "y"], baseline="dummy")
    assert (none.standings, none.sets, none.left_out) == ((), (), (("s/b", "without y"),))


def test_one_fold_decides_nothing_and_says_so():
    single = task("s/a", {"dummy": 2.0, "x": 1.0, "y": 9.0}, n_folds=1)
    found = overall([single, task("t/a", {"dummy": 2.0, "x": 1.0, "y": 9.0})], ["x", "y"], baseline="dummy")
    assert found.reason is not None and "one fold" in found.reason
    assert {(one.verdict, one.interval, one.score_interval, one.ranks) for one in found.standings} == {
        ("undecided", None, None, (1, 2))
    }
    assert by_model(found)["x"].score == pytest.approx(0.5, rel=0.2)


@pytest.mark.parametrize("models", [["x", "x"], ["x", "dummy"], ["x"]])
def test_models_that_cannot_be_compared_are_refused(models):
    with pytest.raises(ValueError, match="two models or more must be named"):
        overall([task("s/a", {"dummy": 2.0, "x": 1.0})], models, baseline="dummy")


@settings(max_examples=20)
@given(SEEDS)
def test_the_order_of_tasks_and_models_and_the_units_have_no_say(seed):
    rng = np.random.default_rng(seed)
    tasks = [task(f"s{n // 2}/{n}", {"dummy": 2.0, "x": 1.0, "y": float(rng.uniform(0.5, 2))}, seed + n) for n in range(3)]
    found = overall(tasks, ["x", "y"], baseline="dummy")
    scaled = [replace(one, errors=replace(one.errors, errors=one.errors.errors * 2.0 ** rng.integers(-9, 9))) for one in tasks]
    again = overall([scaled[n] for n in rng.permutation(3)], ["y", "x"], baseline="dummy")
    assert [one.model for one in again.standings] == [one.model for one in found.standings]
    for one, other in zip(found.standings, again.standings, strict=True):
        assert other.score == pytest.approx(one.score)
        assert other.interval == pytest.approx(one.interval)
        assert (other.verdict, other.ranks) == (one.verdict, one.ranks)


def test_common_tasks_and_nested_means_by_hand():
    tasks = [task("s/a", {"y": 2.0, "x": 1.0}), task("s/b", {"x": 3.0})]
    kept, left_out = common_tasks(tasks, ["x", "y"])
    assert [one.errors.task for one in kept] == ["s/a"]
    assert left_out == (("s/b", "without y"),)
    assert nested_mean(np.array([1.0, 3.0, 10.0]), ["s", "s", "t"]) == 6
