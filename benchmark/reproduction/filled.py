"""How much of what papers published has been run here: cells of their tables, and models at their sizes. Needs no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from benchmark.leaderboard.board import Board
from benchmark.leaderboard.rows import CONSTANTS
from benchmark.rendering.text import MARKED, count, link
from benchmark.reproduction.cells import Cell
from benchmark.reproduction.hours import hours_so_far
from benchmark.reproduction.results import CellResult, cell_results
from benchmark.reproduction.tables import TABLES
from benchmark.results.records import Record
from benchmark.results.store import Store
from datasets.registry import built_in


def filled_so_far(
    board: Board, stores: Sequence[Store], pages: str, studies: Mapping[str, Iterable[Record]] | None = None
) -> Iterator[str]:
    """One sentence each on the tables, on the sizes and on the hours of each kind of device.

    Args:
        board: the published one.
        stores: that hold the cells of the tables.
        pages: the directory of the tables' pages, as a link leads there.
        studies: name → the records of a study, for the hours.

    Raises:
        InputError: a record is invalid.
    """
    done: list[tuple[Cell, CellResult]] = []
    cells, tables = 0, []
    rounds: dict[str, list[Record]] = {}
    for name, table in TABLES.items():
        possible = [cell for cell in table.every if not cell.lacking]
        ran = [(cell, result) for cell, result in zip(possible, cell_results(possible, stores), strict=True) if result]
        rounds[name] = [record for _, result in ran for record in result.records]
        of_table = [(cell, result) for cell, result in ran if result.maes and cell in table.cells]
        planned = sum(not cell.lacking for cell in table.cells)
        done, cells = done + of_table, cells + planned
        tables.append(f"{link(name, f'{pages}/{name}.md')} {len(of_table)} of {planned}")
    beside = [result for cell, result in done if cell.published]
    different = {result.records[0].key.identity for result in beside}
    yield (
        f"Cells of published tables with at least one round: {len(done)} of the {cells} whose targets the data here "
        f"have: {', '.join(tables)}. {len(beside)} of the {len(done)} stand beside a published figure; as tables share "
        f"trainings, these are {count(len(different), 'different cell')}."
    )
    records = [record for of_table in rounds.values() for record in of_table]
    yield _sizes(board, records)
    yield from hours_so_far(board, rounds, studies or {})


def _sizes(board: Board, records: Iterable[Record]) -> str:
    """How many data sets and models have met at published size, on boards or in the tables' records."""
    real = [name for name, known in built_in().items() if not known.card.synthetic]
    rows = [(group.first.key, row) for group in board.comparison_groups for row in group.rows if row.scores]
    models = {row.model for group in board.comparison_groups for row in group.rows} - {*CONSTANTS}
    ran = {(key.dataset, row.model) for key, row in rows if key.profile not in MARKED}
    ran |= {(record.key.dataset, record.key.model) for record in records}
    ran = {(dataset, model) for dataset, model in ran if dataset in real and model in models}
    of_set = Counter(dataset for dataset, _ in ran)
    named = ", ".join(f"{name} {of_set[name]}" for name in sorted(of_set))
    return (
        f"Of {len(real) * len(models)} combinations ({count(len(real), 'data set')} of DFT × "
        f"{count(len(models), 'model')} that learn), "
        f"{len(ran)} have run at published size: {named or 'none'}."
    )
