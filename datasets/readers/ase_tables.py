"""Reads XYZ files of many frames and ASE databases as columns; what is attached to a structure becomes a column."""

from __future__ import annotations

import json
import numbers
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.errors import InputError
from datasets.readers.ase_database import RESULTS, atoms_of_row, database_rows, made_atoms
from datasets.readers.ase_images import only_cell
from datasets.readers.checks import checked
from datasets.readers.columns import Columns, decoded
from datasets.readers.structure_files import reason_of
from datasets.readers.unicode_text import text_of
from datasets.readers.xyz import Frame, atoms_of, frames

if TYPE_CHECKING:
    from ase import Atoms

STRUCTURE = "structure"


def read_frames(path: Path) -> Columns:
    """The frames of an XYZ file, extended or plain; columns are the numbers and texts of the comment lines.

    Raises:
        InputError: it cannot be read, or a line that should hold a frame's number of atoms does not.
    """
    try:
        read = list(frames(text_of(path)))
    except EOFError as error:
        raise InputError(f"{path}: {error}; truncated?") from error
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    return _columns(_row(lambda frame=frame: _of_frame(frame)) for frame in read)  # type: ignore[misc]


def _of_frame(frame: Frame) -> tuple[Atoms, dict[str, Any]]:
    try:
        atoms, values = atoms_of(frame)
    except ValueError as error:
        raise InputError(f": not readable: {error}") from error
    return atoms, dict(sorted(values.items(), key=lambda value: value[0] in RESULTS))


def _row(read: Callable[[], tuple[Atoms, Mapping[str, Any]]]) -> dict[str, Any]:
    """One row: the cell, or why it cannot be read, and the attached numbers and texts."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            atoms, values = read()
    except InputError as error:
        return {STRUCTURE: error}
    except KeyError as error:
        return {STRUCTURE: InputError(f": a row without {error}")}
    except Exception as error:  # parsers of other people raise anything on a bad file
        return {STRUCTURE: InputError(f": not readable; damaged? ({reason_of(error)})")}
    row: dict[str, Any] = {k: v for k, v in values.items() if isinstance(v, (numbers.Real, str)) and k != STRUCTURE}
    try:
        return {**row, STRUCTURE: checked(only_cell([atoms], ""), "")}
    except InputError as error:
        return {**row, STRUCTURE: error}
    except Exception as error:
        return {**row, STRUCTURE: InputError(f": not a structure ({reason_of(error)})")}


def _columns(rows: Iterator[dict[str, Any]]) -> Columns:
    every = list(rows)
    names = dict.fromkeys(name for row in every for name in row)
    return {name: [row.get(name) for row in every] for name in names}


def rows_of_ase_json(content: Mapping[Any, Any]) -> Columns:
    """The rows of ASE's JSON database, as `datasets.readers.columns.read_json` decoded it."""
    ids: Sequence[Any] = content.get("ids", [1])

    def read(number: Any) -> tuple[Atoms, dict[str, Any]]:
        entry = content[str(number)]
        cell = entry.get("cell", np.zeros((3, 3)))
        results = {name: entry.get(name) for name in RESULTS}
        attached = {**(entry.get("data") or {}), **(entry.get("key_value_pairs") or {})}
        periodic = entry.get("pbc", np.zeros(3, dtype=bool))
        return made_atoms(entry["numbers"], entry["positions"], cell["array"] if isinstance(cell, dict) else cell, periodic), {
            "id": number, **results, **attached,
        }  # fmt: skip

    return _columns(_row(lambda number=number: read(number)) for number in ids)  # type: ignore[misc]


def read_database(path: Path) -> Columns:
    """The rows of ASE's SQLite database.

    Raises:
        InputError: as `database_rows`.
    """
    with database_rows(path) as rows:
        return _columns(_row(lambda fields=fields: _of_database(fields)) for fields in rows)  # type: ignore[misc]


def _of_database(fields: dict[str, Any]) -> tuple[Atoms, dict[str, Any]]:
    attached = {**_attached(fields["data"]), **_attached(fields["key_value_pairs"])}
    return atoms_of_row(fields), {**{name: fields[name] for name in ("id", *RESULTS)}, **attached}


def _attached(content: str | bytes | None) -> dict[str, Any]:
    """Key-value pairs or data: JSON, or ASE's binary layout, whose JSON stands at the offset that its first bytes give."""
    if isinstance(content, bytes):
        pairs = json.loads(content[int.from_bytes(content[:8], "little") :])
    else:
        pairs = decoded(content or "{}")
    return pairs if isinstance(pairs, dict) else {}
