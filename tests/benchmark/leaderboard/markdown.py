"""The pages of a board, and the cells of a row of one."""

from __future__ import annotations

from benchmark.leaderboard.board import read_board
from benchmark.leaderboard.pages.write import write_pages
from benchmark.results.store import Store


def pages_of(store: Store) -> dict[str, str]:
    pages = write_pages(read_board(store), store.root)
    return {page.relative_to(store.root).as_posix(): page.read_text() for page in pages}


def row_of(page: str, model: str, before: str = "### ") -> list[str]:
    """The cells of a model's first row; of its first table, unless it is told otherwise."""
    lines = [line for line in page.split(before)[0].splitlines() if f"| [{model}](" in line]
    return [cell.strip() for cell in lines[0].strip("|").split("|")]
