from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from benchmark.statistics.comparisons import TaskErrors
from benchmark.statistics.contrasts import (
    SHARE,
    Evidence,
    Prior,
    corrected,
    crystal_variances,
    fitted_prior,
    fold_variances,
    moderated,
    pairs_of,
    shrink,
)
from tests.benchmark.statistics.simulated_errors import correlated, names


def repeated(rng: np.random.Generator, n_models: int = 3, repeats: int = 3, per_fold: int = 8) -> TaskErrors:
    """Errors of models that differ by 10 % each, on the same crystals in every repeat."""
    n = 5 * per_fold
    levels = 1.1 ** np.arange(n_models)
    errors = levels * (1 + 0.2 * rng.uniform(-1, 1, (repeats * n, n_models)))
    folds = np.concatenate([rng.permutation(n) % 5 for _ in range(repeats)])
    return TaskErrors(
        "t", names(n_models), np.tile(np.arange(n), repeats), folds, errors, 0.25, repeats=np.repeat(np.arange(repeats), n)
    )


def test_the_log_ratio_and_its_variance_by_hand():
    # Means 2 and 1; relative losses 0.5, 1.5 and 1, 1; differences -0.5 and 0.5.
    estimate, variances = fold_variances(np.array([[1.0, 1.0], [3.0, 1.0]]))
    assert estimate == pytest.approx([np.log(2)])
    assert variances == pytest.approx([0.5])
    found = corrected(np.array([[1.0, 1.0], [3.0, 1.0]]), 0.25)
    assert found.error == pytest.approx([np.sqrt((1 / 2 + 0.25) * 0.5)])
    assert found.freedom.tolist() == [1]
    assert found.half_widths(0.9) == pytest.approx(found.error * stats.t.ppf(0.95, 1))


def test_a_fold_without_any_error_does_no_harm():
    estimate, variances = fold_variances(np.array([[0.0, 1.0], [2.0, 1.0]]))
    assert estimate == pytest.approx([0])
    assert variances == pytest.approx([2])


def test_the_prior_that_was_drawn_from_is_found():
    rng = np.random.default_rng(0)
    # s0² = 3 with 10 degrees of freedom, seen with 4.
    true = 3 * 10 / rng.chisquare(10, 100_000)
    found = fitted_prior(true * rng.chisquare(4, 100_000) / 4, 4)
    assert found.freedom == pytest.approx(10, rel=0.1)
    assert found.variance == pytest.approx(3, rel=0.02)


def test_equal_variances_make_an_infinite_prior_and_none_makes_no_prior():
    rng = np.random.default_rng(1)
    found = fitted_prior(np.full(1000, 2.0) * np.exp(0.01 * rng.normal(size=1000)), 4)
    assert found.freedom == np.inf
    assert fitted_prior(np.zeros(6), 4) == Prior(0, 0)
    assert fitted_prior(np.array([1.0]), 4) == Prior(0, 0)


def test_shrinking_by_hand_and_never_beyond_what_all_models_know():
    shrunk, freedom = shrink(np.array([1.0, 4.0, 4.0]), 4, 3, Prior(2, 10))
    assert shrunk == pytest.approx([(2 * 10 + 4 * 1) / 6, 6, 6])
    assert freedom == 6
    # Three models have two independent contrasts: 8 degrees of freedom in all.
    assert shrink(np.array([1.0, 4.0, 4.0]), 4, 3, Prior(np.inf, 2))[1] == 8
    alone, freedom = shrink(np.array([3.0]), 4, 2, Prior(0, 0))
    assert (alone.tolist(), freedom) == ([3], 4)


def test_two_models_have_nothing_to_shrink_towards():
    losses = correlated(np.random.default_rng(2), 2).fold_losses()
    assert moderated(losses, 0.25).error == pytest.approx(corrected(losses, 0.25).error)


def test_the_variance_of_crystals_is_that_of_a_mean_over_them():
    rng = np.random.default_rng(3)
    errors = rng.exponential(size=(50, 2))
    task = TaskErrors("t", ("a", "b"), np.arange(50), np.arange(50) % 5, errors, 0.25)
    scaled = errors / errors.mean(axis=0)
    found = crystal_variances(task, errors.mean(axis=0))
    assert found == pytest.approx([np.var(scaled[:, 0] - scaled[:, 1], ddof=1) / 50])


def test_repeats_show_no_new_crystals():
    errors = np.random.default_rng(4).exponential(size=(50, 3))
    once = TaskErrors("t", names(3), np.arange(50), np.arange(50) % 5, errors, 0.25)
    twice = replace(
        once,
        ids=np.tile(once.ids, 2),
        folds=np.tile(once.folds, 2),
        errors=np.tile(errors, (2, 1)),
        repeats=np.repeat([0, 1], 50),
    )
    means = errors.mean(axis=0)
    assert crystal_variances(twice, means) == pytest.approx(crystal_variances(once, means))


def test_duplicates_with_one_id_count_as_one_crystal():
    errors = np.random.default_rng(5).exponential(size=(30, 2))
    task = TaskErrors("t", ("a", "b"), np.repeat(np.arange(30), 4), np.zeros(120, int), np.repeat(errors, 4, axis=0), 0.25)
    alone = TaskErrors("t", ("a", "b"), np.arange(30), np.zeros(30, int), errors, 0.25)
    means = errors.mean(axis=0)
    assert crystal_variances(task, means) == pytest.approx(crystal_variances(alone, means))


def test_the_variance_of_the_mixed_model_by_hand():
    evidence = Evidence(
        n_models=2, n_folds=25, per_repeat=5, fold_share=5.0, shared=0.1,
        estimate=np.array([0.2]), variances=np.array([0.04]), crystals=np.array([0.004]), prior=Prior(0, 0),
    )  # fmt: skip
    found = evidence.after()
    # Luck 0.04 - 5 · 0.004 = 0.02, of which 1/25 + 0.1 stay, and the crystals.
    assert found.error**2 == pytest.approx([0.14 * 0.02 + 0.004])
    assert found.freedom == pytest.approx([24 * ((0.14 * 0.02 + 0.004) / (0.14 * 0.04)) ** 2])
    # One more repeat: 30 folds.
    assert evidence.after(1).error ** 2 == pytest.approx([(1 / 30 + 0.1) * 0.02 + 0.004])
    # With five folds the crystals are counted with the folds, which is more.
    once = replace(evidence, n_folds=5).after()
    assert once.error**2 == pytest.approx([0.3 * 0.04])
    assert once.freedom == pytest.approx([4])


def test_crystals_are_a_floor_where_folds_agree_by_luck():
    evidence = Evidence(
        n_models=2, n_folds=5, per_repeat=5, fold_share=5.0, shared=0.1,
        estimate=np.array([0.2]), variances=np.array([1e-9]), crystals=np.array([0.004]), prior=Prior(0, 0),
    )  # fmt: skip
    assert evidence.after().error ** 2 == pytest.approx([0.004])
    assert evidence.after().freedom.tolist() == [4]


def test_evidence_counts_repeats_and_folds():
    task = repeated(np.random.default_rng(6))
    found = Evidence.of(task)
    assert (found.n_models, found.n_folds, found.per_repeat, found.fold_share) == (3, 15, 5, 5)
    assert found.shared == pytest.approx(SHARE * 0.25)
    first, second = pairs_of(3)
    logs = np.log(task.fold_losses().mean(axis=0))
    assert found.estimate == pytest.approx(logs[first] - logs[second])
    assert (found.after(5).error <= found.after().error).all()
