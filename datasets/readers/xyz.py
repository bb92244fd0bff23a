"""Reads XYZ files, plain and extended, of one frame or many; keys in any letter case, cell vectors also as `Tv` lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.crystals import Cell
from datasets.errors import InputError
from datasets.readers.ase_images import only_cell, require_one
from datasets.readers.symbols import number_of
from datasets.readers.texts import finite, is_integer, lines_of, number

if TYPE_CHECKING:
    from ase import Atoms

KEYS = ("lattice", "properties", "pbc")
"""Of the comment line, in any letter case; the others are values that came with the structure."""

COLUMNS = {
    "species": "species", "symbols": "species", "symbol": "species", "element": "species", "elements": "species",
    "pos": "pos", "position": "pos", "positions": "pos", "z": "z", "numbers": "z",
    "occupancy": "occupancy", "occupancies": "occupancy",
}  # fmt: skip
"""Names of the `Properties` that are read, in lower case → what they are."""

UNIT_KEYS = frozenset(("unit", "units", "length_unit", "length_units", "pos_unit", "pos_units"))
OTHER_UNITS = frozenset(("bohr", "nm", "pm", "nanometer", "nanometers", "picometer", "picometers"))
"""Of lengths, in lower case, as the comment line may have them."""

LAMMPS = "Atoms. Timestep"
"""Comment of LAMMPS's dumps, which hold types for symbols."""

WIDTHS = {"species": 1, "pos": 3, "z": 1, "occupancy": 1}
PLAIN = {"species": 0, "pos": 1}

_KEY = re.compile(rf"(?<![\w\"'])({'|'.join(KEYS)})(?=\s*=)", re.IGNORECASE)
_NUMBER = r"(?<![\w.])[-+]?\d+(\.\d*)?(?![\w.])"
_OTHER_CELL = re.compile(
    rf"(?i)(?<![a-z])(unit_?cell|cell|lattice|box|cryst1|%pbc)(.*?{_NUMBER}){{3}}"
    rf"|^(\s*{_NUMBER}){{6}}((\s*{_NUMBER}){{3}})?$"
    r"|(?=.*\ba\s*=)(?=.*\bb\s*=)(?=.*\bc\s*=)(?=.*\balpha\s*=)(?=.*\bgamma\s*=)"
)
"""A cell in another way: the word with its numbers, six or nine bare numbers, or lengths and angles by their letters."""

_VECTOR = re.compile(r"(tv|vec)\d*", re.IGNORECASE)


@dataclass(frozen=True)
class Frame:
    """One structure of an XYZ file, nothing read yet."""

    line: int
    """Of its number of atoms, from 1."""
    comment: str
    sites: list[list[str]]
    vectors: list[list[str]]
    """Cell vectors that are written as lines, `Tv x y z` or `VEC1 x y z`."""


def read_xyz(text: str, name: str) -> Cell:
    """The one structure of an XYZ file called `name` in errors; without a cell it is not periodic.

    Raises:
        InputError: one line that names the line or atom: no element, no numbers, half a cell, more than one frame.
    """
    try:
        read = list(frames(text))
        require_one(len(read), name)
        atoms, _ = atoms_of(read[0])
    except EOFError as error:
        raise InputError(f"{name}: {error}; damaged or truncated?") from error
    except ValueError as error:
        raise InputError(f"{name}: not a readable XYZ file: {error}") from error
    return only_cell([atoms], name)


def frames(text: str) -> Iterator[Frame]:
    """The frames of an XYZ file.

    Raises:
        ValueError: a line that should hold a number of atoms does not.
        EOFError: the file ends inside a frame.
    """
    lines = lines_of(text)
    at = 0
    while at < len(lines):
        count = lines[at].strip()
        if not count:
            at += 1
            continue
        if not is_integer(count):
            hint = "; correct the number of atoms of the frame above it" if at else ""
            raise ValueError(f"line {at + 1}: '{count[:40]}' where a frame's number of atoms is expected{hint}")
        end = at + 2 + int(count)
        if _is_site("".join(lines[at + 1 : at + 2])):
            raise ValueError(f"line {at + 2} reads as an atom; a comment line, if only an empty one, stands above the atoms")
        if end > len(lines) and int(count):
            raise EOFError(f"line {at + 1}: the file ends before the frame's {count} atoms")
        rows = [line.split() for line in lines[at + 2 : end]]
        while end < len(lines) and _is_vector(lines[end].split()):
            rows.append(lines[end].split())
            end += 1
        vectors = [row[1:] for row in rows if _is_vector(row)]
        yield Frame(at + 1, "".join(lines[at + 1 : at + 2]).strip(), [row for row in rows if not _is_vector(row)], vectors)
        at = end


