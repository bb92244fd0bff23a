"""The pages of a board as commands write them; those of the published one use everything that is published."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmark.leaderboard.board import Board
from benchmark.leaderboard.pages.write import write_pages
from benchmark.leaderboard.web.write import write_site
from benchmark.recommend.measured import RECORDS, records_of
from benchmark.recommend.page import forecasts_for_page
from benchmark.reproduction.filled import filled_so_far
from benchmark.results.directories import PUBLISHED, REPORTS
from benchmark.results.store import Store


def write_board(store: Store) -> tuple[Board, list[Path]]:
    """Write the markdown pages and the web page of a store's records into its directory; returns the board and the paths.

    The published board's forecasts use published studies too, and its index says how much of the papers has been run.

    Raises:
        InputError: as `write_site` and `write_pages`.
    """
    root = store.root
    published = root == PUBLISHED
    board = write_site(store, root, forecasts=forecasts_for_page(records_of(RECORDS if published else [root])))
    return board, [*write_pages(board, root, more=of_papers(board) if published else ()), root / "index.html"]


def of_papers(board: Board) -> Iterator[str]:
    """How much of the papers the published records hold, for the index of the published board."""
    tables = REPORTS / "reproduction"
    studies = {path.name: records_of([path]) for path in sorted((REPORTS / "studies").glob("*"))}
    return filled_so_far(board, [Store(PUBLISHED), Store(tables)], f"../{tables.as_posix()}", studies)
