"""Reads a table of structures and numbers, of any layout, as crystals with targets and units."""

from __future__ import annotations

import math
import numbers
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from datasets.allowed_names import require_target_name
from datasets.crystals import STRUCTURE_COLUMNS, Cell, Crystals
from datasets.errors import InputError
from datasets.readers.ase_tables import read_database, read_frames, rows_of_ase_json
from datasets.readers.cell_values import MISSING, cell_of_value
from datasets.readers.columns import (
    INDEX,
    Columns,
    is_ase,
    looks_like_structure,
    read_csv,
    read_json,
    read_parquet,
    split_heading,
)
from datasets.readers.folder import AS_GIVEN, ELEMENT_TABLE, read_folder
from datasets.readers.structure_files import PACKED, POOL_ABOVE, cells_of

READERS = {
    ".csv": read_csv, ".parquet": read_parquet,
    ".json": read_json, ".jsonl": read_json, ".ndjson": read_json,
    ".xyz": read_frames, ".extxyz": read_frames, ".db": read_database,
}  # fmt: skip

STRUCTURE_NAMES = ("structure", "cif", "atoms")
"""Looked at first, in this order."""

ID_NAMES = (
    "material_id", "mp_id", "mpid", "mbid", "task_id", "jid", "uid", "structure_id", "crystal_id", "id", INDEX,
)  # fmt: skip
"""What a column of ids is called; the first that is there is used."""

SAMPLE = 50
"""Rows in which a structure is looked for."""

NO_TARGET, NO_STRUCTURE = "without a value of any target", "without a readable, fully occupied structure"
FEW = 3
"""Reasons that are reported of the rows that are left out."""


@dataclass(frozen=True)
class TableOptions:
    """Which columns of a table to read, and their units; `name` is only for the command that an error shows."""

    source: Path
    name: str
    targets: Sequence[str] = ()
    """Empty: the only column of numbers."""
    units: Sequence[str] = ()
    """`UNIT` for a single target, or `TARGET=UNIT`."""
    structure_column: str | None = None
    skip_bad: bool = False


@dataclass(frozen=True)
class RawTable:
    """n rows as they stand in the source, nothing read yet: structures, values and units by column."""

    places: list[str]
    structures: list[Any]
    columns: Columns
    units: dict[str, str] = field(default_factory=dict)
    features: Path | None = None
    """Element features that belong to the crystals."""


@dataclass(frozen=True)
class TableCrystals:
    """The crystals that were read from a table, their units, and the number of rows left out."""

    crystals: Crystals
    units: dict[str, str]
    left_out: dict[str, int]
    """What rows lacked → how many were left out for it; only what happened."""
    reasons: tuple[str, ...]
    """Of the first bad structures."""
    features: Path | None


def read_crystals(options: TableOptions) -> TableCrystals:
    """Read a table, choose its targets, and read the structures of the rows that have one.

    Rows without any target are left out and counted, with `skip_bad` also those whose structure is missing, unreadable or
    partially occupied. A value that is missing where another target has one stays NaN.

    Raises:
        InputError: one line that says what is wrong, in which row, and what to do.
    """
    table = read_table(options)
    names = _targets(options, table)
    units = _units(options, names, table)
    values = np.column_stack([_values(table, name) for name in names])
    bare = [
        isinstance(s, InputError) and all(c[i] is None for c in table.columns.values()) for i, s in enumerate(table.structures)
    ]
    rows = np.flatnonzero(~np.isnan(values).all(axis=1) | np.array(bare, dtype=bool))
    cells = _cells(table, rows)
    bad = [cell for cell in cells if isinstance(cell, InputError)]
    if bad and not options.skip_bad:
        others = f"; {len(bad)} such rows" if len(bad) > 1 else ""
        raise InputError(f"{bad[0]}{others}; correct the table, or leave such rows out with --skip-bad")
    good = [(row, cell) for row, cell in zip(rows, cells, strict=True) if not isinstance(cell, InputError)]
    if not good:
        raise InputError(f"{options.source}: no row has a value of {' or '.join(names)} and a readable structure")
    kept = [int(row) for row, _ in good]
    targets = pd.DataFrame(values[kept], columns=names)
    crystals = Crystals.from_cells(_ids(table, kept), [cell for _, cell in good], targets)
    reasons = tuple(str(error) for error in bad[:FEW])
    left_out = {NO_TARGET: len(table.structures) - len(rows), NO_STRUCTURE: len(bad)}
    return TableCrystals(crystals, units, {why: count for why, count in left_out.items() if count}, reasons, table.features)


