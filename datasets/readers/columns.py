"""Reads CSV, Parquet and JSON tables as columns of values; structures in JSON become cells while the text is parsed."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from datasets.errors import InputError
from datasets.readers.archives import MOST_BYTES
from datasets.readers.csv_text import read_csv_text
from datasets.readers.structure_dicts import is_entry, is_structure_dict
from datasets.readers.structure_files import parse_dict, reason_of
from datasets.readers.structure_values import is_file_name, looks_like_structure
from datasets.readers.unicode_text import text_of
from datasets.table_bounds import open_parquet, require_size

Columns = dict[str, list[Any]]
"""Heading → one value a row; None where there is none. A cell is a structure that is read, an InputError one that cannot be:
its message begins with `:`, as the row is not known yet."""

OTHER_FORM = "its content has not the expected form"

INDEX = "index"
"""The column of row labels that are text."""

LONGEST_UNIT = 40

_HEADING = re.compile(r"(?P<name>.*?)\s*(\[(?P<unit>[^\[\]]*)\])?")


def split_heading(text: str) -> tuple[str, str]:
    """Name and unit of a column headed `name` or `name [unit]`; the unit is empty where there is none that can be printed."""
    match = _HEADING.fullmatch(text)
    unit = (match["unit"] or "").strip() if match else ""
    return (match["name"], unit) if match and unit.isprintable() and len(unit) <= LONGEST_UNIT else (text, "")


def read_csv(path: Path) -> tuple[Columns, Sequence[int]]:
    """The columns of a CSV with a header, as text, and of each row the number of its first line in the file.

    Raises:
        InputError: as `read_csv_text`, or a row has more cells than the header, a heading is repeated, or there is no header.
    """
    content = read_csv_text(path)
    if not content.rows:
        raise InputError(f"{path}: not a CSV with a header (the file is empty)")
    headings = [cell.strip() for cell in content.rows[0]]
    if any(looks_like_structure(text) or (is_file_name(text) and (path.parent / text).is_file()) for text in headings):
        raise InputError(f"{path}: the first row holds a structure; put a header with the names of the columns above it")
    require_size(path, len(content.rows) - 1, len(headings), path.stat().st_size)
    repeated = next((name for name, count in Counter(headings).items() if count > 1), None)
    if repeated is not None:
        raise InputError(f"{path}: column '{repeated}' is repeated; rename one")
    wide = next((row for row, cells in enumerate(content.rows) if len(cells) > len(headings)), None)
    if wide is not None:
        raise InputError(
            f"{path} line {content.numbers[wide]}: not a CSV with a header: {len(content.rows[wide])} columns, the header has "
            f"{len(headings)}; {content.separated_by}"
        )
    below = content.rows[1:]
    if any(len(cells) < len(headings) for cells in below):
        below = [cells + [""] * (len(headings) - len(cells)) for cells in below]
    columns = zip(*below, strict=True) if below else [()] * len(headings)
    return {heading: list(column) for heading, column in zip(headings, columns, strict=True)}, content.numbers[1:]


def read_parquet(path: Path, most_bytes: int = MOST_BYTES) -> Columns:
    """The columns of a Parquet table; one in the layout of `Crystals.to_parquet` gets a column `structure`.

    Raises:
        InputError: it is not Parquet, is damaged, or holds more than `most_bytes` when unpacked.
    """
    columns: Columns = {}
    try:
        with open_parquet(path) as file:
            for batch in file.iter_batches(256):
                most_bytes -= batch.nbytes
                if most_bytes < 0:
                    raise InputError(f"{path}: more than {MOST_BYTES:,} bytes when unpacked; refused")
                for name, values in zip(batch.schema.names, batch.columns, strict=True):
                    columns.setdefault(name, []).extend(map(_compact, values.to_pylist()))
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError, RecursionError) as error:
        raise InputError(
            f"{path}: not a readable Parquet file; damaged or truncated? ({reason_of(error, OTHER_FORM)})"
        ) from error
    if {"lattice", "atomic_numbers", "frac_coords"} <= columns.keys():
        parts = [columns.pop(name) for name in ("lattice", "atomic_numbers", "frac_coords")]
        periodic = columns.pop("pbc", None) or [(True, True, True)] * len(parts[0])
        columns["structure"] = list(map(_cell_of_lists, *parts, periodic))
    return columns


def _cell_of_lists(lattice: Any, numbers: Any, frac_coords: Any, pbc: Any) -> Any:
    if lattice is None or numbers is None or frac_coords is None or pbc is None:
        return None
    try:
        cell = np.array(lattice, dtype=float).reshape(3, 3), np.array(pbc, dtype=bool).reshape(3)
        return *cell, np.array(numbers, dtype=np.int64), np.array(frac_coords, dtype=float).reshape(len(numbers), 3)
    except (TypeError, ValueError) as error:
        return InputError(f": lattice, atomic_numbers or frac_coords have the wrong lengths ({error})")


def _compact(value: Any) -> Any:
    """A structure's dict, also in an entry's, as its cell, which is some hundred times smaller; anything else as it is."""
    if is_entry(value) and is_structure_dict(value.get("structure")):
        return {**value, "structure": _compact(value["structure"])}
    if not is_structure_dict(value):
        return value
    try:
        return parse_dict(value, "")
    except InputError as error:
        return error


def _hook(value: dict[str, Any]) -> Any:
    """What a dict in a JSON text stands for: a structure, an array of ASE's (of numbers only), or itself."""
    if "__ndarray__" in value:
        shape, dtype, flat = value["__ndarray__"]
        # The values first: a shape alone must not allocate anything.
        return np.array(flat, dtype=float if "float" in str(dtype) else None).reshape(shape)
    return _compact(value)


