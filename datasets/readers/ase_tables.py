"""Reads XYZ files of many frames and ASE databases as columns; what is attached to a structure becomes a column."""

from __future__ import annotations

import json
import numbers
import sqlite3
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.errors import InputError
from datasets.readers.ase_images import integers, only_cell
from datasets.readers.checks import checked
from datasets.readers.columns import Columns, decoded
from datasets.readers.structure_files import reason_of
from datasets.readers.unicode_text import text_of
from datasets.readers.xyz import Frame, atoms_of, frames

if TYPE_CHECKING:
    from ase import Atoms

STRUCTURE = "structure"
RESULTS = ("energy", "free_energy", "magmom")
"""Numbers a crystal that ASE's databases keep beside the key-value pairs."""

FIELDS = ("id", "numbers", "positions", "cell", "pbc", *RESULTS, "key_value_pairs", "data")
VERSIONS = range(5, 10)
"""Of ASE's SQLite layout; older ones lack columns."""


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
        return _atoms(entry["numbers"], entry["positions"], cell["array"] if isinstance(cell, dict) else cell, periodic), {
            "id": number, **results, **attached,
        }  # fmt: skip

    return _columns(_row(lambda number=number: read(number)) for number in ids)  # type: ignore[misc]


def read_database(path: Path) -> Columns:
    """The rows of ASE's SQLite database, which is opened read-only; nothing is written beside it.

    Raises:
        InputError: it is not one, is damaged, of a version that is not known, or another program is writing to it.
    """
    for suffix in ("-wal", "-journal"):
        beside = Path(f"{path}{suffix}")
        if beside.exists() and beside.stat().st_size:
            raise InputError(f"{path}: {beside.name} holds changes that are not in it yet; close what is writing to it")
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            _require_plain_tables(connection, path)
            rows = connection.execute(f"SELECT {', '.join(FIELDS)} FROM systems ORDER BY id")
            return _columns(_row(lambda row=row: _of_database(row)) for row in rows)  # type: ignore[misc]
    except (sqlite3.Error, OverflowError, MemoryError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a readable ASE database; damaged? ({reason_of(error)})") from error


def _require_plain_tables(connection: sqlite3.Connection, path: Path) -> None:
    """InputError unless the tables hold what was stored in them: a view or a generated column computes without a bound."""
    connection.execute("PRAGMA trusted_schema = OFF")
    kinds = connection.execute("SELECT name, type, sql FROM sqlite_master WHERE name IN ('systems', 'information')").fetchall()
    plain = {name for name, kind, sql in kinds if kind == "table" and "VIRTUAL" not in str(sql).upper().split("(")[0]}
    hidden = [row for table in plain for row in connection.execute(f"PRAGMA table_xinfo({table})") if row[6]]
    if plain != {"systems", "information"} or hidden:
        raise InputError(f"{path}: a SQLite file, but not an ASE database")
    version = connection.execute("SELECT value FROM information WHERE name = 'version'").fetchone()
    if version is None or str(version[0]) not in map(str, VERSIONS):
        raise InputError(
            f"{path}: an ASE database of version {version and version[0]}; expected {VERSIONS[0]} to {VERSIONS[-1]}"
        )


def _of_database(row: Sequence[Any]) -> tuple[Atoms, dict[str, Any]]:
    fields = dict(zip(FIELDS, row, strict=True))
    attached = {**_attached(fields["data"]), **_attached(fields["key_value_pairs"])}
    values = {**{name: fields[name] for name in ("id", *RESULTS)}, **attached}
    species, positions = np.frombuffer(fields["numbers"], "<i4"), np.frombuffer(fields["positions"], "<f8").reshape(-1, 3)
    cell = np.frombuffer(fields["cell"] or bytes(72), "<f8").reshape(3, 3)
    return _atoms(species, positions, cell, [bool(int(fields["pbc"] or 0) & bit) for bit in (1, 2, 4)]), values


def _attached(content: str | bytes | None) -> dict[str, Any]:
    """Key-value pairs or data: JSON, or ASE's binary layout, whose JSON stands at the offset that its first bytes give."""
    if isinstance(content, bytes):
        pairs = json.loads(content[int.from_bytes(content[:8], "little") :])
    else:
        pairs = decoded(content or "{}")
    return pairs if isinstance(pairs, dict) else {}


def _atoms(species: Any, positions: Any, cell: Any, pbc: Any) -> Atoms:
    from ase import Atoms

    return Atoms(integers(species), positions=np.array(positions, dtype=float), cell=cell, pbc=pbc)
