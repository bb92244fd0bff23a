"""How much an error varies from training to training, as runs with several rounds show it. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmark.rendering.text import MARKED
from benchmark.reproduction.cells import Cell
from benchmark.reproduction.results import PUBLISHED_ROUNDS, CellResult, Luck
from benchmark.results.scores import scored_tasks
from benchmark.results.store import Store


@dataclass(frozen=True)
class Repeated:
    """The errors of several rounds of one model on one task."""

    task: str
    model: str
    errors: tuple[float, ...]


def luck_of(cell: Cell, runs: Sequence[Repeated]) -> Luck | None:
    """The standard deviation over rounds, as a share of the mean, where it is known best; of several runs the largest.

    That is where another publication prints it for the cell; if none does, the runs of the same model on the same task; if
    there is none, of the same model on other tasks; if there is none, all runs. None without any run.

    Args:
        cell: that has one round.
        runs: of at least two rounds each.
    """
    printed = [(one.std / one.mae, PUBLISHED_ROUNDS, f"the rounds of {one.source}") for one in cell.published if one.std]
    if printed:
        return Luck(*max(printed))
    choices = (
        (f"{cell.model} on this task", [run for run in runs if (run.task, run.model) == (cell.task, cell.model)]),
        (f"{cell.model} on other tasks", [run for run in runs if run.model == cell.model]),
        ("all models", list(runs)),
    )
    for origin, alike in choices:
        if alike:
            share, rounds = max((np.std(run.errors, ddof=1) / np.mean(run.errors), len(run.errors)) for run in alike)
            return Luck(float(share), rounds, origin)
    return None


def with_luck(
    cells: Sequence[Cell],
    results: Sequence[CellResult | None],
    board: Store,
    tasks: set[str],
    published: Sequence[CellResult | None] = (),
) -> list[CellResult | None]:
    """The results; those of one round beside a figure without a standard deviation know how much other runs vary.

    Args:
        cells: of a table.
        results: of the cells, in their order.
        board: whose runs count too, but for miniatures.
        tasks: of the board that count.
        published: what is published here of each cell; its rounds tell best how much they vary.
    """

    def needs(cell: Cell, result: CellResult | None) -> bool:
        return bool(result and len(result.maes) == 1 and any(one.std is None for one in cell.published))

    if not any(map(needs, cells, results)):
        return list(results)
    runs = [
        Repeated(cell.task, cell.model, result.maes)
        for cell, result in zip(cells, results, strict=True)
        if result and len(result.maes) > 1
    ]
    for task, scored in scored_tasks(board, names=tasks):
        for run in scored:
            key, errors = run.run.first.key, tuple(scores.loss for scores in run.scores)
            if len(errors) > 1 and key.profile not in MARKED:
                runs.append(Repeated(task, key.model, errors))
    return [
        replace(result, luck=_luck_of_rounds(there) or luck_of(cell, runs)) if result and needs(cell, result) else result
        for cell, result, there in zip(cells, results, published or [None] * len(cells), strict=True)
    ]


def _luck_of_rounds(published: CellResult | None) -> Luck | None:
    """Of the same cell, where several rounds of it are published here."""
    rounds = published.maes if published else ()
    if len(rounds) < 2:
        return None
    return Luck(
        float(np.std(rounds, ddof=1) / np.mean(rounds)), len(rounds), f"the {len(rounds)} published rounds of this cell"
    )
