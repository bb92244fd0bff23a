"""What the thesis read off its histograms and heat maps, as statements that can be tested.

E. Abenza Severá, Application of Graph Neural Networks for the discovery of new materials for the cathode of batteries, UPM
2021: CGCNN explained by XGNN, 150 graphs a class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.explain.classifier.graphs import TypedGraphs, pair_index
from benchmark.explain.enrichment.log_odds import Clustered, compare
from benchmark.explain.enrichment.nulls import Nulls
from benchmark.explain.node_types import N_NODE_TYPES, NodeTypeKind
from benchmark.explain.records import CLASSES, ClassName, Explanation
from benchmark.explain.search.small_graphs import SmallGraphs
from benchmark.explain.statements import Contrast, FindingTest
from benchmark.statistics.comparisons import holm


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

    def columns(self, n_node_types: int) -> np.ndarray:
        """Numbers of the finding's node types or, of bonds, pairs among those of the counts of `TypedGraphs`."""
        first = range(self.node_types[0] - 1, self.node_types[1])
        if self.others is None:
            return np.array(first)
        index = pair_index(n_node_types)
        return np.unique([index[i, j] for i in first for j in range(self.others[0] - 1, self.others[1])])


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


@dataclass(frozen=True, eq=False)
class FindingSamples:
    """Where a finding on a class is counted: explanations round by round, training crystals, and random graphs, by class."""

    rounds: Mapping[ClassName, Sequence[Sequence[Explanation]]]
    crystals: Mapping[ClassName, TypedGraphs]
    nulls: Mapping[ClassName, Nulls | None]


def finding_tests(target: str, kind: NodeTypeKind, samples: FindingSamples, tested: bool = True) -> tuple[FindingTest, ...]:
    """Each published finding on the target: of explanations, of crystals without a network, and beyond what random graphs give.

    Args:
        target: of the task.
        kind: of node types.
        samples: where to count.
        tested: whether the explanations are tested at all.
    """
    findings = [finding for finding in PUBLISHED_FINDINGS if (finding.target, finding.kind) == (target, kind)]
    found = [_finding_test(finding, samples, tested) for finding in findings]
    known = [n for n, one in enumerate(found) if one.beyond]
    corrected = holm(np.array([test.p for one in found if (test := one.beyond)]))
    for n, p in zip(known, corrected.tolist(), strict=True):
        found[n] = found[n].model_copy(update={"beyond_p_holm": p})
    return tuple(found)


def _finding_test(finding: PublishedFinding, samples: FindingSamples, tested: bool) -> FindingTest:
    own, other = finding.class_name, next(name for name in CLASSES if name != finding.class_name)
    explained = {name: _clustered(finding, samples.rounds[name]) for name in CLASSES}
    said = _contrast(explained[own], explained[other]) if tested else None
    mine, theirs = samples.nulls[own], samples.nulls[other]
    random = composition = None
    if mine:
        random, composition = (_in_small(finding, graphs) for graphs in (mine.random, mine.composition))
    beyond = None
    if tested and random and composition:
        first, second = _contrast(explained[own], random), _contrast(explained[own], composition)
        if first and second:
            agree = first.log_odds * second.log_odds > 0
            beyond = second.model_copy(update={"p": max(first.p, second.p) if agree else 1.0})
    return FindingTest(
        finding=str(finding),
        log_odds=said.log_odds if said else None,
        interval=said.interval if said else None,
        p=said.p if said else None,
        crystals=_contrast(*(_in_graphs(finding, samples.crystals[name]) for name in (own, other))),
        random=_contrast(random, _in_small(finding, theirs.random)) if random and theirs else None,
        beyond=beyond,
    )


def _contrast(own: Clustered, other: Clustered) -> Contrast | None:
    outcome = compare(own, other)
    if outcome is None:
        return None
    low, high = outcome.intervals[0].tolist()
    return Contrast(log_odds=float(outcome.log_odds[0]), interval=(low, high), p=float(outcome.p[0]))


def _clustered(finding: PublishedFinding, rounds: Sequence[Sequence[Explanation]]) -> Clustered:
    counts = np.array([np.sum([finding.count(one) for one in found], axis=0) for found in rounds]).reshape(-1, 2)
    return Clustered(counts[:, :1], counts[:, 1])


def _in_graphs(finding: PublishedFinding, graphs: TypedGraphs) -> Clustered:
    counts = graphs.node_type_counts() if finding.others is None else graphs.pair_counts()
    chosen = finding.columns(graphs.n_node_types)
    return Clustered(counts[:, chosen].sum(axis=1, keepdims=True), counts.sum(axis=1))


def _in_small(finding: PublishedFinding, graphs: SmallGraphs) -> Clustered:
    """A bond of a small graph is an edge in each direction, and one count."""
    found = _in_graphs(finding, graphs.columns(N_NODE_TYPES[finding.kind]))
    return found if finding.others is None else Clustered(found.counts // 2, found.totals // 2)
