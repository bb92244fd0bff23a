"""The tables of a page of explanations, from records alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from benchmark.explain.pages import cross_checks
from benchmark.explain.pages.cross_checks import Table
from benchmark.explain.pages.motifs import TOO_RARE, by_seed, crystal_counts, motif_name
from benchmark.explain.pages.settings import size_name
from benchmark.explain.records import CLASSES, ClassName, Result
from benchmark.explain.seed_groups import SeedGroup
from benchmark.explain.statements import Against, Contrast, Enrichment, FindingTest, MotifKind
from benchmark.rendering.text import chance, in_unit, interval, percent
from benchmark.statistics.comparisons import ALPHA

SHOWN = 8
"""Motifs of a kind in a table."""

WIDEST = 6.0
"""Length of an interval of log-odds, beyond which nearly nothing was counted."""

AGAINST: tuple[Against, ...] = ("random graphs", "training crystals")


def beyond(group: SeedGroup, number: int) -> list[FindingTest]:
    """The tests of a published finding whose explanations go significantly beyond size and composition, one a seed."""
    own = [result.finding_tests[number] for result in group.results]
    known = [one for one in own if one.beyond and one.beyond_p_holm is not None and one.beyond_p_holm < ALPHA]
    return [one for one in known if one.beyond and one.beyond.log_odds > 0]


def shown_findings(group: SeedGroup) -> list[int]:
    """Numbers of the published findings that the training crystals can say anything of: that have such atoms or bonds."""
    crystals = [one.crystals for one in group.first.finding_tests]
    return [n for n, one in enumerate(crystals) if one is None or one.interval[1] - one.interval[0] < WIDEST]


def tables(group: SeedGroup) -> Iterator[Table]:
    """In the order of the page."""
    yield _classifiers(group)
    yield _searches(group)
    if shown_findings(group):
        yield _finding_tests(group)
    yield from filter(None, (by_seed(group, name) for name in CLASSES))
    seed = group.first.experiment.seed
    for name in CLASSES:
        if rows := _preferred(group.first, name):
            other = next(one for one in CLASSES if one != name)
            yield (
                f"{name}, beyond size and composition (seed {seed})", "explanations", "random graphs", "log-odds (95 %)",
                "p (Holm)", f"{name} crystals, no network", f"{other} crystals", "their log-odds (95 %)",
                "their p (Holm)",
            ), rows  # fmt: skip
    for name in CLASSES:
        for against in AGAINST:
            if rows := _enrichments(group.first, name, against):
                yield (f"{name}, against {against} (seed {seed})", "has it", "others", "log-odds", "95 %", "p (Holm)"), rows
    yield from cross_checks.tables(group)


def _classifiers(group: SeedGroup) -> Table:
    header = (
        "seed", "network", "median", "fitted to", "tested on", "accuracy", "AUC", "95 %", "calibration error",
        "agrees with the regressor", "training",
    )  # fmt: skip
    rows = []
    for result in group.results:
        record = result.classifier
        q, agrees = record.quality, record.agreement
        network, fitted = size_name(record.experiment), f"{record.n_fitted:,} of {record.n_train:,}"
        kappa = f" (κ {agrees.kappa:.2f})" if agrees and agrees.kappa is not None else ""
        rows.append([
            str(record.experiment.seed), network, in_unit(f"{record.threshold:.4g}", record.experiment.unit), fitted,
            f"{q.n:,}", f"{q.accuracy:.3f}", f"{q.auc:.3f}", interval(*q.auc_interval), f"{q.calibration_error:.3f}",
            f"{agrees.share:.3f}{kappa}, {agrees.regressor}" if agrees else "", f"{record.fit_s:.0f} s",
        ])  # fmt: skip
    return header, rows


def _searches(group: SeedGroup) -> Table:
    header = (
        "seed", "class", "explanations", "tried", "reached", "rounds", "mean probability", "of random graphs",
        "random graphs that reach it", "with the class's composition", "search",
    )  # fmt: skip
    rows = []
    for result in group.results:
        for found in (result.low, result.high):
            share = found.reached / found.attempts if found.attempts else 0.0
            rows.append([
                str(result.experiment.seed), found.class_name, f"{found.found} of {found.asked}", f"{found.attempts:,}",
                f"{found.reached:,} ({percent(share, 1)})", str(found.rounds), _number(found.mean_probability),
                _number(found.random_probability), _percent(found.random_reached), _percent(found.composition_reached),
                f"{found.seconds:.0f} s",
            ])  # fmt: skip
    return header, rows


def _preferred(result: Result, name: ClassName) -> list[list[str]]:
    """Motifs beyond size and composition, the surest of each kind first, and the same counted on crystals without a network."""
    found = result.of(name).enrichments
    crystals = crystal_counts(result.of(name))
    rows = []
    for kind in get_args(MotifKind):
        chosen = [e for e in found if (e.kind, e.against) == (kind, "size and composition")]
        for e in sorted(chosen, key=lambda e: (e.p, -abs(e.log_odds)))[:SHOWN]:
            shares = (_share(e.count, e.total), _share(e.other_count, e.other_total))
            known = _known(crystals.get(motif_name(e))) if crystals else [""] * 4
            rows.append([motif_name(e), *shares, _odds(e), chance(e.p_holm), *known])
    return rows


def _known(data: Enrichment | None) -> list[str]:
    """Of crystals; that too few hold the motif, where it is not counted."""
    if not data:
        return [TOO_RARE, "", "", ""]
    return [_share(data.count, data.total), _share(data.other_count, data.other_total), _odds(data), chance(data.p_holm)]


def _share(count: int, total: int) -> str:
    return f"{percent(count / total, 1)} of {total:,}" if total else ""


def _odds(one: Enrichment) -> str:
    return _alike(one) or f"{one.log_odds:+.2f} ({interval(*one.interval)})"


def _alike(one: Enrichment) -> str:
    """What stands in place of log-odds where everything on both sides holds the motif, or nothing; empty elsewhere."""
    missing = (one.total - one.count, one.other_total - one.other_count)
    return "in all of both" if missing == (0, 0) else "in none of both" if (one.count, one.other_count) == (0, 0) else ""


def _enrichments(result: Result, name: ClassName, against: Against) -> list[list[str]]:
    rows = []
    for kind in get_args(MotifKind):
        chosen = [e for e in result.of(name).enrichments if (e.kind, e.against) == (kind, against)]
        for e in sorted(chosen, key=lambda e: e.p)[:SHOWN]:
            same = _alike(e)
            odds = [same, ""] if same else [f"{e.log_odds:+.2f}", interval(*e.interval)]
            held = (f"{e.count:,} of {e.total:,}", f"{e.other_count:,} of {e.other_total:,}")
            rows.append([motif_name(e), *held, *odds, chance(e.p_holm)])
    return rows


def _finding_tests(group: SeedGroup) -> Table:
    """The first seed's numbers, as crystals differ little from seed to seed; how many seeds are significant."""
    header = (
        f"published finding, log-odds (seed {group.first.experiment.seed})", "explanations, class against class",
        "training crystals, no network", "random graphs of the same sizes", "explanations beyond size and composition",
        "beyond, p (Holm)", "seeds significant",
    )  # fmt: skip
    rows = []
    for number in shown_findings(group):
        one = group.first.finding_tests[number]
        p = "" if one.beyond_p_holm is None else chance(one.beyond_p_holm)
        cells = [_contrast(part) for part in (one.explanations, one.crystals, one.random, one.beyond)]
        rows.append([one.finding, *cells, p, f"{len(beyond(group, number))} of {len(group.results)}"])
    return header, rows


def _contrast(one: Contrast | None) -> str:
    return "not tested" if one is None else f"{one.log_odds:+.2f} ({interval(*one.interval)})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return percent(value, 1)
