"""From explanations to tested statements: which motifs are enriched, and against what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmark.explain.classifier.graphs import TypedGraphs
from benchmark.explain.enrichment.log_odds import FEWEST_CLUSTERS, Clustered, LogOddsTest, compare, frequent_enough
from benchmark.explain.enrichment.motifs import SIZES, KindAndMotif, every_motif, motifs, present
from benchmark.explain.enrichment.nulls import Nulls
from benchmark.explain.records import ClassName, ClassResult, Explanation, Round
from benchmark.explain.search.rounds import ExplainedClassifier, small_graphs
from benchmark.explain.search.small_graphs import SmallGraphs
from benchmark.explain.settings import Budget
from benchmark.explain.statements import Against, Enrichment, MotifKind
from benchmark.statistics.comparisons import holm


def class_result(
    explained: ExplainedClassifier,
    class_name: ClassName,
    nulls: Nulls | None,
    training: TypedGraphs,
    crystals: tuple[Clustered, Clustered],
    rounds: Sequence[Round],
    budget: Budget,
    untested: str | None,
) -> ClassResult:
    """Counts, controls and tests of the explanations of a class.

    Args:
        explained: the classifier.
        class_name: which class.
        nulls: the random graphs that the explanations are held against; None where there are no explanations.
        training: the training graphs, of both classes.
        crystals: which motifs the training graphs of the class hold, and those of the other (`motifs.holding`).
        rounds: all of the class.
        budget: how many explanations were asked for.
        untested: why nothing is to be tested, where nothing is.
    """
    kept = budget.kept(rounds)
    if untested is None and len(kept) < FEWEST_CLUSTERS:
        untested = (
            f"graphs of one round may be alike, and they are of {len(kept)} rounds, where {FEWEST_CLUSTERS} are needed"
            f"{'; ask for more with --per-class' if len(kept) and not budget.stopped(rounds) else ''}"
        )
    tests: tuple[Enrichment, ...] = ()
    if nulls and untested is None:
        tests = (
            *against_nulls(kept, nulls, training.n_node_types),
            *against_training(kept, training, nulls.random.node_types.shape[1]),
            *enrichments(every_motif(training.n_node_types), *crystals, "the other class's crystals"),
        )
    mean, reached = _taken(explained, class_name, nulls.random if nulls else None)
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
        random_probability=mean,
        random_reached=reached,
        composition_reached=_taken(explained, class_name, nulls.composition if nulls else None)[1],
        enrichments=tests,
        untested=untested,
    )


def _taken(explained: ExplainedClassifier, name: ClassName, graphs: SmallGraphs | None) -> tuple[float | None, float | None]:
    """Mean probability of the class, and the share of the graphs that reach the probability asked for."""
    if graphs is None:
        return None, None
    probabilities = explained.score(name, graphs)
    return float(probabilities.mean()), float((probabilities >= explained.min_probability).double().mean())


def against_nulls(rounds: Sequence[Sequence[Explanation]], nulls: Nulls, n_node_types: int) -> tuple[Enrichment, ...]:
    """Graphs that hold a motif, among the explanations of each round and among either kind of random graphs."""
    graphs = [small_graphs(found, nulls.random.node_types.shape[1]) for found in rounds]
    rows = every_motif(n_node_types)
    held = [_held(part, n_node_types) for part in graphs]
    first = Clustered(np.array([part.sum(axis=0) for part in held]), np.array([len(part) for part in graphs]))
    random, composition = (_single(_held(part, n_node_types)) for part in (nulls.random, nulls.composition))
    return (*enrichments(rows, first, random, "random graphs"), *beyond(rows, first, random, composition))


def _held(graphs: SmallGraphs, n_node_types: int) -> np.ndarray:
    return np.concatenate([present(graphs, n_node_types, kind) for kind in SIZES], axis=1)


def _single(held: np.ndarray) -> Clustered:
    return Clustered(held.astype(np.int64), np.ones(len(held), dtype=np.int64))


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
    first, second = first.of(chosen), second.of(chosen)
    outcome = compare(first, second)
    return (
        ()
        if outcome is None
        else _enrichments([rows[row] for row in chosen.tolist()], first, second, outcome, outcome.p, against)
    )


def beyond(rows: Sequence[KindAndMotif], first: Clustered, random: Clustered, composition: Clustered) -> tuple[Enrichment, ...]:
    """The test against graphs with the class's composition, as far as graphs as the search draws them give it too.

    A motif is preferred only where both tests say so: an intersection-union test (Berger, Technometrics 24, 295 (1982)), whose
    p is the larger of the two, or 1 where they disagree in sign.
    """
    chosen = np.flatnonzero(frequent_enough(first, composition))
    parts = [sample.of(chosen) for sample in (first, random, composition)]
    one, other = compare(parts[0], parts[1]), compare(parts[0], parts[2])
    if one is None or other is None:
        return ()
    p = np.where(one.log_odds * other.log_odds > 0, np.maximum(one.p, other.p), 1.0)
    return _enrichments([rows[row] for row in chosen.tolist()], parts[0], parts[2], other, p, "size and composition")


def _enrichments(
    rows: Sequence[KindAndMotif], first: Clustered, second: Clustered, outcome: LogOddsTest, p: np.ndarray, against: Against
) -> tuple[Enrichment, ...]:
    counts, others = first.counts.sum(axis=0), second.counts.sum(axis=0)
    return corrected(
        [
            Enrichment(
                kind=kind,
                node_types=tuple(node_type + 1 for node_type in motif),
                against=against,
                count=int(counts[i]),
                total=int(first.totals.sum()),
                other_count=int(others[i]),
                other_total=int(second.totals.sum()),
                log_odds=float(outcome.log_odds[i]),
                interval=(float(outcome.intervals[i, 0]), float(outcome.intervals[i, 1])),
                p=float(p[i]),
                p_holm=1.0,
            )
            for i, (kind, motif) in enumerate(rows)
        ]
    )


def corrected(tests: Sequence[Enrichment]) -> tuple[Enrichment, ...]:
    """The same with Holm's correction for all of them."""
    p = holm(np.array([one.p for one in tests]))
    return tuple(one.model_copy(update={"p_holm": float(value)}) for one, value in zip(tests, p, strict=True))


def top(found: Sequence[Enrichment], kind: MotifKind, against: Against = "random graphs") -> list[Enrichment]:
    """The motifs of a kind, the most surely enriched first: by the lower end of the interval."""
    return sorted((e for e in found if (e.kind, e.against) == (kind, against)), key=lambda e: -e.interval[0])
