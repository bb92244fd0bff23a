"""What a terminal shows of a board: the table of a comparison group, and one's own rows beside others. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator

from tabulate import tabulate

from benchmark.leaderboard.apart import way_out
from benchmark.leaderboard.board import Board
from benchmark.leaderboard.cells import not_below_baseline, overlooked, ranks, ratio, verdict
from benchmark.leaderboard.columns import TERMINAL, columns_shown
from benchmark.leaderboard.comparison_groups import ComparisonGroup
from benchmark.leaderboard.pages.task import page_of
from benchmark.leaderboard.rows import BoardRow, marks_of, without_mark
from benchmark.results.beside import StoreBeside


def terminal_table(group: ComparisonGroup) -> str:
    """The rows of a comparison group; below them what the numbers may hide, and what marks like `(mini)` mean."""
    columns = columns_shown(TERMINAL, group)
    rows = [[column.cell(row, group) for column in columns] for row in group.in_order]
    alignment = ["left" if column.is_text else "right" for column in columns]
    table = tabulate(rows, [column.heading for column in columns], disable_numparse=True, colalign=alignment)
    return "\n\n".join(filter(None, (table, overlooked(group), not_below_baseline(group), marks_of(group.in_order))))


def own_rows(board: Board, store: StoreBeside) -> Iterator[str]:
    """A line for each row of one's own records: what is decided about it, and the page with the rows beside it."""
    for group in board.comparison_groups:
        for row in (row for row in group.in_order if store.shows_own(row.run.first)):
            page = store.root / page_of(group.first.key.task)
            alone = "" if row.standing is None or group.has_rivals else _beside(row, board, store)
            yield f"{group.first.key.task}, {without_mark(row.label)}: {_decided(row, group)} ({group.track}; {page}){alone}"


def _beside(row: BoardRow, board: Board, store: StoreBeside) -> str:
    """What to run so that a row without a rival is compared with rows of the other directory."""
    task = row.run.first.key.task
    groups = [group for group in board.comparison_groups if group.first.key.task == task and row not in group.rows]
    others = [other for group in groups for other in group.ranked if not store.shows_own(other.run.first)]
    return f"; {way_out(row, others, store.root)}" if others else ""


def _decided(row: BoardRow, group: ComparisonGroup) -> str:
    """The verdict with the ratio and the rank, or why there is none."""
    if row.standing is None:
        return f"not compared: {row.unranked}"
    if not group.has_rivals:
        return "not compared: no other model has the same folds and profile"
    return f"{verdict(row, group)}; {group.kind.loss} / best other {ratio(row, group)}, rank {ranks(row, group)}"
