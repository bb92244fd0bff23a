"""Statistics of a data set: its elements, cell sizes, target values and their outliers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from pymatgen.core import Element

from datasets.crystals import Crystals
from datasets.duplicates import Duplicates
from datasets.elements import cgcnn_features

EXAMPLES = 10
"""How many outliers or groups are named."""

SPREADS = 5.0
"""Spreads from the median, beyond which a value is an outlier."""

APART = 10
"""At most as many values at one end are outliers because a gap cuts them off."""

INNER = 20
"""The values before the gap that the gap is compared with."""

GAP = 0.25
"""Spreads that a gap must be wide, so that rounded values are no outliers."""

ROUNDING = 1e-14
"""A range below this part of the largest value is rounding."""

FEWEST = 5
"""Values that are needed to say that one of them is far from the others."""

GROSS = 10.0
"""A value is grossly far from the median where it is so many times farther than 3 interquartile ranges, and so many times
farther than all but one in a thousand of the others (than all others, where there are fewer). Energies, band gaps and
logarithms of moduli stay below 7 interquartile ranges."""

OUTLIER_RULE = (
    f"The spread of a side is 1.4826 times the median distance from the median, over the values on that side of it (those "
    f"equal to the median left out), so that a skewed target has two spreads. A value is an outlier if it lies more than "
    f"{SPREADS:g} spreads out; or if it is one of at most {APART} values at an end that a gap cuts off which is wider than "
    f"{GAP:g} spreads and wider than the range of the {INNER} values before it. An outlier is a value to look at, not an error."
)

PERIODICITY = ("not periodic", "periodic along 1 direction", "periodic along 2 directions", "periodic along 3 directions")


@dataclass(frozen=True)
class ElementCount:
    """How many crystals and atoms of an element a set has, and whether the element has features."""

    symbol: str
    crystals: int
    atoms: int
    has_features: bool


@dataclass(frozen=True)
class Cells:
    """Statistics of the number of atoms in a cell, and the number of crystals of each periodicity."""

    min: int
    median: float
    mean: float
    max: int
    periodicity: dict[str, int]


@dataclass(frozen=True)
class TargetSummary:
    """Statistics of a target in its unit; None where there is no value. The standard deviation needs two values."""

    target: str
    unit: str
    count: int
    missing: int
    mean: float | None
    std: float | None
    min: float | None
    quartiles: tuple[float, float, float] | None
    max: float | None
    zeros: float
    """Share of the values that are exactly zero."""
    outliers: int
    outlier_examples: tuple[tuple[str, float], ...]
    """(id, value), the farthest from the median first."""


@dataclass(frozen=True)
class Spread:
    """How far the values of a target differ inside groups of duplicates."""

    target: str
    unit: str
    groups: int
    """Groups in which two crystals have a value."""
    median: float
    max: float
    widest: tuple[tuple[str, float], ...]
    """(id, value) of the group that differs most, from the smallest on."""


def count_elements(crystals: Crystals) -> tuple[ElementCount, ...]:
    """Count the crystals and atoms of every element that occurs, in order of atomic number."""
    crystal = np.repeat(np.arange(len(crystals)), crystals.n_atoms)
    held = np.unique(np.stack([crystals.atomic_numbers, crystal]), axis=1)[0]
    table = cgcnn_features() if crystals.element_features is None else crystals.element_features
    known = np.flatnonzero(np.asarray(table).any(axis=1))
    return tuple(
        ElementCount(
            Element.from_Z(int(z)).symbol, int((held == z).sum()), int((crystals.atomic_numbers == z).sum()), z in known
        )
        for z in crystals.elements
    )


def describe_cells(crystals: Crystals) -> Cells:
    """Summarize the sizes of the cells and count the crystals of each periodicity."""
    n = crystals.n_atoms
    kinds = np.bincount(crystals.pbc.sum(axis=1), minlength=4)
    periodicity = {name: int(count) for name, count in zip(PERIODICITY, kinds, strict=True) if count}
    return Cells(int(n.min()), float(np.median(n)), float(n.mean()), int(n.max()), periodicity)


def summarize(crystals: Crystals, target: str, unit: str) -> TargetSummary:
    """Summarize the values of a target, and find outliers by `OUTLIER_RULE`."""
    column = crystals.targets[target]
    values = column.dropna()
    array = values.to_numpy()
    if not len(array):
        return TargetSummary(target, unit, 0, len(column), None, None, None, None, None, 0.0, 0, ())
    found = values[outliers(array)]
    farthest = found.loc[(found - values.median()).abs().sort_values(ascending=False, kind="stable").index][:EXAMPLES]
    first, second, third = (float(q) for q in np.quantile(array, [0.25, 0.5, 0.75]))
    return TargetSummary(
        target=target,
        unit=unit,
        count=len(array),
        missing=len(column) - len(array),
        mean=float(array.mean()),
        std=float(array.std(ddof=1)) if len(array) > 1 else None,
        min=float(array.min()),
        quartiles=(first, second, third),
        max=float(array.max()),
        zeros=float((array == 0).mean()),
        outliers=len(found),
        outlier_examples=tuple((str(name), float(value)) for name, value in farthest.items()),
    )


def outliers(values: np.ndarray) -> np.ndarray:
    """(n,) bool: which of n finite values are outliers by `OUTLIER_RULE`."""
    deviation = values - np.median(values)
    return _above(deviation) | _above(-deviation)


def _above(deviation: np.ndarray) -> np.ndarray:
    """Which deviations from the median are outliers on the positive side."""
    side = np.sort(deviation[deviation > 0])
    if not len(side):
        return np.zeros(len(deviation), dtype=bool)
    spread = 1.4826 * np.median(side)
    limit = SPREADS * spread
    gaps = np.diff(side)
    for last in range(max(INNER - 1, len(side) - APART - 1), len(side) - 1):  # the last value before the gap
        if gaps[last] > max(GAP * spread, side[last] - side[last - INNER + 1]):
            limit = min(limit, side[last])
            break
    return deviation > limit


def doubts(crystals: Crystals, target: str) -> list[str]:
    """What makes a target's numbers doubtful: one line where all are equal, or for a value grossly far from the others."""
    values = crystals.targets[target].dropna()
    array = values.to_numpy()
    if len(array) > 1 and np.ptp(array) <= ROUNDING * np.abs(array).max():
        return [f"{target}: all {len(array):,} values are {array[0]:.6g}; there is nothing to learn"]
    if len(array) < FEWEST:
        return []
    median = float(np.median(array))
    distance = np.abs(array - median)
    within = float(np.sort(distance)[-2 - len(array) // 1000])
    gross = distance > GROSS * max(within, 3 * float(np.subtract(*np.percentile(array, [75, 25]))))
    if not gross.any():
        return []
    worst = int(distance.argmax())
    others = int(gross.sum()) - 1
    also = f" (and {others} more)" if others else ""
    return [
        f"{target}: '{values.index[worst]}' has {array[worst]:.6g}{also}, while the median is {median:.6g} and the other "
        f"values lie within {float(distance[~gross].max()):.4g} of it; correct such values, or remove their crystals"
    ]


def doubts_of_all(crystals: Crystals, targets: Iterable[str]) -> list[str]:
    """The doubts about those of the targets that the set has."""
    return [line for target in targets if target in crystals.targets for line in doubts(crystals, target)]


def spread_of_duplicates(crystals: Crystals, duplicates: Duplicates, target: str, unit: str) -> Spread | None:
    """Measure how much the target differs among duplicates; None where no group has two values."""
    values = crystals.targets[target].to_numpy()
    groups = [rows[~np.isnan(values[rows])] for rows in duplicates.groups]
    groups = [rows for rows in groups if len(rows) > 1]
    if not groups:
        return None
    spreads = np.array([np.ptp(values[rows]) for rows in groups])
    rows = groups[int(spreads.argmax())]
    rows = rows[np.argsort(values[rows], kind="stable")]
    rows = rows if len(rows) <= EXAMPLES else rows[[0, -1]]
    widest = tuple((str(crystals.ids[row]), float(values[row])) for row in rows)
    return Spread(target, unit, len(groups), float(np.median(spreads)), float(spreads.max()), widest)
