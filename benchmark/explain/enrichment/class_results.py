"""From explanations to tested statements: which motifs are enriched, and against what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from benchmark.explain.classifier.graphs import TypedGraphs
from benchmark.explain.enrichment.log_odds import FEWEST_CLUSTERS, Clustered, compare, frequent_enough
from benchmark.explain.enrichment.motifs import SIZES, Motif, motifs, present
from benchmark.explain.records import Against, ClassName, ClassResult, Enrichment, Explanation, MotifKind, Round
from benchmark.explain.search.random_graphs import random_graphs
from benchmark.explain.search.rounds import ExplainedClassifier, round_seed, small_graphs
from benchmark.explain.search.small_graphs import Rules, SmallGraphs
from benchmark.explain.settings import Budget
from benchmark.statistics.comparisons import holm

RANDOM_PER_EXPLANATION = 20

CONTROL = 1_000_000
"""In place of a round's number: the seed of the random graphs."""

KindAndMotif = tuple[MotifKind, Motif]


def class_result(
    explained: ExplainedClassifier,
    class_name: ClassName,
    rules: Rules,
    training: TypedGraphs,
    rounds: Sequence[Round],
    budget: Budget,
    seed: int,
    untested: str | None,
) -> ClassResult:
    """Counts, controls and tests of the explanations of a class.

    Args:
        explained: the classifier.
        class_name: which class.
        rules: of the graphs.
        training: the training graphs, of both classes.
        rounds: all of the class.
        budget: how many explanations were asked for.
        seed: of the random graphs.
        untested: why nothing is to be tested, where nothing is.
    """
    kept = budget.kept(rounds)
    if untested is None and len(kept) < FEWEST_CLUSTERS:
        untested = (
            f"graphs of one round may be alike, and they are of {len(kept)} rounds, where {FEWEST_CLUSTERS} are needed"
            f"{'; ask for more with --per-class' if len(kept) and not budget.stopped(rounds) else ''}"
        )
    enrichments: tuple[Enrichment, ...] = ()
    random_probability = random_reached = None
    if kept:
        random = matched(rules, [one for found in kept for one in found], round_seed(seed, class_name, CONTROL))
        probabilities = explained.score(class_name, random)
        random_probability = float(probabilities.mean())
        random_reached = float((probabilities >= explained.min_probability).double().mean())
        if untested is None:
            enrichments = (
                *against_random(kept, random, rules.n_node_types),
                *against_training(kept, training, rules.limits.max_atoms),
            )
    found = [one.probability for explanations in kept for one in explanations]
    return ClassResult(
        class_name=class_name,
        asked=budget.per_class,
        found=len(found),
        rounds=len(rounds),
        attempts=sum(r.attempts for r in rounds),
        reached=sum(r.reached for r in rounds),
        seconds=sum(r.seconds for r in rounds),
        stopped=budget.stopped(rounds),
        mean_probability=float(np.mean(found)) if found else None,
        random_probability=random_probability,
        random_reached=random_reached,
        enrichments=enrichments,
        untested=untested,
    )


def matched(rules: Rules, explanations: Sequence[Explanation], seed: int) -> SmallGraphs:
    """Random valid graphs with as many atoms and bonds as the explanations, `RANDOM_PER_EXPLANATION` of each."""
    sizes = torch.tensor([[len(one.node_types), len(one.bonds)] for one in explanations])
    atoms, bonds = sizes.repeat_interleave(RANDOM_PER_EXPLANATION, 0).T
    return random_graphs(rules, atoms, bonds, torch.Generator().manual_seed(seed))


def against_random(rounds: Sequence[Sequence[Explanation]], random: SmallGraphs, n_node_types: int) -> tuple[Enrichment, ...]:
    """Graphs that hold a motif, among the explanations of each round and among random graphs."""
    graphs = [small_graphs(found, random.node_types.shape[1]) for found in rounds]
    rows = [(kind, motif) for kind in SIZES for motif in motifs(n_node_types, kind)]
    held = [np.concatenate([present(part, n_node_types, kind) for kind in SIZES], axis=1) for part in (*graphs, random)]
    first = Clustered(np.array([part.sum(axis=0) for part in held[:-1]]), np.array([len(part) for part in graphs]))
    second = Clustered(held[-1].astype(np.int64), np.ones(len(random), dtype=np.int64))
    return enrichments(rows, first, second, "random graphs")


def against_training(rounds: Sequence[Sequence[Explanation]], training: TypedGraphs, max_atoms: int) -> tuple[Enrichment, ...]:
    """Atoms of a node type and bonds of a pair, among those of the explanations and those of the training crystals."""
    n_node_types = training.n_node_types
    parts = [small_graphs(found, max_atoms).columns(n_node_types) for found in rounds]
    kinds: tuple[MotifKind, ...] = ("node type", "pair")
    found = []
    for kind in kinds:
        counts = [_counts(part, kind).sum(axis=0) for part in parts]
        # A bond of an explanation is an edge in each direction, and one count.
        first = np.array(counts) // (2 if kind == "pair" else 1)
        second = _counts(training, kind)
        rows: list[KindAndMotif] = [(kind, motif) for motif in motifs(n_node_types, kind)]
        found.append((rows, Clustered(first, first.sum(axis=1)), Clustered(second, second.sum(axis=1))))
    return corrected([one for part in found for one in enrichments(*part, "training crystals")])


def _counts(graphs: TypedGraphs, kind: MotifKind) -> np.ndarray:
    return graphs.node_type_counts() if kind == "node type" else graphs.pair_counts()


def enrichments(rows: Sequence[KindAndMotif], first: Clustered, second: Clustered, against: Against) -> tuple[Enrichment, ...]:
    """The test of every motif that is frequent enough, corrected for all of them; none where there are too few clusters."""
    chosen = np.flatnonzero(frequent_enough(first, second))
    first, second = (Clustered(sample.counts[:, chosen], sample.totals) for sample in (first, second))
    outcome = compare(first, second)
    if outcome is None:
        return ()
    counts, others = first.counts.sum(axis=0), second.counts.sum(axis=0)
    return corrected(
        [
            Enrichment(
                kind=rows[row][0],
                node_types=tuple(node_type + 1 for node_type in rows[row][1]),
                against=against,
                count=int(counts[i]),
                total=int(first.totals.sum()),
                other_count=int(others[i]),
                other_total=int(second.totals.sum()),
                log_odds=float(outcome.log_odds[i]),
                interval=(float(outcome.intervals[i, 0]), float(outcome.intervals[i, 1])),
                p=float(outcome.p[i]),
                p_holm=1.0,
            )
            for i, row in enumerate(chosen.tolist())
        ]
    )


def corrected(tests: Sequence[Enrichment]) -> tuple[Enrichment, ...]:
    """The same with Holm's correction for all of them."""
    p = holm(np.array([one.p for one in tests]))
    return tuple(one.model_copy(update={"p_holm": float(value)}) for one, value in zip(tests, p, strict=True))


def top(found: Sequence[Enrichment], kind: MotifKind, against: Against = "random graphs") -> list[Enrichment]:
    """The motifs of a kind, the most surely enriched first: by the lower end of the interval."""
    return sorted((e for e in found if (e.kind, e.against) == (kind, against)), key=lambda e: -e.interval[0])
