"""Chooses the targets of a table, with their units, and reads their values as numbers or classes."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datasets.allowed_names import require_target_name
from datasets.crystals import STRUCTURE_COLUMNS
from datasets.errors import InputError
from datasets.readers.class_targets import CLASS, ClassColumn, class_column, is_boolean
from datasets.readers.columns import LONGEST_UNIT
from datasets.readers.decimals import Signs, is_missing, looks_like_number, number, numbers_of_column, signs_of
from datasets.readers.id_columns import choose_ids, named_ids
from datasets.readers.raw_tables import ID_NAMES, RawTable, TableOptions, listed

_NUMERIC = re.compile(r"\s*[<>~]?\s*[-+\u2212]?[.,]?\d")


@dataclass(frozen=True)
class TableTargets:
    """The targets of a table: (n, targets) values, NaN where there is none, units, and the classes of class targets."""

    values: np.ndarray
    units: dict[str, str]
    classes: dict[str, ClassColumn]


def read_targets(options: TableOptions, table: RawTable) -> TableTargets:
    """The targets asked for, else the only column of numbers.

    Raises:
        InputError: there is no such column, or several; a value is neither a number nor a class; a unit is missing.
    """
    names = _chosen(options, table)
    units = _units(options, names, table)
    values, classes, signs = [], {}, signs_of(table.columns.values())
    for name in names:
        column = class_column(table.columns[name], name, units[name], table.places, str(options.source))
        if column:
            units[name], classes[name] = CLASS, column
        values.append(column.codes if column else _numbers(table, name, signs))
    _require_units(options, units, table)
    return TableTargets(np.column_stack(values), units, classes)


def _chosen(options: TableOptions, table: RawTable) -> list[str]:
    path, names, ids = options.source, list(dict.fromkeys(options.targets)), (*ID_NAMES, str(options.id_column).lower())
    if not names:
        columns = {name: values for name, values in table.columns.items() if name and name.lower() not in ids}
        kinds = (_has_numbers, _has_decimal_commas, is_boolean)
        names = next(filter(None, ([name for name, values in columns.items() if has(values)] for has in kinds)), [])
        doubtful = [name for name, values in columns.items() if _begin_with_numbers(values)]
        if not names and len(doubtful) == 1:  # its values that are none are named
            names = doubtful
        if not names:
            raise InputError(
                f"{path}: no column of numbers to predict; it has {listed(table.columns)}; name one of classes with --target"
            )
        if len(names) > 1:
            ids_too = "" if options.id_column or named_ids(table.columns) else f"; {choose_ids(table)}"
            raise InputError(f"{path}: several columns of numbers: {listed(names)}; name the targets with --target{ids_too}")
    for name in names:
        if name not in table.columns:
            raise InputError(f"{path}: no column '{name}'; it has {listed(table.columns)}")
        require_target_name(name, str(path))
        if name in STRUCTURE_COLUMNS or not name.isprintable():
            raise InputError(f"{path}: column '{name}' cannot name a target; rename it")
    return names


def _has_numbers(values: Sequence[object]) -> bool:
    parsed = [number(value) for value in values]
    return None not in parsed and not all(math.isnan(value) for value in parsed if value is not None)


def _begin_with_numbers(values: Sequence[object]) -> bool:
    """Whether half of the values are numbers, or begin with one as `0.5 eV` and `<0.1` do."""
    present = [str(value) for value in values if not is_missing(value)]
    return 2 * sum(bool(_NUMERIC.match(text)) for text in present) >= len(present) > 0


def _has_decimal_commas(values: Sequence[object]) -> bool:
    present = [value for value in values if not is_missing(value)]
    return bool(present) and all(isinstance(value, str) and looks_like_number(value) for value in present)


def _numbers(table: RawTable, name: str, signs: Signs) -> np.ndarray:
    """The column as (n,) float64, NaN where there is no value; InputError names the first row that has no finite number."""
    column = table.columns[name]
    parsed = numbers_of_column(column, signs, name, table.places)
    for value, found, place in zip(column, parsed, table.places, strict=True):
        if found is None or math.isinf(found):
            shown = " ".join(str(value).split())[:40]
            raise InputError(f"{place}: target '{name}' is '{shown}', not a finite number; correct it or leave it empty")
    return np.array(parsed, dtype=float)


def _units(options: TableOptions, names: Sequence[str], table: RawTable) -> dict[str, str]:
    """Target → unit, out of the options, else out of the headings; empty where neither has one."""
    given: dict[str, str] = {}
    for text in options.units:
        owner = next((name for name in names if text.startswith(f"{name}=")), None)
        if owner is None and ("=" in text or len(names) > 1):
            raise InputError(f"--unit {text}: write TARGET=UNIT; the targets are {listed(names)}")
        unit = text.strip() if owner is None else text[len(owner) + 1 :].strip()
        if not unit or not unit.isprintable() or len(unit) > LONGEST_UNIT:
            raise InputError(
                f"--unit {text}: write a unit of at most {LONGEST_UNIT} characters, such as eV, or 1 for a number without"
            )
        if given.setdefault(owner or names[0], unit) != unit:
            raise InputError(f"--unit {text}: '{owner or names[0]}' has the unit {given[owner or names[0]]} already")
    for name in names:
        if name in given and table.units.get(name, given[name]) != given[name]:
            raise InputError(f"--unit {given[name]}: '{name}' is in {table.units[name]} by its heading; correct one of them")
    return {name: given.get(name) or table.units.get(name, "") for name in names}


def _require_units(options: TableOptions, units: dict[str, str], table: RawTable) -> None:
    """Raise InputError, with the command to write, where a target has no unit."""
    lacking = [name for name, unit in units.items() if not unit]
    if lacking:
        command = ["python", "-m", "benchmark", "datasets", "import", str(options.source), "--name", options.name]
        command += [word for name in units for word in ("--target", name)]
        command += [word for name in units for word in ("--unit", f"{name}={units[name] or 'UNIT'}")]
        whole = any(_are_whole(table.columns[name]) for name in lacking)
        hint = " (the unit class makes whole numbers classes)" * whole
        raise InputError(f"{options.source}: {listed(lacking)} without a unit; write {shlex.join(command)}{hint}")


def _are_whole(values: Sequence[object]) -> bool:
    found = [number(value) for value in values if not is_missing(value)]
    return all(value is not None and value.is_integer() for value in found)
