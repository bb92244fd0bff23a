from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from benchmark.statistics.comparisons import TaskErrors, corrected_t_test, holm, paired_bootstrap, rank_tiers, welch
from benchmark.statistics.resampling import resampled_means
from tests.benchmark.statistics.simulated_errors import (
    correlated,
    names,
    rejected_pairs,
    reordered,
    rows,
    several_tiers,
    shuffled,
    trained,
)

SCORES = st.floats(0, 100, allow_subnormal=False)
SEEDS = st.integers(0, 2**32 - 1)


def any_task(seed: int, n_models: int = 4, n_folds: int = 3) -> TaskErrors:
    """Models of all kinds: equal ones, coarse errors with many ties, different sizes of error."""
    rng = np.random.default_rng(seed)
    ids, folds = rows(n_folds, 8)
    errors = rng.exponential(size=(len(ids), n_models)) * rng.choice([0.1, 1, 5], n_models)
    errors = np.round(errors, int(rng.integers(0, 6)))
    errors[:, -1] = errors[:, int(rng.integers(n_models))]
    return TaskErrors("set/target", names(n_models), ids, folds, errors, 0.25)


# -- the corrected t-test --------------------------------------------------------------------------


def test_the_corrected_t_test_is_the_paired_one_with_more_variance():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 5))
    plain = stats.ttest_rel(first, second)
    found = corrected_t_test(first, second, 0.25)
    # √(1/5 + 1/4) in the place of √(1/5)
    assert found.t == pytest.approx(plain.statistic * np.sqrt(0.2 / 0.45))
    assert found.p == pytest.approx(2 * stats.t.sf(abs(found.t), 4))
    assert corrected_t_test(first, second, 1e-15).p == pytest.approx(plain.pvalue)
    interval = corrected_t_test(first, second, 1e-15, confidence=0.9).interval
    assert interval == pytest.approx(tuple(plain.confidence_interval(0.9)))


def test_the_corrected_t_test_by_hand():
    found = corrected_t_test(np.array([2.0, 4.0, 6.0]), np.array([1.0, 2.0, 3.0]), 1 / 2 - 1 / 3)
    # Differences 1, 2, 3: mean 2, variance 1, factor 1/3 + 1/6 = 1/2; t = 2√2 with 2 degrees of freedom: p = 1 - t/√(t² + 2)
    assert (found.difference, found.standard_error, found.t) == pytest.approx((2, np.sqrt(0.5), 2 * np.sqrt(2)))
    assert found.p == pytest.approx(1 - np.sqrt(0.8))


def test_identical_scores_are_never_separable():
    found = corrected_t_test(np.array([0.1, 0.2]), np.array([0.1, 0.2]), 0.25)
    assert (found.difference, found.p, found.interval, found.reason) == (0, 1, (0, 0), None)
    # Sums in another order are no difference either.
    assert corrected_t_test(np.array([0.1 + 0.2, 0.7]), np.array([0.3, 0.7]), 0.25).p == 1


def test_the_same_difference_in_every_fold_is_the_limit_of_small_spread():
    found = corrected_t_test(np.array([3.0, 2.0]), np.array([1.0, 0.0]), 0.25)
    assert (found.difference, found.t, found.p, found.interval) == (2, np.inf, 0, (2, 2))


def test_one_fold_allows_no_test_and_says_so():
    found = corrected_t_test(np.array([3.0]), np.array([1.0]), 0.25)
    assert (found.difference, found.p, found.t, found.standard_error, found.interval) == (2, 1, None, None, None)
    assert "one fold" in str(found.reason)


@pytest.mark.parametrize(
    ("first", "second", "ratio"),
    [([1.0, 2.0], [1.0], 0.25), ([], [], 0.25), ([1.0, np.nan], [1.0, 2.0], 0.25), ([1.0, 2.0], [1.0, 3.0], 0.0)],
)
def test_scores_that_are_not_pairs_are_refused(first, second, ratio):
    with pytest.raises(ValueError, match=r"paired scores|ratio"):
        corrected_t_test(np.array(first), np.array(second), ratio)


@given(st.integers(1, 8).flatmap(lambda k: arrays(float, (2, k), elements=SCORES)), st.floats(0.01, 2))
def test_swapping_the_models_turns_the_t_test_round(scores, ratio):
    there, back = corrected_t_test(*scores, ratio), corrected_t_test(*scores[::-1], ratio)
    assert 0 <= there.p <= 1
    assert there.p == back.p
    assert there.difference == -back.difference
    if there.interval and back.interval:
        assert there.interval == pytest.approx((-back.interval[1], -back.interval[0]))
        assert there.interval[0] <= there.difference <= there.interval[1]


