"""What was found of what was planted: a table for the terminal, and a markdown page, from records alone."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from tabulate import tabulate

from benchmark.explain.pages.commands import Directories
from benchmark.explain.planted.records import CONTROLS, PLANTED_KINDS, PlantedTrial
from benchmark.rendering.commands import code
from benchmark.rendering.text import chance, count, interval, origins, require_own, table
from benchmark.results.store import write_atomically

TITLE = "# Does XGNN find what was planted?"

NAME = "ground-truth.md"

RULES = """Each set has random graphs of seven node types. A planted motif alone decides their class: a node type, a bonded
pair or a closed triangle (the graphs of low have its atoms and bonds too, but the triangle is open). The classifier, the
search and the tests are those of a real experiment with fewer graphs. We say *found first* if the motif has the highest lower
limit of all motifs of its kind, and this limit is above 0. The limit is the lower end of the 95 % interval of the log-odds
against random graphs. Many random graphs have a planted node type too: with six rounds it is not always significant after the
correction. Other significant tests are of motifs that come with the planted one: its node types, its pairs.

Two controls should find nothing. Shuffled: the classes are dealt out at random, so everything significant is a false positive.
A classifier whose AUC may be 0.5 is not tested at all; this keeps the false positives out. Chance: no classifier, but a random
probability for each graph, and everything is tested. Here a significant test is a false positive of the tests themselves."""

FLOOR = """The search is rewarded with the probability of the class. As published, and by default, every probability counts.
With `explain --floor 0.5` every probability below 0.5 counts as 0.5."""

SEARCHES = {False: "The search as published", True: "The search with a floor"}


def require_own_page(root: Path) -> None:
    """Raise InputError where a person's own page would be replaced."""
    page = root / NAME
    require_own(page, TITLE, "no report of planted motifs", "directory with --page")


def write_page(found: Sequence[PlantedTrial], where: Directories) -> Path:
    """Write `ground-truth.md` atomically; returns its path. Raises InputError as `require_own_page` does."""
    require_own_page(where.page)
    page = where.page / NAME
    page.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(page, page_text(found, where).encode())
    return page


def page_text(found: Sequence[PlantedTrial], where: Directories) -> str:
    """The markdown page."""
    by_floor = [list(same) for _, same in groupby(sorted(found, key=lambda one: one.floor), key=lambda one: one.floor)]
    parts = [
        TITLE,
        *(
            "\n".join([f"{SEARCHES[bool(same[0].floor)]}:\n", *(f"- {line}" for line in conclusions(same))])
            for same in by_floor
        ),
        "## How to read it",
        f"{RULES}\n\n{FLOOR}",
    ]
    for same in by_floor:
        header, rows = summary(same)
        each_header, each_rows = sets(same)
        parts += [
            f"## {SEARCHES[bool(same[0].floor)]} (floor {same[0].floor:g})",
            f"Again: {code(where.trials_again(same))}",
            table(header, rows),
            table(each_header, each_rows, text=each_header[:1]),
        ]
    parts.append(origins(found))
    return "\n\n".join(parts) + "\n"


def text(found: Sequence[PlantedTrial]) -> str:
    """For the terminal."""
    header, rows = summary(found)
    return "\n".join([*conclusions(found), "", tabulate(rows, header, disable_numparse=True)])


def conclusions(found: Sequence[PlantedTrial]) -> list[str]:
    """A sentence for each kind of set."""
    lines = []
    for planted in PLANTED_KINDS:
        group = [one for one in found if one.planted == planted]
        if planted == "shuffled":
            false, gated = sum(one.significant > 0 for one in group), sum(one.untested for one in group)
            without = sum(not one.untested and not one.tests for one in group)
            lines.append(
                f"Shuffled classes: {false} of {count(len(group), 'set')} with a false positive. Not tested: {gated}, as the "
                f"classifier may be no better than chance; {without}, as too few graphs were found."
            )
        elif planted == "chance":
            false, tests = sum(one.significant for one in group), sum(one.tests for one in group)
            lines.append(
                f"Random probabilities in place of a classifier: {sum(one.significant > 0 for one in group)} of "
                f"{count(len(group), 'set')} with a false positive, {false} of {count(tests, 'test')}."
            )
        else:
            first = sum(one.first for one in group)
            sure = sum(one.sure for one in group)
            lines.append(
                f"A planted {planted} is found first with {first} of {count(len(group), 'seed')}; with {sure} it is "
                "significant after the correction for all tests."
            )
    return lines


def summary(found: Sequence[PlantedTrial]) -> tuple[Sequence[str], list[list[str]]]:
    """A row for each kind of set."""
    rows = []
    for planted in PLANTED_KINDS:
        group = [one for one in found if one.planted == planted]
        first = "" if planted in CONTROLS else f"{sum(one.first for one in group)} of {len(group)}"
        significant, tests = sum(one.significant for one in group), sum(one.tests for one in group)
        auc, seconds = (statistics.mean(getattr(one, name) for one in group) for name in ("auc", "seconds"))
        rows.append([
            planted, f"{auc:.3f}", str(sum(one.found for one in group)), first,
            f"{sum(one.significant > 0 for one in group)} of {len(group)}", f"{significant} of {tests:,}", f"{seconds:.0f} s",
        ])  # fmt: skip
    header = ("planted", "mean AUC", "explanations", "found first", "sets with any significant", "significant tests", "a set")
    return header, rows


def sets(found: Sequence[PlantedTrial]) -> tuple[Sequence[str], list[list[str]]]:
    """A row for each set."""
    rows, order = [], list(PLANTED_KINDS)
    for one in sorted(found, key=lambda one: (order.index(one.planted), one.seed)):
        test = None if one.planted in CONTROLS else one.planted_test
        odds = f"{test.log_odds:+.2f} ({interval(*test.interval)}), p {chance(test.p_holm)}" if test else ""
        tested = "not tested" if one.untested else f"{one.significant} of {one.tests}"
        rank = str(one.rank) if test else ""
        rows.append([one.planted, str(one.seed), f"{one.auc:.3f}", str(one.found), rank, odds, tested, f"{one.seconds:.0f} s"])
    header = (
        "planted",
        "seed",
        "AUC",
        "explanations",
        "rank",
        "log-odds of the motif (95 %), p (Holm)",
        "significant tests",
        "time",
    )
    return header, rows
