"""The pages of studies: for every task a markdown page, its figures as PNG and interactively, and a table. Needs no torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from benchmark.rendering.commands import code, command, source_words
from benchmark.rendering.images import png
from benchmark.rendering.plotly_script import write_plotly
from benchmark.rendering.text import csv_cell, escape, marks_note, require_own
from benchmark.results.records import JobKey
from benchmark.results.store import write_atomically
from benchmark.studies.figures import Figure, canvas, html_page
from benchmark.studies.trials import Observation, Trial, by_task


@dataclass(frozen=True)
class Page:
    """What the report of a study on one task says, shows and holds as a table (CSV)."""

    text: str
    figures: Sequence[Figure]
    table: str


@dataclass(frozen=True)
class StudyPages:
    """How the folds of a study become pages and rows of JSON."""

    name: str
    """Of the study."""
    title: str
    """What every page begins with, before its task."""
    page: Callable[[str, list[Trial], str], Page]
    """Task, its folds, and the page's folder as a link has it → the page."""
    json_rows: Callable[[Iterable[Trial]], list[dict[str, Any]]]
    """What `--json` prints."""
    rows: str
    """What the table has a row for, in words."""
    seen: type[Observation] | None = None
    """As what the study's observations are read; None for a study that looks at nothing."""


def csv(rows: Sequence[dict[str, Any]], digits: int | None = 6) -> str:
    """Rows as CSV; numbers with so many significant digits, or with all."""
    harmless = [{name: csv_cell(value) for name, value in row.items()} for row in rows]
    return pd.DataFrame(harmless).to_csv(index=False, float_format=f"%.{digits}g" if digits else None)


def shown(figures: Sequence[Figure], folder: str) -> list[str]:
    """The markdown of figures that lie in a folder."""
    captions = [escape(figure.caption) for figure in figures]
    return [f"![{said}]({folder}/{figure.name}.png)\n\n{said}." for figure, said in zip(figures, captions, strict=True)]


def numbered(figures: Sequence[Figure], place: int) -> list[Figure]:
    """The figures of the comparison group at a place of the page, counted from 0, with names of their own."""
    return [replace(figure, name=f"{figure.name}_{place + 1}") if place else figure for figure in figures]


def write_study_pages(pages: StudyPages, found: Iterable[Trial], reports: Path) -> list[Path]:
    """Write `<reports>/<study>/<task>.md` and its folder for every task; returns the paths.

    Raises:
        InputError: something else stands in the way of a page.
    """
    written: list[Path] = []
    for task, group in by_task(found):
        path = reports / pages.name / f"{task}.md"
        page = pages.page(task, group, quote(path.stem))
        note = marks_note({trial.record.key.profile for trial in group})
        more = _more(pages, group[0].record.key, quote(path.stem))
        text = "\n\n".join([page.text, *([note] if note else []), more])
        written += _write(path, reports, f"# {pages.title}: {escape(task)}", replace(page, text=text))
    return written


def _more(pages: StudyPages, key: JobKey, folder: str) -> str:
    """Which command writes what a page does not show."""
    again = command("study", pages.name, *source_words(key), "--render-only")
    return (
        f"{code(again)} writes this page anew from its records (published ones lie in `--out reports`), the interactive "
        f"figures, `{folder}/figures.html`, and a table of {pages.rows}, `{folder}/table.csv`."
    )


def _write(path: Path, reports: Path, title: str, page: Page) -> list[Path]:
    """Write a page, and in the folder of its name PNGs, `figures.html` and `table.csv`; returns the paths, the page first."""
    require_own(path, title.split(":")[0], "not such a report", "directory with --reports")
    folder = path.with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    # Once for all pages, so that the interactive figures open without a network.
    library = write_plotly(reports)
    script = Path(os.path.relpath(library, folder)).as_posix()
    files = {folder / f"{figure.name}.png": png(canvas(figure)) for figure in page.figures}
    files[folder / "figures.html"] = html_page(title.lstrip("# "), page.figures, script, f"../{quote(path.name)}").encode()
    files[folder / "table.csv"] = page.table.encode()
    for place, data in files.items():
        write_atomically(place, data)
    write_atomically(path, f"{title}\n\n{page.text}\n".encode())
    return [path, *files, library]
