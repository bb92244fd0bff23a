"""The table of a comparison group for a terminal. Needs no torch."""

from __future__ import annotations

from tabulate import tabulate

from benchmark.leaderboard.cells import not_below_baseline, overlooked
from benchmark.leaderboard.columns import TERMINAL, columns_shown
from benchmark.leaderboard.comparison_groups import ComparisonGroup
from benchmark.rendering.text import marks_note


def terminal_table(group: ComparisonGroup) -> str:
    """The rows of a comparison group; below them what the numbers may hide, and what marks like `(mini)` mean."""
    columns = columns_shown(TERMINAL, group)
    rows = [[column.cell(row, group) for column in columns] for row in group.in_order]
    alignment = ["left" if column.is_text else "right" for column in columns]
    table = tabulate(rows, [column.heading for column in columns], disable_numparse=True, colalign=alignment)
    return "\n\n".join(
        filter(None, (table, overlooked(group), not_below_baseline(group), marks_note([group.first.key.profile])))
    )
