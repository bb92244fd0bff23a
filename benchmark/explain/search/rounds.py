"""Rounds of XGNN, each with a policy of its own, until there are as many explanations as asked for."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
import torch
from torch import Tensor

from benchmark.explain.classifier.classifier import Classifier
from benchmark.explain.records import CLASSES, ClassName, Explanation, Round
from benchmark.explain.search.reinforce import train_policy
from benchmark.explain.search.small_graphs import Rules, SmallGraphs
from benchmark.explain.settings import Budget, SearchSettings


@dataclass(frozen=True, eq=False)
class ExplainedClassifier:
    """The classifier as a class is explained: its weights' hash, its threshold, and the probability to reach."""

    classifier: Classifier
    weights_sha256: str
    threshold: float
    min_probability: float

    def score(self, class_name: ClassName, graphs: SmallGraphs) -> Tensor:
        """(G,) probability of the class."""
        high = self.classifier.probability(graphs.batch(self.classifier.loops))
        return high if class_name == "high" else 1 - high


def search_rounds(
    explained: ExplainedClassifier, class_name: ClassName, rules: Rules, settings: SearchSettings, budget: Budget, seed: int,
    done: Sequence[Round] = (),
) -> Iterator[Round]:  # fmt: skip
    """Go on after the rounds that are done. A round depends on the seed, its number and what was found before."""
    rounds = list(done)
    while budget.more(rounds):
        rounds.append(_round(explained, class_name, rules, settings, seed, rounds))
        yield rounds[-1]


def _round(
    explained: ExplainedClassifier,
    class_name: ClassName,
    rules: Rules,
    settings: SearchSettings,
    seed: int,
    before: Sequence[Round],
) -> Round:
    started = time.perf_counter()
    own = round_seed(seed, class_name, len(before))
    known = {e.hash for r in before for e in r.explanations}
    found: list[Explanation] = []
    attempts = reached = number = 0
    for number, episode in train_policy(rules, lambda graphs: explained.score(class_name, graphs), settings, own):
        if number <= settings.warm_up:
            continue
        attempts += len(episode.graphs)
        good = episode.graphs.n_atoms >= 2
        good &= episode.probabilities >= explained.min_probability
        reached += int(good.sum())
        for row in good.nonzero().squeeze(1).tolist():
            one = explanation(episode.graphs, row, float(episode.probabilities[row]), number)
            if one.hash not in known and len(found) < settings.per_round:
                known.add(one.hash)
                found.append(one)
        if len(found) == settings.per_round:
            break
    return Round(
        class_name=class_name, number=len(before), seed=own, min_probability=explained.min_probability,
        threshold=explained.threshold, weights_sha256=explained.weights_sha256, attempts=attempts, reached=reached,
        explanations=tuple(found), updates=number, seconds=time.perf_counter() - started,
    )  # fmt: skip


def round_seed(seed: int, class_name: ClassName, number: int) -> int:
    """Of a round's policy."""
    return int(np.random.SeedSequence([seed, CLASSES.index(class_name), number]).generate_state(1)[0])


def explanation(graphs: SmallGraphs, row: int, probability: float, update: int) -> Explanation:
    """A graph as it is recorded, its node types from 1."""
    node_types = (graphs.node_types[row][graphs.exists[row]] + 1).tolist()
    bonds = [(i, j) for i, j in graphs.bonds[row].nonzero().tolist() if i < j]
    return Explanation(
        node_types=tuple(node_types),
        bonds=tuple(bonds),
        probability=probability,
        update=update,
        hash=graph_hash(node_types, bonds),
    )


def graph_hash(node_types: Sequence[int], bonds: Sequence[tuple[int, int]]) -> str:
    """Weisfeiler-Lehman, equal for equal graphs in any order of their atoms."""
    graph = nx.Graph()
    graph.add_nodes_from((atom, {"node type": str(node_type)}) for atom, node_type in enumerate(node_types))
    graph.add_edges_from(bonds)
    return str(nx.weisfeiler_lehman_graph_hash(graph, node_attr="node type"))


def small_graphs(explanations: Sequence[Explanation], max_atoms: int) -> SmallGraphs:
    """Recorded graphs as tensors."""
    node_types = torch.full((len(explanations), max_atoms), -1)
    bonds = torch.zeros(len(explanations), max_atoms, max_atoms, dtype=torch.bool)
    for row, one in enumerate(explanations):
        node_types[row, : len(one.node_types)] = torch.tensor(one.node_types) - 1
        for i, j in one.bonds:
            bonds[row, i, j] = bonds[row, j, i] = True
    return SmallGraphs(node_types, bonds)
