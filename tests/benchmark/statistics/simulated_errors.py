"""Errors with known answers, and how often the tests of benchmark/statistics are wrong or right about them.

`python -m tests.benchmark.statistics.simulated_errors --repetitions 4000` prints the rates.
"""

from __future__ import annotations

import argparse
from dataclasses import replace

import numpy as np

from benchmark.statistics.comparisons import TaskErrors, corrected_t_test, holm, rank_tiers

FOLDS, PER_FOLD = 5, 30
FEATURES = 12


def names(n_models: int) -> tuple[str, ...]:
    return tuple(f"model-{m:02d}" for m in range(n_models))


def rows(n_folds: int = FOLDS, per_fold: int = PER_FOLD) -> tuple[np.ndarray, np.ndarray]:
    """Ids and fold numbers of equal folds."""
    n = n_folds * per_fold
    return np.array([f"crystal-{row:04d}" for row in range(n)]), np.arange(n) % n_folds


def trained(rng: np.random.Generator, n_models: int, keep_seed: bool = False) -> TaskErrors:
    """The same learner, ridge regression on random features, under different seeds; really trained on overlapping folds.

    Every model draws its features anew in every fold, as the harness gives every fold another seed; with `keep_seed` it keeps
    them, so that a lucky draw is lucky in all folds.
    """
    ids, folds = rows()
    x = rng.normal(size=(len(ids), 4))
    y = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.3 * rng.normal(size=len(ids))
    errors = np.empty((len(ids), n_models))
    for model in range(n_models):
        draws = [rng.normal(size=(4, FEATURES)) for _ in range(FOLDS)]
        for fold in range(FOLDS):
            features = np.tanh(x @ draws[0 if keep_seed else fold])
            train = folds != fold
            gram = features[train].T @ features[train] + 0.1 * np.eye(FEATURES)
            weights = np.linalg.solve(gram, features[train].T @ (y[train] - y[train].mean()))
            errors[~train, model] = np.abs(y[~train] - y[train].mean() - features[~train] @ weights)
    return TaskErrors("trained", names(n_models), ids, folds, errors, 1 / (FOLDS - 1))


def correlated(rng: np.random.Generator, n_models: int, worse_by: np.ndarray | float = 0.0) -> TaskErrors:
    """Scores whose folds correlate just as much as the corrected t-test assumes, around 1 + `worse_by`.

    A model's luck in a fold has standard deviation 0.05 and correlates by n_test / (n_test + n_train) = 1 / FOLDS between
    folds; crystals scatter around it, but so that the fold's MAE is not moved.
    """
    ids, folds = rows()
    share = 1 / FOLDS
    luck = np.sqrt(share) * rng.normal(size=(1, n_models)) + np.sqrt(1 - share) * rng.normal(size=(FOLDS, n_models))
    scatter = 0.1 * rng.normal(size=(PER_FOLD, FOLDS, n_models))
    scatter -= scatter.mean(axis=0)
    errors = np.maximum(1 + worse_by + 0.05 * luck + scatter, 0).reshape(len(ids), n_models)
    return TaskErrors("correlated", names(n_models), ids, folds, errors, 1 / (FOLDS - 1))


def rejected_pairs(task: TaskErrors, alpha: float = 0.05) -> int:
    """1 if the corrected t-test tells the first two models apart, else 0."""
    scores = task.fold_losses()
    return int(corrected_t_test(scores[:, 0], scores[:, 1], task.test_to_train).p < alpha)


def several_tiers(task: TaskErrors) -> int:
    """1 if there is more than one tier, else 0."""
    return int(rank_tiers(task, resamples=400).tiers[-1] > 1)


def separated_from_best(task: TaskErrors, alpha: float = 0.05) -> int:
    """1 if Holm over the comparisons with the best model alone would separate any: the rule that is not used."""
    scores = task.fold_losses()
    best = int(scores.mean(axis=0).argmin())
    others = [m for m in range(scores.shape[1]) if m != best]
    return int((holm(np.array([corrected_t_test(scores[:, m], scores[:, best], 0.25).p for m in others])) < alpha).any())


def plain_t_test(task: TaskErrors, alpha: float = 0.05) -> int:
    """1 if the t-test without the correction tells the first two models apart: the rule that is not used."""
    scores = task.fold_losses()
    return int(corrected_t_test(scores[:, 0], scores[:, 1], 1e-12).p < alpha)


def rate(count: int, repetitions: int) -> str:
    share = count / repetitions
    return f"{100 * share:5.2f} % ± {100 * np.sqrt(share * (1 - share) / repetitions):.2f} %"


def shuffled(task: TaskErrors, order: np.ndarray) -> TaskErrors:
    """The same rows in another order."""
    rows = dict(ids=task.ids[order], folds=task.folds[order], repeats=task.repeats[order], errors=task.errors[order])
    return replace(task, **rows)


def reordered(task: TaskErrors, order: np.ndarray) -> TaskErrors:
    """The same models in another order."""
    return replace(task, models=tuple(task.models[m] for m in order), errors=task.errors[:, order])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=2000)
    repetitions = parser.parse_args().repetitions
    learners = {
        "same learner, a seed a fold": trained,
        "same learner, one seed for all folds": lambda rng, n: trained(rng, n, keep_seed=True),
        "folds correlated as assumed": correlated,
    }
    for learner, make in learners.items():
        for what, decide, n_models in (
            ("pairs, corrected t-test", rejected_pairs, 2),
            ("pairs, plain t-test", plain_t_test, 2),
            ("more than one tier of 6", several_tiers, 6),
            ("more than one tier of 16", several_tiers, 16),
            ("Holm over the best of 16 alone", separated_from_best, 16),
        ):
            rng = np.random.default_rng(0)
            count = sum(decide(make(rng, n_models)) for _ in range(repetitions))
            print(f"{learner}: {what}: {rate(count, repetitions)}", flush=True)
    for worse_by in (0.1, 0.2, 0.3, 0.5):
        rng = np.random.default_rng(0)
        found = [several_tiers(correlated(rng, 2, np.array([0.0, worse_by]))) for _ in range(repetitions)]
        print(f"two models, the second worse by {worse_by:.0%}: found {rate(sum(found), repetitions)}", flush=True)
        sixteen = np.repeat([0.0, worse_by], [1, 15])
        found = [several_tiers(correlated(rng, 16, sixteen)) for _ in range(repetitions // 4)]
        print(f"one of sixteen better by {worse_by:.0%}: found {rate(sum(found), repetitions // 4)}", flush=True)


if __name__ == "__main__":
    main()
