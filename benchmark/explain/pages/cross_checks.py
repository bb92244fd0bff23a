"""What other explainers say, beside XGNN: sentences and tables of a page, from records alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from benchmark.explain.experiments import Contest
from benchmark.explain.records import CLASSES, ClassName, CrossCheck, Explained
from benchmark.rendering.text import chance, count
from benchmark.statistics.comparisons import ALPHA, holm

Table = tuple[Sequence[str], Sequence[Sequence[str]]]

RULES = """Other explainers look into a full regressor, which sees elements and distances, at test crystals of two labels or
more that it puts into a class. GNNExplainer (Ying et al. 2019, as DGL has it) weighs the messages that an atom sends; the
global attention is GATGNN's own weight of an atom. Importance is relative to the mean atom of a crystal, averaged over
crystals. It is ranked against XGNN's log-odds of a label in the class against random graphs, p by permutation of the labels.
An attention has no sign and is ranked against the size of the log-odds alone. "Its halves" is how alike the explainer ranks
labels in two halves of its crystals: where that is low, nothing can agree with it. SubgraphX is left out, as DGL 1.1.3's fails
with a current NumPy, and PGExplainer, as that DGL has none."""


def conclusions(contest: Contest) -> Iterator[str]:
    """How many comparisons there are, and which show an agreement."""
    checked = [answer for answer in contest.answers if answer.cross_checks]
    tests = [(check, test) for answer in checked for check in answer.cross_checks for test in check.agreements]
    if checked and not tests:
        yield "Other explainers were asked, but too few labels are tested to compare them with XGNN."
    if tests:
        # Over all seeds; the table corrects within each.
        sure = [
            test.correlation
            for (_, test), p in zip(tests, holm(np.array([test.p for _, test in tests])), strict=True)
            if p < ALPHA
        ]
        yield (
            f"Of {count(len(tests), 'rank correlation')} of XGNN's enrichment of labels with what other explainers look at, "
            f"{sum(r > 0 for r in sure)} are significantly positive and {sum(r < 0 for r in sure)} significantly negative."
        )


def tables(contest: Contest) -> Iterator[Table]:
    """Agreements with every seed; the importance of each label with the first seed that has one."""
    checked = [answer for answer in contest.answers if answer.cross_checks]
    if checked:
        header = (
            "other explainer", "seed", "regressor", "its MAE", "class", "crystals", "its halves", "against XGNN's", "labels",
            "rank correlation", "p", "p (Holm)",
        )  # fmt: skip
        yield header, [row for answer in checked for check in answer.cross_checks for row in _agreements(answer, check)]
        yield _labels(checked[0])


def _agreements(answer: Explained, check: CrossCheck) -> Iterator[Sequence[str]]:
    other, question = check.other, answer.question
    for name in CLASSES:
        said = getattr(other, name)
        regressor = f"{other.model} ({other.source})" if other.source else other.model
        first = (
            other.explainer, str(question.seed), regressor, f"{other.mae:.4g} {question.unit}", name, str(said.crystals),
            "" if said.halves is None else f"{said.halves:+.2f}",
        )  # fmt: skip
        own = [test for test in check.agreements if test.class_name == name]
        for test in own:
            numbers = str(test.labels), f"{test.correlation:+.2f}", chance(test.p), chance(test.p_holm)
            yield *first, test.enrichment, *numbers
        if not own:
            yield *first, "not compared", "", "", "", ""


def _labels(answer: Explained) -> Table:
    columns: dict[str, dict[int, str]] = {}
    for check in answer.cross_checks:
        for name in CLASSES:
            said = getattr(check.other, name)
            columns[f"{check.other.explainer}, {name}"] = {
                one.label: f"{one.value:.3f} ({count(one.crystals, 'crystal')})" for one in said.labels
            }
    columns |= {f"XGNN's log-odds, {name}": _odds(answer, name) for name in CLASSES}
    labels = sorted({label for column in columns.values() for label in column})
    header = (f"{answer.question.labels} (seed {answer.question.seed})", *columns)
    return header, [(str(label), *(column.get(label, "") for column in columns.values())) for label in labels]


def _odds(answer: Explained, name: ClassName) -> dict[int, str]:
    found = [e for e in answer.of(name).enrichments if (e.kind, e.against) == ("label", "random graphs")]
    return {e.labels[0]: f"{e.log_odds:+.2f}" for e in found}
