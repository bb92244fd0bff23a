"""Reads every structure of files: each frame of an XYZ file, each row of an ASE database, the one of any other file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets.crystals import Cell
from datasets.errors import InputError
from datasets.readers.ase_database import START
from datasets.readers.ase_images import SeveralStructures
from datasets.readers.ase_tables import STRUCTURE, read_database, read_frames
from datasets.readers.budget import within_budget
from datasets.readers.columns import Columns
from datasets.readers.structure_files import format_of, read_each


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


def read_every(paths: Sequence[Path], id_column: str | None = None) -> list[Found]:
    """Every structure of the files, in order; one that cannot be used has its error, which names the file.

    Args:
        paths: the files.
        id_column: of databases and XYZ files, whose values are names of the structures.
    """
    found: list[Found] = []
    for file, (path, cell) in enumerate(zip(paths, read_each(paths), strict=True)):
        several = isinstance(cell, SeveralStructures) or (id_column and not isinstance(cell, InputError))
        kind = _kind(path) if several else None
        try:
            found += _of_table(file, path, kind, id_column) if kind else [Found(file, None, None, cell)]
        except InputError as error:
            found.append(Found(file, None, None, error))
    return found


def _kind(path: Path) -> str | None:
    """What the structures of a file that may hold many are called: frame or row; None of another file."""
    if format_of(path) == "XYZ":
        return "frame"
    with path.open("rb") as file:
        return "row" if file.read(len(START)) == START else None


def _of_table(file: int, path: Path, kind: str, id_column: str | None) -> Iterator[Found]:
    columns: Columns = within_budget(path, read_frames if kind == "frame" else read_database)
    cells: Sequence[Any] = columns[STRUCTURE]
    if id_column and id_column not in columns:
        there = ", ".join(name for name in columns if name != STRUCTURE) or "none"
        raise InputError(f"{path}: no column '{id_column}' to take the ids of; its columns are {there}")
    nothing: Sequence[Any] = [None] * len(cells)
    names = columns[id_column] if id_column else nothing
    ids = columns.get("id", nothing) if kind == "row" else nothing
    numbers = [number or place for place, number in enumerate(ids, 1)]
    for number, name, cell in zip(numbers, names, cells, strict=True):
        used = InputError(f"{path}, {kind} {number}{cell}") if isinstance(cell, InputError) else cell
        yield Found(file, number if len(cells) > 1 else None, None if name is None else str(name), used)
