"""What a terminal shows of a board: the table of a comparison group, and one's own rows beside others. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator

from tabulate import tabulate

from benchmark.leaderboard.apart import completion, way_out
from benchmark.leaderboard.board import Board
from benchmark.leaderboard.cells import below_baseline, not_below_baseline, overlooked, ranks, ratio, verdict
from benchmark.leaderboard.columns import TERMINAL, columns_shown
from benchmark.leaderboard.comparison_groups import ComparisonGroup
from benchmark.leaderboard.pages.task import page_of
from benchmark.leaderboard.rows import BoardRow, marks_of, without_mark
from benchmark.rendering.synthetic import SYNTHETIC
from benchmark.results.beside import StoreBeside
from benchmark.statistics.decisions import AS_MEASURED

ALONE = "not compared: no other model has the same folds and profile"
MORE_REPEATS = (
    f"so many repeats, each with new folds and new weights, would decide whether the model is best or equal, {AS_MEASURED}. "
    "`leaderboard --pair` can name another number: it asks which of two models is better."
)


def terminal_table(group: ComparisonGroup) -> str:
    """The rows of a comparison group; below them what the numbers may hide, and what marks like `(mini)` mean."""
    columns = columns_shown(TERMINAL, group)
    rows = [[column.cell(row, group) for column in columns] for row in group.in_order]
    alignment = ["left" if column.is_text else "right" for column in columns]
    table = tabulate(rows, [column.heading for column in columns], disable_numparse=True, colalign=alignment)
    beside_baseline = " ".join(filter(None, (below_baseline(group), not_below_baseline(group))))
    notes = (_repeats_note(group), overlooked(group), beside_baseline, marks_of(group.in_order))
    return "\n\n".join(filter(None, (table, *notes)))


def _repeats_note(group: ComparisonGroup) -> str:
    """What the number beside an undecided verdict means; empty without one."""
    told = any("repeat" in verdict(row, group) for row in group.ranked)
    return f"(… more repeats): {MORE_REPEATS}" if told else ""


def own_rows(board: Board, store: StoreBeside) -> Iterator[str]:
    """A line for each row of one's own records: what is decided about it, and the page with the rows beside it."""
    for group, row in _own(board, store):
        page = store.root / page_of(group.first.key.task)
        said = f"{decided(row, group, board)} ({group.track}; {page}){_out(row, group, board, store)}"
        yield f"{group.first.key.task}, {without_mark(row.label)}: {said}"
    if any(group.synthetic for group, _ in _own(board, store)):
        yield f"synthetic: {SYNTHETIC[0].lower()}{SYNTHETIC[1:]}"


def not_compared(board: Board, store: StoreBeside) -> Iterator[str]:
    """A line for each row of one's own records that is not compared with a row of the other directory."""
    for group, row in _own(board, store):
        if row.standing is None or all(store.shows_own(other.run.first) for other in group.ranked):
            why = row.unranked or f"no row of {store.other.root} has the same folds and profile ({group.track})"
            yield f"{group.first.key.task}, {without_mark(row.label)}: not compared: {why}{_out(row, group, board, store)}"


def _own(board: Board, store: StoreBeside) -> list[tuple[ComparisonGroup, BoardRow]]:
    groups = board.comparison_groups
    return [(group, row) for group in groups for row in group.in_order if store.shows_own(row.run.first)]


def _out(row: BoardRow, group: ComparisonGroup, board: Board, store: StoreBeside) -> str:
    """What to run so that a row is compared with rows of the other directory; empty where it is, or nothing helps."""
    if row.standing is None:
        return completion(row, group, store.root)
    if any(not store.shows_own(other.run.first) for other in group.ranked):
        return ""
    task = group.first.key.task
    groups = [one for one in board.comparison_groups if one.first.key.task == task and one is not group]
    others = [other for one in groups for other in one.ranked if not store.shows_own(other.run.first)]
    return f"; {way_out(row, others, store.root)}" if others else ""


def decided(row: BoardRow, group: ComparisonGroup, board: Board) -> str:
    """The verdict with the ratio and the rank, on fewer folds where the row has no others; or why there is none."""
    if row.standing is None:
        fewer = board.on_fewer_folds(row)
        return (
            f"{row.unranked}, on which it is {_standing(fewer[1], fewer[0].group)}"
            if fewer
            else f"not compared: {row.unranked}"
        )
    return _standing(row, group) if group.has_rivals else ALONE


def _standing(row: BoardRow, group: ComparisonGroup) -> str:
    return f"{verdict(row, group)}; {group.kind.loss} / best other {ratio(row, group)}, rank {ranks(row, group)}"