def _is_site(line: str) -> bool:
    words = line.split()
    try:
        return len(words) == 4 and not words[0].isdigit() and number_of(words[0]) > 0 and bool(_triple(words[1:]))
    except ValueError:
        return False


def _is_vector(row: Sequence[str]) -> bool:
    return bool(row) and _VECTOR.fullmatch(row[0]) is not None


def atoms_of(frame: Frame) -> tuple[Atoms, dict[str, Any]]:
    """A frame as ASE's atoms, and the values of its comment line.

    Raises:
        ValueError: one line that says what is wrong.
    """
    from ase import Atoms

    values = _values(frame.comment)
    lattice, properties, pbc = (values.pop(key, None) for key in KEYS)
    _require_angstrom(values)
    cell, periodic = _cell(lattice, frame)
    if pbc is not None:
        periodic = _periodic(pbc)
    columns, n_columns = (PLAIN, 4) if properties is None else _columns(properties)
    rows = [_fitting(row, n_columns, frame, atom) for atom, row in enumerate(frame.sites)]
    positions = [_of(frame, atom, _triple, row[columns["pos"] : columns["pos"] + 3]) for atom, row in enumerate(rows)]
    atoms = Atoms(_numbers(rows, columns, frame), positions=np.reshape(positions, (len(rows), 3)), cell=cell, pbc=periodic)
    if "occupancy" in columns:
        atoms.new_array("occupancy", np.array([number(row[columns["occupancy"]]) for row in rows]))
    return atoms, values


def _values(comment: str) -> dict[str, Any]:
    """The values of a comment line, those of `KEYS` in lower case; none where it is prose."""
    from ase.io.extxyz import key_val_str_to_dict

    keys = [key.lower() for key in _KEY.findall(comment)]
    repeated = next((key for key in KEYS if keys.count(key) > 1), None)
    if repeated:
        raise ValueError(f"'{repeated}' stands twice in the comment line")
    try:
        values: dict[str, Any] = key_val_str_to_dict(_KEY.sub(lambda key: key[0].lower(), comment))  # ASE knows one letter case
    except Exception as error:  # of values that ASE takes for a matrix or for JSON
        if not keys:
            return {}
        raise ValueError(f"the comment line is not of extended XYZ ({error})") from error
    return values if keys else {key: value for key, value in values.items() if key not in KEYS}


def _require_angstrom(values: dict[str, Any]) -> None:
    """Raise ValueError where the comment line says that lengths are in another unit."""
    for key, value in values.items():
        if key.lower() in UNIT_KEYS and str(value).lower() in OTHER_UNITS:
            raise ValueError(f"the comment line says {key}={value}; write lengths in Å")


def _cell(lattice: Any, frame: Frame) -> tuple[np.ndarray | None, list[bool] | None]:
    """(3, 3) cell vectors, zero where there is none, and along which it is periodic; None without a cell."""
    if lattice is None and not frame.vectors:
        if _OTHER_CELL.search(frame.comment[:1000]):
            raise ValueError(
                f"the comment line names a cell that is not read ('{frame.comment[:40]}'); write it as Lattice=\"…\""
            )
        return None, None
    if lattice is not None and frame.vectors:
        raise ValueError("two cells: Lattice in the comment line and cell vectors as lines")
    if lattice is not None:
        numbers = np.asarray(lattice)
        if numbers.shape != (9,) or numbers.dtype.kind not in "if":
            shown = lattice if isinstance(lattice, str) else f"{numbers.size} numbers"
            raise ValueError(f"Lattice is {str(shown)[:40]!r}; expected nine numbers")
        return numbers.reshape(3, 3).astype(float), [True] * 3
    if len(frame.vectors) > 3:
        raise ValueError(f"{len(frame.vectors)} cell vectors as lines; expected three")
    cell = np.zeros((3, 3))
    for i, row in enumerate(frame.vectors):
        try:
            cell[i] = _triple(row, finite)
        except ValueError as error:
            raise ValueError(f"cell vector {i}: {error}") from error
    return cell, [i < len(frame.vectors) for i in range(3)]


