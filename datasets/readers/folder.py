"""Reads a user's own crystals: a folder of structure files and one CSV of ids and targets."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from datasets.allowed_names import require_target_name
from datasets.cards import Card, Dataset
from datasets.crystals import STRUCTURE_COLUMNS, Crystals
from datasets.elements import read_element_features
from datasets.errors import InputError
from datasets.mp_ids import canonical_mp_id
from datasets.readers.columns import split_heading
from datasets.readers.structure_files import SUFFIXES, format_of, read_each, read_many

STANDARD_NAMES = ("id_prop.csv", "targets.csv")
ELEMENT_TABLE = "atom_init.json"
"""CGCNN's element features, kept beside the crystals; they replace the built-in ones."""
AS_GIVEN = "as given"
HOW_TO = "add id_prop.csv with one `id,target` line a crystal"


@dataclass(frozen=True)
class FolderTable:
    """The CSV of a folder: the id, structure file and place (for errors) of each row; targets and their units."""

    source: Path
    n_files: int
    """Structure files of the folder, with those that have no row."""
    ids: list[str]
    files: list[Path]
    places: list[str]
    targets: pd.DataFrame
    units: dict[str, str]

    def without(self, ids: Collection[str]) -> FolderTable:
        """The table without the rows of these ids."""
        rows = [row for row, name in enumerate(self.ids) if name not in ids]
        return replace(
            self,
            ids=[self.ids[row] for row in rows],
            files=[self.files[row] for row in rows],
            places=[self.places[row] for row in rows],
            targets=self.targets.iloc[rows],
        )


def unreadable(path: Path) -> dict[str, str]:
    """Id → why, of the rows of a folder whose structure files cannot be read. Raises as `open_folder`."""
    table = read_folder(path)
    cells = zip(table.ids, read_each(table.files, table.places), strict=True)
    return {name: str(cell) for name, cell in cells if isinstance(cell, InputError)}


def open_folder(path: Path, without: Collection[str] = ()) -> Dataset:
    """A folder of structure files and one CSV as a dataset; only the CSV and the listing are read until `load`.

    The CSV is `id_prop.csv`, `targets.csv` or the only `*.csv`. Without a header (CGCNN's layout) it holds `id,target`;
    with one, the columns after the first are targets, `name` or `name [unit]`. A structure file is found by `<id>` plus
    its suffix, or by an id that already has it. Where a header names several targets an empty cell is a missing value.
    Element features in `atom_init.json` replace the built-in ones of CGCNN. The rows of the ids `without` are left out.

    Raises:
        InputError: one line that names the file and the row and says what to do. `load` raises it for structure files.
    """
    table = read_folder(path).without(without)
    spare, source = table.n_files - len(table.files), table.source
    name = path.resolve().name
    card = Card(
        name=name,
        description=f"{len(table.ids)} crystals of the folder {name}",
        targets=table.units,
        rows=len(table.ids),
        licence="the user's own",
        citation="none",
        source=f"{table.n_files} structure files and {source.name}",
        version="as found",
        how_to_get="Place the structure files and their CSV in the folder.",
        known_problems=(f"{_files(spare)} no row in {source.name}",) if spare else (),
    )

    def load() -> Crystals:
        try:
            cells = read_many(table.files, table.places)
        except InputError as error:
            raise InputError(f"{error}; `run --skip-bad` leaves out such crystals") from error
        crystals = Crystals.from_cells(table.ids, cells, table.targets)
        own = path / ELEMENT_TABLE
        return replace(crystals, element_features=read_element_features(own)) if own.exists() else crystals

    return Dataset(card, load)


def read_folder(path: Path) -> FolderTable:
    """The CSV of a folder, with the structure file of every row; no structure file is read.

    Raises:
        InputError: as `open_folder`.
    """
    if not path.is_dir():
        raise InputError(f"{path}: no such folder")
    structures = sorted(p for p in path.iterdir() if is_structure(p))
    if not structures:
        raise InputError(f"{path}: no structure files; add one file a crystal ({', '.join(SUFFIXES)} or POSCAR)")
    return _read_table(_find_csv(path), structures)


def is_structure(path: Path) -> bool:
    """Whether a folder's file holds a crystal, by its name."""
    return path.is_file() and format_of(path) is not None and not path.name.startswith(".") and path.name != ELEMENT_TABLE


def _files(count: int) -> str:
    return "1 structure file has" if count == 1 else f"{count} structure files have"


def _find_csv(path: Path) -> Path:
    tables = sorted(p for p in path.iterdir() if p.is_file() and p.suffix.lower() == ".csv" and not p.name.startswith("."))
    chosen = [p for p in tables if p.name in STANDARD_NAMES] or tables
    if not chosen:
        raise InputError(f"{path}: no CSV of ids and targets; {HOW_TO}")
    if len(chosen) > 1:
        names = ", ".join(p.name for p in chosen)
        raise InputError(f"{path}: several CSVs ({names}); keep one, or rename the right one to {STANDARD_NAMES[0]}")
    return chosen[0]


