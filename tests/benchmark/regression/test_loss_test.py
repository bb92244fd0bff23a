"""The test behind `check`: hand-computed, and its promises kept in simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import ttest_ind

from benchmark.regression import loss_test
from tests.benchmark.regression.simulated_checks import alarms, found_losses

N_MODELS = 16


def column(values) -> np.ndarray:
    """(n, 1) log MAE of one task."""
    return np.log(np.asarray(values, dtype=float))[:, None]


def test_the_p_is_that_of_students_test():
    rng = np.random.default_rng(0)
    old, new = rng.normal(0, 0.03, (16, 2)), rng.normal(0.02, 0.03, (8, 2))
    expected = ttest_ind(new.mean(axis=1), old.mean(axis=1), alternative="greater").pvalue
    assert loss_test.p_of_loss(old, new) == pytest.approx(expected, rel=1e-9)
    assert loss_test.p_of_loss(new, old) == pytest.approx(1 - expected, rel=1e-9)


def test_the_same_numbers_are_the_same_also_after_rounding_elsewhere():
    old = column([0.10, 0.11, 0.12, 0.13])
    found = loss_test.compare_errors(old, old[:2] + 0.9e-3, N_MODELS)
    assert (found.verdict, found.seeds, found.p) == ("same", 2, 1.0)
    assert found.change == pytest.approx(0.9e-3, rel=0.01)


def test_one_seed_that_differs_on_one_task_is_not_the_same():
    old = np.zeros((4, 2))
    new = old.copy()
    new[3, 1] = 2e-3
    assert loss_test.is_same(old, new[:3])
    assert not loss_test.is_same(old, new)


def test_without_noise_any_difference_above_rounding_is_a_change():
    old = np.zeros((16, 2))
    assert loss_test.compare_errors(old, old[:4] + math.log(1.002), N_MODELS).verdict == "worse"
    assert loss_test.compare_errors(old, old[:4] - math.log(1.002), N_MODELS).verdict == "better"


def test_a_loss_is_told_with_its_size_on_each_task():
    rng = np.random.default_rng(1)
    old = rng.normal(0, 0.005, (16, 2))
    new = rng.normal(0, 0.005, (8, 2)) + np.log([1.10, 1.21])
    found = loss_test.compare_errors(old, new, N_MODELS)
    assert found.verdict == "worse" and found.p < loss_test.level(N_MODELS)
    assert found.change == pytest.approx(math.sqrt(1.10 * 1.21) - 1, abs=0.01)
    assert found.by_task == pytest.approx((0.10, 0.21), abs=0.01)
    assert loss_test.compare_errors(old, 2 * old.mean() - new, N_MODELS).verdict == "better"


def test_fewer_seeds_than_the_baseline_need_a_smaller_p():
    old = np.random.default_rng(4).normal(0, 0.03, (24, 1))
    centred = old - old.mean()
    for seeds, verdict in ((24, "worse"), (12, "changed")):
        part = centred[:seeds] - centred[:seeds].mean()
        between = (
            shift for shift in np.arange(0, 0.1, 1e-4)
            if loss_test.level(1) / loss_test.UNEQUAL < loss_test.p_of_loss(centred, part + shift) < loss_test.level(1)
        )  # fmt: skip
        assert loss_test.compare_errors(centred, part + next(between), 1).verdict == verdict


def test_more_noise_needs_more_seeds_and_the_most_are_bounded():
    needed = [loss_test.seeds_needed(sigma, N_MODELS) for sigma in (0.0, 0.01, 0.02, 0.03, 1.0)]
    assert needed == sorted(needed)
    assert (needed[0], needed[-1]) == (loss_test.FEWEST_SEEDS, loss_test.MOST_SEEDS)
    for sigma, n in zip((0.01, 0.02, 0.03), needed[1:], strict=False):
        assert loss_test.power(n, sigma, N_MODELS) >= loss_test.POWER
        assert n == loss_test.FEWEST_SEEDS or loss_test.power(n - 1, sigma, N_MODELS) < loss_test.POWER


def test_more_models_need_more_seeds():
    assert loss_test.seeds_needed(0.03, 100) > loss_test.seeds_needed(0.03, 1)


@pytest.mark.parametrize("sigma", [0.01, 0.02, 0.03])
def test_a_loss_of_5_percent_is_found_nine_times_in_ten(sigma):
    n = loss_test.seeds_needed(sigma)
    share = found_losses(np.random.default_rng(2), sigma, n, 1, 1000) / 1000
    assert share >= 0.9
    assert share == pytest.approx(loss_test.power(n, sigma), abs=0.03)


def test_equal_models_with_other_numbers_raise_as_few_alarms_as_promised():
    sigmas = np.full(N_MODELS, 0.03)
    seeds = [loss_test.seeds_needed(sigma) for sigma in sigmas]
    share = alarms(np.random.default_rng(3), sigmas, seeds, 2000) / 2000
    assert share == pytest.approx(loss_test.FALSE_ALARMS, abs=0.006)  # three standard errors
