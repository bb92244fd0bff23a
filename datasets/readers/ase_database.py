"""Opens ASE's SQLite databases without trusting them: read-only, plain tables only, no value longer than the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.crystals import Cell
from datasets.errors import InputError
from datasets.readers.ase_images import integers, only_cell, require_one

if TYPE_CHECKING:
    from ase import Atoms

RESULTS = ("energy", "free_energy", "magmom")
"""Numbers a crystal that ASE's databases keep beside the key-value pairs."""

FIELDS = ("id", "numbers", "positions", "cell", "pbc", *RESULTS, "key_value_pairs", "data")
VERSIONS = range(5, 10)
"""Of ASE's SQLite layout; older ones lack columns."""

START = b"SQLite format 3\0"


def is_database(start: bytes) -> bool:
    """Whether a file that begins so is a SQLite database."""
    return start.startswith(START)


@contextmanager
def database_rows(path: Path) -> Iterator[Iterator[dict[str, Any]]]:
    """The rows of ASE's SQLite database by `FIELDS`; it is opened read-only, and nothing is written beside it.

    Raises:
        InputError: it is not one, is damaged, of a version that is not known, or another program is writing to it.
    """
    for suffix in ("-wal", "-journal"):
        beside = Path(f"{path}{suffix}")
        if beside.exists() and beside.stat().st_size:
            raise InputError(f"{path}: {beside.name} holds changes that are not in it yet; close what is writing to it")
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            if hasattr(connection, "setlimit"):  # from Python 3.11 on
                connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, path.stat().st_size)
            _require_plain_tables(connection, path)
            rows = connection.execute(f"SELECT {', '.join(FIELDS)} FROM systems ORDER BY id")
            yield (dict(zip(FIELDS, row, strict=True)) for row in rows)
    except (sqlite3.Error, OverflowError, MemoryError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: not a readable ASE database; damaged? ({reason})") from error


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


def atoms_of_row(fields: dict[str, Any]) -> Atoms:
    """The structure of a row. Raises ValueError or TypeError where a field is of a wrong type or length."""
    species, positions = np.frombuffer(fields["numbers"], "<i4"), np.frombuffer(fields["positions"], "<f8").reshape(-1, 3)
    cell = np.frombuffer(fields["cell"] or bytes(72), "<f8").reshape(3, 3)
    return made_atoms(species, positions, cell, [bool(int(fields["pbc"] or 0) & bit) for bit in (1, 2, 4)])


def made_atoms(species: Any, positions: Any, cell: Any, pbc: Sequence[bool]) -> Atoms:
    """ASE's atoms of atomic numbers (n,) and Cartesian positions (n, 3) in Å."""
    from ase import Atoms

    return Atoms(integers(species), positions=np.array(positions, dtype=float), cell=cell, pbc=pbc)


def read_only_row(path: Path, name: str) -> Cell:
    """The structure of a database of one row, called `name` in errors.

    Raises:
        InputError: as `database_rows`, there is not one row, or it holds no structure.
    """
    with database_rows(path) as rows:
        found = [fields for fields in rows if fields]
    require_one(len(found), name)
    try:
        return only_cell([atoms_of_row(found[0])], name)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: not a readable row of an ASE database; damaged? ({error})") from error
