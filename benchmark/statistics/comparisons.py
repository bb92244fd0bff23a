"""Is the difference real? Tests of two models, and tiers of many, on the test crystals of one task. Needs no torch.

A fold's score varies for two reasons: another training part (and another start of the weights) gives another model, and
other test crystals give another score to the same model. The folds show both, but there are few of them and they share most
of their training crystals; the crystals are many, but all they show is the second. So the folds decide, by the corrected
resampled t-test, and the crystals, by the bootstrap, have a veto.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations

import numpy as np
from scipy.special import stdtr, stdtrit

from benchmark.rendering.text import percent
from benchmark.statistics.resampling import RESAMPLES, resampled_means

ALPHA = 0.05
CONFIDENCE = percent(1 - ALPHA)
"""Of every interval, as pages write it."""
ROUNDING = 1e-12
"""Differences below this share of the scores are of the order of a summation, not of two models."""


@dataclass(frozen=True)
class FoldTest:
    """The difference of two models' scores over folds, first minus second, in the unit of the scores."""

    difference: float
    standard_error: float | None
    t: float | None
    """Infinite where every fold has the same difference."""
    p: float
    """Two-sided; 1 where no test is possible."""
    interval: tuple[float, float] | None
    reason: str | None = None
    """Why no test is possible; the fields that are None then have no value."""


@dataclass(frozen=True)
class CrystalTest:
    """The difference of two models' mean loss over all test crystals, first minus second, in the unit of the loss."""

    difference: float
    p: float
    """Two-sided; at least 2 / (resamples + 1), and 1 where no test is possible."""
    interval: tuple[float, float] | None
    reason: str | None = None


@dataclass(frozen=True, eq=False)
class TaskErrors:
    """Losses of several models on the same test crystals of one task: absolute errors or, of classes, -ln p(true class).

    Raises:
        ValueError: shapes disagree, a model is named twice, there is no row, a loss is negative or not finite, or the ratio
            is not positive. A model without a prediction for some rows has no place here: leave out the model, or the rows.
    """

    task: str
    models: tuple[str, ...]
    """M names."""
    ids: np.ndarray
    """(n,) of the crystal of each row, and what the bootstrap draws: give duplicates one id to draw them together."""
    folds: np.ndarray
    """(n,) number, within its repeat, of the fold that the row was tested in."""
    errors: np.ndarray
    """(n, M) |prediction - target| in the target's unit; of classes -ln p(true class)."""
    test_to_train: float
    """Crystals tested to crystals trained on in a fold: `split.n_test / split.n_train` of the records, 0.28 of kfold(5)."""
    repeats: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    """(n,) number of the repeat: each repeat splits the crystals anew and starts from new weights. Default: 0 for every row."""

    def __post_init__(self) -> None:
        n = len(self.ids)
        if not self.repeats.size:
            object.__setattr__(self, "repeats", np.zeros(n, int))
        if self.repeats.shape != (n,):
            raise ValueError(f"{self.task}: {self.repeats.shape} repeats of {self.ids.shape} ids")
        if not n or self.ids.shape != (n,) or self.folds.shape != (n,) or self.errors.shape != (n, len(self.models)):
            raise ValueError(f"{self.task}: {self.errors.shape} errors of {self.ids.shape} ids and {len(self.models)} models")
        if len(set(self.models)) != len(self.models) or not self.models:
            raise ValueError(f"{self.task}: the models must be named, each once: {self.models}")
        if not (np.isfinite(self.errors).all() and (self.errors >= 0).all()):
            raise ValueError(f"{self.task}: a loss is negative or not finite")
        if not self.test_to_train > 0:
            raise ValueError(f"{self.task}: the ratio of test to training crystals must be positive")

    @cached_property
    def mean_losses(self) -> np.ndarray:
        """(M,) mean loss over all rows: MAE or log-loss."""
        return self.errors.mean(axis=0)

    @cached_property
    def fold_numbers(self) -> np.ndarray:
        """(n,) from 0: one number for each fold of each repeat, in order of repeat and fold."""
        numbers = np.unique(self.repeats, return_inverse=True)[1]
        folds, inverse = np.unique(self.folds, return_inverse=True)
        return np.unique(numbers * len(folds) + inverse, return_inverse=True)[1]

    def of_repeats(self, repeats: Iterable[int]) -> TaskErrors:
        """Only the rows of these repeats."""
        rows = np.isin(self.repeats, list(repeats))
        return replace(self, ids=self.ids[rows], folds=self.folds[rows], errors=self.errors[rows], repeats=self.repeats[rows])

    def fold_losses(self) -> np.ndarray:
        """(R·k, M) mean loss of every fold, in order of repeat and fold; the order of rows does not change the last bit."""
        order = np.lexsort((self.ids, self.fold_numbers))
        _, starts, counts = np.unique(self.fold_numbers[order], return_index=True, return_counts=True)
        return np.add.reduceat(self.errors[order], starts, axis=0) / counts[:, None]


