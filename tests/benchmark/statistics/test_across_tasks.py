from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmark.statistics.across_tasks import common_tasks, critical_differences, fewest_tasks, loss_table, overall_scores
from benchmark.statistics.comparisons import TaskErrors
from tests.benchmark.statistics.simulated_errors import covered, names, rows

SEEDS = st.integers(0, 2**32 - 1)


def steady(n_tasks: int, n_models: int, seed: int = 0) -> np.ndarray:
    """(T, M) errors of models that come in the same order on every task, in units that differ a thousandfold."""
    rng = np.random.default_rng(seed)
    units = 10 ** rng.uniform(-1, 2, (n_tasks, 1))
    return units * (np.arange(1, n_models + 1) + 0.1 * rng.uniform(size=(n_tasks, n_models)))


# -- ranks -----------------------------------------------------------------------------------------


def test_ranks_and_p_by_scipy():
    rng = np.random.default_rng(0)
    losses = rng.exponential(size=(12, 4)) * [1, 1, 2, 4]
    found = critical_differences(names(4), losses)
    ranks = dict(zip(found.models, found.mean_ranks, strict=True))
    assert [ranks[name] for name in names(4)] == pytest.approx(stats.rankdata(losses, axis=1).mean(axis=0))
    assert found.friedman_p == pytest.approx(stats.friedmanchisquare(*losses.T).pvalue)
    pair = next(p for p in found.pairs if {p.better, p.worse} == {"model-00", "model-03"})
    # The signed ranks are those of the logarithms, which know no unit.
    assert pair.p == pytest.approx(stats.wilcoxon(np.log(losses[:, 0] / losses[:, 3])).pvalue)


def test_ties_of_differences_have_the_p_of_all_signs():
    ratios = np.array([2.0, 2.0, 0.5, 3.0, 3.0, 1.0, 4.0, 0.25])
    found = critical_differences(["a", "b"], np.column_stack([ratios, np.ones(8)])).pairs[0]
    # Seven are not 1; of their logarithms the ranks are 2, 2, -2, 4.5, 4.5, 6.5, -6.5.
    ranks = np.array([2, 2, 2, 4.5, 4.5, 6.5, 6.5])
    sums = np.array([ranks[list(signs)].sum() for signs in product([False, True], repeat=7)])
    assert found.p == pytest.approx(2 * (sums >= 19.5).mean())


def test_ranks_by_hand():
    found = critical_differences(["a", "b", "c"], np.array([[1.0, 2.0, 3.0], [20.0, 20.0, 10.0]]))
    # a: 1 and 2.5; b: 2 and 2.5; c: 3 and 1
    assert dict(zip(found.models, found.mean_ranks, strict=True)) == {"a": 1.75, "c": 2, "b": 2.25}


def test_models_in_the_same_order_on_enough_tasks_are_all_separable():
    found = critical_differences(names(4), steady(12, 4))
    assert found.models == names(4)
    assert all(pair.separable for pair in found.pairs)
    assert found.cliques == ()
    assert found.reason is None
    # All signs agree: the least p of 12 tasks, and six comparisons.
    assert found.pairs[0].p == 2**-11
    assert found.pairs[0].p_holm == 6 * 2**-11


def test_cliques_join_models_that_are_not_separable():
    losses = steady(14, 4)
    losses[:, 1] = losses[:, 0] * np.where(np.arange(14) % 2, 1.001, 0.999)
    found = critical_differences(names(4), losses)
    assert [set(clique) for clique in found.cliques] == [{"model-00", "model-01"}]


def test_few_tasks_cannot_separate_anything_and_say_so():
    found = critical_differences(names(16), steady(6, 16))
    assert not any(pair.separable for pair in found.pairs)
    assert found.cliques == (found.models,)
    assert found.reason == "6 tasks cannot separate 16 models; at least 13 are needed"


def test_the_fewest_tasks_by_hand():
    # 2^(1-T) < 0.05 from 6 tasks on; 120 · 2^(1-T) < 0.05 from 13 on
    assert (fewest_tasks(2), fewest_tasks(16)) == (6, 13)
    assert [pair.separable for n in (5, 6) for pair in critical_differences(["a", "b"], steady(n, 2)).pairs] == [False, True]


