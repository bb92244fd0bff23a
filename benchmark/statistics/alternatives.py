"""Ways to compare that the simulation tries and `decide` does not use. Needs no torch."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmark.statistics.comparisons import TaskErrors
from benchmark.statistics.contrasts import Contrasts, Evidence, Prior, pairs_of
from benchmark.statistics.families import Intervals, bonferroni

SAMPLES = 200
"""Of the hierarchical bootstrap in a simulation."""


def unshrunk(task: TaskErrors) -> Contrasts:
    """The mixed model by moments in which every pair has its own variance over folds."""
    return replace(Evidence.of(task), prior=Prior(0.0, 0.0)).after()


def hierarchical_bootstrap(task: TaskErrors, rng: np.random.Generator, samples: int = SAMPLES) -> np.ndarray:
    """(samples, M) log mean losses: repeats are drawn with replacement, then their folds, then the crystals of each.

    A crystal's number of draws is Poisson, as it is in a sample of many crystals (Hanley & MacGibbon 2006).
    """
    numbers = task.fold_numbers
    of_repeat = [np.unique(numbers[task.repeats == repeat]) for repeat in np.unique(task.repeats)]
    drawn = np.zeros((samples, int(numbers.max()) + 1))
    for row in drawn:
        for repeat in rng.integers(0, len(of_repeat), len(of_repeat)):
            folds = of_repeat[repeat]
            row += np.bincount(rng.choice(folds, len(folds)), minlength=len(row))
    total = np.zeros((samples, len(task.models)))
    for fold, times in enumerate(drawn.T):
        errors = task.errors[numbers == fold]
        used = np.flatnonzero(times)
        weights = rng.poisson(1.0, (len(used), len(errors))).astype(float)
        total[used] += times[used, None] * (weights @ errors) / weights.sum(axis=1, keepdims=True)
    return np.log(total / drawn.sum(axis=1, keepdims=True))


def of_samples(task: TaskErrors, samples: np.ndarray, confidence: float) -> tuple[Contrasts, np.ndarray]:
    """Log ratios with the samples' standard errors, and half widths of all pairs by the largest |t| of a sample."""
    first, second = pairs_of(len(task.models))
    logs = np.log(task.fold_losses().mean(axis=0))
    estimate = logs[first] - logs[second]
    drawn = samples[:, first] - samples[:, second]
    error = drawn.std(axis=0, ddof=1)
    largest = (np.abs(drawn - estimate) / error).max(axis=1)
    return Contrasts(estimate, error, np.full(len(error), np.inf)), error * np.quantile(largest, confidence)


def model_confidence_set(task: TaskErrors, samples: np.ndarray, confidence: float) -> np.ndarray:
    """(M,) whether a model is in the set that holds the best; Hansen, Lunde & Nason, Econometrica 79, 453 (2011), T_R.

    While the largest |t| of any two models left is above its quantile in the samples, the model that is worst by its largest t
    leaves. `arch.bootstrap.MCS` draws rows of one series, here crystals of trained models; these samples draw trainings too.
    """
    contrasts, _ = of_samples(task, samples, confidence)
    n_models = len(task.models)
    t = Intervals.of(contrasts.estimate / contrasts.error, np.zeros(len(contrasts.error)), n_models).low
    first, second = pairs_of(n_models)
    deviations = np.abs(samples[:, first] - samples[:, second] - contrasts.estimate) / contrasts.error
    left = np.ones(n_models, bool)
    while left.sum() > 1:
        among = left[first] & left[second]
        if np.abs(t[np.ix_(left, left)]).max() <= np.quantile(deviations[:, among].max(axis=1), confidence):
            break
        worst = np.where(left, np.where(left[None, :], t, -np.inf).max(axis=1), -np.inf)
        left[int(worst.argmax())] = False
    return left


def with_the_best(contrasts: Contrasts, n_models: int, confidence: float) -> np.ndarray:
    """(M, 2) limits of log(loss / loss of the unknown best); Edwards & Hsu, J. Am. Stat. Assoc. 78, 965 (1983).

    Only the M - 1 comparisons with the best count (here by Bonferroni), but as it is unknown, a limit must hold against every
    model that may be it.
    """
    narrow = Intervals.of(contrasts.estimate, bonferroni(contrasts, n_models - 1, confidence), n_models)
    may_be = narrow.candidates
    return np.column_stack([narrow.low[:, may_be].min(axis=1), narrow.high[:, may_be].max(axis=1)])
