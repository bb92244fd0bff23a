"""Finds the column of ids of a table, and reads ids."""

from __future__ import annotations

import numbers
from collections.abc import Iterable
from typing import Any

from datasets.readers.decimals import is_missing, looks_like_number
from datasets.readers.raw_tables import ID_NAMES, RawTable, listed
from datasets.readers.unicode_text import normalised

LARGEST_NUMBER = 10**100
"""An id that is a number has at most 100 digits."""


def named_ids(columns: Iterable[str]) -> str | None:
    """The column that is called as ids are; None where there is none."""
    names = list(columns)
    return next((name for wanted in ID_NAMES for name in names if name.lower() == wanted), None)


def choose_ids(table: RawTable) -> str:
    """How a column is chosen as the ids, and which can be: those with another id in every row."""
    able = [name for name, values in table.columns.items() if _are_ids(values)]
    return f"--id-column can take ids from {listed(able)}" if able else "no column has a different name in each row"


def _are_ids(values: Iterable[Any]) -> bool:
    """Whether the values are names or whole numbers, another one in each row."""
    found = ["" if is_missing(value) or isinstance(value, float) else id_of(value) for value in values]
    measured = any(looks_like_number(text) and not text.isdecimal() for text in found)
    return all(found) and len(set(found)) == len(found) and not measured


def id_of(value: Any) -> str:
    """An id as text; empty where it cannot be one."""
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return str(value) if abs(int(value)) < LARGEST_NUMBER else ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value)) if abs(value) < LARGEST_NUMBER else ""
    text = normalised(value) if isinstance(value, str) else ""
    return text if text.isprintable() and len(text) <= 100 else ""