@dataclass(frozen=True)
class Pair:
    """Two models of a task; differences are mean loss of the worse minus that of the better."""

    better: str
    worse: str
    folds: FoldTest
    crystals: CrystalTest
    p_holm: float
    """The p of the folds after Holm's correction for all pairs of the task."""
    separable: bool


@dataclass(frozen=True)
class Tiers:
    """Models of a task, best first; the tuples are parallel."""

    task: str
    models: tuple[str, ...]
    mean_losses: tuple[float, ...]
    """Mean over folds of the mean loss."""
    tiers: tuple[int, ...]
    """From 1, never falling."""
    pairs: tuple[Pair, ...]
    """All M (M - 1) / 2, in the order of the models."""
    reason: str | None = None
    """Why nothing could be separated, where no test was possible."""


def welch(variances: Sequence[float], freedoms: Sequence[float]) -> float:
    """Degrees of freedom of a sum of independent variances; Satterthwaite 1946, Welch 1947."""
    parts = sum(variance**2 / free for variance, free in zip(variances, freedoms, strict=True))
    return sum(variances) ** 2 / parts if parts > 0 else min(freedoms)


def corrected_t_test(first: np.ndarray, second: np.ndarray, test_to_train: float, *, confidence: float = 1 - ALPHA) -> FoldTest:
    """Corrected resampled t-test of paired scores; Nadeau & Bengio, Machine Learning 52, 239 (2003).

    With d_j the difference in fold j of k, mean d and sample variance s²: t = d / √((1/k + n_test/n_train) s²), with k - 1
    degrees of freedom. The plain t-test has 1/k alone, as if the folds shared no training crystals; the second term is what
    follows when the differences of two folds correlate by n_test / (n_test + n_train).

    Identical scores have p = 1. If all folds have the same difference, other than 0, p is 0, which is its limit for small
    s². With one fold no test is possible.

    Args:
        first: (k,) scores of one model.
        second: (k,) scores of the other, of the same folds.
        test_to_train: n_test / n_train of a fold.
        confidence: of the interval.

    Raises:
        ValueError: the scores are not two finite arrays (k,) with k of at least 1, or the ratio is not positive.
    """
    if first.ndim != 1 or first.shape != second.shape or not len(first) or not np.isfinite([first, second]).all():
        raise ValueError(f"paired scores must be finite and of one shape (k,), not {first.shape} and {second.shape}")
    if not test_to_train > 0:
        raise ValueError(f"the ratio of test to training crystals must be positive, not {test_to_train}")
    differences = first - second
    differences[np.abs(differences) <= ROUNDING * np.maximum(np.abs(first), np.abs(second))] = 0.0
    k, difference = len(differences), float(differences.mean())
    if k == 1:
        return FoldTest(difference, None, None, 1.0, None, "one fold does not show how scores vary from training to training")
    # scipy's `ttest_rel` knows no such correction; its t, rescaled, has other last digits and takes 25 times as long.
    error = float(np.sqrt((1 / k + test_to_train) * differences.var(ddof=1)))
    t = difference / error if error else float(np.copysign(np.inf, difference)) if difference else 0.0
    half = error * float(stdtrit(k - 1, (1 + confidence) / 2))
    return FoldTest(difference, error, t, float(2 * stdtr(k - 1, -abs(t))), (difference - half, difference + half))


def paired_bootstrap(
    ids: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = 1 - ALPHA,
) -> CrystalTest:
    """Bootstrap over crystals of the difference of two losses; Efron & Tibshirani, An Introduction to the Bootstrap (1993).

    The interval is of percentiles. The p is the one that agrees with it: twice the smaller share of the samples on one side
    of 0, (1 + count) / (1 + resamples). Both say how far the difference depends on which crystals were tested, with these
    trained models; nothing about training them again.

    Args:
        ids: (n,) of the crystals; a crystal that was tested in several folds is drawn with all its rows.
        first: (n,) losses of one model.
        second: (n,) those of the other.
        resamples: how many samples.
        seed: of the draws.
        confidence: of the interval.

    Raises:
        ValueError: as `TaskErrors`.
    """
    pair = TaskErrors("pair", ("first", "second"), ids, np.zeros(len(ids), int), np.column_stack([first, second]), 1.0)
    resampled = resampled_means(ids, pair.errors, resamples=resamples, seed=seed)
    return _crystal_tests(pair, resampled, [0], 1, confidence)[0]