def _read_table(source: Path, structures: Sequence[Path]) -> FolderTable:
    """The CSV's rows with their structure files, every cell checked."""
    rows = _read_rows(source)
    if not rows:
        raise InputError(f"{source}: the file is empty; {HOW_TO}")
    known: dict[str, list[Path]] = {}
    for structure in structures:
        for key in {structure.stem, structure.name}:
            known.setdefault(key, []).append(structure)
    spelled: dict[str, list[Path]] = {}
    for key, files in known.items():
        if (other := canonical_mp_id(key)) not in known:
            spelled.setdefault(other, []).extend(files)
    known |= spelled
    units = {"target": AS_GIVEN}
    headed = _is_header(rows[0][1], known)
    if headed:
        units = _header(rows.pop(0)[1], source)
    if not rows:
        raise InputError(f"{source}: a header but no rows; add one line a crystal")
    table = FolderTable(source, len(structures), [], [], [], pd.DataFrame(), units)
    seen: dict[Path, str] = {}
    values = np.empty((len(rows), len(units)))
    for i, (number, cells) in enumerate(rows):
        place = f"{source} row {number}"
        if len(cells) != 1 + len(units):
            hint = "as in the header" if headed else "id,target; more targets need a header that names them"
            raise InputError(f"{place}: {len(cells)} columns; expected {1 + len(units)} ({hint})")
        file = _file_of(cells[0], known, place)
        if file in seen:
            raise InputError(f"{place}: id '{cells[0]}' appears more than once (first in {seen[file]}); remove one")
        seen[file] = f"row {number}"
        where, several = f"{place} (id '{cells[0]}')", len(units) > 1
        values[i] = [_number(cell, name, where, several) for cell, name in zip(cells[1:], units, strict=True)]
        table.ids.append(cells[0])
        table.files.append(file)
        table.places.append(f"{place}: {file.name}")
    return replace(table, targets=pd.DataFrame(values, columns=list(units)))


def _read_rows(source: Path) -> list[tuple[int, list[str]]]:
    """(row number from 1, stripped cells) of every line that is not blank."""
    raw = source.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = raw[: error.start].count(b"\n") + 1
        raise InputError(f"{source} row {row}: bytes that are not UTF-8; save the file as UTF-8") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    except csv.Error as error:
        raise InputError(f"{source} row {reader.line_num}: not CSV ({error})") from error
    return [(number, cells) for number, cells in rows if any(cells)]


def _is_header(cells: Sequence[str], known: Mapping[str, object]) -> bool:
    """Whether the first row names columns: text beside an id that no structure file has."""
    return cells[0] not in known and not all(_is_number(cell) for cell in cells[1:])


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _header(cells: Sequence[str], source: Path) -> dict[str, str]:
    """Target → unit out of `name` and `name [unit]`."""
    units: dict[str, str] = {}
    for cell in cells[1:]:
        name, unit = split_heading(cell)
        if not name:
            raise InputError(f"{source} row 1: a column without a name; name every target")
        require_target_name(name, f"{source} row 1")
        if name in units or name in STRUCTURE_COLUMNS:
            raise InputError(f"{source} row 1: column '{name}' is repeated or reserved; rename it")
        units[name] = unit or AS_GIVEN
    return units


def _file_of(crystal: str, known: Mapping[str, Sequence[Path]], place: str) -> Path:
    if not crystal:
        raise InputError(f"{place}: the id is empty; give the name of a structure file")
    files = known.get(crystal) or known.get(canonical_mp_id(crystal), ())
    if not files:
        raise InputError(f"{place}: id '{crystal}' has no structure file; add e.g. {crystal}.cif or remove the row")
    if len(files) > 1:
        names = " and ".join(file.name for file in files)
        raise InputError(f"{place}: id '{crystal}' has several structure files ({names}); give the id its suffix")
    return files[0]


def _number(cell: str, target: str, place: str, may_miss: bool) -> float:
    """The value of a cell; NaN for an empty one where values may be missing."""
    if not cell and may_miss:
        return math.nan
    if not cell:
        raise InputError(f"{place}: target '{target}' is empty; give a number or remove the row")
    if not _is_number(cell):
        raise InputError(f'{place}: target "{cell}" is not a number; correct it or remove the row')
    if not math.isfinite(float(cell)):
        missing = "leave the cell empty" if may_miss else "give a finite number or remove the row"
        raise InputError(f"{place}: target '{target}' is {cell}; {missing}")
    return float(cell)
