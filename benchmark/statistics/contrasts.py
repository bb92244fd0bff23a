"""The log ratio of two models' mean losses, for all pairs of a comparison group, and how well folds know it. Needs no torch.

The log ratio, not the difference divided by the best's loss: it has no unit, it only changes sign where two models are
swapped, and ratios of three models multiply; a difference divided by the best's loss has an error in the divisor too, and
another value when another model happens to be the best.

Its error follows from the folds by the delta method. With x_fm the loss of model m in fold f divided by the model's mean
over folds, log(mean loss of a / mean loss of b) moves by the mean of d_f = x_fa - x_fb. So a fold with a loss of zero
does no harm, which it would to a mean of logarithms.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.optimize import brentq
from scipy.special import digamma, polygamma, stdtrit

from benchmark.statistics.comparisons import ROUNDING, TaskErrors

SHARE = 0.75
"""Of Nadeau & Bengio's n_test / n_train: how much of the luck of training all folds are taken to have in common.

They assume all of it. Models of the boards, trained on disjoint sets of crystals, have less in common: this is the least share
tried that is safe by what was measured there (`statistics.sharing`, reports/statistics.md).
"""


@dataclass(frozen=True, eq=False)
class Contrasts:
    """Log ratios of mean losses of P = M (M - 1) / 2 pairs of models (a, b) with a < b, in order of `pairs_of`."""

    estimate: np.ndarray
    """(P,) log(mean loss of a / mean loss of b)."""
    error: np.ndarray
    """(P,) standard error of the estimate."""
    freedom: np.ndarray
    """(P,) degrees of freedom of the standard error."""

    def half_widths(self, confidence: float) -> np.ndarray:
        """(P,) half the length of each pair's own interval by Student's t."""
        return self.error * stdtrit(self.freedom, (1 + confidence) / 2)


@dataclass(frozen=True)
class Prior:
    """What the pairs of a group say together about the variance of one: scaled inverse chi-square."""

    freedom: float
    """How many degrees of freedom it is worth; infinite where the pairs show no difference between their variances."""
    variance: float


def pairs_of(n_models: int) -> tuple[np.ndarray, np.ndarray]:
    """(P,) numbers of the first and of the second model of every pair."""
    first, second = np.array(list(combinations(range(n_models), 2)), int).reshape(-1, 2).T
    return first, second


def relative(losses: np.ndarray) -> np.ndarray:
    """(F, M) losses of folds divided by each model's mean over folds."""
    return losses / losses.mean(axis=0)


