"""Reads the structure that a value of a table is, whatever form it has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datasets.crystals import Cell
from datasets.errors import InputError
from datasets.readers.checks import checked
from datasets.readers.columns import decoded
from datasets.readers.decimals import is_missing
from datasets.readers.structure_dicts import structure_of_entry
from datasets.readers.structure_files import parse_dict, parse_structure, read_structure
from datasets.readers.structure_values import kind_of_text, printed_by


def cell_of_value(value: Any, name: str) -> Cell:
    """The structure that a value of a table is: a cell, a dict or an entry, JSON, CIF, POSCAR or XYZ text, or a file.

    Raises:
        InputError: it begins with `name`: none, unreadable, partially occupied, or what `read_structure` refuses.
    """
    if isinstance(value, str) and (what := printed_by(value)):
        raise InputError(f"{name}: {what}")
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = decoded(value)
        except ValueError as error:
            raise InputError(f"{name}: a structure that is not JSON; truncated? ({error})") from error
    value = structure_of_entry(value, name)
    if isinstance(value, InputError):
        raise InputError(f"{name}{value}")
    if isinstance(value, tuple):
        return checked(value, name)
    if isinstance(value, Path):
        return read_structure(value, f"{name}: {value.name}")
    if isinstance(value, dict):
        return parse_dict(value, name)
    if isinstance(value, str) and not is_missing(value):
        kind = kind_of_text(value) or ("CIF" if "\n" in value.strip() else None)
        if kind is None:
            shown = value.strip()[:40]
            raise InputError(f"{name}: '{shown}' is neither a structure nor the name of a file such as structures/1.cif")
        return parse_structure(value, kind, name)
    raise InputError(f"{name}: no structure")