# -- the bootstrap ---------------------------------------------------------------------------------


def test_the_bootstrap_is_that_of_scipy():
    rng = np.random.default_rng(1)
    ids = np.arange(60)
    first, second = rng.exponential(1.0, 60), rng.exponential(1.3, 60)
    found = paired_bootstrap(ids, first, second)
    reference = stats.bootstrap((first - second,), np.mean, n_resamples=10_000, method="percentile", rng=rng)
    assert found.difference == pytest.approx(np.mean(first - second))
    # Ends of intervals of 10,000 samples scatter by 0.03 standard errors.
    assert found.interval == pytest.approx(tuple(reference.confidence_interval), abs=0.15 * reference.standard_error)
    share = (reference.bootstrap_distribution >= 0).mean()
    assert found.p == pytest.approx(2 * share, abs=8 * np.sqrt(share / 10_000))


def test_every_sample_of_two_crystals_by_hand():
    means = resampled_means(np.array(["a", "b"]), np.array([[1.0, 0.0], [3.0, 0.0]]), resamples=4000)[:, 0]
    values, counts = np.unique(means, return_counts=True)
    assert values.tolist() == [1, 2, 3]
    assert counts / 4000 == pytest.approx([0.25, 0.5, 0.25], abs=0.03)


def test_a_crystal_tested_in_several_folds_is_drawn_with_all_its_rows():
    ids = np.array(["a", "b", "a", "a"])
    means = resampled_means(ids, np.array([[1.0], [9.0], [1.0], [1.0]]), resamples=200)[:, 0]
    # a twice, one of each (three rows of 1 and one of 9), b twice
    assert set(means.tolist()) == {1, 3, 9}


def test_many_crystals_are_drawn_in_blocks(monkeypatch):
    rng = np.random.default_rng(2)
    ids, errors = np.arange(50), rng.exponential(size=(50, 3))
    at_once = resampled_means(ids, errors, resamples=101)
    monkeypatch.setattr("benchmark.statistics.resampling.BLOCK", 10)
    one_by_one = resampled_means(ids, errors, resamples=101)
    assert one_by_one.shape == (101, 3)
    assert one_by_one.mean(axis=0) == pytest.approx(errors.mean(axis=0), rel=0.1)
    assert at_once.std(axis=0) == pytest.approx(one_by_one.std(axis=0), rel=0.4)


def test_tasks_on_the_same_crystals_draw_the_same_crystals():
    rng = np.random.default_rng(3)
    ids, errors = np.array(["a", "b", "c", "d"]), rng.exponential(size=(4, 1))
    first = resampled_means(ids, errors, resamples=50)
    assert (resampled_means(ids, 2 * errors, resamples=50) == 2 * first).all()
    assert (resampled_means(np.array(["a", "b", "c", "e"]), errors, resamples=50) != first).any()
    assert (resampled_means(ids, errors, resamples=50, seed=1) != first).any()


def test_identical_errors_and_a_single_crystal_have_p_1():
    ids, errors = np.arange(7), np.random.default_rng(4).exponential(size=7)
    same = paired_bootstrap(ids, errors, errors.copy(), resamples=100)
    assert (same.difference, same.p, same.interval) == (0, 1, (0, 0))
    single = paired_bootstrap(np.array([5]), np.array([1.0]), np.array([2.0]))
    assert (single.difference, single.p, single.interval) == (-1, 1, None)
    assert "one crystal" in str(single.reason)


@settings(max_examples=50)
@given(SEEDS)
def test_the_order_of_crystals_and_of_models_has_no_say_in_the_bootstrap(seed):
    task = any_task(seed)
    first, second = task.errors[:, 0], task.errors[:, 1]
    found = paired_bootstrap(task.ids, first, second, resamples=99)
    order = np.random.default_rng(seed).permutation(len(task.ids))
    assert paired_bootstrap(task.ids[order], first[order], second[order], resamples=99).p == found.p
    turned = paired_bootstrap(task.ids, second, first, resamples=99)
    assert 0 <= found.p <= 1
    assert turned.p == found.p
    assert turned.difference == -found.difference
    assert turned.interval == pytest.approx((-found.interval[1], -found.interval[0]))


# -- Holm ------------------------------------------------------------------------------------------


