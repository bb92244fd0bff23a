"""Intervals of all pairs of a comparison group that hold together, and what follows for the best. Needs no torch.

Everything said about a group is read off one family of intervals: that of all pairs. All of them hold in 95 % of groups, and
then everything that follows from them does too: which pairs differ, which models can be the best, how far each is from it.
So it costs nothing that the best was found by looking.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtri, ndtr, stdtrit

from benchmark.statistics.contrasts import Contrasts, pairs_of

NODES, WEIGHTS = np.polynomial.legendre.leggauss(96)
"""On [-1, 1]."""
FARTHEST = 9.0
"""Standard deviations beyond which a normal distribution is taken to end."""


def critical_value(n_models: int, freedom: float, confidence: float) -> float:
    """Standard errors on each side of every pair's log ratio for all pairs together: quantile of the studentized range / √2.

    Tukey & Kramer (Hochberg & Tamhane, Multiple Comparison Procedures (1987), section 3.2); pairs keep their own standard
    error as with Games & Howell, J. Educ. Stat. 1, 113 (1976). Of two models it is Student's t. Degrees of freedom are rounded
    down to three digits: fewer are safe, and few values are computed once.
    """
    if n_models == 2:
        return float(stdtrit(min(freedom, 1e9), (1 + confidence) / 2))
    step = 10 ** (np.floor(np.log10(freedom)) - 1) if np.isfinite(freedom) else 1.0
    return _range_quantile(n_models, float(min(np.floor(freedom / step + 1e-9) * step, 1e6)), confidence) / np.sqrt(2)


@lru_cache(maxsize=4096)
def _range_quantile(n_models: int, freedom: float, confidence: float) -> float:
    """scipy's `studentized_range.ppf` takes 0.2 s for what this takes 2 ms to 5 digits: a group asks for hundreds of values."""
    # s, the standard deviation estimated, at equal steps of its probability;
    scales = np.sqrt(chdtri(freedom, (1 - NODES) / 2) / freedom)

    def missed(quantile: float) -> float:
        return float(WEIGHTS @ _range_within(quantile * scales, n_models)) / 2 - confidence

    # Between one comparison and all of them by Bonferroni; the latter a little enlarged, as equality is possible.
    tail = (1 - confidence) / (n_models * (n_models - 1))
    low, high = (np.sqrt(2) * float(stdtrit(freedom, 1 - p)) for p in ((1 - confidence) / 2, tail))
    return float(brentq(missed, 0.9 * low, 1.1 * high, xtol=1e-6))


def _range_within(widths: np.ndarray, n_models: int) -> np.ndarray:
    """Probability that M standard normal numbers lie within each of the widths: M ∫ φ(z) (Φ(z) - Φ(z - w))^(M - 1) dz."""
    z = FARTHEST * NODES
    density = FARTHEST * WEIGHTS * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return n_models * (ndtr(z) - ndtr(z - widths[:, None])) ** (n_models - 1) @ density


def bonferroni(contrasts: Contrasts, n_comparisons: int, confidence: float) -> np.ndarray:
    """(P,) half widths by Student's t at 1 - (1 - confidence) / comparisons."""
    return contrasts.half_widths(1 - (1 - confidence) / n_comparisons)


def all_pairs(contrasts: Contrasts, n_models: int, confidence: float) -> np.ndarray:
    """(P,) half widths of all pairs together."""
    critical = [critical_value(n_models, freedom, confidence) for freedom in contrasts.freedom.tolist()]
    return contrasts.error * np.array(critical)


@dataclass(frozen=True, eq=False)
class Intervals:
    """Simultaneous intervals of the log ratios of all models by all models, and what they say about the best."""

    low: np.ndarray
    """(M, M) lower limits of log(loss of row / loss of column); 0 on the diagonal."""
    high: np.ndarray
    """(M, M) upper limits."""

    @classmethod
    def of(cls, estimate: np.ndarray, half: np.ndarray, n_models: int) -> Intervals:
        """From (P,) log ratios and half widths in the order of `pairs_of`."""
        first, second = pairs_of(n_models)
        low, high = np.zeros((n_models, n_models)), np.zeros((n_models, n_models))
        low[first, second], high[first, second] = estimate - half, estimate + half
        low[second, first], high[second, first] = -estimate - half, -estimate + half
        return cls(low, high)

    @property
    def worse(self) -> np.ndarray:
        """(M, M) whether the row is shown to have the larger loss."""
        return self.low > 0

    @property
    def candidates(self) -> np.ndarray:
        """(M,) whether a model may be the best: it is shown to be worse than none. Where all intervals hold, the best is."""
        return np.logical_not(self.worse.any(axis=1))

    def to_best_other(self, model: int) -> tuple[float, float]:
        """Interval of log(loss of the model / loss of the best other model); M must be at least 2.

        The best other model loses no more than any other, so the ratio to it is at least the ratio to each: the largest lower
        limit holds. It is one of the candidates, so the largest upper limit among these does (Hsu, Multiple Comparisons (1996),
        chapter 4, with the intervals of all pairs). Where the model is itself the best, the ratio is below 1, and any upper
        limit above 1 holds.
        """
        others = np.delete(np.arange(len(self.low)), model)
        left = others[self.candidates[others]]
        if not len(left):
            return self.to_best_of(model, others)
        return float(self.low[model, others].max()), float(self.high[model, left].max())

    def to_best_of(self, model: int, others: np.ndarray) -> tuple[float, float]:
        """Likewise of log(loss of the model / loss of the best among (K,) numbers of other models), K at least 1.

        Whichever is the best of them is shown to be worse than none of them.
        """
        left = others[~self.worse[np.ix_(others, others)].any(axis=1)]
        return float(self.low[model, others].max()), float(self.high[model, left].max())
