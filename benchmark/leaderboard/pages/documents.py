"""What README.md and docs/ state of results: blocks filled from records and reports. Needs no torch."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from benchmark.leaderboard.board import Board
from benchmark.leaderboard.cells import machines, not_below_baseline, verdict
from benchmark.leaderboard.columns import PAGE, Column, columns_of
from benchmark.leaderboard.comparison_groups import ComparisonGroup
from benchmark.leaderboard.cost_figure import alternative, caption, cost_figure
from benchmark.leaderboard.pages.overview import findings
from benchmark.leaderboard.pages.published_figures import answered, beside_published, lines_of, pairs
from benchmark.leaderboard.pages.task import advice, page_of
from benchmark.leaderboard.rows import BoardRow, marks_of
from benchmark.leaderboard.score_pictures import SCORE_PICTURES
from benchmark.rendering.blocks import BEGIN, filled
from benchmark.rendering.svg import title_of
from benchmark.rendering.text import (
    MARKED,
    count,
    crystals,
    escape,
    joined,
    link,
    table,
    with_unit,
)
from benchmark.results.directories import PUBLISHED
from benchmark.results.store import write_together
from benchmark.statistics.comparisons import CONFIDENCE
from benchmark.statistics.decisions import MARGIN
from datasets.errors import InputError
from datasets.registry import built_in

SHORT = ("verdict", "model", "mae", "ratio", "training_device", "parameters")
"""Columns of a short board. Of the times that of the processor: the wall time of a fold is longer beside other work."""
SHORT_READING = (
    "`{loss} / best other`: the {error} divided by the {error} of the best other model, with its {confidence} interval. "
    "*Worse*: the whole interval lies above 1. *Undecided*: it includes 1 and ends above {limit}. A repeat trains all folds "
    "again, with the crystals divided anew. `processor / fold`: to train it, on one core or on a GPU."
)
PICTURES = "docs/pictures"


def documents(root: Path) -> list[Path]:
    """README.md and the pages of docs/, if they are there."""
    return [path for path in (root / "README.md", *sorted((root / "docs").glob("*.md"))) if path.is_file()]


def filled_documents(board: Board, root: Path) -> dict[Path, str]:
    """Every page of `documents` with a block, filled from the published board and the reports below `root`, and its pictures.

    Raises:
        InputError: a block asks for something that is not there.
    """
    found: dict[Path, str] = {}
    for path in documents(root):
        page = path.read_text(encoding="utf-8")
        if BEGIN in page:
            pictures: dict[str, str] = {}
            found[path] = filled(page, partial(_block, board, root, path, pictures), str(path))
            found |= {root / name: svg for name, svg in pictures.items()}
    return found


def write_documents(board: Board, root: Path) -> list[Path]:
    """Fill the pages and write their pictures, all or none; returns their paths."""
    pages = filled_documents(board, root)
    write_together([(path, text.encode()) for path, text in pages.items()])
    return list(pages)


def _block(board: Board, root: Path, page: Path, pictures: dict[str, str], words: Sequence[str]) -> str:
    """The text of a block of a page; a picture that it shows is added to `pictures`, by its path below `root`."""
    up = "" if page.parent == root else "../"
    makers: dict[str, Callable[..., str]] = {
        "board": lambda task, profile: short_board(board, task, profile, up),
        "cost": lambda task, profile: cost_picture(board, task, profile, pictures, up),
        "score": lambda name: score_picture(name, pictures, up),
        "conclusions": lambda: "\n".join(f"- {line}" for line in findings(board)),
        "published": lambda *paths: beside_published(board, answered(root, paths), up),
        "published-size": lambda: of_published_size(board, up),
        "sets": data_sets,
        "report": lambda path: report(root, path, up),
        "pairs": lambda path: pairs(root, path, up),
    }
    name, *arguments = words
    try:
        return makers[name](*arguments)
    except (KeyError, TypeError):
        raise InputError(f"{page}: no generated block is called `{' '.join(words)}`; there are {', '.join(makers)}") from None


def _fullest(board: Board, task: str, profile: str) -> ComparisonGroup:
    """The comparison group of a task and profile with most rows.

    Raises:
        InputError: there is no such group.
    """
    groups = [g for g in board.comparison_groups if g.first.key.task == task and g.first.key.profile == profile]
    if not groups:
        raise InputError(f"no published record is of {task} with the profile {profile}")
    return max(groups, key=lambda g: (len(g.ranked), g.folds))


def cost_picture(board: Board, task: str, profile: str, pictures: dict[str, str], up: str = "") -> str:
    """Error against training time of the same comparison group, added to `pictures`, with how to read it.

    Raises:
        InputError: there is no such group, or it has too few models for a picture.
    """
    group = _fullest(board, task, profile)
    drawn = cost_figure(group)
    if drawn is None:
        raise InputError(f"{task}, profile {profile}: a picture needs two models that are compared")
    name = f"{PICTURES}/cost-{task.replace('/', '-')}-{profile}.svg"
    pictures[name] = drawn
    return f"![{escape(alternative(group))}]({up}{name})\n\n{escape(caption(group))}"


def score_picture(name: str, pictures: dict[str, str], up: str = "") -> str:
    """A picture that explains scores, added to `pictures`."""
    path = f"{PICTURES}/score-{name}.svg"
    pictures[path] = drawn = SCORE_PICTURES[name]()
    return f"![{title_of(drawn)}]({up}{path})"


def short_board(board: Board, task: str, profile: str, up: str = "") -> str:
    """The comparison group of a task and profile with most rows, by its most important columns, with what it rests on.

    Raises:
        InputError: there is no such group.
    """
    group = _fullest(board, task, profile)
    columns = {column.key: column for column in columns_of(PAGE, group.kind)}
    shown = [columns[key] for key in SHORT if key in columns]
    rows = [[escape(_short_cell(column, row, group)) for column in shown] for row in group.ranked]
    about = (
        f"{link(task, f'{up}{PUBLISHED}/{page_of(task)}')}: {escape(with_unit(group.kind.loss, group.unit))} on crystals never "
        f"seen in training; {crystals(group.first)} crystals, {escape(group.title)}, {count(group.folds, 'fold')} a model. "
        f"{_times(group.ranked)}{escape(marks_of(group.ranked))}"
    )
    text = tuple(column.heading for column in shown if column.is_text)
    said = " ".join(filter(None, (advice(group), escape(not_below_baseline(group)))))
    kind = group.kind
    reading = SHORT_READING.format(loss=kind.loss, error=kind.error, confidence=CONFIDENCE, limit=f"{1 + MARGIN:g}")
    return "\n\n".join([about.strip(), table([column.heading for column in shown], rows, text=text), reading, said])


def _short_cell(column: Column, row: BoardRow, group: ComparisonGroup) -> str:
    """As on the page of the task, but the verdict is a word alone: a sentence below says how many repeats would decide."""
    if column.key == "verdict" and row.standing and group.has_rivals:
        return verdict(row, group).partition(" (")[0]
    return column.cell(row, group)


def _times(rows: Sequence[BoardRow]) -> str:
    where = machines(rows)
    return f"Times: {escape(where[0])}. " if len(where) == 1 else "Times are of several machines: compare them on the page. "


def of_published_size(board: Board, up: str = "") -> str:
    """The tasks with several models of published size that are compared, and those with one alone."""
    compared: dict[str, set[str]] = {}
    all_rows: dict[str, int] = {}
    for group in (group for group in board.comparison_groups if group.first.key.profile not in MARKED):
        models, task = {row.model for row in group.ranked if row.learns}, group.first.key.task
        compared[task] = max(compared.get(task, set()), models, key=len)
        all_rows[task] = max(all_rows.get(task, 0), len({row.model for row in group.ranked}))

    def page(task: str) -> str:
        return link(task, f"{up}{PUBLISHED}/{page_of(task)}")

    several = [f"{page(task)} ({all_rows[task]} models)" for task, models in sorted(compared.items()) if len(models) > 1]
    lines = [f"Several models of published size are compared on {joined(several)}."] if several else []
    alone: dict[str, list[str]] = {}
    for task, models in sorted(compared.items()):
        if len(models) == 1:
            alone.setdefault(escape(min(models)), []).append(page(task))
    lines += [
        f"On the boards, {model} alone ran at published size on {joined(tasks)}." for model, tasks in sorted(alone.items())
    ]
    return "\n".join(lines)


def data_sets() -> str:
    """The built-in data sets: crystals, targets and how the file gets here."""
    rows = []
    for card in (dataset.card for dataset in built_in().values()):
        targets = ", ".join(with_unit(target, unit) for target, unit in card.targets.items())
        how = "embedded" if card.file is None else card.how_to_get
        rows.append([escape(card.name), f"{card.rows:,}" if card.rows else "", escape(targets), escape(how)])
    return table(["data set", "crystals", "targets", "how it gets here"], rows, text=("targets", "how it gets here"))


def report(root: Path, path: str, up: str = "") -> str:
    """What a committed report concludes: its text between the title and the first table, image or section, linked.

    Raises:
        InputError: the report is not there.
    """
    title, *lines = lines_of(root / path)
    end = next((number for number, line in enumerate(lines) if line.startswith(("## ", "### ", "|", "!["))), len(lines))
    said = "\n".join(line for line in lines[:end] if not line.startswith("Again:")).strip()
    folder = posixpath.dirname(path)
    linked = re.sub(r"\]\((?![a-z]+:|#)", f"]({up}{folder}/", said)
    return f"**[{title.lstrip('# ')}]({up}{path})**\n\n" + re.sub(r"\n{3,}", "\n\n", linked)
