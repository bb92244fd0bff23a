"""Reads a user's own crystals: a folder of structure files and one CSV of ids and targets."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from datasets.allowed_names import require_target_name
from datasets.cards import AS_GIVEN, Card, Dataset
from datasets.crystals import STRUCTURE_COLUMNS, Cell, Crystals
from datasets.elements import read_element_features
from datasets.errors import FEW, InputError, listed_reasons
from datasets.readers.budget import within_budget
from datasets.readers.class_targets import CLASS, ClassColumn, class_column
from datasets.readers.columns import split_heading
from datasets.readers.csv_text import CsvText, read_csv_text
from datasets.readers.decimals import Signs, is_missing, looks_like_number, numbers_of_column, signs_of
from datasets.readers.folder_files import files_by_id, files_of, one_of_all
from datasets.readers.structure_files import SUFFIXES, format_of, read_each
from datasets.readers.unicode_text import normalised

STANDARD_NAMES = ("id_prop.csv", "targets.csv")
ELEMENT_TABLE = "atom_init.json"
"""CGCNN's element features, kept beside the crystals; they replace the built-in ones."""
HOW_TO = "add id_prop.csv with one `id,target` line a crystal"


@dataclass(frozen=True)
class FolderTable:
    """The CSV of a folder: the id, structure file and place (for errors) of each row; targets as text, and their units."""

    source: Path
    n_files: int
    """Structure files of the folder, with those that have no row."""
    spare: int
    """Structure files that have no row."""
    ids: list[str]
    files: list[Path | InputError]
    """In the place of a file that is not there the error that says so, also of a row with too few or too many columns."""
    rows: list[int]
    """Of each row, the number of its line in the CSV, from 1."""
    columns: dict[str, list[str]]
    """Target → a text each row."""
    units: dict[str, str]
    """`as given` where the heading has none."""

    def cells(self) -> list[Cell | InputError]:
        """What the structure file of each row holds, or the error of a row whose file is not there or cannot be read."""
        there = [(row, file) for row, file in zip(self.rows, self.files, strict=True) if isinstance(file, Path)]
        places = [f"{self.source} line {row}: {file.name}" for row, file in there]
        read = iter(read_each([file for _, file in there], places))
        return [next(read) if isinstance(file, Path) else file for file in self.files]

    def without(self, ids: Collection[str]) -> FolderTable:
        """The table without the rows of these ids."""
        rows = [row for row, name in enumerate(self.ids) if name not in ids]
        return replace(
            self,
            ids=[self.ids[row] for row in rows],
            files=[self.files[row] for row in rows],
            rows=[self.rows[row] for row in rows],
            columns={name: [texts[row] for row in rows] for name, texts in self.columns.items()},
        )


def unreadable(path: Path) -> dict[str, str]:
    """Id → why, of the rows of a folder whose structure file is not there or cannot be read. Raises as `open_folder`."""
    table = read_folder(path)
    return {name: str(cell) for name, cell in zip(table.ids, table.cells(), strict=True) if isinstance(cell, InputError)}


def open_folder(path: Path, without: Collection[str] = ()) -> Dataset:
    """A folder of structure files and one CSV as a dataset; only the CSV and the listing are read until `load`.

    The CSV is `id_prop.csv`, `targets.csv` or the only `*.csv`. Without a header (CGCNN's layout) it holds `id,target`;
    with one, the columns after the first are targets, `name` or `name [unit]`. A structure file is found by `<id>` plus
    its suffix, or by an id that already has it. An empty cell, or a word for it such as `nan`, is a missing value.
    A column of booleans, of labels or with the unit `class` is a class target; any other is one of numbers. Element
    features in `atom_init.json` replace the built-in ones of CGCNN. The rows of the ids
    `without` are left out.

    Raises:
        InputError: one line that names the file and its line and says what to do. `load` raises it for structure files that
            are not there or cannot be read.
    """
    table = read_folder(path).without(without)
    targets, classes = _targets(table)
    source = table.source
    name = path.resolve().name
    card = Card(
        name=name,
        description=f"{len(table.ids)} crystals of the folder {name}",
        targets=table.units | dict.fromkeys(classes, CLASS),
        classes={name: column.names for name, column in classes.items()},
        rows=len(table.ids),
        licence="the user's own",
        citation="none",
        source=f"{table.n_files} structure files and {source.name}",
        version="as found",
        how_to_get="Place the structure files and their CSV in the folder.",
        known_problems=(
            *([f"{_files(table.spare)} no row in {source.name}"] if table.spare else []),
            *filter(None, [unread_folders(path), _valueless(table)]),
            *(problem for name, column in classes.items() for problem in column.rare(name)),
        ),
    )

    def load() -> Crystals:
        read = table.cells()
        cells = [cell for cell in read if not isinstance(cell, InputError)]
        if len(cells) < len(read):
            raise _unreadable([str(cell) for cell in read if isinstance(cell, InputError)], len(read), path)
        crystals = Crystals.from_cells(table.ids, cells, targets)
        own = path / ELEMENT_TABLE
        return replace(crystals, element_features=read_element_features(own)) if own.exists() else crystals

    return Dataset(card, load)


