"""Results that differ in their seed alone, read together, and how alike they are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby

import numpy as np
from scipy.stats import spearmanr

from benchmark.explain.records import CLASSES, ClassName, ClassResult, Explanation, Result
from benchmark.explain.store import ExperimentRecords

FEWEST_RANKED = 5
"""Values that a rank correlation takes at least."""


@dataclass(frozen=True)
class SeedGroup:
    """The results of one experiment with several seeds, and the explanations of each, by class."""

    results: tuple[Result, ...]
    explanations: dict[ClassName, tuple[tuple[Explanation, ...], ...]]

    @property
    def first(self) -> Result:
        """Of the results; all but the seed is the same in the others."""
        return self.results[0]

    @property
    def title(self) -> str:
        """Model, node types and seeds."""
        experiment = self.first.experiment
        seeds = ", ".join(str(result.experiment.seed) for result in self.results)
        return f"{experiment.model} by {experiment.node_types}, seed{'s' * (len(self.results) > 1)} {seeds}"

    @property
    def good(self) -> bool:
        """Whether every classifier tells the classes apart well enough to be worth explaining."""
        return all(result.classifier.quality.good for result in self.results)


def seed_groups(experiments: Iterable[ExperimentRecords]) -> list[SeedGroup]:
    """Experiments on one task, those that differ in their seed alone together."""

    def place(one: ExperimentRecords) -> tuple[str, str, int]:
        return one.result.experiment.model, one.result.experiment.group, one.result.per_class

    found = []
    for _, group in groupby(sorted(experiments, key=place), key=place):
        own = sorted(group, key=lambda one: one.result.experiment.seed)
        explanations = {name: tuple(one.explanations(name) for one in own) for name in CLASSES}
        found.append(SeedGroup(tuple(one.result for one in own), explanations))
    return found


def rank_correlations(results: Sequence[ClassResult]) -> list[float | None]:
    """Spearman's, of each two results of a class: of the log-odds of node types and pairs against random graphs."""
    odds = [
        {(e.kind, e.node_types): e.log_odds for e in r.enrichments if e.against == "random graphs" and e.kind != "triangle"}
        for r in results
    ]
    found = []
    for first, second in combinations(odds, 2):
        common = sorted(first.keys() & second.keys())
        found.append(rank_correlation(np.array([first[m] for m in common]), np.array([second[m] for m in common])))
    return found


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float | None:
    """Spearman's; None of fewer than `FEWEST_RANKED`, or where one does not vary."""
    if len(first) < FEWEST_RANKED or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(spearmanr(first, second)[0])