def _crystal_tests(
    task: TaskErrors, means: np.ndarray, firsts: Sequence[int], second: int, confidence: float
) -> list[CrystalTest]:
    """The tests of several columns against one, given the resampled mean losses (resamples, M) of all."""
    differences = (task.mean_losses[firsts] - task.mean_losses[second]).tolist()
    if (task.ids == task.ids[0]).all():
        reason = "one crystal does not show how errors vary from crystal to crystal"
        return [CrystalTest(difference, 1.0, None, reason) for difference in differences]
    several, one = means[:, firsts], means[:, [second]]
    resampled = several - one
    resampled[np.abs(resampled) <= ROUNDING * np.maximum(several, one)] = 0.0
    on_one_side = np.minimum(np.count_nonzero(resampled <= 0, axis=0), np.count_nonzero(resampled >= 0, axis=0))
    p = np.minimum(1.0, 2 * (1 + on_one_side) / (1 + len(resampled))).tolist()
    low, high = np.quantile(resampled, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0).tolist()
    return [CrystalTest(*test) for test in zip(differences, p, zip(low, high, strict=True), strict=True)]


def holm(p: np.ndarray) -> np.ndarray:
    """(m,) p corrected for m comparisons; Holm, Scand. J. Stat. 6, 65 (1979).

    The i-th smallest (from 0) times m - i, at least what the one before it became, at most 1. Rejecting where the result is
    below α keeps the chance of any false rejection below α, however the tests depend on each other.
    """
    order = np.argsort(p, kind="stable")
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    return corrected


def rank_tiers(task: TaskErrors, *, alpha: float = ALPHA, resamples: int = RESAMPLES, seed: int = 0) -> Tiers:
    """Tiers of models that cannot be told apart from the best of their tier.

    Models are sorted by their mean loss over folds (equal ones by name). The first tier begins with the best; it ends before
    the first model that is separable from the best; that one begins the next tier, and so on. So the best models of two
    tiers that follow each other are separable; two members of different tiers need not be, and `pairs` says whether.

    Two models are separable if both hold:

    1. p of the corrected resampled t-test on their folds, after Holm's correction for *all* pairs of the task, is below α.
       Only folds show that training again could change the order. Correcting for the comparisons with the best alone would
       be too few, as which model is the best was found by comparing all: sixteen equal models, simulated with folds that
       correlate as the t-test assumes, then had a false separation in 14 % of cases.
    2. p of the bootstrap over crystals is below α, uncorrected. It can only take a separation away, so it costs nothing of
       the guarantee; it does where the few folds agree by luck more closely than their crystals allow.

    The chance that models of equal expected error are in different tiers is at most α, as far as folds correlate no more than
    the t-test assumes. The price is power: with five folds and sixteen models, one step needs |t| > 10.

    Args:
        task: errors of the models.
        alpha: bound on the chance of any false separation in the task.
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    scores = task.fold_losses()
    means = scores.mean(axis=0)
    order = sorted(range(len(task.models)), key=lambda m: (means[m], task.models[m]))
    resampled = resampled_means(task.ids, task.errors, resamples=resamples, seed=seed)
    numbers = list(combinations(order, 2))
    folds = [corrected_t_test(scores[:, worse], scores[:, better], task.test_to_train) for better, worse in numbers]
    places = range(1, len(order))
    crystals = [test for m in places for test in _crystal_tests(task, resampled, order[m:], order[m - 1], 1 - ALPHA)]
    corrected = holm(np.array([test.p for test in folds])).tolist()
    pairs = tuple(
        Pair(task.models[b], task.models[w], fold, crystal, p_holm, p_holm < alpha and crystal.p < alpha)
        for (b, w), fold, crystal, p_holm in zip(numbers, folds, crystals, corrected, strict=True)
    )
    models = tuple(task.models[m] for m in order)
    separable = {(pair.better, pair.worse) for pair in pairs if pair.separable}
    reason = next((test.reason for pair in pairs for test in (pair.folds, pair.crystals) if test.reason), None)
    return Tiers(task.task, models, tuple(means[order].tolist()), _tiers(models, separable), pairs, reason)


def _tiers(models: tuple[str, ...], separable: set[tuple[str, str]]) -> tuple[int, ...]:
    """The tier of each model, given the models best first."""
    best, tier, tiers = models[0], 1, []
    for model in models:
        if (best, model) in separable:
            best, tier = model, tier + 1
        tiers.append(tier)
    return tuple(tiers)
