"""What one changed setting does to a cell's error, on the same rounds, beside the distance to the figure. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.rendering.text import count, escape, percent, significant, table
from benchmark.reproduction.cells import Cell
from benchmark.reproduction.results import CellResult
from benchmark.results.records import Record, Settings
from benchmark.schema import SettingValue
from benchmark.statistics.comparisons import corrected_t_test

HEADER = (
    "task", "model", "changed", "not", "rounds", "MAE of the published recipe", "MAE changed",
    "published figure", "change (95 %)", "from ours to the published figure", "reaches it",
)  # fmt: skip
MEANS: dict[tuple[str, SettingValue], str] = {
    ("ties", "padded"): "the graph of the original code",
    ("gamma", "auto"): "scikit-learn's default before its version 0.22",
}
"""Settings that need words: name and value → what they are."""
NEAR = 0.05
"""A change is near the distance if the two differ by less than this share of our error."""
RULE = (
    "Why does ours differ from the published figure? Here one setting of the recipe is changed at a time. Both networks are "
    "trained and tested on the same crystals in each round. *change*: of the error, with its 95 % interval over rounds "
    "(corrected t-test, Nadeau & Bengio 2003); a single round has none. *reaches it*: whether the change alone is as large as "
    "the distance to the published figure. No: the whole interval falls short of it. Past it: the whole interval lies beyond. "
    "Yes: the interval includes it and leaves out 0. Undecided: it includes both. The distance is uncertain too: the tables "
    "above have its standard errors. "
    "`docs/models.md` says what a setting means."
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
    def told(self) -> str:
        """The change, what it means, and what our error is with it, without it and in the publication."""
        target = escape(self.cell.task.rpartition("/")[2])
        ours, without = (significant(float(maes.mean()), 3) for maes in (self.maes, self.plain))
        model = escape(self.of.model)
        return f"{self._named} gives {model} {ours} for {target}, {without} without it, published {self.figure:g}"

    @property
    def here(self) -> str:
        """What ours is with the change, for the cell that it explains."""
        shown = "" if self.reaches == "yes" else ", not shown"
        return f"with {self._named} ours is {significant(float(self.maes.mean()), 3)}{shown}"

    @property
    def is_near(self) -> bool:
        """Whether the change is shown to reach the published figure, or ends near it without being shown."""
        near = self.distance is not None and abs(self.change - self.distance) < NEAR
        return self.reaches == "yes" or (near and self.reaches == "undecided")

    @property
    def _named(self) -> str:
        value = self.cell.changes[self.name]
        meaning = MEANS.get((self.name, value))
        return escape(f"{self.name}={value}") + (f" ({meaning})" if meaning else "")

    @property
    def name(self) -> str:
        """The setting that is changed."""
        return next(name for name in self.cell.changes if name not in self.of.changes)

    @property
    def change(self) -> float:
        """Of the error, relative to that of the published recipe."""
        return float(self.maes.mean() / self.plain.mean() - 1)

    @property
    def figure(self) -> float | None:
        """The published one of this recipe; None where there is none."""
        return next((one.mae for one in self.of.published if self.of.repeats(one)), None)

    @property
    def distance(self) -> float | None:
        """From ours to the published figure of this recipe, relative to ours; None where there is none."""
        return self.figure / float(self.plain.mean()) - 1 if self.figure else None

    @property
    def reaches(self) -> str:
        """Whether the change is as large as the distance; "" where that is not known."""
        if self.interval is None or not self.distance:
            return ""
        near, far = sorted(end / self.distance for end in self.interval)
        return "no" if far < 1 else "past it" if near > 1 else "yes" if near > 0 else "undecided"


def variations(cells: Sequence[Cell], results: Sequence[CellResult | None]) -> list[Variation]:
    """Every cell that differs by one setting from another one of the table, where both have run on the same crystals."""
    ran = [(cell, result) for cell, result in zip(cells, results, strict=True) if result and result.maes]
    return [
        found for cell, result in ran for of, plain in ran if _is_varied(cell, of) and (found := _pair(cell, result, of, plain))
    ]


def _is_varied(cell: Cell, of: Cell) -> bool:
    same = (cell.task, cell.model, cell.named, cell.protocol) == (of.task, of.model, of.named, of.protocol)
    return same and len(cell.changes) == len(of.changes) + 1 and of.changes.items() <= cell.changes.items()


def _pair(cell: Cell, result: CellResult, of: Cell, plain: CellResult) -> Variation | None:
    """None where they share no round of the same crystals and source."""
    ours = {_what(record): mae for record, mae in zip(result.records, result.maes, strict=True)}
    theirs = {_what(record): mae for record, mae in zip(plain.records, plain.maes, strict=True)}
    both = [what for what in ours if what in theirs]
    if not both:
        return None
    first, second = (np.array([of_round[what] for what in both]) for of_round in (ours, theirs))
    split = result.records[0].split
    ends = corrected_t_test(first, second, split.n_test / split.n_train).interval
    relative = (ends[0] / second.mean(), ends[1] / second.mean()) if ends else None
    return Variation(cell, of, first, second, relative, plain.records[0].key.settings)


def _what(record: Record) -> tuple[str, str]:
    """Its crystals and the source of its model."""
    return record.split.model_dump_json(), record.key.source


def told(found: Sequence[Variation]) -> str:
    """Which settings move ours as far as the published figure, and how many do not, in a line of the page; "" without any."""
    with_figure = [one for one in found if one.distance is not None]
    if not with_figure:
        return ""
    reach, past = ([one.told for one in with_figure if one.reaches == which] for which in ("yes", "past it"))
    near = [one.told for one in with_figure if one.is_near and one.reaches != "yes"]
    said = f"To the published figure: {'; '.join(reach)}" if reach else "None is shown to reach the published figure"
    said += f". Past it: {'; '.join(past)}" if past else ""
    said += f". Near it, but not shown: {'; '.join(near)}" if near else ""
    tried = f"One setting of the recipe was changed at a time, {count(len(with_figure), 'change')} (*One setting changed*)"
    return f"Why do they differ? {tried}. {said}."


def varied_section(found: Sequence[Variation]) -> str:
    """The section of a page, "" without variations."""
    rows = table(HEADER, [_row(one) for one in found], text=(*HEADER[:4], HEADER[-1]))
    return "\n\n".join(["## One setting changed", RULE, rows]) if found else ""


def _row(one: Variation) -> list[str]:
    ends = one.interval and f" ({' … '.join(percent(end, 1, signed=True) for end in one.interval)})"
    return [
        escape(one.cell.task), escape(one.of.label), escape(f"{one.name} {one.cell.changes[one.name]}"),
        escape(str(one.settings[one.name])), str(len(one.maes)), significant(float(one.plain.mean()), 4),
        significant(float(one.maes.mean()), 4), "" if one.figure is None else f"{one.figure:g}",
        percent(one.change, 1, signed=True) + (ends or ""),
        "" if one.distance is None else percent(one.distance, signed=True), one.reaches,
    ]  # fmt: skip
