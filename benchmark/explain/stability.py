"""Do two seeds say the same? Rank correlation of their enrichments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

from scipy.stats import spearmanr

from benchmark.explain.records import ClassResult

FEWEST = 5
"""Motifs that both must have tested."""


def rank_correlations(results: Sequence[ClassResult]) -> list[float | None]:
    """Spearman's, of each two results of a class: of the log-odds of labels and pairs against random graphs.

    None where they have fewer than `FEWEST` tests in common, or where all of one are alike.
    """
    odds = [
        {(e.kind, e.labels): e.log_odds for e in r.enrichments if e.against == "random graphs" and e.kind != "triangle"}
        for r in results
    ]
    found: list[float | None] = []
    for first, second in combinations(odds, 2):
        common = sorted(first.keys() & second.keys())
        enough = len(common) >= FEWEST
        value = float(spearmanr([first[m] for m in common], [second[m] for m in common])[0]) if enough else math.nan
        found.append(None if math.isnan(value) else value)
    return found
