from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchmark.statistics.alternatives import hierarchical_bootstrap, model_confidence_set, of_samples, with_the_best
from benchmark.statistics.comparisons import TaskErrors
from benchmark.statistics.contrasts import Contrasts
from benchmark.statistics.families import Intervals, all_pairs, bonferroni, critical_value
from tests.benchmark.statistics.simulated_errors import correlated, rows


@pytest.mark.parametrize(("models", "freedom"), [(3, 2), (3, 9), (4, 24), (8, 4), (16, 9), (16, 120)])
def test_critical_values_are_those_of_scipy(models, freedom):
    expected = stats.studentized_range.ppf(0.95, models, freedom) / np.sqrt(2)
    assert critical_value(models, freedom, 0.95) == pytest.approx(expected, rel=1e-4)


def test_critical_values_of_two_models_and_of_a_normal_distribution():
    assert critical_value(2, 4, 0.95) == pytest.approx(stats.t.ppf(0.975, 4))
    assert critical_value(2, np.inf, 0.95) == pytest.approx(stats.norm.ppf(0.975))
    assert critical_value(3, np.inf, 0.95) == pytest.approx(2.3437, abs=1e-3)


def test_fewer_degrees_of_freedom_and_more_models_need_more():
    values = [critical_value(models, freedom, 0.95) for models in (2, 3, 16, 40) for freedom in (1000, 9.26, 9.2, 4, 1)]
    assert np.diff(np.reshape(values, (4, 5)), axis=0).min() > 0
    assert np.diff(np.reshape(values, (4, 5)), axis=1).min() >= 0


def intervals_of(logs: list[float], half: float) -> Intervals:
    first, second = np.triu_indices(len(logs), 1)
    estimate = np.array(logs)[first] - np.array(logs)[second]
    return Intervals.of(estimate, np.full(len(estimate), half), len(logs))


def test_candidates_and_ratios_to_the_best_other_by_hand():
    found = intervals_of([0.0, 0.1, 0.5], 0.2)
    assert found.candidates.tolist() == [True, True, False]
    # Against the second alone, the only other candidate.
    assert found.to_best_other(0) == pytest.approx((-0.3, 0.1))
    assert found.to_best_other(1) == pytest.approx((-0.1, 0.3))
    # At least 0.5 - 0.2 above the first; at most 0.5 + 0.2 above whichever is the best.
    assert found.to_best_other(2) == pytest.approx((0.3, 0.7))


def test_a_single_candidate_is_compared_with_the_best_of_the_rest():
    found = intervals_of([0.0, 0.5, 0.6], 0.2)
    assert found.candidates.tolist() == [True, False, False]
    assert found.to_best_other(0) == pytest.approx((-0.7, -0.3))


def test_if_all_intervals_hold_so_does_that_to_the_best_other():
    rng = np.random.default_rng(0)
    for _ in range(300):
        true = rng.normal(size=5)
        half = rng.uniform(0.1, 3, 10)
        first, second = np.triu_indices(5, 1)
        estimate = true[first] - true[second] + half * rng.uniform(-1, 1, 10)
        found = Intervals.of(estimate, half, 5)
        assert found.candidates[true.argmin()]
        for model in range(5):
            low, high = found.to_best_other(model)
            above = true[model] - np.delete(true, model).min()
            assert low <= above
            # Of the true best any limit above 0 holds.
            assert above <= max(high, 0) if model == true.argmin() else above <= high


def test_bonferroni_is_wider_than_the_studentized_range():
    contrasts = Contrasts(np.zeros(6), np.ones(6), np.full(6, 12.0))
    assert (bonferroni(contrasts, 6, 0.95) > all_pairs(contrasts, 4, 0.95)).all()


def test_edwards_and_hsu_hold_against_every_candidate():
    contrasts = Contrasts(np.array([-0.1, -9.0, -8.9]), np.full(3, 0.5), np.full(3, np.inf))
    found = with_the_best(contrasts, 3, 0.95)
    half = 0.5 * stats.norm.ppf(1 - 0.0125)
    assert found[2] == pytest.approx([8.9 - half, 9.0 + half])


def test_the_bootstrap_draws_around_the_sample():
    task = correlated(np.random.default_rng(1), 3, np.array([0.0, 0.5, 1.0]))
    samples = hierarchical_bootstrap(task, np.random.default_rng(2), 2000)
    assert samples.mean(axis=0) == pytest.approx(np.log(task.fold_losses().mean(axis=0)), abs=0.01)
    contrasts, half = of_samples(task, samples, 0.95)
    assert (half > 1.9 * contrasts.error).all()


def test_the_confidence_set_keeps_the_best_and_drops_what_is_clearly_worse():
    rng = np.random.default_rng(3)
    ids, folds = rows()
    task = TaskErrors("t", ("a", "b", "c"), ids, folds, rng.uniform(0.5, 1.5, (len(ids), 3)) * [1, 1, 2], 0.25)
    left = model_confidence_set(task, hierarchical_bootstrap(task, np.random.default_rng(4)), 0.95)
    assert left.tolist() == [True, True, False]
