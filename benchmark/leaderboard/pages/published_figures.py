"""Published figures beside ours: the tables of committed reports that repeat them, and ordinary runs. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from itertools import takewhile
from pathlib import Path

from benchmark.leaderboard.board import Board
from benchmark.leaderboard.kinds import NUMBERS
from benchmark.leaderboard.pages.task import page_of
from benchmark.leaderboard.published_results import PUBLISHED_RESULTS, PublishedResult
from benchmark.rendering.text import MARKED, escape, in_unit, link, plus_minus, seconds, table
from benchmark.results.directories import PUBLISHED
from datasets.errors import InputError

WHY = "- Why do they differ?"
"""How the line of a report begins that says it."""
Figure = tuple[str, str, str]
"""Model, task and published error, as a table of `pairs` has them; the task may be without its data set."""


def pairs(root: Path, path: str, up: str = "") -> str:
    """The first table of a committed report, ours beside the published figures, its legend, and why they differ; linked.

    Raises:
        InputError: the report is not there, or has no table.
    """
    title, *lines = lines_of(root / path)
    begin = _first_table(lines, root / path)
    end = next((number for number, line in enumerate(lines) if number > begin and line.startswith("#")), len(lines))
    why = [line.removeprefix("- ") for line in lines[:begin] if line.startswith(WHY)]
    return "\n\n".join([f"**[{title.lstrip('# ')}]({up}{path})**", *why, "\n".join(lines[begin:end]).strip()])


def answered(root: Path, paths: Sequence[str]) -> set[Figure]:
    """The figures beside which the first table of a report has an error of ours."""
    return {figure for path in paths for figure in _answered(root / path)}


def _answered(report: Path) -> Iterator[Figure]:
    lines = lines_of(report)
    rows = takewhile(lambda line: line.startswith("|"), lines[_first_table(lines, report) :])
    (_, *columns), _, *body = ([cell.strip() for cell in row.strip("|").split("|")] for row in rows)
    for model, *entries in body:
        for task, entry in zip(columns, entries, strict=True):
            ours, _, published = entry.replace("*", "").partition(" / ")
            if published and ours != "–":
                yield model, task, published.split()[0]


def _names(one: PublishedResult) -> set[Figure]:
    return {(one.model, task, f"{one.mae:g}") for task in (one.task, one.task.rpartition("/")[2])}


def _first_table(lines: Sequence[str], report: Path) -> int:
    begin = next((number for number, line in enumerate(lines) if line.startswith("|")), None)
    if begin is None:
        raise InputError(f"{report}: this report has no table")
    return begin


def beside_published(board: Board, elsewhere: AbstractSet[Figure] = frozenset(), up: str = "") -> str:
    """Runs with networks of the published size beside published errors of the same model on the same task.

    Args:
        board: the runs.
        elsewhere: figures that a table of `pairs` has beside a repetition of ours; they are left out.
        up: the way to the root.
    """
    rows = []
    for group in (group for group in board.comparison_groups if group.kind is NUMBERS):
        for row in group.rows:
            found, key = row.over_folds("loss"), row.run.first.key
            if not found or key.profile in MARKED or not row.costs:
                continue
            others = [one for one in PUBLISHED_RESULTS if (one.task, one.model) == (key.task, row.model)]
            others = [one for one in others if elsewhere.isdisjoint(_names(one))]
            task = link(key.task, f"{up}{PUBLISHED}/{page_of(key.task)}")
            error, training = escape(in_unit(plus_minus(*found), key.unit)), seconds(row.costs.training_s)
            for one in others:
                epochs = [f"{number:,}" if number else "" for number in (row.costs.epochs, one.known_epochs)]
                ours = [task, escape(row.label), escape(group.track), error, plus_minus(one.mae, one.std), *epochs, training]
                rows.append([*ours, escape(f"{one.source}: {one.differs_here}")])
    header = [
        "task", "model", "track", "MAE here", "published", "epochs here", "published epochs", "training / fold here",
        "by whom, and what differs",
    ]  # fmt: skip
    return table(header, rows, text=header)


def lines_of(page: Path) -> list[str]:
    """Of a committed report. Raises InputError where it is not there."""
    if not page.is_file():
        raise InputError(f"{page}: this report is not there")
    return page.read_text(encoding="utf-8").splitlines()