def fold_variances(losses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(P,) log ratios of mean losses, and (P,) variances over folds of d_f, from (F, M) positive mean losses of folds."""
    first, second = pairs_of(losses.shape[1])
    logs, scaled = np.log(losses.mean(axis=0)), relative(losses)
    estimate = logs[first] - logs[second]
    differences = scaled[:, first] - scaled[:, second]
    differences[np.abs(differences) <= ROUNDING] = 0.0
    estimate[np.abs(estimate) <= ROUNDING] = 0.0
    return estimate, differences.var(axis=0, ddof=1)


def variance_factor(n_folds: int, shared: float) -> float:
    """Variance of a mean over folds, in variances of one fold: 1/F, and `shared` for the data that all folds share.

    Nadeau & Bengio, Machine Learning 52, 239 (2003), section 3: `shared` = n_test / n_train. Repeats of the folds make F
    larger and leave the second term as it is (Bouckaert & Frank, PAKDD 2004, LNCS 3056, 3: corrected repeated k-fold), since
    no number of new splits makes new crystals.
    """
    return 1 / n_folds + shared


def corrected(losses: np.ndarray, shared: float) -> Contrasts:
    """Corrected resampled t over the F = R·k folds: every pair has its own variance, with F - 1 degrees of freedom."""
    estimate, variances = fold_variances(losses)
    error = np.sqrt(variance_factor(len(losses), shared) * variances)
    return Contrasts(estimate, error, np.full(len(error), len(losses) - 1.0))


def moderated(losses: np.ndarray, shared: float) -> Contrasts:
    """The same with variances shrunk towards each other; see `shrink`."""
    estimate, variances = fold_variances(losses)
    own = len(losses) - 1.0
    shrunk, freedom = shrink(variances, own, losses.shape[1], fitted_prior(variances, own))
    return Contrasts(estimate, np.sqrt(variance_factor(len(losses), shared) * shrunk), np.full(len(shrunk), freedom))


def shrink(variances: np.ndarray, own: float, n_models: int, prior: Prior) -> tuple[np.ndarray, float]:
    """(P,) variances moved towards what all pairs show, and their degrees of freedom.

    Smyth, Stat. Appl. Genet. Mol. Biol. 3, 3 (2004), section 3: s̃² = (d0 s0² + d s²) / (d0 + d), with d0 + d degrees of
    freedom. The pairs share models: M models have M - 1 independent contrasts, so all pairs together know the variance no
    better than (M - 1) d degrees of freedom say, and two models leave nothing to shrink towards.
    """
    worth = min(prior.freedom, (n_models - 2) * own)
    return (worth * prior.variance + own * variances) / (worth + own), worth + own


def fitted_prior(variances: np.ndarray, freedom: float) -> Prior:
    """Prior from (P,) variances by the moments of their logarithms; Smyth (2004), section 6.2.

    log s² has mean log s0² + ψ(d/2) - ψ(d0/2) + log(d0/d) and variance ψ'(d/2) + ψ'(d0/2). Variances of zero, of models that
    are the same, have no logarithm and no say.
    """
    logs = np.log(variances[variances > 0])
    if len(logs) < 2:
        return Prior(0.0, 0.0)
    level = float(logs.mean() - digamma(freedom / 2) + np.log(freedom / 2))
    excess = float(logs.var(ddof=1) - polygamma(1, freedom / 2))
    # Beyond 10,000 degrees of freedom a prior is a number.
    if excess <= polygamma(1, 5e3):
        return Prior(np.inf, float(np.exp(level)))
    half = brentq(lambda x: float(polygamma(1, x)) - excess, 1e-6, 5e3)
    return Prior(2 * half, float(np.exp(level + digamma(half) - np.log(half))))


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the folds and crystals of a group say about its P pairs, now and after further repeats.

    A mixed model (model + fold x model + crystal x model, the last two random) with its variances written out by moments.
    C, of the crystals, is what they leave open however often they are tested; one fold varies by s² = luck of training + c C,
    with c the number of crystals over those tested in a fold. The luck is averaged over F = R·k folds, but for `shared`, the
    part that all trainings have in common because they share crystals:

        variance = (1/F + shared) (s² - c C) + C = (1/F + shared) s² + (1 - c (1/F + shared)) C.

    s² is shrunk (`shrink`). The last term is left out where it is negative, which is safe, and the whole is at least C: folds
    may agree by luck more closely than their crystals allow.
    """

    n_models: int
    n_folds: int
    per_repeat: int
    """Folds of a repeat."""
    fold_share: float
    """Crystals over crystals tested in a fold: 5 of kfold(5)."""
    shared: float
    """Variance of the luck that no further fold averages, in that of one fold."""
    estimate: np.ndarray
    """(P,) log ratios of mean losses."""
    variances: np.ndarray
    """(P,) over folds."""
    crystals: np.ndarray
    """(P,) variance that comes from the choice of crystals."""
    prior: Prior

    @classmethod
    def of(cls, task: TaskErrors) -> Evidence:
        """From at least two folds of models of which none has a mean loss of 0."""
        losses = task.fold_losses()
        estimate, variances = fold_variances(losses)
        return cls(
            n_models=len(task.models),
            n_folds=len(losses),
            per_repeat=round(len(losses) / len(np.unique(task.repeats))),
            fold_share=len(np.unique(task.ids)) * len(losses) / len(task.ids),
            shared=SHARE * task.test_to_train,
            estimate=estimate,
            variances=variances,
            crystals=crystal_variances(task, losses.mean(axis=0)),
            prior=fitted_prior(variances, len(losses) - 1.0),
        )

    def after(self, more_repeats: int = 0) -> Contrasts:
        """The comparison after so many further repeats, if all that was observed stays as it is.

        Satterthwaite's degrees of freedom: those of s² times (variance / part of s² in it)².
        """
        folds = self.n_folds + more_repeats * self.per_repeat
        factor = variance_factor(folds, self.shared)
        shrunk, freedom = shrink(self.variances, folds - 1.0, self.n_models, self.prior)
        fixed = max(1 - self.fold_share * factor, 0) * self.crystals
        total = np.maximum(factor * shrunk + fixed, self.crystals)
        least = factor * np.maximum(shrunk, self.fold_share * self.crystals)
        known = np.divide(fixed + least, least, out=np.ones_like(least), where=least > 0)
        same = (self.variances == 0) & (self.estimate == 0)
        return Contrasts(self.estimate, np.where(same, 0.0, np.sqrt(total)), freedom * known**2)


def crystal_variances(task: TaskErrors, means: np.ndarray) -> np.ndarray:
    """(P,) variance of each pair's log ratio that comes from the choice of crystals alone, all tested by all models.

    Crystals are what `ids` names, so a group of duplicates with one id counts once. Over crystals, not rows, as for a ratio of
    sums (Cochran, Sampling Techniques (1977), section 6.4), since one may have more rows than another.
    """
    first, second = pairs_of(len(task.models))
    _, inverse, rows = np.unique(task.ids, return_inverse=True, return_counts=True)
    if len(rows) == 1:
        return np.zeros(len(first))
    sums = np.add.reduceat(task.errors[np.argsort(inverse, kind="stable")], np.cumsum(rows) - rows, axis=0) / means
    residual = (sums - rows[:, None] * (sums.sum(axis=0) / rows.sum())) / rows.mean()
    covariance = np.atleast_2d(np.cov(residual.T)) / len(rows)
    spread = np.diag(covariance)
    variances = spread[first] + spread[second] - 2 * covariance[first, second]
    return np.where(variances > ROUNDING * (spread[first] + spread[second]), variances, 0.0)