def test_equal_models_are_one_clique():
    found = critical_differences(names(3), np.ones((9, 3)))
    assert (found.friedman_p, found.mean_ranks, found.cliques) == (1, (2, 2, 2), (names(3),))
    assert "Friedman" in str(found.reason)
    zero = critical_differences(["a", "b"], np.zeros((9, 2)))
    assert (zero.friedman_p, zero.pairs[0].p) == (None, 1)


def test_a_single_model_has_rank_1():
    found = critical_differences(["a"], np.ones((3, 1)))
    assert (found.mean_ranks, found.pairs, found.cliques, found.reason) == ((1,), (), (), None)


@pytest.mark.parametrize("losses", [np.ones((2, 3)), np.ones((0, 2)), np.ones(2), np.array([[1.0, np.nan]]), -np.ones((1, 2))])
def test_tables_that_are_not_errors_of_the_models_are_refused(losses):
    with pytest.raises(ValueError, match=r"a loss is negative|errors by task and model"):
        critical_differences(["a", "b"], losses)


@settings(max_examples=50, deadline=None)
@given(SEEDS)
def test_the_order_of_tasks_models_and_the_units_have_no_say_in_ranks(seed):
    rng = np.random.default_rng(seed)
    n_tasks, n_models = int(rng.integers(1, 16)), int(rng.integers(1, 6))
    losses = np.round(rng.exponential(size=(n_tasks, n_models)) * rng.choice([1, 1, 5], n_models), int(rng.integers(0, 6)))
    found = critical_differences(names(n_models), losses)
    assert all(0 <= pair.p <= pair.p_holm <= 1 for pair in found.pairs)
    assert list(found.mean_ranks) == sorted(found.mean_ranks)
    assert sum(found.mean_ranks) == pytest.approx(n_models * (n_models + 1) / 2)
    columns, units = rng.permutation(n_models), 2.0 ** rng.integers(-9, 9, (n_tasks, 1))
    again = critical_differences([names(n_models)[m] for m in columns], (units * losses)[rng.permutation(n_tasks)][:, columns])
    assert (again.models, again.cliques) == (found.models, found.cliques)
    assert [pair.p for pair in again.pairs] == pytest.approx([pair.p for pair in found.pairs])


def test_equal_models_are_rarely_separated_over_tasks():
    rng = np.random.default_rng(4)
    count = sum(
        any(p.separable for p in critical_differences(names(4), rng.exponential(size=(12, 4))).pairs) for _ in range(200)
    )
    assert count <= stats.binom.ppf(0.9999, 200, 0.05)


# -- the overall score -----------------------------------------------------------------------------


def task(name: str, levels: dict[str, float], seed: int = 0, spread: float = 0.1, n_folds: int = 5) -> TaskErrors:
    """Models with about these MAE on crystals of their own."""
    rng = np.random.default_rng(seed)
    ids, folds = rows(n_folds, 20)
    errors = np.array(list(levels.values())) * (1 + spread * rng.uniform(-1, 1, (len(ids), len(levels))))
    return TaskErrors(name, tuple(levels), np.char.add(f"{name}-", ids), folds, errors, 0.25)


def test_the_overall_score_is_the_mean_of_errors_in_units_of_the_dummy():
    tasks = [
        task("s/a", {"dummy": 2.0, "x": 1.0, "y": 0.5}, spread=0),
        task("s/b", {"y": 30.0, "x": 30.0, "dummy": 40.0}, spread=0),
    ]
    found = overall_scores(tasks, ["x", "y"], resamples=100)
    # x: (1/2 + 3/4) / 2; y: (1/4 + 3/4) / 2; no spread, no interval
    assert dict(zip(found.models, found.scores, strict=True)) == {"y": 0.5, "x": 0.625}
    assert np.ravel(found.intervals) == pytest.approx([0.5, 0.5, 0.625, 0.625])
    assert (found.tasks, found.left_out) == (("s/a", "s/b"), ())


