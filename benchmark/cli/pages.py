"""`python -m benchmark pages`: every page that is made from published records, in one go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

import typer

from benchmark.cli.shared.terminal import tell
from benchmark.results.directories import PUBLISHED, REPORTS
from datasets.errors import InputError

commands = typer.Typer()


@commands.command(epilog="Example: python -m benchmark pages && git status --short")
def pages() -> None:
    """Write every page that published records give anew: studies, explanations, published tables, boards, README and docs.

    Needs no data and trains nothing. Not written are the pages of what is measured here: `performance`, `statistics` and
    `datasets health` write these.
    """
    if not (PUBLISHED / "records").is_dir():
        raise InputError(f"{PUBLISHED.resolve()} has no records; run this in the folder of a checkout")
    # The boards come last: README and docs quote the reports.
    written = [path for write in (_of_studies, _of_explanations, _of_tables, _of_boards) for path in _told(write)]
    print(f"{len(written)} files written below {REPORTS}, {PUBLISHED} and docs; `git status` names those that changed")


def _told(write: Callable[[], Iterable[Path]]) -> Iterable[Path]:
    tell(f"writing {write.__name__.removeprefix('_of_')}")
    return write()


def _of_studies() -> Iterator[Path]:
    from benchmark.results.store import Store
    from benchmark.studies.pages import write_study_pages
    from benchmark.studies.published import read_trials
    from benchmark.studies.registry import names, pages_of

    for study in map(pages_of, names()):
        store = Store(REPORTS / "studies" / study.name)
        yield from write_study_pages(study, read_trials(store, study.seen), REPORTS)


def _of_explanations() -> Iterable[Path]:
    from benchmark.explain.pages.write import write_published_pages

    return write_published_pages(REPORTS, REPORTS / "xgnn") if (REPORTS / "explanations").is_dir() else ()


def _of_tables() -> Iterator[Path]:
    from benchmark.reproduction.page import write_page
    from benchmark.reproduction.results import cell_results
    from benchmark.reproduction.tables import TABLES
    from benchmark.results.store import Store

    board, cells = Store(PUBLISHED), Store(REPORTS / "reproduction")
    for table in TABLES.values():
        yield write_page(table, cell_results(table.every, [board, cells]), board, REPORTS)


def _of_boards() -> Iterable[Path]:
    from benchmark.cli.shared.site import write_board
    from benchmark.leaderboard.pages.documents import write_documents
    from benchmark.results.store import Store

    board, written = write_board(Store(PUBLISHED))
    return chain(written, write_documents(board, Path()))
