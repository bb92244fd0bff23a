"""Is a motif more frequent than chance would have it? Log-odds with intervals, for counts that come in clusters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from benchmark.statistics.comparisons import ALPHA

FEWEST_CLUSTERS = 5
"""Below, nothing is tested: with 4, not even a motif of every explanation and of 1 % of random graphs is significant."""

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

    def of(self, columns: np.ndarray) -> Clustered:
        """Of some motifs, by their numbers or as (m,) bool."""
        return Clustered(self.counts[:, columns], self.totals)

    def effective(self) -> tuple[np.ndarray, np.ndarray]:
        """(m,) counts and totals, each divided by the design effect: what as many independent draws would say.

        The design effect is the variance of the share between clusters to that of independent draws, at least 1; Rao &
        Scott, Biometrics 48, 577 (1992). A motif that all have, or none, does not show it, and takes the median of the others.
        """
        counts, total, k = self.counts.sum(axis=0).astype(float), float(self.totals.sum()), self.n_clusters
        share = counts / max(total, 1.0)
        squares = ((self.counts - share * self.totals[:, None]) ** 2).sum(axis=0)
        between = squares * k / max(k - 1, 1) / max(total, 1.0) ** 2
        independent = share * (1 - share) / max(total, 1.0)
        shown = independent > 0
        effect = np.maximum(1.0, np.divide(between, independent, out=np.ones_like(share), where=shown))
        if shown.any():
            effect[~shown] = np.median(effect[shown])
        return counts / effect, total / effect


@dataclass(frozen=True, eq=False)
class LogOddsTest:
    """Log-odds (m,) of each motif in the first sample over the second, with 95 % intervals (m, 2) and two-sided p (m,)."""

    log_odds: np.ndarray
    intervals: np.ndarray
    p: np.ndarray


def compare(first: Clustered, second: Clustered) -> LogOddsTest | None:
    """Log-odds of each motif, tested and bounded by the likelihood ratio, with half a count added to each cell.

    The half (Haldane 1956; Anscombe 1956) keeps the log-odds of a motif finite that all have, or none. The root of the
    likelihood ratio is held against the t-distribution, with the degrees of freedom of the sample with fewer clusters; the
    interval holds the log-odds that are not refused. None where a sample has fewer than `FEWEST_CLUSTERS`.
    """
    clusters = min(first.n_clusters, second.n_clusters)
    if clusters < FEWEST_CLUSTERS:
        return None
    cells = []
    for sample in (first, second):
        counts, totals = sample.effective()
        cells += [counts + 0.5, totals - counts + 0.5]
    table = np.array(cells)
    a, n, successes, total = table[0], table[0] + table[1], table[0] + table[2], table.sum(axis=0)
    root = np.sqrt(_deviance(table, _fitted(table, n * successes / total)))
    refused = stdtrit(clusters - 1, 1 - ALPHA / 2) ** 2
    ends = [
        _log_odds(_fitted(table, _where_refused(table, a, edge, refused)))
        for edge in (np.maximum(0, successes - (total - n)), np.minimum(n, successes))
    ]
    return LogOddsTest(_log_odds(table), np.column_stack(ends), 2 * stdtr(clusters - 1, -root))


def _fitted(table: np.ndarray, a: np.ndarray) -> np.ndarray:
    """(4, m) the table with `a` (m,) in its first cell and the same margins: the most likely one with its log-odds."""
    return np.array([a, table[0] + table[1] - a, table[0] + table[2] - a, table[3] - table[0] + a])


def _deviance(table: np.ndarray, fitted: np.ndarray) -> np.ndarray:
    """(m,) twice the logarithm of the likelihood ratio of the table to a fitted one."""
    return np.maximum(0, 2 * (table * np.log(table / fitted)).sum(axis=0))


def _log_odds(table: np.ndarray) -> np.ndarray:
    return np.log(table[0] / table[1]) - np.log(table[2] / table[3])


def _where_refused(table: np.ndarray, inside: np.ndarray, edge: np.ndarray, refused: float) -> np.ndarray:
    """(m,) the first cell of the fitted table whose deviance is `refused`, between the table's own and the edge, by halving."""
    outside = edge
    for _ in range(50):
        middle = (inside + outside) / 2
        beyond = _deviance(table, _fitted(table, middle)) > refused
        inside, outside = np.where(beyond, inside, middle), np.where(beyond, middle, outside)
    return inside


def frequent_enough(first: Clustered, second: Clustered) -> np.ndarray:
    """(m,) bool: which motifs occur often enough to be tested. It looks at both samples together, never at a difference."""
    return first.counts.sum(axis=0) + second.counts.sum(axis=0) >= FEWEST_COUNTS
