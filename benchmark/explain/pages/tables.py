"""The tables of a page of explanations, from records alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from benchmark.explain.pages import cross_checks
from benchmark.explain.pages.cross_checks import Table
from benchmark.explain.records import CLASSES, Against, ClassName, Enrichment, FindingTest, MotifKind, Result
from benchmark.explain.seed_groups import SeedGroup
from benchmark.rendering.text import chance, count, interval

SHOWN = 8
"""Motifs of a kind in a table."""

AGAINST: tuple[Against, ...] = get_args(Against)


def motif_name(found: Enrichment) -> str:
    """`16`, `1–16`, `triangle 1–8–16`."""
    name = "–".join(map(str, found.node_types))
    return f"triangle {name}" if found.kind == "triangle" else f"bond {name}" if found.kind == "pair" else f"node type {name}"


def reproduced(group: SeedGroup, number: int) -> bool:
    """Whether, with every seed, the interval of a published finding lies above 0."""
    return all(_holds(result.finding_tests[number]) for result in group.results)


def _holds(finding_test: FindingTest) -> bool:
    return finding_test.interval is not None and finding_test.interval[0] > 0


def tables(group: SeedGroup) -> Iterator[Table]:
    """In the order of the page."""
    yield _classifiers(group)
    yield _searches(group)
    for name in CLASSES:
        for against in AGAINST:
            rows = _enrichments(group.first, name, against)
            if rows:
                seed = group.first.experiment.seed
                header = (f"{name}, against {against} (seed {seed})", "has it", "others", "log-odds", "95 %", "p (Holm)")
                yield header, rows
    if group.first.finding_tests:
        yield _finding_tests(group)
    yield from cross_checks.tables(group)


def _classifiers(group: SeedGroup) -> Table:
    header = (
        "seed", "median", "fitted to", "tested on", "accuracy", "AUC", "95 %", "calibration error",
        "agrees with the regressor", "training",
    )  # fmt: skip
    rows = []
    for result in group.results:
        record = result.classifier
        q, agrees = record.quality, record.agreement
        kappa = f" (κ {agrees.kappa:.2f})" if agrees and agrees.kappa is not None else ""
        rows.append([
            str(record.experiment.seed), f"{record.threshold:.4g} {record.experiment.unit}", f"{record.n_fitted:,}", f"{q.n:,}",
            f"{q.accuracy:.3f}", f"{q.auc:.3f}", interval(*q.auc_interval), f"{q.calibration_error:.3f}",
            f"{agrees.share:.3f}{kappa}, {agrees.regressor}" if agrees else "", f"{record.fit_s:.0f} s",
        ])  # fmt: skip
    return header, rows


def _searches(group: SeedGroup) -> Table:
    header = (
        "seed", "class", "explanations", "tried", "reached", "rounds", "mean probability", "of random graphs",
        "random graphs that reach it", "search",
    )  # fmt: skip
    rows = []
    for result in group.results:
        for found in (result.low, result.high):
            share = found.reached / found.attempts if found.attempts else 0.0
            rows.append([
                str(result.experiment.seed), found.class_name, f"{found.found} of {found.asked}", f"{found.attempts:,}",
                f"{found.reached:,} ({share:.1%})", str(found.rounds), _number(found.mean_probability),
                _number(found.random_probability), _percent(found.random_reached), f"{found.seconds:.0f} s",
            ])  # fmt: skip
    return header, rows


def _enrichments(result: Result, name: ClassName, against: Against) -> list[list[str]]:
    rows = []
    for kind in get_args(MotifKind):
        chosen = [e for e in result.of(name).enrichments if (e.kind, e.against) == (kind, against)]
        for e in sorted(chosen, key=lambda e: e.p)[:SHOWN]:
            rows.append([
                motif_name(e), f"{e.count:,} of {e.total:,}", f"{e.other_count:,} of {e.other_total:,}", f"{e.log_odds:+.2f}",
                interval(*e.interval), chance(e.p_holm),
            ])  # fmt: skip
    return rows


def _finding_tests(group: SeedGroup) -> Table:
    header = ("published finding", *(f"seed {result.experiment.seed}" for result in group.results), "reproduced")
    rows = []
    for number, finding_test in enumerate(group.first.finding_tests):
        cells = [_finding_cell(result.finding_tests[number]) for result in group.results]
        rows.append([finding_test.finding, *cells, _reproduced(group, number)])
    return header, rows


def _reproduced(group: SeedGroup, number: int) -> str:
    tested = [result.finding_tests[number] for result in group.results if result.finding_tests[number].interval is not None]
    if not tested:
        return "not tested"
    if reproduced(group, number):
        return "yes"
    return f"with {sum(map(_holds, tested))} of {count(len(tested), 'seed')} tested"


def _finding_cell(finding_test: FindingTest) -> str:
    if finding_test.log_odds is None or finding_test.interval is None:
        return "not tested"
    return f"{finding_test.log_odds:+.2f} ({interval(*finding_test.interval)})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