def test_holm_by_hand():
    # 3 · 0.01; 2 · 0.03; the largest at least what the one before became.
    assert holm(np.array([0.04, 0.01, 0.03])) == pytest.approx([0.06, 0.03, 0.06])
    assert holm(np.array([0.5, 0.9])).tolist() == [1, 1]
    assert holm(np.array([])).tolist() == []


@given(arrays(float, st.integers(1, 12), elements=st.floats(0, 1)))
def test_holm_raises_every_p_keeps_their_order_and_the_bonferroni_bound(p):
    corrected = holm(p)
    assert (corrected >= p).all()
    assert (corrected <= np.minimum(1, len(p) * p)).all()
    assert (np.diff(corrected[np.argsort(p)]) >= 0).all()


# -- tiers -----------------------------------------------------------------------------------------


def spread_task(levels: list[float], spread: float = 0.01) -> TaskErrors:
    """Models with these MAE and nearly no spread over folds."""
    rng = np.random.default_rng(5)
    ids, folds = rows()
    errors = np.array(levels) + spread * rng.uniform(-1, 1, (len(ids), len(levels)))
    return TaskErrors("set/target", names(len(levels)), ids, folds, errors, 0.25)


def test_models_that_cannot_be_told_apart_share_a_tier():
    found = rank_tiers(spread_task([2.0, 1.0, 1.0001, 2.0001, 5.0]))
    assert found.tiers == (1, 1, 2, 2, 3)
    assert set(found.models[:2]) == {"model-01", "model-02"}
    assert found.mean_losses == pytest.approx([1, 1, 2, 2, 5], abs=0.01)
    assert len(found.pairs) == 10
    assert found.reason is None


def test_pairs_carry_both_tests_and_holm_over_all_pairs():
    task = spread_task([1.0, 2.0, 3.0], spread=1.0)
    found, scores = rank_tiers(task), task.fold_losses()
    raw = [corrected_t_test(scores[:, w], scores[:, b], 0.25).p for b, w in ((0, 1), (0, 2), (1, 2))]
    assert [pair.folds.p for pair in found.pairs] == pytest.approx(raw)
    assert [pair.p_holm for pair in found.pairs] == pytest.approx(holm(np.array(raw)))
    assert found.pairs[0].crystals.difference == pytest.approx(np.mean(task.errors[:, 1] - task.errors[:, 0]))
    alone = paired_bootstrap(task.ids, task.errors[:, 1], task.errors[:, 0])
    assert found.pairs[0].crystals.p == alone.p
    assert found.pairs[0].crystals.interval == pytest.approx(alone.interval)


def test_the_crystals_have_a_veto_where_folds_agree_by_luck():
    # Both folds differ by nearly 0.1, but single crystals by ±10: another set of crystals could turn it round.
    scatter = np.tile(np.repeat([10.0, -10.0], 2), 10)
    ids, folds = np.arange(40), np.arange(40) % 2
    errors = np.column_stack([np.full(40, 20.0), 20.1 + scatter + 1e-6 * folds])
    pair = rank_tiers(TaskErrors("t", ("a", "b"), ids, folds, errors, 1.0)).pairs[0]
    assert pair.p_holm < 0.001
    assert pair.crystals.p > 0.5
    assert not pair.separable


def test_with_one_fold_all_share_a_tier_and_the_reason_is_given():
    task = spread_task([1.0, 5.0])
    single = TaskErrors("t", task.models, task.ids, np.zeros(len(task.ids), int), task.errors, 0.25)
    found = rank_tiers(single)
    assert found.tiers == (1, 1)
    assert "one fold" in str(found.reason)
    assert found.pairs[0].crystals.p < 0.001


def test_a_single_model_has_tier_1():
    found = rank_tiers(spread_task([1.0]))
    assert (found.tiers, found.pairs, found.reason) == ((1,), (), None)


def test_fold_losses_are_means_of_the_rows_of_each_fold():
    errors = np.array([[1.0], [5.0], [3.0]])
    task = TaskErrors("t", ("a",), np.array(["x", "y", "z"]), np.array([4, 1, 4]), errors, 0.5)
    assert task.fold_losses().tolist() == [[5], [2]]


