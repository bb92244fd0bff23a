"""What the tiers told apart in each published comparison group, and what `decide` decides. Needs no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from benchmark.leaderboard.comparison_groups import ComparisonGroup
from benchmark.statistics.comparisons import rank_tiers
from benchmark.statistics.decisions import Decisions, decide

RESAMPLES = 1_000
"""Of the bootstrap of the tiers."""
LARGE_RATIO = 1.10
"""Of two mean losses, from which a benchmark should tell two models apart."""


@dataclass(frozen=True)
class Rejudged:
    """One comparison group with rivals, before and now."""

    task: str
    title: str
    folds: int
    before: int
    """Pairs that `rank_tiers` tells apart."""
    decisions: Decisions

    @property
    def now(self) -> int:
        """Decided pairs."""
        return sum(pair.decided for pair in self.decisions.pairs)

    @property
    def large(self) -> tuple[int, int]:
        """Decided pairs and all pairs among those whose ratio exceeds `LARGE_RATIO`."""
        large = [pair.decided for pair in self.decisions.pairs if pair.ratio > LARGE_RATIO]
        return sum(large), len(large)

    @property
    def words(self) -> Counter[str]:
        """How many models have each word."""
        return Counter(standing.verdict for standing in self.decisions.standings)

    def as_json(self) -> dict[str, object]:
        """For scripts."""
        about = {"task": self.task, "group": self.title, "folds": self.folds, "pairs": len(self.decisions.pairs)}
        return {**about, "told_apart_before": self.before, "decided_now": self.now, "models": dict(self.words)}


def rejudge(groups: Sequence[ComparisonGroup]) -> tuple[Rejudged, ...]:
    """Every group with two ranked rows or more, in the order given."""
    return tuple(
        Rejudged(
            task=group.first.key.task,
            title=group.title,
            folds=len(group.errors.fold_losses()),
            before=sum(pair.separable for pair in rank_tiers(group.errors, resamples=RESAMPLES).pairs),
            decisions=decide(group.errors),
        )
        for group in groups
        if group.has_rivals and group.errors is not None
    )
