"""Is a motif more frequent than chance would have it? Log-odds with intervals, for counts that come in clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from benchmark.statistics import ALPHA

FEWEST_CLUSTERS = 3
"""Below, how clusters vary cannot be told, and nothing is tested."""

FEWEST_COUNTS = 5
"""A motif is tested if it occurs so often in both samples together; what neither shows needs no test."""


@dataclass(frozen=True, eq=False)
class Clustered:
    """Counts of m motifs in k clusters that vary independently of each other, while what is in one may be alike.

    Attributes:
        counts: (k, m) how often each motif occurs in each cluster.
        totals: (k,) out of how many.
    """

    counts: np.ndarray
    totals: np.ndarray

    @property
    def n_clusters(self) -> int:
        """k, of those that are not empty."""
        return int((self.totals > 0).sum())

    def effective(self) -> tuple[np.ndarray, np.ndarray]:
        """(m,) counts and totals, each divided by the design effect: what as many independent draws would say.

        The design effect is the variance of the share between clusters to that of independent draws, at least 1; Rao &
        Scott, Biometrics 48, 577 (1992).
        """
        counts, total, k = self.counts.sum(axis=0).astype(float), float(self.totals.sum()), self.n_clusters
        share = counts / max(total, 1.0)
        squares = ((self.counts - share * self.totals[:, None]) ** 2).sum(axis=0)
        between = squares * k / max(k - 1, 1) / max(total, 1.0) ** 2
        independent = share * (1 - share) / max(total, 1.0)
        effect = np.maximum(1.0, np.divide(between, independent, out=np.ones_like(share), where=independent > 0))
        return counts / effect, total / effect


@dataclass(frozen=True, eq=False)
class Comparison:
    """Log-odds (m,) of each motif in the first sample over the second, with 95 % intervals (m, 2) and two-sided p (m,)."""

    log_odds: np.ndarray
    intervals: np.ndarray
    p: np.ndarray


def compare(first: Clustered, second: Clustered) -> Comparison | None:
    """Log-odds of each motif, with half a count added to each cell (Haldane 1956; Anscombe 1956), by the t-distribution.

    Its degrees of freedom are those of the sample with fewer clusters. None where one has fewer than `FEWEST_CLUSTERS`.
    """
    clusters = min(first.n_clusters, second.n_clusters)
    if clusters < FEWEST_CLUSTERS:
        return None
    cells = []
    for sample in (first, second):
        counts, totals = sample.effective()
        cells.append((counts + 0.5, totals - counts + 0.5))
    (a, b), (c, d) = cells
    log_odds = np.log(a / b) - np.log(c / d)
    error = np.sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    half = error * stdtrit(clusters - 1, 1 - ALPHA / 2)
    p = 2 * stdtr(clusters - 1, -np.abs(log_odds) / error)
    return Comparison(log_odds, np.column_stack([log_odds - half, log_odds + half]), p)


def tested(first: Clustered, second: Clustered) -> np.ndarray:
    """(m,) bool: which motifs occur often enough to be tested. It looks at both samples together, never at a difference."""
    return first.counts.sum(axis=0) + second.counts.sum(axis=0) >= FEWEST_COUNTS
