"""How much of what papers published has been run here: cells of their tables, and models at their sizes. Needs no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from benchmark.leaderboard.board import Board
from benchmark.rendering.text import MARKED, count, link
from benchmark.reproduction.hours import hours_so_far
from benchmark.reproduction.results import cell_results
from benchmark.reproduction.tables import TABLES
from benchmark.results.records import Record
from benchmark.results.store import Store
from datasets.registry import built_in


def filled_so_far(board: Board, stores: Sequence[Store], pages: str) -> Iterator[str]:
    """One sentence each on the tables, on the sizes and on the hours of each kind of device.

    Args:
        board: the published one.
        stores: that hold the cells of the tables.
        pages: the directory of the tables' pages, as a link leads there.

    Raises:
        InputError: a record is invalid.
    """
    done, cells, tables = 0, 0, []
    rounds: dict[str, list[Record]] = {}
    for name, table in TABLES.items():
        possible = [cell for cell in table.cells if not cell.lacking]
        results = [result for result in cell_results(possible, stores) if result and result.maes]
        filled = len(results)
        rounds[name] = [record for result in results for record in result.records]
        done, cells = done + filled, cells + len(possible)
        tables.append(f"{link(name, f'{pages}/{name}.md')} {filled} of {len(possible)}")
    yield (
        f"Cells of published tables with at least one round: {done} of the {cells} whose targets the data here "
        f"have: {', '.join(tables)}."
    )
    yield _sizes(board)
    yield from hours_so_far(board, rounds)


def _sizes(board: Board) -> str:
    real = [name for name, known in built_in().items() if not known.card.synthetic]
    models = {row.model for group in board.comparison_groups for row in group.rows}
    ran = {
        (group.first.key.dataset, row.model)
        for group in board.comparison_groups
        if group.first.key.dataset in real and group.first.key.profile not in MARKED
        for row in group.rows
        if row.scores
    }
    of_set = Counter(dataset for dataset, _ in ran)
    named = ", ".join(f"{name} {of_set[name]}" for name in sorted(of_set))
    return (
        f"Of {len(real) * len(models)} combinations ({count(len(real), 'data set')} of DFT × {count(len(models), 'model')}), "
        f"{len(ran)} have run at published size: {named or 'none'}."
    )