def decoded(text: str) -> Any:
    """A JSON text without building any object but cells and arrays of numbers. Raises ValueError, also for deep nesting."""
    try:
        return json.loads(text, object_hook=_hook)
    except (RecursionError, TypeError, OverflowError) as error:
        raise ValueError(reason_of(error, OTHER_FORM)) from error


def read_json(path: Path) -> Columns | dict[Any, Any]:
    """The columns of a JSON table: records, JSON lines, columns, or the "split" frame of pandas, matminer and matbench.

    An ASE database comes back as it is, for `datasets.readers.ase_tables`.

    Raises:
        InputError: it is not JSON, is truncated, or is no table.
    """
    text = text_of(path)
    try:
        content = decoded(text)
    except ValueError as error:
        content = _lines(text, path, error)
    if isinstance(content, dict):
        if is_ase(content):
            return content
        if isinstance(content.get("data"), list) and not isinstance(content.get("columns"), list):
            content = content["data"]  # the "table" layout of pandas
    require_size(path, *_shape(content), len(text))
    columns = _of_records(content) if isinstance(content, list) else _of_dict(content) if isinstance(content, dict) else None
    if columns is None:
        raise InputError(f"{path}: JSON, but no table: neither a list of records nor columns of equal length")
    return columns


def _shape(content: Any) -> tuple[int, int]:
    """Rows and columns that a decoded JSON has as a table; of records by label and columns by label, the fewer are columns."""
    if isinstance(content, dict) and isinstance(content.get("columns"), list) and isinstance(content.get("data"), list):
        return len(content["data"]), len(content["columns"])
    parts = list(content.values()) if isinstance(content, dict) else content if isinstance(content, list) else []
    if isinstance(content, dict) and all(isinstance(part, list) for part in parts):
        return max(map(len, parts), default=0), len(parts)
    names = {name for part in parts if isinstance(part, dict) for name in part}
    return (len(parts), len(names)) if isinstance(content, list) else (max(len(parts), len(names)), min(len(parts), len(names)))


def is_ase(content: Mapping[Any, Any]) -> bool:
    """Whether a decoded JSON is an ASE database."""
    rows = content.get("ids", [1])
    first = content.get(str(rows[0])) if isinstance(rows, list) and rows else None
    return isinstance(first, dict) and "numbers" in first and "positions" in first


def _lines(text: str, path: Path, error: ValueError) -> list[Any]:
    """JSON lines; the error of the whole text where there is only one, as in a damaged JSON file."""
    rows: list[Any] = []
    for number, line in enumerate(text.split("\n"), 1):
        try:
            rows += [decoded(line)] if line.strip() else []
        except ValueError as wrong:
            reason = f"line {number}: {wrong}" if rows else error
            raise InputError(f"{path}: not JSON; damaged or truncated? ({' '.join(str(reason).split())[:200]})") from wrong
    return rows


def _of_records(rows: Sequence[Any]) -> Columns | None:
    if not rows or not all(isinstance(row, dict) for row in rows):
        return None
    names = dict.fromkeys(str(name) for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _of_dict(content: Mapping[str, Any]) -> Columns | None:
    names, rows = content.get("columns"), content.get("data")
    if isinstance(names, list) and isinstance(rows, list):
        if not all(isinstance(row, list) and len(row) == len(names) for row in rows) or len(set(map(str, names))) < len(names):
            return None
        return _labelled({str(name): [row[i] for row in rows] for i, name in enumerate(names)}, content.get("index"))
    values = list(content.values())
    if values and all(isinstance(value, list) for value in values):
        return dict(content) if len({len(value) for value in values}) == 1 else None
    if not values or not all(isinstance(value, dict) for value in values):
        return None
    structures = [looks_like_structure(value) for value in values[0].values()]
    if any(structures) and not all(structures):  # label → record
        records = _of_records(values)
        return None if records is None else _labelled(records, list(content))
    labels = list(dict.fromkeys(label for column in values for label in column))
    return _labelled({name: [column.get(label) for label in labels] for name, column in content.items()}, labels)


def _labelled(columns: Columns, labels: Any) -> Columns:
    """The columns with the labels of their rows, where those are text and not only numbers."""
    rows: Iterable[list[Any]] = columns.values()
    named = isinstance(labels, list) and all(isinstance(label, str) for label in labels)
    if named and not all(label.isdigit() for label in labels) and all(len(column) == len(labels) for column in rows):
        columns.setdefault(INDEX, labels)
    return columns