def test_a_fold_of_another_repeat_is_another_fold():
    errors, ids = np.array([[1.0], [5.0], [3.0], [7.0]]), np.array(["x", "y", "y", "x"])
    task = TaskErrors("t", ("a",), ids, np.array([4, 1, 4, 1]), errors, 0.5, repeats=np.array([2, 2, 0, 0]))
    assert task.fold_losses().tolist() == [[7], [3], [5], [1]]
    assert task.fold_numbers.tolist() == [3, 2, 1, 0]
    with pytest.raises(ValueError, match="repeats"):
        TaskErrors("t", ("a",), ids, np.arange(4), errors, 0.5, repeats=np.zeros(3, int))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(models=("a",)), "1 models"),
        (dict(models=("a", "a")), "each once"),
        (dict(folds=np.zeros(3, int)), "errors of"),
        (dict(errors=np.array([[1.0, np.nan], [1.0, 1.0]])), "not finite"),
        (dict(errors=-np.ones((2, 2))), "negative"),
        (dict(test_to_train=0.0), "ratio"),
    ],
)
def test_errors_that_do_not_belong_together_are_refused(change, message):
    whole = dict(models=("a", "b"), ids=np.arange(2), folds=np.arange(2), errors=np.ones((2, 2)), test_to_train=0.25)
    with pytest.raises(ValueError, match=message):
        TaskErrors("t", **{**whole, **change})


@settings(max_examples=50)
@given(SEEDS)
def test_every_model_has_one_tier_whatever_the_order_of_models_and_crystals(seed):
    task, rng = any_task(seed), np.random.default_rng(seed)
    found = rank_tiers(task, resamples=99)
    assert sorted(found.models) == sorted(task.models)
    assert len(found.tiers) == len(found.models)
    assert found.tiers[0] == 1
    assert all(step in (0, 1) for step in np.diff(found.tiers))
    assert list(found.mean_losses) == sorted(found.mean_losses)
    assert all(0 <= pair.p_holm <= 1 and 0 <= pair.crystals.p <= 1 for pair in found.pairs)
    for other in (shuffled(task, rng.permutation(len(task.ids))), reordered(task, rng.permutation(len(task.models)))):
        again = rank_tiers(other, resamples=99)
        assert (again.models, again.tiers) == (found.models, found.tiers)
        assert [p.separable for p in again.pairs] == [p.separable for p in found.pairs]


@settings(max_examples=25)
@given(SEEDS)
def test_the_best_of_neighbouring_tiers_are_separable_and_no_member_is_from_its_best(seed):
    rng = np.random.default_rng(seed)
    found = rank_tiers(correlated(rng, 6, rng.choice([0.0, 0.5, 1.0, 3.0], 6)), resamples=99)
    separable = {(pair.better, pair.worse) for pair in found.pairs if pair.separable}
    tiers = [
        [m for m, t in zip(found.models, found.tiers, strict=True) if t == tier] for tier in range(1, max(found.tiers) + 1)
    ]
    assert all((upper[0], lower[0]) in separable for upper, lower in pairwise(tiers))
    assert all((tier[0], member) not in separable for tier in tiers for member in tier)


# -- simulations with known answers ----------------------------------------------------------------


def at_most(count: int, repetitions: int, share: float = 0.05) -> bool:
    """Whether a count does not contradict a chance of at most `share`; wrong once in 10,000."""
    return count <= stats.binom.ppf(0.9999, repetitions, share)


def test_equal_pairs_are_told_apart_as_often_as_stated_where_folds_correlate_as_assumed():
    rng = np.random.default_rng(0)
    found = sum(rejected_pairs(correlated(rng, 2)) for _ in range(2000))
    # No less either: there the test is exact.
    assert at_most(found, 2000) and at_most(2000 - found, 2000, 0.95)


@pytest.mark.parametrize("make", [trained, correlated])
def test_equal_models_rarely_have_several_tiers(make):
    rng = np.random.default_rng(1)
    assert at_most(sum(several_tiers(make(rng, 6)) for _ in range(200)), 200)


def test_equal_pairs_of_trained_models_are_rarely_told_apart():
    rng = np.random.default_rng(2)
    assert at_most(sum(rejected_pairs(trained(rng, 2)) for _ in range(600)), 600)


def test_a_true_difference_is_found():
    rng = np.random.default_rng(3)
    # Six standard deviations of a model's luck in a fold; found in 99.9 % of 1,000 simulated cases.
    found = sum(several_tiers(correlated(rng, 2, np.array([0.0, 0.3]))) for _ in range(200))
    assert found > 180


def test_degrees_of_freedom_of_a_sum_by_hand():
    assert welch((1.0, 1.0), (4, 4)) == pytest.approx(8)
    assert welch((1.0, 3.0), (4, 3)) == pytest.approx(16 / (1 / 4 + 9 / 3))
    assert welch((1.0, 0.0), (4, 1)) == 4 and welch((0.0, 0.0), (4, 1)) == 1
