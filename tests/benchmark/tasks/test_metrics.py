from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from benchmark.tasks.metrics import score


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    targets = rng.normal(1000 * seed, 1, 50)
    predictions = targets + rng.normal(0, 10.0**-seed, 50)
    found = score(targets, predictions)
    assert found.mae == pytest.approx(mean_absolute_error(targets, predictions), rel=1e-12)
    assert found.rmse == pytest.approx(root_mean_squared_error(targets, predictions), rel=1e-12)
    assert found.r2 == pytest.approx(r2_score(targets, predictions), rel=1e-12)


@pytest.mark.parametrize("predictions", [[3.0, 3.0, 3.0], [3.0, 3.0, 4.0]])
def test_equal_targets_have_the_r2_of_scikit_learn(predictions):
    targets = np.full(3, 3.0)
    assert score(targets, np.array(predictions)).r2 == r2_score(targets, predictions)


def test_equal_targets_whose_mean_is_rounded_are_equal_all_the_same():
    targets = np.full(3, 0.1)
    assert targets.mean() != 0.1
    assert score(targets, np.array([0.1, 0.1, 0.2])).r2 == 0.0
    assert score(targets, targets).r2 == 1.0


@pytest.mark.parametrize("unit", [1.602176634e-19, 1e-12, 1e6])
def test_scores_in_another_unit_are_the_same_scores(unit):
    rng = np.random.default_rng(0)
    targets, predictions = rng.normal(-3, 1, (2, 50))
    here, there = score(targets, predictions), score(targets * unit, predictions * unit)
    assert there.mae == pytest.approx(here.mae * unit, rel=1e-12)
    assert there.rmse == pytest.approx(here.rmse * unit, rel=1e-12)
    assert there.r2 == pytest.approx(here.r2, rel=1e-12)


def test_one_crystal_has_no_r2():
    assert score(np.array([1.0]), np.array([3.0])).model_dump() == {"mae": 2, "rmse": 2, "r2": None}


def test_a_prediction_that_is_not_finite_has_no_score():
    with pytest.raises(ValueError, match="finite"):
        score(np.array([1.0, 2.0]), np.array([1.0, np.nan]))
