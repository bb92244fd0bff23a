"""Intervals of all pairs of a comparison group that hold together, and what follows for the best. Needs no torch.

Everything said about a group is read off one family of intervals: that of all pairs. All of them hold in 95 % of groups, and
then everything that follows from them does too: which pairs differ, which models can be the best, how far each is from it.
So it costs nothing that the best was found by looking.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.special import stdtrit
from scipy.stats import norm, studentized_range

from benchmark.statistics.contrasts import Contrasts, pairs_of

MANY = 200.0
"""Degrees of freedom from which the studentized range is taken at a multiple of this number."""


@lru_cache(maxsize=4096)
def _range_quantile(n_models: int, freedom: float, confidence: float) -> float:
    if n_models == 2:
        at = (1 + confidence) / 2
        return float(stdtrit(freedom, at)) if np.isfinite(freedom) else float(norm.ppf(at))
    return float(studentized_range.ppf(confidence, n_models, freedom)) / np.sqrt(2)


def rounded_down(freedom: float) -> float:
    """Degrees of freedom to the half below, or to 200 and its multiples: fewer are safe, and few values are computed once."""
    step = 0.5 if freedom < 10 else 1 if freedom < MANY else MANY
    return float(np.floor(freedom / step) * step) if np.isfinite(freedom) else freedom


def critical_value(n_models: int, freedom: float, confidence: float) -> float:
    """Standard errors on each side of every pair's log ratio for all pairs together: quantile of the studentized range / √2.

    Tukey & Kramer (Hochberg & Tamhane, Multiple Comparison Procedures (1987), section 3.2); pairs keep their own standard
    error as with Games & Howell, J. Educ. Stat. 1, 113 (1976). Of two models it is Student's t.
    """
    return _range_quantile(n_models, rounded_down(freedom), confidence)


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
        """(M,) whether a model may be the best: it is not shown to be worse than any. Where all intervals hold, the best is one."""
        return ~self.worse.any(axis=1)

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
            left = others[~self.worse[np.ix_(others, others)].any(axis=1)]
        return float(self.low[model, others].max()), float(self.high[model, left].max())
