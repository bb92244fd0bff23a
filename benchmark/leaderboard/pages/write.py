"""The markdown board: an index, a page a task and a page a model, from a board alone."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from benchmark.leaderboard.board import Board
from benchmark.leaderboard.pages.model import model_pages
from benchmark.leaderboard.pages.overview import TITLE, index_page
from benchmark.leaderboard.pages.task import page_of, picture_of, task_page
from benchmark.leaderboard.parity_figure import parity_figure
from benchmark.rendering.text import require_own
from benchmark.results.model_cards import ModelCard, card_path, read_card
from benchmark.results.scores import OnInvalid, refuse
from benchmark.results.store import write_atomically
from datasets.errors import InputError


def write_pages(board: Board, root: Path, on_invalid: OnInvalid = refuse, more: Iterable[str] = ()) -> list[Path]:
    """Write `README.md`, `tasks/<task>.md` with its picture and `models/<model>.md` below `root`, each atomically.

    Returns their paths.

    Args:
        board: what to write.
        root: the directory of its records, where also the cards of models from elsewhere lie.
        on_invalid: called with the error of a card that is not valid. By default it is raised, otherwise left out.
        more: further sentences of the index, as markdown.

    Raises:
        InputError: a README.md that is no leaderboard stands in the way; an invalid card, by default.
    """
    require_own_page(root)
    pages = {"README.md": index_page(board, more)}
    for task, groups in groupby(board.comparison_groups, key=lambda group: group.first.key.task):
        of_task = list(groups)
        pages[page_of(task)] = task_page(of_task, board.same_runs)
        if drawn := parity_figure(of_task):
            pages[picture_of(task)] = drawn
    pages |= model_pages(board, _cards(board, root, on_invalid))
    for name, text in pages.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode())
    return [root / name for name in pages]


def _cards(board: Board, root: Path, on_invalid: OnInvalid) -> dict[str, ModelCard]:
    """Of the models that are not of this repository."""
    found = {}
    for model in sorted({row.model for group in board.comparison_groups for row in group.rows}):
        try:
            if card_path(root, model).is_file():
                found[model] = read_card(root, model)
        except InputError as error:
            on_invalid(error)
    return found


def require_own_page(root: Path) -> None:
    """Raise InputError where a person's own README.md would be replaced."""
    page = root / "README.md"
    require_own(page, TITLE, "not a leaderboard", "directory")