def _periodic(pbc: Any) -> list[bool]:
    """The three flags that a value of `pbc` stands for: one or three of T, F, true, false, 1, 0."""
    words = pbc.replace(",", " ").split() if isinstance(pbc, str) else [str(flag) for flag in np.ravel(pbc)]
    if len(words) == 1 and len(words[0]) == 3:
        words = list(words[0])
    known = {"t": True, "true": True, "1": True, "f": False, "false": False, "0": False}
    flags = [known.get(word.lower()) for word in words]
    if None in flags or len(flags) not in (1, 3):
        raise ValueError(f"pbc is '{' '.join(words)[:40]}'; expected three of T or F")
    return [bool(flag) for flag in flags] * (3 // len(flags))


def _columns(properties: Any) -> tuple[dict[str, int], int]:
    """The first column of each of `COLUMNS` that a `Properties` value names, and the number of its columns."""
    fields = str(properties).split(":")
    names, kinds, widths = fields[::3], fields[1::3], fields[2::3]
    if not len(names) == len(kinds) == len(widths) or not all(map(is_integer, widths)):
        raise ValueError(f"Properties is '{str(properties)[:40]}'; expected name:type:columns:…")
    found: dict[str, int] = {}
    at = 0
    for name, width in zip(names, map(int, widths), strict=True):
        what = COLUMNS.get(name.lower())
        if what and (what in found or WIDTHS[what] != width):
            raise ValueError(f"Properties name '{name}' twice or with {width} columns")
        if what:
            found[what] = at
        at += width
    if "pos" not in found or not {"species", "z"} & found.keys():
        raise ValueError(f"Properties is '{str(properties)[:40]}'; expected species:S:1 and pos:R:3 among them")
    return found, at


def _fitting(row: list[str], n_columns: int, frame: Frame, atom: int) -> list[str]:
    if len(row) < n_columns:
        raise ValueError(f"line {frame.line + 2 + atom} (atom {atom}): {len(row)} columns; expected {n_columns}")
    return row


def _of(frame: Frame, atom: int, read: Any, value: Any) -> Any:
    """`read(value)`; its ValueError names the atom."""
    try:
        return read(value)
    except ValueError as error:
        raise ValueError(f"atom {atom}: {error}") from error


def _triple(words: Sequence[str], read: Any = number) -> list[float]:
    if len(words) < 3:
        raise ValueError(f"{len(words)} numbers; expected 3")
    return [read(word) for word in words[:3]]


def _numbers(rows: Sequence[Sequence[str]], columns: dict[str, int], frame: Frame) -> list[int]:
    """Atomic numbers out of the columns of symbols or numbers, which must agree where there are both."""
    given = [
        [_of(frame, atom, number_of, row[columns[what]]) for atom, row in enumerate(rows)]
        for what in ("z", "species")
        if what in columns
    ]
    if len(given) == 2 and given[0] != given[1]:
        raise ValueError("the columns of symbols and of atomic numbers disagree")
    labels = [row[columns["species"]] for row in rows] if "species" in columns else []
    kinds = sorted(set(given[0]))
    types = kinds == list(range(1, len(kinds) + 1)) or frame.comment.startswith(LAMMPS)
    if "z" not in columns and any(label.isdigit() for label in labels) and types:
        shown = ", ".join(map(str, kinds[:5]))
        raise ValueError(f"the column of symbols holds the numbers {shown}: types, or atomic numbers? write symbols")
    return given[0]
