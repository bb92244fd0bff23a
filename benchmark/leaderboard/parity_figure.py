"""Predicted against true values of the models of a task, as one picture of small panels. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import log
from xml.etree.ElementTree import Element

import numpy as np
from matplotlib.ticker import MaxNLocator

from benchmark.leaderboard.comparison_groups import ComparisonGroup
from benchmark.leaderboard.parity import BINS, Parity
from benchmark.leaderboard.rows import BoardRow
from benchmark.rendering.svg import WIDTH, cut, line, picture, shape, text
from benchmark.rendering.text import count, plain_name, significant, with_unit

COLUMNS, LEFT, GAP = 3, 48, 14
CELL = 3
"""Pixels; a panel has a whole number of them, so that cells have sharp edges."""
SIDE = CELL * BINS
HEADING, NAME, UNDER = 42, 42, 36
"""Pixels above the panels of a comparison group, above a panel, and below the last ones."""
LEVELS = 4

READING = (
    "Each panel is a model; the test crystals of all folds are counted in cells, and a darker cell holds more of them. On the "
    "diagonal the prediction is right. The axes span the true values without the 0.5 % at each end; what lies beyond is drawn "
    "at the border."
)
STYLE = "\n".join([
    ".cells { fill: var(--accent); shape-rendering: crispEdges; }",
    *(f".level{level} {{ opacity: {(level + 1) / LEVELS:.2f}; }}" for level in range(LEVELS)),
    "",
])  # fmt: skip


def parity_figure(groups: Sequence[ComparisonGroup]) -> str | None:
    """The picture of a task's comparison groups, one below the other; None where none predicts numbers.

    The panels of a group have the same axes and the same scale of darkness. The baseline is left out.
    """
    shapes: list[Element] = []
    top = 0
    for group in groups:
        rows = _rows(group)
        if group.parity and rows:
            shapes += _panels(group, group.parity, rows, top)
            top += HEADING + (NAME + SIDE) * -(-len(rows) // COLUMNS) + UNDER
    return picture(top, alternative(groups), shapes, STYLE) if shapes else None


def alternative(groups: Sequence[ComparisonGroup]) -> str:
    """What the picture shows, for who cannot see it."""
    panels = count(sum(len(_rows(group)) for group in groups if group.parity), "panel")
    return f"Predicted against true values on {groups[0].first.key.task}: {panels}. The tables have the errors."


def _rows(group: ComparisonGroup) -> list[BoardRow]:
    return [row for row in group.ranked if row.learns]


def _panels(group: ComparisonGroup, parity: Parity, rows: Sequence[BoardRow], top: int) -> Iterator[Element]:
    """Heading and panels of a comparison group; numbers stand at the left and at the bottom alone."""
    axes = with_unit("vertical: predicted, horizontal: true", group.first.key.unit)
    yield text(4, top + 16, cut(group.title, WIDTH - 8), "bold")
    yield text(4, top + 34, axes, "muted")
    most = max(int(parity.counts[row.label].max()) for row in rows)
    ticks = [(f"{value:g}", _place(value, parity)) for value in _ticks(parity)]
    for number, row in enumerate(rows):
        down, across = divmod(number, COLUMNS)
        x, y = LEFT + across * (SIDE + GAP), top + HEADING + down * (NAME + SIDE) + NAME
        yield from _panel(group, parity.counts[row.label], row, x, y, most)
        for written, place in ticks:
            if across == 0:
                yield text(x - 6, y + SIDE - place + 4, written, "muted", "end")
            if number + COLUMNS >= len(rows):
                yield text(x + place, y + SIDE + 16, written, "muted", "middle")


def _ticks(parity: Parity) -> list[float]:
    """Three or four round values, away from the corners, where numbers of neighbours would touch."""
    margin = 0.08 * (parity.high - parity.low)
    values = MaxNLocator(3, steps=[1, 2, 5, 10]).tick_values(parity.low, parity.high)
    return [float(value) for value in values if parity.low + margin < value < parity.high - margin]


def _place(value: float, parity: Parity) -> float:
    return SIDE * (value - parity.low) / (parity.high - parity.low)


def _panel(group: ComparisonGroup, counts: np.ndarray, row: BoardRow, x: int, y: int, most: int) -> Iterator[Element]:
    """Name, error, cells, frame and diagonal of one model."""
    found = row.over_folds("loss")
    yield text(x, y - 22, cut(plain_name(row.label), SIDE))
    yield text(x, y - 6, f"{group.kind.loss} {significant(found[0])}" if found else "", "muted")
    yield shape("g", *_cells(counts, most), transform=f"translate({x} {y + SIDE}) scale({CELL} -{CELL})", class_="cells")
    yield shape("rect", x=x, y=y, width=SIDE, height=SIDE, class_="rule")
    yield line(x, y + SIDE, x + SIDE, y, "dotted")


def _cells(counts: np.ndarray, most: int) -> Iterator[Element]:
    """One path a level of darkness; cells side by side are one rectangle, which keeps the file small."""
    levels = np.where(counts > 0, np.minimum(LEVELS * np.log1p(counts) / log(1 + most), LEVELS - 1), -1).astype(int)
    for level in range(LEVELS):
        edges = np.diff((levels == level).astype(int), axis=1, prepend=0, append=0)
        # Row by row, where a run of cells begins and where it ends.
        begins, ends = np.argwhere(edges > 0), np.argwhere(edges < 0)
        runs = [f"M{start} {row}h{end - start}v1h{start - end}z" for (row, start), (_, end) in zip(begins, ends, strict=True)]
        if runs:
            yield shape("path", d="".join(runs), class_=f"level{level}")
