"""Reads a table of structures and numbers, of any layout, as crystals with targets and units."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from datasets.crystals import Cell, Crystals
from datasets.errors import InputError, listed_reasons
from datasets.mp_ids import canonical_mp_id
from datasets.readers.cell_values import cell_of_value
from datasets.readers.id_columns import choose_ids, id_of, named_ids
from datasets.readers.raw_tables import RawTable, TableOptions, listed, read_table
from datasets.readers.structure_files import POOL_ABOVE, cells_of
from datasets.readers.table_targets import read_targets

NO_TARGET, NO_STRUCTURE = "without a value of any target", "without a readable, fully occupied structure"


@dataclass(frozen=True)
class TableCrystals:
    """The crystals that were read from a table, their units, and the number of rows left out."""

    crystals: Crystals
    units: dict[str, str]
    left_out: dict[str, int]
    """What rows lacked → how many were left out for it; only what happened."""
    reasons: tuple[str, ...]
    """Of the bad structures, a line each."""
    features: Path | None
    classes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Class target → its classes' names, in the order of their codes."""
    problems: tuple[str, ...] = ()
    """What is doubtful of the targets."""
    columns: tuple[str, ...] = ()
    """Where the ids are from, and which columns of a file are not used, a line each."""


def read_crystals(options: TableOptions) -> TableCrystals:
    """Read a table, choose its targets, and read the structures of the rows that have one.

    Rows without any target are left out and counted, with `skip_bad` also those whose structure is missing, unreadable or
    partially occupied. A value that is missing where another target has one stays NaN.

    Raises:
        InputError: one line that says what is wrong, in which line or row, and what to do.
    """
    table = read_table(options)
    id_column = _id_column(table, options)
    chosen = read_targets(options, table)
    names = list(chosen.units)
    bare = [
        isinstance(s, InputError) and all(c[i] is None for c in table.columns.values()) for i, s in enumerate(table.structures)
    ]
    rows = np.flatnonzero(~np.isnan(chosen.values).all(axis=1) | np.array(bare, dtype=bool))
    cells = _cells(table, rows)
    bad = [cell for cell in cells if isinstance(cell, InputError)]
    if bad and not options.skip_bad:
        others = f"; {len(bad)} such rows" if len(bad) > 1 else ""
        details = listed_reasons(list(map(str, bad))) if others else []
        raise InputError(f"{bad[0]}{others}; correct the table, or leave such rows out with --skip-bad", details)
    good = [(row, cell) for row, cell in zip(rows, cells, strict=True) if not isinstance(cell, InputError)]
    if not good:
        raise InputError(f"{options.source}: no row has a value of {' or '.join(names)} and a readable structure")
    kept = [int(row) for row, _ in good]
    classes = {name: column.take(kept, f"{options.source}: target '{name}'") for name, column in chosen.classes.items()}
    targets = pd.DataFrame(chosen.values[kept], columns=names)
    for name, column in classes.items():
        targets[name] = column.codes
    crystals = Crystals.from_cells(_ids(table, kept, id_column), [cell for _, cell in good], targets)
    left_out = {NO_TARGET: len(table.structures) - len(rows), NO_STRUCTURE: len(bad)}
    return TableCrystals(
        crystals,
        chosen.units,
        {why: count for why, count in left_out.items() if count},
        tuple(listed_reasons(list(map(str, bad)))),
        table.features,
        {name: column.names for name, column in classes.items()},
        tuple(problem for name, column in classes.items() for problem in column.rare(name)),
        () if options.source.is_dir() else _about_columns(table, targets, id_column),
    )


def _about_columns(table: RawTable, targets: pd.DataFrame, ids: str | None) -> tuple[str, ...]:
    unused = [name for name in table.columns if name != ids and name not in targets]
    numbered = f"ids: row-0001, row-0002 …, as no column is called id or the like; {choose_ids(table)}"
    return (
        f"ids: column '{ids}'" if ids else numbered,
        *([f"columns not used: {listed(unused)}"] if unused else []),
    )


def _cells(table: RawTable, rows: Sequence[int] | np.ndarray) -> list[Cell | InputError]:
    """The structures of the rows; texts and files are read in a pool of processes where they are many."""
    chosen = [table.structures[row] for row in rows]
    slow = any(isinstance(value, (str, Path)) for value in chosen)
    return cells_of(cell_of_value, chosen, [table.places[row] for row in rows], POOL_ABOVE if slow else math.inf)


def _id_column(table: RawTable, options: TableOptions) -> str | None:
    if options.id_column and options.id_column not in table.columns:
        known = f"it has {listed(table.columns)}; {choose_ids(table)}"
        raise InputError(f"{options.source}: no column '{options.id_column}' of ids; {known}")
    return options.id_column or named_ids(table.columns)


def _ids(table: RawTable, rows: Sequence[int], column: str | None) -> list[str]:
    """The ids of the rows: the column of ids where there is one, else the row numbers."""
    if column is None:
        width = max(4, len(str(len(table.places))))
        return [f"row-{row + 1:0{width}d}" for row in rows]
    found: list[str] = []
    seen: dict[str, str] = {}
    for row in rows:
        crystal, place = id_of(table.columns[column][row]), table.places[row]
        if not crystal:
            raise InputError(f"{place}: no id in column '{column}'; give it one of at most 100 printable characters")
        known = canonical_mp_id(crystal)
        if known in seen:
            raise InputError(f"{place}: id '{crystal}' appears more than once in column '{column}' (first in {seen[known]})")
        seen[known] = " ".join(place.split()[-2:])
        found.append(crystal)
    return found