def read_table(options: TableOptions) -> RawTable:
    """The rows of a file, or of a folder of structure files with a CSV; structures that are text or files are not read yet.

    Raises:
        InputError: it cannot be read, has no rows, no structure column, or several.
    """
    path = options.source
    if path.is_dir():
        return _of_folder(path, options)
    if not path.is_file():
        raise InputError(f"{path}: no such file or folder")
    plain = path.with_suffix("") if path.suffix.lower() in PACKED else path
    reader = READERS.get(plain.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: not a table of a known kind; expected a folder or {', '.join(READERS)}")
    columns = reader(path)
    if is_ase(columns):
        columns = rows_of_ase_json(columns)
    structures = columns.pop(_structure_column(columns, options), [])
    if not structures:
        raise InputError(f"{path}: no rows")
    if all(isinstance(structure, InputError) for structure in structures):
        raise InputError(f"{path} row 1{structures[0]}; no row has a readable structure")
    places = [f"{path} row {number}" for number in range(1, len(structures) + 1)]
    split = {heading: split_heading(heading) for heading in columns}
    bare = [name for name, _ in split.values()]
    named = {h: name if name and bare.count(name) == 1 else h for h, (name, _) in split.items()}
    units = {named[heading]: unit for heading, (_, unit) in split.items() if unit}
    return RawTable(places, structures, {named[heading]: values for heading, values in columns.items()}, units)


def _of_folder(path: Path, options: TableOptions) -> RawTable:
    if options.structure_column:
        raise InputError(f"{path}: a folder has structure files; leave --structure-column out")
    table = read_folder(path)
    columns: Columns = {STRUCTURE_COLUMNS[0]: list(table.ids)}  # a name that no target has
    columns |= {name: table.targets[name].tolist() for name in table.units}
    units = {name: unit for name, unit in table.units.items() if unit != AS_GIVEN}
    own = path / ELEMENT_TABLE
    return RawTable(table.places, list(table.files), columns, units, own if own.exists() else None)


def _structure_column(columns: Columns, options: TableOptions) -> str:
    if options.structure_column:
        if options.structure_column not in columns:
            raise InputError(f"{options.source}: no column '{options.structure_column}'; it has {_listed(columns)}")
        return options.structure_column
    named = [name for wanted in STRUCTURE_NAMES for name in columns if name.lower() == wanted]
    found = [name for name in columns if any(map(looks_like_structure, _first(columns[name])))]
    chosen = [name for name in named if name in found] or found or named
    if not chosen:
        raise InputError(
            f"{options.source}: no column of structures (pymatgen's as JSON, or CIF text); it has {_listed(columns)}"
        )
    if len(chosen) > 1 and chosen[0] not in named:
        raise InputError(
            f"{options.source}: several columns of structures: {_listed(chosen)}; name one with --structure-column"
        )
    return chosen[0]


def _first(values: Sequence[Any]) -> list[Any]:
    return [value for value in values if value is not None][:SAMPLE]


def _listed(names: Any) -> str:
    shown = [f"'{name[:40]}'" for name in names]
    return ", ".join(shown[:20]) + (f" and {len(shown) - 20} more" if len(shown) > 20 else "")


def _targets(options: TableOptions, table: RawTable) -> list[str]:
    """The targets asked for, each checked; else the only numeric column that is no id."""
    path, names = options.source, list(dict.fromkeys(options.targets))
    if not names:
        numeric = [n for n, values in table.columns.items() if n and n.lower() not in ID_NAMES and _is_numeric(values)]
        if not numeric:
            raise InputError(f"{path}: no column of numbers to predict; it has {_listed(table.columns)}")
        if len(numeric) > 1:
            raise InputError(f"{path}: several columns of numbers: {_listed(numeric)}; name the targets with --target")
        names = numeric
    for name in names:
        if name not in table.columns:
            raise InputError(f"{path}: no column '{name}'; it has {_listed(table.columns)}")
        require_target_name(name, str(path))
        if name in STRUCTURE_COLUMNS or not name.isprintable():
            raise InputError(f"{path}: column '{name}' cannot name a target; rename it")
    return names


def _is_numeric(values: Sequence[Any]) -> bool:
    parsed = [_number(value) for value in values]
    return None not in parsed and not all(math.isnan(value) for value in parsed if value is not None)


def _number(value: Any) -> float | None:
    """The number a value of a table is, NaN where it is missing, None where it is something else."""
    if value is None or (isinstance(value, str) and value.strip().lower() in MISSING):
        return math.nan
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (str, numbers.Real)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _values(table: RawTable, name: str) -> np.ndarray:
    """The column as (n,) float64, NaN where there is no value; InputError names the first row that has no finite number."""
    parsed = [_number(value) for value in table.columns[name]]
    for value, number, place in zip(table.columns[name], parsed, table.places, strict=True):
        if number is None or math.isinf(number):
            shown = " ".join(str(value).split())[:40]
            raise InputError(f"{place}: target '{name}' is '{shown}', not a finite number; correct it or leave it empty")
    return np.array(parsed, dtype=float)


def _units(options: TableOptions, names: Sequence[str], table: RawTable) -> dict[str, str]:
    """Target → unit, out of the options, else out of the headings."""
    given: dict[str, str] = {}
    for text in options.units:
        owner = next((name for name in names if text.startswith(f"{name}=")), None)
        if owner is None and ("=" in text or len(names) > 1):
            raise InputError(f"--unit {text}: write TARGET=UNIT; the targets are {_listed(names)}")
        unit = text.strip() if owner is None else text[len(owner) + 1 :].strip()
        if not unit or not unit.isprintable() or len(unit) > 40:
            raise InputError(f"--unit {text}: write a unit of at most 40 characters, such as eV, or 1 for a number without")
        if given.setdefault(owner or names[0], unit) != unit:
            raise InputError(f"--unit {text}: '{owner or names[0]}' has the unit {given[owner or names[0]]} already")
    for name in names:
        if name in given and table.units.get(name, given[name]) != given[name]:
            raise InputError(f"--unit {given[name]}: '{name}' is in {table.units[name]} by its heading; correct one of them")
    units = {name: given.get(name) or table.units.get(name, "") for name in names}
    lacking = [name for name, unit in units.items() if not unit]
    if lacking:
        command = ["python", "-m", "benchmark", "datasets", "import", str(options.source), "--name", options.name]
        command += [word for name in names for word in ("--target", name)]
        command += [word for name in names for word in ("--unit", f"{name}={units[name] or 'UNIT'}")]
        raise InputError(f"{options.source}: {_listed(lacking)} without a unit; write {shlex.join(command)}")
    return units


def _cells(table: RawTable, rows: Sequence[int] | np.ndarray) -> list[Cell | InputError]:
    """The structures of the rows; texts and files are read in a pool of processes where they are many."""
    chosen = [table.structures[row] for row in rows]
    slow = any(isinstance(value, (str, Path)) for value in chosen)
    return cells_of(cell_of_value, chosen, [table.places[row] for row in rows], POOL_ABOVE if slow else math.inf)


def _ids(table: RawTable, rows: Sequence[int]) -> list[str]:
    """The ids of the rows: the column of ids where there is one, else the row numbers."""
    column = next((name for wanted in ID_NAMES for name in table.columns if name.lower() == wanted), None)
    if column is None:
        width = max(4, len(str(len(table.places))))
        return [f"row-{row + 1:0{width}d}" for row in rows]
    seen: dict[str, str] = {}
    for row in rows:
        crystal, place = _id(table.columns[column][row]), table.places[row]
        if not crystal:
            raise InputError(f"{place}: no id in column '{column}'; give it one of at most 100 characters")
        if crystal in seen:
            raise InputError(f"{place}: id '{crystal}' appears more than once in column '{column}' (first in {seen[crystal]})")
        seen[crystal] = place.removeprefix(f"{place.rpartition(' row ')[0]} ")
    return list(seen)


def _id(value: Any) -> str:
    """An id as text; empty where it cannot be one."""
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = value.strip() if isinstance(value, str) else ""
    return text if text.isprintable() and len(text) <= 100 else ""
