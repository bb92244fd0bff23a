"""Reads the structure that a value of a table is, whatever form it has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from datasets.crystals import Cell
from datasets.errors import InputError
from datasets.readers.columns import decoded
from datasets.readers.structure_files import checked, parse_dict, parse_structure, read_structure

MISSING = frozenset(("", "na", "n/a", "nan", "null", "none"))
"""Texts that stand for no value, in lower case."""


def cell_of_value(value: Any, name: str) -> Cell:
    """The structure that a value of a table is: a cell, a dict, the JSON of one, CIF text, or a file.

    Raises:
        InputError: it begins with `name`: none, unreadable, partially occupied, or what `read_structure` refuses.
    """
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = decoded(value)
        except ValueError as error:
            raise InputError(f"{name}: a structure that is not JSON; truncated? ({error})") from error
    if isinstance(value, InputError):
        raise InputError(f"{name}{value}")
    if isinstance(value, tuple):
        return checked(value, name)
    if isinstance(value, Path):
        return read_structure(value, name)
    if isinstance(value, dict):
        return parse_dict(value, name)
    if isinstance(value, str) and value.strip().lower() not in MISSING:
        return parse_structure(value, "CIF", name)
    raise InputError(f"{name}: no structure")