def test_a_task_that_one_model_lacks_counts_for_none_and_is_named():
    tasks = [
        task("s/a", {"dummy": 2.0, "x": 1.0, "y": 0.5}),
        task("s/b", {"dummy": 1.0, "x": 0.1}),
        task("s/c", {"x": 1.0, "y": 1.0}),
        task("s/d", {"dummy": 0.0, "x": 1.0, "y": 1.0}),
    ]
    found = overall_scores(tasks, ["x", "y"], resamples=100)
    assert found.tasks == ("s/a",)
    assert found.left_out == (("s/b", "without y"), ("s/c", "without dummy"), ("s/d", "dummy makes no error"))
    # Without y there are two tasks.
    assert overall_scores(tasks, ["x"], resamples=100).tasks == ("s/a", "s/b")


def test_a_model_named_twice_is_refused():
    with pytest.raises(ValueError, match="twice"):
        overall_scores([task("s/a", {"dummy": 2.0, "x": 1.0})], ["x", "x"])


def test_no_common_task_means_no_score():
    found = overall_scores([task("s/a", {"dummy": 2.0, "x": 1.0})], ["x", "y"])
    assert (found.models, found.scores, found.intervals, found.tasks) == ((), (), (), ())
    assert found.left_out == (("s/a", "without y"),)


def test_the_dummy_may_be_compared_and_is_exactly_1():
    found = overall_scores([task("s/a", {"dummy": 2.0, "x": 1.0})], ["dummy", "x"], resamples=100)
    assert (found.models, found.scores[1], found.intervals[1]) == (("x", "dummy"), 1, (1, 1))


def test_a_task_with_one_fold_has_an_interval_of_its_crystals():
    single = task("s/a", {"dummy": 2.0, "x": 1.0}, spread=0.5, n_folds=1)
    found = overall_scores([single], ["x"])
    low, high = found.intervals[0]
    dummy, x = single.errors.T
    ratio = (x - dummy * found.scores[0]) / dummy.mean()
    # The delta method for a ratio of means.
    assert (high - low) / (2 * 1.96) == pytest.approx(ratio.std() / np.sqrt(len(ratio)), rel=0.15)
    assert low < found.scores[0] < high


def test_more_tasks_make_the_interval_narrower():
    tasks = [task(f"s/{n}", {"dummy": 2.0, "x": 1.0}, seed=n, spread=0.5) for n in range(9)]
    widths = [high - low for few in (tasks[:1], tasks) for low, high in overall_scores(few, ["x"], resamples=2000).intervals]
    assert widths[1] == pytest.approx(widths[0] / 3, rel=0.3)


def test_a_few_crystals_on_which_the_dummy_can_be_right_leave_no_hole_in_the_interval():
    errors = np.array([[0.0, 1.0], [2.0, 1.0], [0.0, 1.0]])
    few = TaskErrors("t", ("dummy", "x"), np.arange(3), np.zeros(3, int), errors, 0.25)
    low, high = overall_scores([few], ["x"], resamples=500).intervals[0]
    assert np.isfinite([low, high]).all() and low <= 1.5 <= high


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_the_order_of_tasks_and_models_has_no_say_in_the_score(seed):
    rng = np.random.default_rng(seed)
    tasks = [task(f"s/{n}", {"dummy": 2.0, "x": 1.0, "y": float(rng.uniform(0.5, 2))}, seed + n, 0.9) for n in range(3)]
    found = overall_scores(tasks, ["x", "y"], resamples=99)
    again = overall_scores([tasks[n] for n in rng.permutation(3)], ["y", "x"], resamples=99)
    assert again.models == found.models
    assert again.scores == pytest.approx(found.scores)
    assert np.ravel(again.intervals) == pytest.approx(np.ravel(found.intervals))


def test_the_table_has_a_row_a_task_and_a_column_a_model():
    tasks = [task("s/a", {"y": 2.0, "x": 1.0}, spread=0), task("s/b", {"x": 3.0}, spread=0)]
    kept, left_out = common_tasks(tasks, ["x", "y"])
    assert loss_table(kept, ["x", "y"]).tolist() == [[1, 2]]
    assert left_out == (("s/b", "without y"),)
    assert loss_table((), ["x", "y"]).shape == (0, 2)
    with pytest.raises(ValueError, match="not in tuple"):
        loss_table(tasks, ["x", "y"])


def test_intervals_cover_the_true_score_about_as_often_as_stated():
    rng = np.random.default_rng(7)
    for scatter, least in ((1.0, 0.95), (0.1, 0.85)):
        assert sum(covered(rng, scatter) for _ in range(60)) >= stats.binom.ppf(0.0001, 60, least)
