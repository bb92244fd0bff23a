"""Reads every structure of files: each frame of an XYZ file, each row of an ASE database, the one of any other file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets.crystals import Cell
from datasets.errors import InputError
from datasets.readers.ase_database import START
from datasets.readers.ase_images import SeveralStructures
from datasets.readers.ase_tables import STRUCTURE, read_database, read_frames, rows_of_ase_json
from datasets.readers.budget import within_budget
from datasets.readers.columns import Columns, decoded, is_ase
from datasets.readers.structure_files import format_of, read_each
from datasets.readers.unicode_text import text_of


@dataclass(frozen=True)
class Found:
    """One structure of a file, or why it cannot be used."""

    file: int
    """Place of its file among those asked for."""
    number: int | None
    """Of the frame, from 1, or the id of the row of a database; None where the file holds one structure."""
    name: str | None
    """What the column of ids calls it."""
    cell: Cell | InputError


class NoColumn(InputError):
    """A file lacks the column of ids."""


def read_every(paths: Sequence[Path], id_column: str | None = None) -> list[Found]:
    """Every structure of the files, in order; one that cannot be used has its error, which names the file.

    Args:
        paths: the files.
        id_column: of databases and XYZ files, whose values are names of the structures.

    Raises:
        InputError: files that may have a column of ids are there, and none has `id_column`.
    """
    found: list[Found] = []
    lacking: list[InputError] = []
    for file, (path, cell) in enumerate(zip(paths, read_each(paths), strict=True)):
        several = isinstance(cell, SeveralStructures) or (id_column and not isinstance(cell, InputError))
        try:
            read = _reader(path) if several else None
            found += _of_table(file, path, read, id_column) if read else [Found(file, None, None, cell)]
        except InputError as error:
            found.append(Found(file, None, None, error))
            lacking += [error] * isinstance(error, NoColumn)
    if lacking and all(one.name is None for one in found):
        raise lacking[0]
    return found


def _reader(path: Path) -> Callable[[Path], Columns] | None:
    """What reads a file that may hold many structures: frames or rows; None of another file."""
    if format_of(path) == "XYZ":
        return read_frames
    if format_of(path) == "ASE JSON":
        return within_budget(path, _reader_of_json)
    with path.open("rb") as file:
        return read_database if file.read(len(START)) == START else None


def _reader_of_json(path: Path) -> Callable[[Path], Columns] | None:
    """What gives the rows of an ASE database in JSON; None of another JSON file."""
    try:
        content = decoded(text_of(path))
    except ValueError:
        return None
    return (lambda _: rows_of_ase_json(content)) if isinstance(content, dict) and is_ase(content) else None


def _of_table(file: int, path: Path, read: Callable[[Path], Columns], id_column: str | None) -> Iterator[Found]:
    columns, kind = within_budget(path, read), "frame" if read is read_frames else "row"
    cells: Sequence[Any] = columns[STRUCTURE]
    if id_column and id_column not in columns:
        there = ", ".join(name for name in columns if name != STRUCTURE) or "none"
        raise NoColumn(f"{path}: no column '{id_column}' to take the ids of; its columns are {there}")
    nothing: Sequence[Any] = [None] * len(cells)
    names = columns[id_column] if id_column else nothing
    ids = columns.get("id", nothing) if kind == "row" else nothing
    numbers = [number or place for place, number in enumerate(ids, 1)]
    for number, name, cell in zip(numbers, names, cells, strict=True):
        used = InputError(f"{path}, {kind} {number}{cell}") if isinstance(cell, InputError) else cell
        yield Found(file, number if len(cells) > 1 else None, None if name is None else str(name), used)