def _unreadable(reasons: Sequence[str], n_rows: int, path: Path) -> InputError:
    """What is said of a folder with rows that no crystal can be read for: how many, what to do, then the rows."""
    bad = f"{len(reasons)} of {n_rows} crystal{'s' * (n_rows > 1)} cannot be read"
    what_to_do = "mend them or remove their rows; or leave them out with `--skip-bad`, in Python with `skip_bad=True`"
    return InputError(f"{path}: {bad}; {what_to_do}", listed_reasons(reasons, path))


def read_folder(path: Path) -> FolderTable:
    """The CSV of a folder, with the structure file of every row; no structure file is read.

    Raises:
        InputError: as `open_folder`.
    """
    if not path.is_dir():
        raise InputError(f"{path}: no such folder")
    structures = sorted(p for p in path.iterdir() if is_structure(p))
    if not structures:
        below = f"; {told}" if (told := unread_folders(path)) else ""
        raise InputError(f"{path}: no structure files; add one file a crystal ({', '.join(SUFFIXES)} or POSCAR){below}")
    return _read_table(_find_csv(path), structures)


def is_structure(path: Path) -> bool:
    """Whether a folder's file holds a crystal, by its name."""
    return path.is_file() and format_of(path) is not None and not path.name.startswith(".") and path.name != ELEMENT_TABLE


def unread_folders(path: Path) -> str:
    """One line on the structure files in folders of a folder, which nothing reads; empty where there are none."""
    holding = sorted(p.name for p in path.iterdir() if p.is_dir() and p.name[0] != "." and any(map(is_structure, p.iterdir())))
    shown = ", ".join(holding[:FEW]) + (", …" if len(holding) > FEW else "")
    return f"structure files in {len(holding)} sub-folder{'s' * (len(holding) > 1)} are not read ({shown})" if holding else ""


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
    """The CSV's rows with their structure files; targets are not read yet."""
    known = files_by_id(structures)
    content = within_budget(source, lambda path: read_csv_text(path, lambda text: normalised(text) in known))
    every = ([cell.strip() for cell in cells] for cells in content.rows)
    rows = [(row, cells) for row, cells in zip(content.numbers, every, strict=True) if any(cells)]
    if not rows:
        raise InputError(f"{source}: the file is empty; {HOW_TO}")
    units = {"target": AS_GIVEN}
    headed = _is_header(rows, known)
    if headed:
        units = _header(*rows.pop(0), source)
    if not rows:
        raise InputError(f"{source}: a header but no rows; add one line a crystal")
    refused = _of_other_width(rows, 1 + len(units), headed, source, content)
    ids = [normalised(cells[0]) for _, cells in rows]
    found = files_of(ids, known, [f"{source} line {row}" for row, _ in rows], source.parent, list(map(str, refused.values())))
    files = [refused.get(row, file) for (row, _), file in zip(rows, found, strict=True)]
    texts = zip(*([""] * len(units) if row in refused else cells[1:] for row, cells in rows), strict=True)
    columns = {name: list(column) for name, column in zip(units, texts, strict=True)}
    spare = len(structures) - sum(isinstance(file, Path) for file in found)
    return FolderTable(source, len(structures), spare, ids, files, [row for row, _ in rows], columns, units)


