"""Reads the rows of a CSV as spreadsheets and programs write it; the separator is the one that the rows agree on."""

from __future__ import annotations

import csv
import gc
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from datasets.errors import InputError
from datasets.readers.unicode_text import text_of

SEPARATORS = {",": "','", ";": "';'", "\t": "a tab", "|": "'|'"}
"""Separator → what messages call it."""

SAMPLE = 100
"""Rows that the separator is chosen by."""

LONGEST_CELL = 2**31 - 1
_TOLD = re.compile(r"\s*\"?sep=([,;|\t])\"?\s*", re.IGNORECASE)
_BREAK = re.compile(r"\r\n|\r|\n")
_END = "end of the file"


@dataclass(frozen=True)
class CsvText:
    """The rows of a CSV that are not blank, cells as they stand there."""

    rows: list[list[str]]
    numbers: Sequence[int]
    """Of each row, the number of its first line in the file, from 1."""
    separator: str | None
    """None where the first row is one cell."""

    @property
    def separated_by(self) -> str:
        """The separator, for an error."""
        if self.separator is None:
            return f"no separator was found in the first row; expected {', '.join(SEPARATORS.values())}"
        return f"the separator is {SEPARATORS[self.separator]}"


def read_csv_text(path: Path, is_id: Callable[[str], bool] | None = None) -> CsvText:
    """Read a CSV separated by `,`, `;`, tabs or `|`; Excel's first line `sep=;` says which.

    Without it, the separator divides the first row, and every row into equally many cells. An empty last column without a
    heading, as a separator at the end of every line makes it, is dropped.

    Args:
        path: the file, UTF-8 or UTF-16, packed or not.
        is_id: whether a text is an id; decides where the rows alone do not and the first column is known to hold ids.

    Raises:
        InputError: it cannot be read, a quote stays open, or more than one separator is possible.
    """
    lines = io.StringIO(text_of(path), newline="").readlines()
    skipped = next((number for number, line in enumerate(lines) if line.strip()), 0)
    told = _TOLD.fullmatch(lines[skipped]) if lines else None
    separator = told[1] if told else _separator(lines[skipped:], path, is_id)
    rows, numbers = _rows(lines, skipped + bool(told), separator or ",", path)
    return CsvText(_without_empty_end(rows), numbers, separator)


def _rows(lines: Sequence[str], skipped: int, separator: str, path: Path) -> tuple[list[list[str]], Sequence[int]]:
    """Every row that is not blank; a line put behind the last one would be swallowed by a quote that is not closed."""
    csv.field_size_limit(LONGEST_CELL)  # structures are longer than the 128 KiB that are allowed by default
    reader = csv.reader([*lines[skipped:], _END], delimiter=separator)
    collecting = gc.isenabled()
    gc.disable()  # it would walk all rows again and again while they are made: a third of the time
    try:
        rows = list(reader)
    except csv.Error as error:
        raise InputError(f"{path} line {skipped + reader.line_num}: not a CSV ({error})") from error
    finally:
        if collecting:
            gc.enable()
    one_line_each = reader.line_num == len(rows)
    ends = range(1, len(rows) + 1) if one_line_each else list(accumulate(map(_lines_of, rows)))
    if rows.pop() != [_END] or ends[-1] != reader.line_num:
        line = skipped + (ends[-2] if rows else 0) + 1
        raise InputError(f"{path} line {line}: not a CSV (a quote that is not closed)")
    numbers = range(skipped + 1, skipped + len(ends)) if one_line_each else [skipped + 1 + end for end in [0, *ends[:-2]]]
    blank = {row for row, cells in enumerate(rows) if len(cells) < 2 and cells != [""] and not "".join(cells).strip(" \t")}
    if not blank:
        return rows, numbers
    kept = [row for row in range(len(rows)) if row not in blank]
    return [rows[row] for row in kept], [numbers[row] for row in kept]


def _lines_of(cells: Sequence[str]) -> int:
    return 1 + sum(len(_BREAK.findall(cell)) for cell in cells)


def _separator(lines: Sequence[str], path: Path, is_id: Callable[[str], bool] | None) -> str | None:
    """The separator of the rows; each rule chooses among those that the rules before it leave."""
    samples = {separator: _sample(lines, separator) for separator in SEPARATORS}
    possible = [separator for separator, rows in samples.items() if rows and len(rows[0]) > 1]
    rules: list[Callable[[list[list[str]]], bool]] = [
        lambda rows: rows[-1] != [],
        lambda rows: all(1 < len(cells) <= len(rows[0]) for cells in rows),
        lambda rows: len({len(cells) for cells in rows}) == 1,
    ]
    if is_id:
        rules.append(lambda rows: any(is_id(cells[0]) for cells in rows if cells))
    for rule in rules if len(possible) > 1 else []:
        possible = [separator for separator in possible if rule(samples[separator])] or possible
    if len(possible) > 1:
        names = " and ".join(SEPARATORS[separator] for separator in possible)
        raise InputError(
            f"{path}: {names} could each be the separator; put the line sep=; (or another separator) first, or quotes around "
            "cells that hold the other"
        )
    return possible[0] if possible else None


def _sample(lines: Sequence[str], separator: str) -> list[list[str]]:
    """The cells of the first rows that are not blank; an empty row where quotes are not those of this separator."""
    csv.field_size_limit(LONGEST_CELL)
    rows: list[list[str]] = []
    try:
        for cells in csv.reader(lines, delimiter=separator, strict=True):
            if any(map(str.strip, cells)):
                rows.append(cells)
            if len(rows) == SAMPLE:
                break
    except csv.Error:
        rows.append([])
    return rows


def _without_empty_end(rows: list[list[str]]) -> list[list[str]]:
    """The rows without last columns that are empty in every row and have no heading."""
    if len(rows) < 2:
        return rows
    first, width = rows[0], len(rows[1])
    if len(first) not in (width - 1, width) or any(len(cells) != width or cells[-1].strip() for cells in rows[1:]):
        return rows
    kept = max(2, *map(_filled, rows))
    return [cells[:kept] for cells in rows] if kept < width else rows


def _filled(cells: Sequence[str]) -> int:
    """How many cells there are up to the last one with anything in it."""
    return next((place for place in range(len(cells), 0, -1) if cells[place - 1].strip()), 0)
