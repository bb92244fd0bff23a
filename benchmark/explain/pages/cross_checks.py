"""What other explainers say, beside XGNN: sentences and tables of a page, from records alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from benchmark.explain.records import CLASSES, ClassName, CrossCheck, Result
from benchmark.explain.seed_groups import SeedGroup
from benchmark.rendering.text import chance, count
from benchmark.statistics.comparisons import ALPHA, holm

Table = tuple[Sequence[str], Sequence[Sequence[str]]]

RULES = """Other explainers look into a full regressor, which sees elements and distances, at test crystals of two node types or
more that it puts into a class. GNNExplainer (Ying et al. 2019, as DGL has it) weighs the messages that an atom sends; the
global attention is GATGNN's own weight of an atom. Importance is relative to the mean atom of a crystal, averaged over
crystals. It is ranked against XGNN's log-odds of a node type in the class against random graphs, p by permutation of the
node types. An attention has no sign and is ranked against the size of the log-odds alone. "Its halves" is how alike the
explainer ranks node types in two halves of its crystals: where that is low, nothing can agree with it. SubgraphX is left out,
as DGL 1.1.3's fails with a current NumPy, and PGExplainer, as that DGL has none."""


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
        yield (
            f"Of {count(len(tests), 'rank correlation')} of XGNN's enrichment of node types with what other explainers look "
            f"at, {sum(r > 0 for r in sure)} are significantly positive and {sum(r < 0 for r in sure)} significantly negative."
        )


def tables(group: SeedGroup) -> Iterator[Table]:
    """Agreements with every seed; the importance of each node type with the first seed that has one."""
    checked = [result for result in group.results if result.cross_checks]
    if checked:
        header = (
            "other explainer", "seed", "regressor", "its MAE", "class", "crystals", "its halves", "against XGNN's",
            "node types", "rank correlation", "p", "p (Holm)",
        )  # fmt: skip
        yield header, [row for result in checked for check in result.cross_checks for row in _agreements(result, check)]
        yield _node_types(checked[0])


def _agreements(result: Result, check: CrossCheck) -> Iterator[Sequence[str]]:
    other, experiment = check.other, result.experiment
    for name in CLASSES:
        said = getattr(other, name)
        regressor = f"{other.model} ({other.source})" if other.source else other.model
        first = (
            other.explainer, str(experiment.seed), regressor, f"{other.mae:.4g} {experiment.unit}", name, str(said.crystals),
            "" if said.halves is None else f"{said.halves:+.2f}",
        )  # fmt: skip
        own = [test for test in check.agreements if test.class_name == name]
        for test in own:
            numbers = str(test.node_types), f"{test.correlation:+.2f}", chance(test.p), chance(test.p_holm)
            yield *first, test.enrichment, *numbers
        if not own:
            yield *first, "not compared", "", "", "", ""


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
