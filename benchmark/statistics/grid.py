"""The simulated cells: numbers of models and repeats, true ratios, and truths worse than measured. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmark.statistics.planted import Structure, Truth
from benchmark.statistics.simulation import CHOSEN, METHODS, Rates, one_best, rates

MODELS = (2, 4, 8, 16)
REPEATS = (1, 2, 5)
RATIOS = (1.0, 1.05, 1.10, 1.20)
CORRELATION = 0.1
"""Of the luck in trainings on one data set, as planted: at least what was measured for any pair."""
OTHERS = 0.3
"""Simulated groups of the ways not chosen, in those of the chosen one."""


@dataclass(frozen=True)
class Cell:
    """One planted truth."""

    models: int
    repeats: int
    ratio: float
    """Of the loss of all models but one to that one's; 1 where all are equal."""


@dataclass(frozen=True)
class Stress:
    """A truth that is worse than measured."""

    name: str
    correlation: float
    heavy_tails: bool


STRESSES = (
    Stress("luck correlates by 0.2, as Nadeau & Bengio assume for five folds", 0.2, False),
    Stress("luck has heavy tails (Student's t, 4 degrees of freedom)", CORRELATION, True),
)


@dataclass(frozen=True)
class Simulated:
    """The rates of all cells by method, and those of the chosen way under truths worse than measured."""

    cells: dict[Cell, dict[str, Rates]]
    stressed: dict[tuple[Stress, Cell], Rates]

    @property
    def chosen(self) -> list[Rates]:
        """Of the chosen way, cell by cell."""
        return [by_method[CHOSEN] for by_method in self.cells.values()]


def simulate(
    structures: Sequence[Structure], groups: int, seed: int, progress: Callable[[str], None] = lambda line: None
) -> Simulated:
    """Simulate every cell: `groups` of the chosen way, fewer of the others.

    Args:
        structures: of real groups, as many models as the largest cell has.
        groups: of a cell.
        seed: of the first cell; every cell has its own.
        progress: called with a line as each cell begins.
    """
    fewer = max(1, round(OTHERS * groups))
    by_method = {method: groups if method == CHOSEN else fewer for method in METHODS}
    cells, stressed = {}, {}
    for number, cell in enumerate(Cell(m, r, ratio) for m in MODELS for r in REPEATS for ratio in RATIOS):
        progress(f"{cell.models} models, {cell.repeats} repeats, ratio {cell.ratio}")
        truth = Truth(one_best(cell.models, cell.ratio), cell.repeats, CORRELATION)
        cells[cell] = rates(structures, truth, by_method, seed + number)
        for stress in STRESSES if cell.ratio in (1.0, 1.1) else ():
            worse = Truth(truth.ratios, cell.repeats, stress.correlation, stress.heavy_tails)
            stressed[stress, cell] = rates(structures, worse, {CHOSEN: fewer}, seed + number)[CHOSEN]
    return Simulated(cells, stressed)
