"""Tells which values of a table are structures, by their form, and reads the file names of a table as files beside it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from datasets.errors import InputError
from datasets.readers.structure_dicts import is_entry, is_structure_dict
from datasets.readers.structure_files import PACKED, TEXTS, format_of

PRINTED = {
    r"Full Formula \(|Structure Summary": "what str(structure) prints, not all of it; write structure.to(fmt='cif')",
    r"(MS)?Atoms\(": "what str(atoms) prints, without positions; write the structure as CIF",
    r"\{\s*'": "a dict as Python prints it, not JSON; write json.dumps(structure.as_dict())",
}  # fmt: skip
"""How a text begins that only looks like a structure → what it is, and what to do."""

LONGEST_NAME = 500


def looks_like_structure(value: object) -> bool:
    """Whether a value of a table is a structure: a cell, one that failed, a dict, or the text of a dict or a structure file."""
    if isinstance(value, str):
        if value.lstrip().startswith("{"):
            return any(word in value for word in ('"sites"', '"lattice_mat"', "'sites'", 'Entry"'))
        return kind_of_text(value) is not None or printed_by(value) is not None
    return isinstance(value, (tuple, InputError)) or is_structure_dict(value) or is_entry(value)


def printed_by(text: str) -> str | None:
    """What a text is that a program printed for people to read, and what to do; None for any other."""
    return next((what for begin, what in PRINTED.items() if re.match(begin, text.lstrip())), None)


def kind_of_text(text: str) -> str | None:
    """The format of a structure file's text, CIF, POSCAR or XYZ, None where it is none."""
    if "_cell_length_a" in text:
        return "CIF"
    lines = text.splitlines()
    if len(lines) > 2 and lines[0].strip().isdecimal() and len(lines) >= min(int(lines[0]), 9) + 2:
        return "XYZ"
    if len(lines) > 6 and _numbers(lines[1]) in (1, 3) and all(_numbers(line) >= 3 for line in lines[2:5]):
        return "POSCAR"
    return None


def _numbers(line: str) -> int:
    """How many numbers a line begins with."""
    words = line.split()
    for count, word in enumerate(words):
        try:
            float(word)
        except ValueError:
            return count
    return len(words)


def is_file_name(value: object) -> bool:
    """Whether a value of a table is the name of a structure file."""
    if not isinstance(value, str) or not value.strip() or "\n" in value.strip() or len(value) > LONGEST_NAME:
        return False
    path = Path(value.strip().replace("\\", "/"))
    plain = path.with_suffix("") if path.suffix.lower() in PACKED else path
    return not value.lstrip().startswith("{") and (format_of(plain) is not None or plain.suffix.lower() in TEXTS)


def files_beside(values: Sequence[Any], table: Path) -> list[Any]:
    """The values of a column with every file name as that file, or as the InputError of one that is not there."""
    folder = table.absolute().parent
    return [_file(value.strip(), folder) if is_file_name(value) else value for value in values]


def _file(name: str, folder: Path) -> Path | InputError:
    for spelling in (name, name.replace("\\", "/")):
        path = Path(os.path.normpath(folder / spelling))
        if not path.is_relative_to(folder):
            return InputError(f": '{name}' lies outside of the table's folder; give file names relative to it")
        if path.is_file():
            return path
    return InputError(f": no file '{name}' in the folder of the table")
