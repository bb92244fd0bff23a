"""What one changed setting does to a cell's error, on the same rounds, beside the distance to the figure. Needs no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.rendering.text import count, escape, joined, percent, significant, table
from benchmark.reproduction.answer import RECIPE_OF
from benchmark.reproduction.cells import Cell
from benchmark.reproduction.results import CellResult
from benchmark.results.records import Record, Settings
from benchmark.statistics.comparisons import corrected_t_test

HEADER = (
    "task", "model", "changed", "not", "rounds", "MAE of the published recipe", "MAE changed", "change (95 %)",
    "from ours to the published figure", "reaches it",
)  # fmt: skip
RULE = (
    "Why does ours differ from the published figure? Here one setting of the recipe is changed at a time. Both networks are "
    "trained and tested on the same crystals in each round. *change*: of the error, with its 95 % interval over rounds "
    "(corrected t-test, Nadeau & Bengio 2003); a single round has none. *reaches it*: whether the change alone is as large as "
    "the distance to the published figure. No: the whole interval falls short of it. Yes: the interval reaches it and leaves "
    "out 0. Undecided: the interval includes both. The distance is uncertain too: the tables above have its standard errors."
)


@dataclass(frozen=True)
class Variation:
    """A cell with one setting changed, on the rounds that it shares with the cell itself."""

    cell: Cell
    of: Cell
    maes: np.ndarray
    """(k,) with the change."""
    plain: np.ndarray
    """(k,) without it."""
    interval: tuple[float, float] | None
    """95 % of the relative change; None of one round."""
    settings: Settings
    """Without the change."""

    @property
    def told(found: Sequence[Variation]) -> str:
    """Which settings move ours as far as the published figure, and how many do not, in a line of the page; "" without any."""
    with_figure = [one for one in found if one.distance is not None]
    if not with_figure:
        return ""
    number = Counter(one.reaches for one in with_figure)
    reach = [one.told for one in with_figure if one.reaches == "yes"]
    said = f"to the published figure or past it: {', '.join(reach)}" if reach else "none is shown to reach the published figure"
    known = {"no": "fell short", "undecided": "undecided", "": "of one round, without an interval"}
    rest = [f"{number[verdict]} {word}" for verdict, word in known.items() if number[verdict]]
    return (
        f"Why do they differ? One setting of the recipe was changed at a time, {count(len(with_figure), 'change')} "
        f"(*One setting changed*). {said[0].upper()}{said[1:]}{f' ({joined(rest)})' if rest else ''}."
    )


def varied_section(found: Sequence[Variation]) -> str:
    """The section of a page, "" without variations."""
    rows = table(HEADER, [_row(one) for one in found], text=(*HEADER[:4], HEADER[-1]))
    return "\n\n".join(["## One setting changed", RULE, rows]) if found else ""


def _row(one: Variation) -> list[str]:
    ends = one.interval and f" ({' … '.join(percent(end, 1, signed=True) for end in one.interval)})"
    return [
        escape(one.cell.task), escape(one.of.label), escape(f"{one.name} {one.cell.changes[one.name]}"),
        escape(str(one.settings[one.name])), str(len(one.maes)), significant(float(one.plain.mean()), 4),
        significant(float(one.maes.mean()), 4), percent(one.change, 1, signed=True) + (ends or ""),
        "" if one.distance is None else percent(one.distance, signed=True), one.reaches,
    ]  # fmt: skip
