"""The web page of a board: static files that open from disk and from any server, without a network. Needs no torch."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from string import Template
from types import MappingProxyType
from typing import Any

import pandas as pd

from benchmark.leaderboard.board import Board, read_board
from benchmark.leaderboard.common_folds import CommonFolds
from benchmark.leaderboard.comparison_groups import ComparisonGroup, GroupPredictions
from benchmark.leaderboard.cost_figure import cost_figure
from benchmark.leaderboard.kinds import CLASSES
from benchmark.leaderboard.pair_answers import PairAnswer, answers_on_common_folds, pair_answers
from benchmark.leaderboard.rows import without_mark
from benchmark.leaderboard.terminal import decided
from benchmark.leaderboard.web.board_data import board_data, common_name, file_name, group_name
from benchmark.leaderboard.web.class_details import class_group_details, class_model_details
from benchmark.leaderboard.web.details import by_element, group_details, model_details
from benchmark.rendering.plotly_script import in_page, plotly_name, write_plotly
from benchmark.results import compositions
from benchmark.results.beside import StoreBeside
from benchmark.results.directories import PUBLISHED, RUNS
from benchmark.results.records import JobKey
from benchmark.results.scores import OnInvalid, refuse
from benchmark.results.store import Store, naming, partial_of, write_atomically
from datasets.errors import InputError

SITE = files("benchmark.leaderboard.web") / "site"
SCRIPTS = (
    "numbers.js", "dom.js", "table.js", "plots.js", "details.js", "elements.js",
    "overview.js", "task.js", "cost.js", "classes.js", "model.js", "compare.js", "which.js",
    "page.js",
)  # fmt: skip
MARK = '<meta name="generator" content="crystal-benchmark">'
FOLDERS = ("assets", "details")


def write_site(
    store: Store,
    root: Path,
    on_invalid: OnInvalid = refuse,
    sources: Mapping[str, str] = MappingProxyType({}),
    forecasts: Mapping[str, Any] | None = None,
) -> Board:
    """Read the board of a store and write its web page on the way: `index.html`, `assets/` and `details/` below `root`.

    Details of a comparison group are written while its predictions are in memory; details of groups that are gone are
    removed.

    Args:
        store: where the records are.
        root: where the page goes.
        on_invalid: as for `read_board`.
        sources: dataset → what `datasets.registry.load` takes, of those whose compositions are kept if they are not yet.
        forecasts: what the view "Which model" shows, as `benchmark.recommend.page` makes it; without, there is no such view.

    Returns:
        The board, for other renderings.

    Raises:
        InputError: an invalid record, by default; files that are not of such a page stand in the way.
    """
    require_own_site(root)
    with _replaced(root / "details") as details:

        def each(group: ComparisonGroup, predictions: GroupPredictions | None) -> None:
            if predictions is not None:
                known = _compositions(store.root, group.first.key, sources, on_invalid)
                write_details(details, group, predictions, known, store.root)

        def each_common(common: CommonFolds, predictions: GroupPredictions) -> None:
            known = _compositions(store.root, common.group.first.key, sources, on_invalid)
            answers = answers_on_common_folds(common, store.root)
            _write_crystals(details, common_name(common), common.group, predictions, answers, known)

        board = read_board(store, each, on_invalid, each_common)
        # The index first: it is what says that the folders beside it are ours, also after an interruption.
        write_atomically(root / "index.html", index_html(board, forecasts, own_row(board, store)).encode())
        write_assets(root / "assets")
    return board


def _compositions(root: Path, key: JobKey, sources: Mapping[str, str], on_invalid: OnInvalid) -> pd.DataFrame | None:
    """Those of the dataset of a record, kept first where its source is known."""
    if key.dataset in sources:
        compositions.add(root, {key.dataset_hash: sources[key.dataset]})
    try:
        return compositions.read(root, key.dataset_hash)
    except InputError as error:
        on_invalid(error)
        return None


def require_own_site(root: Path) -> None:
    """Raise InputError where a person's own index.html, assets or details would be replaced."""
    index = root / "index.html"
    ours = index.is_file() and MARK in index.read_text(errors="replace")
    for path in (index, *(root / name for name in FOLDERS)):
        if not ours and path.exists():
            raise InputError(f"{path} is not of a leaderboard and would be replaced; choose another directory")


