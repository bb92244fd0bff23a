"""What other explainers say, beside XGNN: sentences and tables of a page, from records alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np

from benchmark.explain.records import CLASSES, ClassName, CrossCheck, Importance, RankAgreement, Result
from benchmark.explain.seed_groups import SeedGroup, rank_correlation
from benchmark.rendering.text import chance, count, in_unit
from benchmark.statistics.comparisons import ALPHA, holm

LITTLE = 0.47
"""A smaller rank correlation is not significant with 18 node types, before any correction; with fewer it must be larger."""

Table = tuple[Sequence[str], Sequence[Sequence[str]]]

RULES = """Other explainers explain another network: a regressor that predicts the target itself, and sees elements and
distances. They explain test crystals with at least two node types that the regressor puts into the class. GNNExplainer (Ying
et al. 2019, as in DGL) weighs the messages that an atom sends. The global attention is GATGNN's own weight of an atom. The
importance of a node type is relative to the mean atom of a crystal, averaged over crystals. Its ranking is compared with
XGNN's: the log-odds of the node types, in the class against random graphs. p comes from permutations of the node types. An
attention has no sign: it is compared with the size of the log-odds, |log-odds|.

Reliability: how well a ranking repeats itself. For another explainer it is the rank correlation r between two halves of its
crystals, scaled up from half of the crystals to all by 2r / (1 + r) (Spearman & Brown 1910). For XGNN it is the mean rank
correlation between two seeds. If the rankings are noisy, even a true agreement looks small. The column "at most" gives the
highest correlation that the noise allows: the root of the product of both reliabilities (Spearman 1904). Where it is low, a
low correlation does not show a disagreement. SubgraphX is left out: the one in DGL 1.1.3 fails with a current NumPy.
PGExplainer is left out: DGL 1.1.3 does not have it."""


def conclusions(group: SeedGroup) -> Iterator[str]:
    """How many comparisons there are, and which show an agreement."""
    checked = [result for result in group.results if result.cross_checks]
    tests = [(check, test) for result in checked for check in result.cross_checks for test in check.agreements]
    if checked and not tests:
        yield "Other explainers were asked, but too few node types are tested to compare them with XGNN."
    if tests:
        # Over all seeds; the table corrects within each.
        sure = [
            test.correlation
            for (_, test), p in zip(tests, holm(np.array([test.p for _, test in tests])), strict=True)
            if p < ALPHA
        ]
        alike = sum(r > 0 for r in sure)
        yield (
            f"Do other explainers rank node types as XGNN does? {'Shown in part' if alike else 'Not shown'}: of "
            f"{count(len(tests), 'rank correlation')}, {alike} {'is' if alike == 1 else 'are'} significantly positive and "
            f"{sum(r < 0 for r in sure)} negative.{_unreliable(group, checked)}"
        )


def _unreliable(group: SeedGroup, checked: Sequence[Result]) -> str:
    """How many comparisons could not have shown much, as one of the two is not reliable enough."""
    most = [
        limit(getattr(check.other, test.class_name), group, test)
        for result in checked for check in result.cross_checks for test in check.agreements
    ]  # fmt: skip
    known = [one for one in most if one is not None]
    low = sum(one < LITTLE for one in known)
    if not known:
        return " The reliability of the rankings is not known: a correlation that is not significant shows no disagreement."
    if not low:
        return f" All rankings are reliable enough to show a correlation of {LITTLE:g}."
    return (
        f" {low} of these {len(known)} comparisons could not have shown an agreement: the rankings change too much when they "
        f"are repeated (highest possible correlation below {LITTLE:g}, the least that is significant)."
    )


def reliability(said: Importance) -> float | None:
    """Of an explainer's ranking of node types, from its halves; None where these are not known."""
    if said.halves is None:
        return None
    return 2 * said.halves / (1 + said.halves) if said.halves > 0 else 0.0


def own_reliability(group: SeedGroup, name: ClassName, signed: bool) -> float | None:
    """Of XGNN's ranking of node types in a class: the mean rank correlation over seeds; None of one seed."""
    odds = [
        {e.node_types: e.log_odds if signed else abs(e.log_odds) for e in result.of(name).enrichments
         if (e.kind, e.against) == ("node type", "random graphs")}
        for result in group.results
    ]  # fmt: skip
    found = []
    for first, second in combinations([one for one in odds if one], 2):
        common = sorted(first.keys() & second.keys())
        value = rank_correlation(np.array([first[m] for m in common]), np.array([second[m] for m in common]))
        found += [] if value is None else [value]
    return max(0.0, float(np.mean(found))) if found else None


def limit(said: Importance, group: SeedGroup, test: RankAgreement) -> float | None:
    """The largest correlation that the reliability of both allows; None where one is not known."""
    one, other = reliability(said), own_reliability(group, test.class_name, test.enrichment == "log-odds")
    return None if one is None or other is None else float(np.sqrt(one * other))


def tables(group: SeedGroup) -> Iterator[Table]:
    """Agreements with every seed; the importance of each node type with the first seed that has one."""
    checked = [result for result in group.results if result.cross_checks]
    if checked:
        header = (
            "other explainer", "seed", "regressor", "its MAE", "class", "crystals", "its reliability", "against XGNN's",
            "XGNN's reliability", "node types", "rank correlation", "at most", "p", "p (Holm)",
        )  # fmt: skip
        yield header, [row for result in checked for check in result.cross_checks for row in _agreements(group, result, check)]
        yield _node_types(checked[0])


def _agreements(group: SeedGroup, result: Result, check: CrossCheck) -> Iterator[Sequence[str]]:
    other, experiment = check.other, result.experiment
    for name in CLASSES:
        said = getattr(other, name)
        regressor = f"{other.model} ({other.source})" if other.source else other.model
        first = (
            other.explainer, str(experiment.seed), regressor, in_unit(f"{other.mae:.4g}", experiment.unit), name,
            str(said.crystals), _told(reliability(said)),
        )  # fmt: skip
        own = [test for test in check.agreements if test.class_name == name]
        for test in own:
            xgnn = own_reliability(group, name, test.enrichment == "log-odds")
            numbers = str(test.node_types), f"{test.correlation:+.2f}", _told(limit(said, group, test))
            yield *first, test.enrichment, _told(xgnn), *numbers, chance(test.p), chance(test.p_holm)
        if not own:
            yield *first, "not compared", *[""] * 6


def _told(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def _node_types(result: Result) -> Table:
    columns: dict[str, dict[int, str]] = {}
    for check in result.cross_checks:
        for name in CLASSES:
            said = getattr(check.other, name)
            columns[f"{check.other.explainer}, {name}"] = {
                one.node_type: f"{one.value:.3f} ({count(one.crystals, 'crystal')})" for one in said.node_types
            }
    columns |= {f"XGNN's log-odds, {name}": _odds(result, name) for name in CLASSES}
    node_types = sorted({node_type for column in columns.values() for node_type in column})
    header = (f"{result.experiment.node_types} (seed {result.experiment.seed})", *columns)
    return header, [(str(node_type), *(column.get(node_type, "") for column in columns.values())) for node_type in node_types]


def _odds(result: Result, name: ClassName) -> dict[int, str]:
    found = [e for e in result.of(name).enrichments if (e.kind, e.against) == ("node type", "random graphs")]
    return {e.node_types[0]: f"{e.log_odds:+.2f}" for e in found}
