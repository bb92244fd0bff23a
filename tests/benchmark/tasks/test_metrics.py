from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import (
    balanced_accuracy_score,
    f1_score,
    log_loss,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
    root_mean_squared_error,
)

from benchmark.tasks.metrics import ClassScores, LeakScores, leak_scores, losses, score


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


@settings(max_examples=60)
@given(n=st.integers(8, 60), n_classes=st.integers(2, 5), seed=st.integers(0, 10**6), ties=st.booleans())
def test_scores_of_classes_are_those_of_scikit_learn(n, n_classes, seed, ties):
    rng = np.random.default_rng(seed)
    classes = np.concatenate([np.arange(n_classes), rng.integers(n_classes, size=n)]).astype(float)
    raw = rng.integers(1, 4, (len(classes), n_classes)) if ties else rng.random((len(classes), n_classes))
    probabilities = raw / raw.sum(axis=1, keepdims=True)
    found = score(classes, probabilities)
    chosen, labels = probabilities.argmax(axis=1), list(range(n_classes))
    assert isinstance(found, ClassScores)
    assert found.balanced_accuracy == pytest.approx(balanced_accuracy_score(classes, chosen))
    assert found.log_loss == pytest.approx(log_loss(classes, probabilities, labels=labels))
    binary = n_classes == 2
    assert found.f1 == pytest.approx(f1_score(classes, chosen, average="binary" if binary else "macro", zero_division=0))
    wanted = roc_auc_score(classes, probabilities[:, 1] if binary else probabilities, multi_class="ovr")
    assert found.roc_auc == pytest.approx(wanted)


def test_classes_by_hand():
    """Of four crystals the third is wrong; stated 0.9, 0.6, 0.8 and 0.6 with 1, 1, 0 and 1 right."""
    classes, metal = np.array([1.0, 0.0, 0.0, 1.0]), np.array([0.9, 0.4, 0.8, 0.6])
    found = score(classes, np.column_stack([1 - metal, metal]))
    assert found.model_dump() == pytest.approx({
        "roc_auc": 0.75, "balanced_accuracy": 0.75, "f1": 0.8,
        "log_loss": -np.log([0.9, 0.6, 0.2, 0.6]).mean(), "calibration_error": (0.1 + 0.8 + 0.8) / 4,
    })  # fmt: skip
    assert found.loss == found.log_loss


def test_classes_without_a_crystal_leave_no_roc_auc_and_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = score(np.zeros(3), np.array([[0.9, 0.1], [0.4, 0.6], [1.0, 0.0]]))
    assert found.roc_auc is None and found.balanced_accuracy == pytest.approx(2 / 3) and found.f1 == 0


def test_what_a_crystal_adds_to_the_loss_is_bounded():
    np.testing.assert_allclose(losses(np.array([0.0, 1.0]), np.array([[0.0, 1.0], [0.5, 0.5]])), [36.04365, np.log(2)])
    np.testing.assert_allclose(losses(np.array([1.0, 2.0]), np.array([3.0, 1.5])), [2, 0.5])


def test_the_losses_of_seen_and_of_new_crystals_by_hand():
    targets, predictions = np.zeros(4), np.array([1.0, -3.0, 4.0, 8.0])
    found = leak_scores(targets, predictions, np.array([True, True, False, False]))
    assert (found.n_seen, found.n_new, found.seen, found.new, found.loss) == (2, 2, 2.0, 6.0, 4.0)
    none = leak_scores(targets, predictions, np.zeros(4, dtype=bool))
    assert (none.n_seen, none.n_new, none.seen, none.new) == (0, 4, None, 4.0)
    every = leak_scores(targets, predictions, np.ones(4, dtype=bool))
    assert (every.n_seen, every.seen, every.new) == (4, 4.0, None)


def test_the_losses_of_seen_and_of_new_crystals_of_classes_add_up_to_the_log_loss():
    rng = np.random.default_rng(0)
    classes, probabilities, seen = rng.integers(3, size=40), rng.dirichlet(np.ones(3), 40), rng.random(40) < 0.3
    found = leak_scores(classes.astype(float), probabilities, seen)
    assert found.seen == pytest.approx(-np.log(probabilities[np.arange(40), classes][seen]).mean())
    assert found.loss == pytest.approx(score(classes, probabilities).loss, rel=1e-12)


@pytest.mark.parametrize("changes", [{"n_seen": 0}, {"seen": None}, {"n_new": 0}, {"new": -1.0}, {"n_seen": -1}])
def test_a_part_has_a_loss_where_it_has_crystals(changes):
    with pytest.raises(ValueError, match=r"part of the test crystals|greater than or equal to 0"):
        LeakScores(**{"n_seen": 2, "n_new": 3, "seen": 1.0, "new": 2.0, **changes})
