"""From the rounds of both classes to tested statements: what the network prefers, and what crystals show without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.explain.classifier.graphs import TypedGraphs
from benchmark.explain.enrichment.class_results import class_result
from benchmark.explain.enrichment.log_odds import Clustered
from benchmark.explain.enrichment.motifs import holding
from benchmark.explain.enrichment.nulls import draw
from benchmark.explain.enrichment.published_findings import FindingSamples, finding_tests
from benchmark.explain.node_types import NodeTypeKind
from benchmark.explain.records import CLASSES, ClassName, ClassResult, Round
from benchmark.explain.search.rounds import ExplainedClassifier
from benchmark.explain.search.small_graphs import Rules
from benchmark.explain.settings import Budget
from benchmark.explain.statements import FindingTest


@dataclass(frozen=True, eq=False)
class TrainingGraphs:
    """The crystals that the classifier learnt from, as graphs, and (n,) which of them are high."""

    graphs: TypedGraphs
    high: np.ndarray

    def of(self, name: ClassName) -> np.ndarray:
        """(n,) bool, which are of a class."""
        return self.high if name == "high" else ~self.high


@dataclass(frozen=True)
class Analysis:
    """What the explanations of both classes show."""

    classes: dict[ClassName, ClassResult]
    findings: tuple[FindingTest, ...]


def analyse(
    explained: ExplainedClassifier,
    rules: Rules,
    training: TrainingGraphs,
    rounds: Mapping[ClassName, Sequence[Round]],
    budget: Budget,
    seed: int,
    untested: str | None,
    about: tuple[str, NodeTypeKind] | None = None,
) -> Analysis:
    """Test the explanations of the classes that were searched.

    Args:
        explained: the classifier.
        rules: of the graphs.
        training: the training graphs.
        rounds: by class, of one class or of both.
        budget: how many explanations were asked for.
        seed: of the random graphs.
        untested: why nothing is to be tested, where nothing is.
        about: target and kind of node types, where there may be published findings.
    """
    kept = {name: budget.kept(found) for name, found in rounds.items()}
    nulls = {name: draw(rules, training.graphs, training.of(name), kept[name], name, seed) for name in rounds}
    held = holding(training.graphs)
    crystals = {name: _crystals(held, training.of(name)) for name in rounds}
    classes = {
        name: class_result(explained, name, nulls[name], training.graphs, crystals[name], found, budget, untested)
        for name, found in rounds.items()
    }
    findings: tuple[FindingTest, ...] = ()
    if about and set(rounds) == set(CLASSES):
        parts = {name: training.graphs.take(np.flatnonzero(training.of(name))) for name in CLASSES}
        findings = finding_tests(*about, FindingSamples(kept, parts, nulls), tested=untested is None)
    return Analysis(classes, findings)


def _crystals(held: np.ndarray, own: np.ndarray) -> tuple[Clustered, Clustered]:
    """Of a class and of the other one: a crystal is a cluster of its own."""
    parts = held[own], held[~own]
    first, second = (Clustered(part, np.ones(len(part), dtype=np.int64)) for part in parts)
    return first, second