@contextmanager
def _replaced(folder: Path) -> Iterator[Path]:
    """A new folder that takes the place of `folder` when all is written."""
    partial, leftovers = partial_of(folder), list[Path]()
    try:
        partial.mkdir(parents=True)
        yield partial
        while partial.exists():
            # Another run of the same store may put its own there meanwhile.
            leftovers.append(partial_of(folder))
            with suppress(FileNotFoundError):
                os.replace(folder, leftovers[-1])
            try:
                os.replace(partial, folder)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
    finally:
        for leftover in (partial, *leftovers):
            shutil.rmtree(leftover, ignore_errors=True)


def write_details(
    details: Path, group: ComparisonGroup, predictions: GroupPredictions, known: pd.DataFrame | None, records: Path = RUNS
) -> None:
    """The picture of a comparison group and the scripts that the page loads for it, below `details/<comparison group>/`.

    Args:
        details: where the folder of the comparison group goes.
        group: with decisions.
        predictions: of its ranked rows.
        known: compositions of the dataset, as `by_element` takes them.
        records: the directory of the records.
    """
    name = group_name(group)
    _write_crystals(details, name, group, predictions, pair_answers(group, records), known)
    if drawn := cost_figure(group):
        write_atomically(details / name / "cost.svg", drawn.encode())


def _write_crystals(
    details: Path,
    name: str,
    group: ComparisonGroup,
    predictions: GroupPredictions,
    answers: Sequence[PairAnswer],
    known: pd.DataFrame | None,
) -> None:
    """The scripts of a new folder: what the rows of a group share, and each row."""
    folder = details / name
    folder.mkdir()
    elements = by_element(predictions.ids, known)
    classes = group.kind is CLASSES
    of_group, of_models = (class_group_details, class_model_details) if classes else (group_details, model_details)
    _write_payload(folder, name, "group", of_group(predictions, answers, elements))
    for label, payload in of_models(predictions, elements):
        _write_payload(folder, name, file_name(label), payload)


def _write_payload(folder: Path, group: str, name: str, payload: dict[str, Any]) -> None:
    """A script that hands its data to the page: a page from disk may load scripts, but not fetch files."""
    path = folder / f"{name}.js"
    with naming(path):
        path.write_text(f"board.receive({_json(f'{group}/{name}')}, {_json(payload)});\n")


def write_assets(folder: Path) -> None:
    """Style, scripts and the plotting library; one of another version is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("board.css", *SCRIPTS):
        write_atomically(folder / name, (SITE / name).read_bytes())
    for other in folder.glob("plotly-*.min.js"):
        if other.name != plotly_name():
            other.unlink()
    write_plotly(folder)


def own_row(board: Board, store: Store) -> dict[str, str] | None:
    """The reader's newest row, with which the page begins, and what is decided about it; None on the published board."""
    if store.root.resolve() == PUBLISHED.resolve():
        return None
    own = [
        (row, group)
        for group in board.comparison_groups
        for row in group.in_order
        if not isinstance(store, StoreBeside) or store.shows_own(row.run.first)
    ]
    if not own:
        return None
    # Of runs that started together, the one in the largest group.
    row, group = max(own, key=lambda one: (one[0].run.first.started_at, len(one[1].rows)))
    said = f"Your newest run, {without_mark(row.label)} on {group.first.key.task}: {decided(row, group, board)}."
    return {"group": group_name(group), "model": row.label, "said": said}


def index_html(board: Board, forecasts: Mapping[str, Any] | None = None, own: Mapping[str, str] | None = None) -> str:
    """The page: a shell, and the data of the board in one block."""
    more = {"plotly": f"assets/{plotly_name()}", "own": own} | ({"forecasts": forecasts} if forecasts else {})
    data = _json(board_data(board) | more)
    # Without a version in their addresses, a browser would show new data with old scripts.
    version = hashlib.sha256(b"".join([data.encode(), *((SITE / name).read_bytes() for name in SCRIPTS)])).hexdigest()[:12]
    scripts = "\n".join(f'<script src="assets/{name}?v={version}"></script>' for name in SCRIPTS)
    shell = Template((SITE / "index.html").read_text())
    return shell.substitute(mark=MARK, data=data, scripts=scripts, version=version)


def _json(value: Any) -> str:
    return in_page(json.dumps(value, separators=(",", ":"), allow_nan=False))
