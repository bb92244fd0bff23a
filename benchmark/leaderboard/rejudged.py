"""What the tiers told apart in each published comparison group, what `decide` decides, and whether other repeats agree. Needs
no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.leaderboard.comparison_groups import ComparisonGroup
from benchmark.statistics.comparisons import TaskErrors, rank_tiers
from benchmark.statistics.decisions import LARGE_RATIO, Decisions, decide

RESAMPLES = 1_000
"""Of the bootstrap of the tiers."""


@dataclass(frozen=True)
class Replicated:
    """What one half of a group's repeats decides, beside the other half: other seeds of the folds and of the weights."""

    repeats: tuple[int, int]
    """Of each half."""
    large: tuple[int, int]
    """Of the first half: decided pairs and all pairs among those whose ratio exceeds `LARGE_RATIO`."""
    decided: int
    """Pairs that either half decides; a pair that both decide counts twice."""
    agreed: int
    """Of these, those that the other half decides the same way."""
    undecided: int
    """Those that the other half does not decide."""
    contradicted: int
    """Those that the other half decides the other way."""


@dataclass(frozen=True)
class Foretold:
    """How often "N more repeats" decided an undecided model, said after each repeat but the last."""

    said: int
    """Models for which a number was said that the group's later repeats reach."""
    true: int
    """Those that were decided after so many."""
    never: int
    """Those that are undecided after all repeats."""


@dataclass(frozen=True)
class Rejudged:
    """One comparison group with rivals, before and now."""

    task: str
    title: str
    folds: int
    before: int
    """Pairs that `rank_tiers` tells apart."""
    decisions: Decisions
    replicated: Replicated | None
    """None where there is one repeat only."""
    foretold: Foretold | None
    """The same."""

    @property
    def now(self) -> int:
        """Decided pairs."""
        return sum(pair.decided for pair in self.decisions.pairs)

    @property
    def large(self) -> tuple[int, int]:
        """Decided pairs and all pairs among those whose ratio exceeds `LARGE_RATIO`."""
        return _large(self.decisions)

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
            replicated=replicate(group.errors),
            foretold=foretold(group.errors),
        )
        for group in groups
        if group.has_rivals and group.errors is not None
    )


def replicate(errors: TaskErrors) -> Replicated | None:
    """Decide with the first half of the repeats and with the others, and compare."""
    seeds = np.unique(errors.repeats)
    if len(seeds) < 2:
        return None
    parts = np.array_split(seeds, 2)
    halves = [decide(errors.of_repeats(part)) for part in parts]
    ways = [{(p.better, p.worse) for p in half.pairs if p.decided} for half in halves]
    agreed = 2 * len(ways[0] & ways[1])
    contradicted = 2 * sum((worse, better) in ways[1] for better, worse in ways[0])
    decided = len(ways[0]) + len(ways[1])
    return Replicated(
        repeats=(len(parts[0]), len(parts[1])),
        large=_large(halves[0]),
        decided=decided,
        agreed=agreed,
        undecided=decided - agreed - contradicted,
        contradicted=contradicted,
    )


def foretold(errors: TaskErrors) -> Foretold | None:
    """Look after every repeat, and see in the later ones whether undecided models are decided when it was said."""
    seeds = np.unique(errors.repeats)
    if len(seeds) < 2:
        return None
    looks = [decide(errors.of_repeats(seeds[: n + 1])) for n in range(len(seeds))]
    verdicts = [{one.model: one.verdict for one in look.standings} for look in looks]
    said = [
        (one.model, now + one.more_repeats)
        for now, look in enumerate(looks)
        for one in look.standings
        if one.more_repeats and now + one.more_repeats < len(seeds)
    ]
    open_at = [verdicts[then][model] == "undecided" for model, then in said]
    return Foretold(len(said), len(said) - sum(open_at), sum(verdicts[-1][model] == "undecided" for model, _ in said))


def _large(decisions: Decisions) -> tuple[int, int]:
    large = [pair.decided for pair in decisions.pairs if pair.ratio > LARGE_RATIO]
    return sum(large), len(large)
