"""What the thesis read off its histograms and heat maps, as statements that can be tested.

E. Abenza Severá, Application of Graph Neural Networks for the discovery of new materials for the cathode of batteries, UPM
2021: CGCNN explained by XGNN, 150 graphs a class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.explain.enrichment.log_odds import Clustered, compare
from benchmark.explain.node_types import NodeTypeKind
from benchmark.explain.records import CLASSES, ClassName, Explanation, FindingTest


@dataclass(frozen=True)
class PublishedFinding:
    """That the explanations of a class have more of these node types, or of bonds from them to `others`, than the other's."""

    target: str
    class_name: ClassName
    kind: NodeTypeKind
    node_types: tuple[int, int]
    """First and last."""
    others: tuple[int, int] | None = None

    def __str__(self) -> str:
        what = f"{self.kind}{'s' * (self.node_types[0] < self.node_types[1])} {_span(self.node_types)}"
        if self.others:
            what = f"bonds between {what} and {_span(self.others)}"
        return f"{self.class_name}: {what}"

    def count(self, one: Explanation) -> tuple[int, int]:
        """Atoms or bonds of the finding in an explanation, and all of them."""
        first = [self.node_types[0] <= node_type <= self.node_types[1] for node_type in one.node_types]
        if self.others is None:
            return sum(first), len(first)
        other = [self.others[0] <= node_type <= self.others[1] for node_type in one.node_types]
        return sum((first[i] and other[j]) or (first[j] and other[i]) for i, j in one.bonds), len(one.bonds)


def _span(ends: tuple[int, int]) -> str:
    return f"{ends[0]}–{ends[1]}" if ends[0] < ends[1] else str(ends[0])


GAP, FORMATION = "band_gap", "formation_energy_per_atom"

PUBLISHED_FINDINGS = (
    PublishedFinding(GAP, "high", "group", (15, 18)),
    PublishedFinding(GAP, "high", "group", (15, 18), (15, 18)),
    PublishedFinding(GAP, "low", "group", (3, 12)),
    PublishedFinding(GAP, "high", "period", (1, 3)),
    PublishedFinding(GAP, "high", "period", (1, 3), (1, 3)),
    PublishedFinding(GAP, "low", "period", (4, 7)),
    PublishedFinding(FORMATION, "low", "group", (16, 17)),
    PublishedFinding(FORMATION, "low", "group", (1, 4), (16, 17)),
    PublishedFinding(FORMATION, "high", "group", (5, 15)),
    PublishedFinding(FORMATION, "low", "period", (2, 2)),
)


def finding_tests(
    target: str, kind: NodeTypeKind, rounds: dict[ClassName, list[tuple[Explanation, ...]]], tested: bool = True
) -> tuple[FindingTest, ...]:
    """Each published finding on the target, tested on the explanations of one class against those of the other, if at all."""
    found = []
    for finding in PUBLISHED_FINDINGS:
        if (finding.target, finding.kind) != (target, kind):
            continue
        own, other = (_clustered(finding, rounds[name]) for name in _own_first(finding.class_name))
        outcome = compare(own, other) if tested else None
        if outcome is None:
            found.append(FindingTest(finding=str(finding), log_odds=None, interval=None, p=None))
        else:
            low, high = outcome.intervals[0].tolist()
            odds, p = float(outcome.log_odds[0]), float(outcome.p[0])
            found.append(FindingTest(finding=str(finding), log_odds=odds, interval=(low, high), p=p))
    return tuple(found)


def _own_first(name: ClassName) -> list[ClassName]:
    return [name, *(other for other in CLASSES if other != name)]


def _clustered(finding: PublishedFinding, rounds: Sequence[Sequence[Explanation]]) -> Clustered:
    counts = np.array([np.sum([finding.count(one) for one in found], axis=0) for found in rounds]).reshape(-1, 2)
    return Clustered(counts[:, :1], counts[:, 1])
