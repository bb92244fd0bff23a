"""The web page of a board, with the forecasts that its records allow."""

from __future__ import annotations

from pathlib import Path

from benchmark.leaderboard.board import Board
from benchmark.leaderboard.web.write import write_site
from benchmark.recommend.measured import RECORDS, records_of
from benchmark.recommend.page import forecasts_for_page
from benchmark.results.directories import PUBLISHED
from benchmark.results.store import Store


def write_site_with_forecasts(root: Path) -> Board:
    """Write the page of the records below `root` there; the forecasts of the published board use published studies too.

    Raises:
        InputError: as `write_site`.
    """
    return write_site(Store(root), root, forecasts=forecasts_for_page(records_of(RECORDS if root == PUBLISHED else [root])))
