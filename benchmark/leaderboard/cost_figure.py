"""Error against the processor time of training, of the models of a comparison group, as a picture. Needs no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import ceil, floor, log10
from typing import get_args
from xml.etree.ElementTree import Element

import numpy as np
from sklearn.isotonic import isotonic_regression

from benchmark.leaderboard.cells import machine
from benchmark.leaderboard.comparison_groups import ComparisonGroup
from benchmark.leaderboard.rows import BoardRow
from benchmark.rendering.svg import LETTER, WIDTH, cut, line, picture, shape, text
from benchmark.rendering.text import count, plain_name, significant, with_unit
from benchmark.statistics.comparisons import CONFIDENCE
from benchmark.statistics.decisions import Verdict

LEFT, TOP, UNDER = 46, 44, 66
LONGEST = 146
"""Pixels of a name; a longer one is cut."""
NAMES = 17
"""Pixels from one name to the next."""
LOWEST = 230
"""Height of the axes where there are few names."""
ELSEWHERE = "*"
TALL, BROAD = 14, 34
"""Pixels that the number of a tick takes upwards and sidewards."""
GAP = 18
"""Pixels between the axes and the names."""
NEAR = 1.15
"""The baseline has a line where it is at most this far above the highest bar; farther up it would press the points together."""

STYLE = """
.best-or-equal { fill: var(--accent); stroke: var(--accent); }
.undecided { fill: var(--paper); stroke: var(--accent); stroke-width: 2; }
.slightly-worse { fill: var(--second); stroke: var(--second); }
.worse { fill: none; stroke: var(--second); stroke-width: 2; }
.grid { opacity: 0.5; }
.bar { fill: none; stroke-width: 1.5; opacity: 0.6; }
"""


class Axis:
    """A logarithmic axis from data to pixels."""

    def __init__(self, values: Sequence[float], start: float, end: float) -> None:
        low, high = log10(min(values)), log10(max(values))
        margin = 0.05 * (high - low) or 0.2
        self.low, self.high, self.start, self.end = low - margin, high + margin, start, end

    def __call__(self, value: float) -> float:
        """The place of a value."""
        return self.start + (log10(value) - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, room: float) -> list[float]:
        """Round values, at most seven, and at least `room` pixels from one to the next."""
        fine = [[n / parts for n in range(parts, 10 * parts)] for parts in (20, 10, 5, 2)]
        for steps in (*fine, (1, 1.5, 2, 3, 4, 5, 6, 8), (1, 2, 3, 5), (1, 2, 5), (1,)):
            powers = range(floor(self.low), ceil(self.high) + 1)
            found = [step * 10.0**power for power in powers for step in steps if self.low <= log10(step) + power <= self.high]
            places = [self(value) for value in found]
            if len(found) <= 7 and all(abs(b - a) >= room for a, b in pairwise(places)):
                return found
        return found[:: ceil(len(found) / 7)]


def cost_figure(group: ComparisonGroup) -> str | None:
    """The picture: a point a model, with the interval that its verdict is read off; None where no two models are compared.

    A bar that lies wholly above the lowest error is one of a worse model. The baseline is a line, as it does not train. Names
    stand in a column, so that none covers another.
    """
    if not is_drawn(group):
        return None
    rows = _points(group)
    usual = Counter(machine(row.run.first) for row in rows).most_common(1)[0][0]
    names = [_short(row.label, machine(row.run.first) != usual) for row in rows]
    start = WIDTH - 8 - LETTER * max(map(len, names))
    bottom, right = TOP + max(LOWEST, NAMES * len(rows)), start - GAP
    losses = [value for row in rows for value in (*_interval(row), _loss(row))]
    level = group.baseline_loss or 0.0
    x = Axis([_seconds(row) for row in rows], LEFT, right)
    y = Axis([*losses, *([level] if 0 < level < NEAR * max(losses) else [])], bottom, TOP)
    shapes = [*_axes(group, x, y, right, bottom), *_leaders(rows, names, x, y, start)]
    shapes += [part for row in rows for part in _point(row, x(_seconds(row)), y)]
    shapes += _legend(rows, bottom + 56)
    several = any(name.endswith(ELSEWHERE) for name in names)
    if several:
        shapes.append(text(LEFT, bottom + 56 + NAMES, f"{ELSEWHERE} another machine: times do not compare", "muted"))
    return picture(bottom + UNDER + NAMES * several, alternative(group), shapes, STYLE)


def is_drawn(group: ComparisonGroup) -> bool:
    """Whether there is a picture: it takes two models that are compared."""
    return group.has_rivals and len(_points(group)) > 1


def alternative(group: ComparisonGroup) -> str:
    """What the picture shows, for who cannot see it; the numbers are in the table."""
    models = f"{len(_points(group))} of {count(len(group.ranked), 'model')}"
    told = f"{_loss_name(group)} against the processor time of training: {models} on {group.first.key.task}"
    return f"{told}, those that take time to train. The table has the numbers."


def caption(group: ComparisonGroup) -> str:
    """How to read the picture."""
    return (
        f"Each point is a model. Its bar is the {CONFIDENCE} interval of its {group.kind.loss} compared with the best other "
        "model. If the whole bar lies above the dotted line, the model is worse."
    )


def _points(group: ComparisonGroup) -> list[BoardRow]:
    """The rows that logarithmic axes can show, with a time and an error; not the dummies, which do not train."""
    return [row for row in group.ranked if _seconds(row) > 0 and _loss(row) > 0 and row.learns]


def _seconds(row: BoardRow) -> float:
    return row.costs.training_device_s if row.costs else 0.0


def _loss(row: BoardRow) -> float:
    return row.standing.mean_loss if row.standing else 0.0


def _verdict(row: BoardRow) -> Verdict:
    return row.standing.verdict if row.standing else "undecided"


def _loss_name(group: ComparisonGroup) -> str:
    """With its unit."""
    return with_unit(group.kind.loss, group.unit)


def _interval(row: BoardRow) -> tuple[float, float]:
    """That of the ratio to the best other model, in the unit of the loss; the loss itself where there is none."""
    standing = row.standing
    if not standing or not standing.interval or min(standing.interval) <= 0 or max(standing.interval) == float("inf"):
        return _loss(row), _loss(row)
    low, high = (standing.mean_loss * limit / standing.ratio for limit in standing.interval)
    return low, high


def _short(label: str, elsewhere: bool) -> str:
    """A name for the column; that a network is a miniature stands in the heading."""
    return cut(plain_name(label), LONGEST) + f" {ELSEWHERE}" * elsewhere


def _axes(group: ComparisonGroup, x: Axis, y: Axis, right: float, bottom: float) -> Iterator[Element]:
    """Heading, ticks, the line of the lowest error and that of the baseline."""
    key = group.first.key
    networks = "miniature networks (profile mini)" if key.profile == "mini" else f"profile {key.profile}"
    yield text(4, 16, cut(key.task, WIDTH - 8), "bold")
    yield text(4, 34, f"{_loss_name(group)}, {networks}", "muted")
    for value in y.ticks(TALL):
        yield line(LEFT, y(value), right, y(value), "rule grid")
        yield text(LEFT - 6, y(value) + 4, f"{value:g}", "muted", "end")
    for value in x.ticks(BROAD):
        yield line(x(value), bottom, x(value), bottom + 5)
        yield text(x(value), bottom + 19, f"{value:g}", "muted", "middle")
    yield text((LEFT + right) / 2, bottom + 36, "processor (or GPU) time to train a fold [s]", "muted", "middle")
    lowest = y(min(map(_loss, group.ranked)))
    yield line(LEFT, lowest, right, lowest, "dotted")
    if level := group.baseline_loss:
        place = y(level)
        if place > TOP:
            yield line(LEFT, place, right, place, "dotted")
        yield text(
            LEFT + 4, max(TOP, place) + 15, f"dummy: {significant(level)}{'' if place > TOP else ', higher up'}", "muted"
        )


def _leaders(rows: Sequence[BoardRow], names: Sequence[str], x: Axis, y: Axis, start: float) -> Iterator[Element]:
    """Names in a column from low to high error, each as near to the height of its point as the other names let it."""
    heights = spread([y(_loss(row)) for row in rows], NAMES, y.end, y.start)
    for row, name, height in zip(rows, names, heights, strict=True):
        bend = f"{start - GAP:.1f},{height:.1f} {start - 4:.1f},{height:.1f}"
        yield shape("polyline", points=f"{x(_seconds(row)):.1f},{y(_loss(row)):.1f} {bend}", class_="rule")
        yield text(start, height + 4, name)


def spread(heights: Sequence[float], apart: float, top: float, bottom: float) -> list[float]:
    """Heights from the bottom up, moved as little as keeps each at least `apart` above the one before, and all inside."""
    places = apart * np.arange(len(heights))
    moved = isotonic_regression(np.asarray(heights) + places, y_min=top + places[-1], y_max=bottom, increasing=False)
    return list(moved - places)


def _point(row: BoardRow, x: float, y: Axis) -> Iterator[Element]:
    """The bar and the mark of a model."""
    low, high = map(y, _interval(row))
    if low != high:
        yield line(x, low, x, high, f"{_class(_verdict(row))} bar")
    yield mark(_verdict(row), x, y(_loss(row)))


def _class(verdict: Verdict) -> str:
    return verdict.replace(" ", "-")


def mark(verdict: Verdict, x: float, y: float) -> Element:
    """The sign of a verdict: its form says it, the colour repeats it."""
    paths = {
        "slightly worse": f"M{x:.1f} {y - 6:.1f}l6 6-6 6-6-6z",
        "worse": f"M{x - 4:.1f} {y - 4:.1f}l8 8m0-8l-8 8",
    }
    if verdict in paths:
        return shape("path", d=paths[verdict], class_=_class(verdict))
    return shape("circle", cx=float(x), cy=float(y), r=4.5, class_=_class(verdict))


def _legend(rows: Sequence[BoardRow], y: float) -> Iterator[Element]:
    """The signs that occur."""
    x = float(LEFT)
    found = set(map(_verdict, rows))
    for verdict in (one for one in get_args(Verdict) if one in found):
        yield mark(verdict, x, y - 4)
        yield text(x + 10, y, verdict)
        x += 34 + LETTER * len(verdict)