def _of_other_width(
    rows: Sequence[tuple[int, list[str]]], width: int, headed: bool, source: Path, content: CsvText
) -> dict[int, InputError]:
    """Line → what is wrong, of the rows with too few or too many columns. Raises the first where no row has as many."""
    hint = "as in the header" if headed else "id,target; more targets need a header that names them"
    expected = f"expected {width} ({hint}); {content.separated_by}"
    wrong = {
        line: InputError(f"{source} line {line}: {len(cells)} column{'s' * (len(cells) > 1)}; {expected}")
        for line, cells in rows
        if len(cells) != width
    }
    if len(wrong) == len(rows):
        raise next(iter(wrong.values()))
    return wrong


def _is_header(rows: Sequence[tuple[int, list[str]]], known: Mapping[str, object]) -> bool:
    """Whether the first row names columns: text beside an id that no structure file has, none of it a class of rows below."""
    (_, first), *below = rows
    if normalised(first[0]) in known or all(looks_like_number(cell) for cell in first[1:]):
        return False
    named = set(filter(None, first[1:]))
    return not any(named.intersection(cells[1:]) for _, cells in below)


def _header(line: int, cells: Sequence[str], source: Path) -> dict[str, str]:
    """Target → unit out of `name` and `name [unit]`."""
    units: dict[str, str] = {}
    for cell in cells[1:]:
        name, unit = split_heading(cell)
        if not name:
            raise InputError(f"{source} line {line}: a column without a name; name every target")
        require_target_name(name, f"{source} line {line}")
        if name in units or name in STRUCTURE_COLUMNS:
            raise InputError(f"{source} line {line}: column '{name}' is repeated or reserved; rename it")
        units[name] = unit or AS_GIVEN
    return units


def _targets(table: FolderTable) -> tuple[pd.DataFrame, dict[str, ClassColumn]]:
    """The values of every target, and the classes of those that are classes.

    Raises:
        InputError: all values that are no finite numbers, with the structure files that cannot be read.
    """
    places = [f"{table.source} line {row} (id '{crystal}')" for row, crystal in zip(table.rows, table.ids, strict=True)]
    values: dict[str, Sequence[float] | np.ndarray] = {}
    signs = signs_of(table.columns.values())
    classes: dict[str, ClassColumn] = {}
    wrong: list[str] = []
    for name, texts in table.columns.items():
        unit = table.units[name].removeprefix(AS_GIVEN)
        column = class_column(texts, name, unit, places, str(table.source))
        if column:
            values[name], classes[name] = column.codes, column
        else:
            values[name], refused = _numbers(texts, name, places, table.units[name], signs)
            wrong += refused
    if wrong:
        unread = [str(cell) for cell in table.cells() if isinstance(cell, InputError)]
        raise one_of_all([*wrong, *unread], table.source.parent)
    return pd.DataFrame(values), classes


def _valueless(table: FolderTable) -> str:
    """One line on the rows that have no value of any target, which nothing trains on; empty where there are none."""
    rows = zip(table.rows, table.files, zip(*table.columns.values(), strict=True), strict=True)
    found = [f"line {row}" for row, file, texts in rows if isinstance(file, Path) and all(map(is_missing, texts))]
    shown = ", ".join(found[:FEW]) + (", …" if len(found) > FEW else "")
    return f"{len(found)} row{'s' * (len(found) > 1)} without a value of any target, left out: {shown}" if found else ""


def _numbers(
    texts: Sequence[str], target: str, places: Sequence[str], unit: str, signs: Signs
) -> tuple[list[float], list[str]]:
    """The numbers of a column, NaN for an empty cell; and why some of its texts are none."""
    values, wrong = numbers_of_column(texts, signs, target, places), list[str]()
    for text, value, place in zip(texts, values, places, strict=True):
        if value is None:
            hint = "" if unit == AS_GIVEN else f"; a column of classes has the unit {CLASS}"
            wrong.append(f'{place}: target "{text}" is not a number; correct it or remove the row{hint}')
        elif math.isinf(value):
            wrong.append(f"{place}: target '{target}' is {text}; give a finite number or remove the row")
    return [value for value in values if value is not None], wrong
