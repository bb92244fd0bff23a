"""Which motifs are significant, with which seeds, and which of them a count of crystals shows, from records alone."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.explain.enrichment.log_odds import FEWEST_COUNTS
from benchmark.explain.pages.cross_checks import Table
from benchmark.explain.records import ClassName, ClassResult
from benchmark.explain.seed_groups import SeedGroup
from benchmark.explain.statements import Enrichment
from benchmark.rendering.text import chance, percent
from benchmark.statistics.comparisons import ALPHA

BY_SEED = 12
"""Rows of the table of motifs by seed, unless more motifs are significant with every seed."""

TOO_RARE = f"in fewer than {FEWEST_COUNTS} crystals"
"""Of a motif that no record counts in crystals: rarer ones are not tested."""


def motif_name(found: Enrichment) -> str:
    """`node type 16`, `bond 1–16`, `triangle 1–8–16`."""
    name = "–".join(map(str, found.node_types))
    return f"triangle {name}" if found.kind == "triangle" else f"bond {name}" if found.kind == "pair" else f"node type {name}"


def shared(classes: Sequence[ClassResult], sign: int) -> list[str]:
    """Motifs that are significant in all results, by their order in the first."""
    alike = [significant(result.enrichments, sign) for result in classes]
    return [one for one in alike[0] if all(one in other for other in alike[1:])] if alike else []


def significant(found: Sequence[Enrichment], sign: int) -> list[str]:
    """Names of the motifs that are significantly more (sign 1) or less (-1) frequent than size and composition give, the surest
    first."""
    chosen = [e for e in found if e.against == "size and composition" and e.p_holm < ALPHA and e.log_odds * sign > 0]
    return [motif_name(e) for e in sorted(chosen, key=lambda e: e.p)]


def crystal_counts(result: ClassResult) -> dict[str, Enrichment]:
    """Name of a motif → the training crystals of the class that hold it, against those of the other class."""
    return {motif_name(e): e for e in result.enrichments if e.against == "the other class's crystals"}


def in_crystals(result: ClassResult, motifs: Sequence[str], sign: int) -> set[str]:
    """Those of these motifs that the training crystals of the class hold significantly more (or less) often than the others."""
    counts = crystal_counts(result)
    return {name for name in motifs if name in counts and counts[name].p_holm < ALPHA and counts[name].log_odds * sign > 0}


def told_by_crystals(result: ClassResult, motifs: Sequence[str]) -> str:
    """Which of the preferred motifs a count of crystals shows, and why it does not show the others; empty without a count."""
    counts, known = crystal_counts(result), in_crystals(result, motifs, 1)
    if not counts:
        return ""
    unsure = [
        f"{name} (in {_percent(counts[name].count, counts[name].total)} of the {result.class_name} crystals and "
        f"{_percent(counts[name].other_count, counts[name].other_total)} of the others)"
        for name in motifs if name in counts and name not in known
    ]  # fmt: skip
    rare = [name for name in motifs if name not in counts]
    shown = shown_part(len(known), len(motifs))
    corrected = f"(p < {ALPHA:g} after correction for {len(counts)} motifs)"
    parts = [f"A count of the training crystals, without a network, {shown} {corrected}."]
    parts += [f"Not shown: {', '.join(unsure)}."] * bool(unsure)
    parts += [f"Too rare to test, {TOO_RARE}: {', '.join(rare)}."] * bool(rare)
    return " ".join(parts)


def shown_part(known: int, n: int) -> str:
    """That a count shows so many of `n` motifs, as the end of a sentence."""
    if n == 1:
        return "shows this one" if known else "does not show this one"
    return f"shows {'all' if known == n else known or 'none'} of these {n}"


def _percent(part: int, total: int) -> str:
    return percent(part / total, 1) if total else "none"


def by_seed(group: SeedGroup, name: ClassName) -> Table | None:
    """The p of each seed for the motifs that are significant with one or more; None of one seed, or where nothing is."""
    classes = [result.of(name) for result in group.results]
    tests = [{motif_name(e): e for e in one.enrichments if e.against == "size and composition"} for one in classes]
    rows = []
    for sign, word in ((1, "more"), (-1, "less")):
        found = [significant(one.enrichments, sign) for one in classes]
        for motif in dict.fromkeys(motif for own in found for motif in own):
            cells = [_p(own.get(motif), sign) for own in tests]
            rows.append((sum(motif in own for own in found), [f"{motif}: {word}", *cells]))
    if len(classes) == 1 or not rows:
        return None
    rows.sort(key=lambda row: -row[0])
    every = sum(n == len(classes) for n, _ in rows)
    seeds = [f"seed {result.experiment.seed}" for result in group.results]
    header = (f"{name}, beyond size and composition: p (Holm)", *seeds, "seeds significant")
    return header, [[*cells, f"{n} of {len(classes)}"] for n, cells in rows[: max(BY_SEED, every)]]


def _p(test: Enrichment | None, sign: int) -> str:
    if test is None:
        return "not tested"
    return chance(test.p_holm) if test.log_odds * sign > 0 else "other sign"
