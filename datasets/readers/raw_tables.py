"""Reads the rows of a table of any layout as they stand there, and finds its column of structures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from datasets.cards import AS_GIVEN
from datasets.crystals import STRUCTURE_COLUMNS
from datasets.errors import InputError
from datasets.readers.ase_tables import read_database, read_frames, rows_of_ase_json
from datasets.readers.budget import within_budget
from datasets.readers.columns import INDEX, Columns, is_ase, read_csv, read_json, read_parquet, split_heading
from datasets.readers.decimals import is_missing
from datasets.readers.folder import ELEMENT_TABLE, read_folder
from datasets.readers.structure_dicts import is_entry
from datasets.readers.structure_files import PACKED
from datasets.readers.structure_values import files_beside, is_file_name, looks_like_structure

READERS = {
    ".parquet": read_parquet, ".json": read_json, ".jsonl": read_json, ".ndjson": read_json,
    ".xyz": read_frames, ".extxyz": read_frames, ".db": read_database,
}  # fmt: skip
OF_LINES = (".csv", ".tsv")
"""Texts whose rows are called by the line of the file that they begin in."""
FRAMES = (".xyz", ".extxyz")

STRUCTURE_NAMES = ("structure", "cif", "atoms")
"""Looked at first, in this order."""

ID_NAMES = (
    "material_id", "mp_id", "mpid", "mbid", "task_id", "jid", "uid", "structure_id", "crystal_id", "id", INDEX,
)  # fmt: skip
"""What a column of ids is called; the first that is there is used."""

SAMPLE = 50
"""Rows in which a structure is looked for."""


@dataclass(frozen=True)
class TableOptions:
    """Which columns of a table to read, and their units; `name` is only for the command that an error shows."""

    source: Path
    name: str
    targets: Sequence[str] = ()
    """Empty: the only column of numbers."""
    units: Sequence[str] = ()
    """`UNIT` for a single target, or `TARGET=UNIT`; the unit `class` makes it a class target."""
    structure_column: str | None = None
    skip_bad: bool = False
    id_column: str | None = None
    """None: the first that is called as one of `ID_NAMES`."""


@dataclass(frozen=True)
class RawTable:
    """n rows as they stand in the source, nothing read yet: structures, values and units by column."""

    places: list[str]
    """The source and, of texts, the line that a row begins in (`x.csv line 3`); else the number of the row or frame, from 1."""
    structures: list[Any]
    columns: Columns
    units: dict[str, str] = field(default_factory=dict)
    features: Path | None = None
    """Element features that belong to the crystals."""


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
    columns, places = _read(path, plain.suffix.lower())
    chosen = _structure_column(columns, options)
    structures = files_beside(columns[chosen], path)
    if chosen.lower() not in ID_NAMES and chosen != options.id_column:  # the names of files may be the ids
        del columns[chosen]
    if not structures:
        raise InputError(f"{path}: no rows")
    if all(isinstance(structure, InputError) for structure in structures):
        raise InputError(f"{places[0]}{structures[0]}; no row has a readable structure")
    split = {heading: split_heading(heading) for heading in columns}
    bare = Counter(name for name, _ in split.values())
    named = {h: name if name and bare[name] == 1 else h for h, (name, _) in split.items()}
    units = {named[heading]: unit for heading, (_, unit) in split.items() if unit}
    return RawTable(places, structures, {named[heading]: values for heading, values in columns.items()}, units)


def _read(path: Path, suffix: str) -> tuple[Columns, list[str]]:
    """The columns of a file, and what errors call each of its rows."""
    if suffix in OF_LINES:
        columns, lines = within_budget(path, read_csv)
        return columns, [f"{path} line {line}" for line in lines]
    reader = READERS.get(suffix)
    if reader is None:
        raise InputError(f"{path}: not a table of a known kind; expected a folder or {', '.join([*OF_LINES, *READERS])}")
    columns = within_budget(path, reader)
    if is_ase(columns):
        columns = rows_of_ase_json(columns)
    kind, n_rows = "frame" if suffix in FRAMES else "row", len(next(iter(columns.values()), ()))
    return columns, [f"{path} {kind} {number}" for number in range(1, n_rows + 1)]


def _of_folder(path: Path, options: TableOptions) -> RawTable:
    if options.structure_column:
        raise InputError(f"{path}: a folder has structure files; leave --structure-column out")
    table = read_folder(path)
    texts = {STRUCTURE_COLUMNS[0]: table.ids, **table.columns}  # a name that no target has
    rows = zip(table.files, *table.columns.values(), strict=True)
    empty = {row for row, (file, *found) in enumerate(rows) if isinstance(file, InputError) and not any(found)}
    # None in every column, so that a row without file and values is not taken for one that merely lacks values.
    columns: Columns = {name: [None if n in empty else text for n, text in enumerate(column)] for name, column in texts.items()}
    units = {name: unit for name, unit in table.units.items() if unit != AS_GIVEN}
    own = path / ELEMENT_TABLE
    places = [f"{table.source} line {row}" for row in table.rows]
    structures = [
        InputError(str(file).removeprefix(place)) if isinstance(file, InputError) else file
        for file, place in zip(table.files, places, strict=True)
    ]
    return RawTable(places, structures, columns, units, own if own.exists() else None)


def _structure_column(columns: Columns, options: TableOptions) -> str:
    if options.structure_column:
        if options.structure_column not in columns:
            raise InputError(f"{options.source}: no column '{options.structure_column}'; it has {listed(columns)}")
        return options.structure_column
    named = [name for wanted in STRUCTURE_NAMES for name in columns if name.lower() == wanted]
    found = [name for name in columns if any(map(looks_like_structure, _first(columns[name])))]
    files = [name for name in columns if (first := _first(columns[name])) and all(map(is_file_name, first))]
    of_name = [[name for name in named if name in some] for some in (found, files)]
    chosen = of_name[0] or found or of_name[1] or files or named
    if not chosen:
        entry = any(is_entry({"@class": value}) for value in _first(columns.get("@class", [])))
        known = "its rows are entries without a structure" if entry else f"it has {listed(columns)}"
        raise InputError(
            f"{options.source}: no column of structures (pymatgen's as JSON, CIF or POSCAR text, names of files); {known}; "
            "name one with --structure-column if it has structures"
        )
    if len(chosen) > 1 and chosen[0] not in named:
        raise InputError(f"{options.source}: several columns of structures: {listed(chosen)}; name one with --structure-column")
    return chosen[0]


def _first(values: Sequence[Any]) -> list[Any]:
    return list(islice((value for value in values if not is_missing(value)), SAMPLE))


def listed(names: Iterable[str]) -> str:
    """Names of columns for an error."""
    shown = [f"'{name[:40]}'" for name in names]
    if not shown:
        return "no other"
    return ", ".join(shown[:20]) + (f" and {len(shown) - 20} more" if len(shown) > 20 else "")
