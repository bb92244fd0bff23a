"""Reads numbers written with a decimal point or a decimal comma; what may be either, or thousands, is refused."""

from __future__ import annotations

import math
import numbers
import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np

from datasets.errors import InputError

MISSING = frozenset(("", "na", "n/a", "n.a.", "nan", "null", "none"))
"""Texts that stand for no value, in lower case."""

_ONE_SIGN = re.compile(r"[+-]?(?:\d+[.,]\d*|[.,]\d+)(?:[eE][+-]?\d+)?")
_SIGNS = re.compile(r"[+-]?\d[\d.,]*[.,]\d[\d.,]*(?:[eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")
"""What may be thousands: `1,234`, but not `0,234` or `1,23`."""


class DoubtfulNumber(ValueError):
    """A text that can be two numbers; `row` is its place in the column."""

    def __init__(self, row: int, text: str, why: str) -> None:
        super().__init__(f"'{text}', {why}")
        self.row = row


Signs = Callable[[], set[str]]
"""The decimal signs of the numbers of a whole table, looked for when somebody asks, and once."""


def signs_of(table: Iterable[Sequence[Any]]) -> Signs:
    """The decimal signs of the numbers in the columns of a table that cannot be thousands."""
    return cache(lambda: _signs(table))


def decimal_sign(column: Sequence[Any], signs: Signs) -> str:
    """The decimal sign of a column, a point or a comma.

    Args:
        column: values of a column; only texts are looked at.
        signs: of all columns of the file: where a column of `1.234` or `1,234` leaves it open, they tell.

    Raises:
        DoubtfulNumber: a value has thousands separators, points and commas are mixed, or `1,234` can be two numbers.
    """
    texts = [(row, value.strip()) for row, value in enumerate(column) if isinstance(value, str)]
    commas = [(row, text) for row, text in texts if "," in text and (_ONE_SIGN.fullmatch(text) or _SIGNS.fullmatch(text))]
    if not commas:
        pointed = [(row, text) for row, text in texts if "." in text]
        if pointed and all(_THOUSANDS.fullmatch(text) for _, text in pointed) and "," in signs():
            row, text = pointed[0]
            raise DoubtfulNumber(row, text, _two_numbers(text))
        return "."
    points = [(row, text) for row, text in texts if "." in text and "," not in text and _ONE_SIGN.fullmatch(text)]
    for row, text in commas:
        if not _ONE_SIGN.fullmatch(text):
            raise DoubtfulNumber(row, text, "which has thousands separators; leave them out")
    if points:
        row, text = max(commas[0], points[0])
        raise DoubtfulNumber(row, text, "in a column with both decimal points and commas; write one of them in every row")
    if all(_THOUSANDS.fullmatch(text) for _, text in commas) and signs() != {","}:
        raise DoubtfulNumber(*commas[0], _two_numbers(commas[0][1]))
    return ","


def numbers_of_column(column: Sequence[Any], signs: Signs, target: str, places: Sequence[str]) -> list[float | None]:
    """The values of a target's column as `number` reads them, with the column's decimal sign.

    Raises:
        InputError: a value can be two numbers; begins with its row's place.
    """
    try:
        sign = decimal_sign(column, signs)
    except DoubtfulNumber as error:
        raise InputError(f"{places[error.row]}: target '{target}' is {error}") from error
    return [number(value, sign) for value in column]


def _two_numbers(text: str) -> str:
    pointed, whole = text.replace(",", "."), re.sub("[.,]", "", text)
    return f"which can be {pointed} or {whole}; write numbers with a decimal point and without thousands separators"


def _signs(table: Iterable[Sequence[Any]]) -> set[str]:
    texts = (value.strip() for column in table for value in column if isinstance(value, str))
    return {"," if "," in t else "." for t in texts if len(t) < 40 and _ONE_SIGN.fullmatch(t) and not _THOUSANDS.fullmatch(t)}


def looks_like_number(text: str) -> bool:
    """Whether a text is a number, or one with decimal commas or thousands separators."""
    return number(text) is not None or bool(_ONE_SIGN.fullmatch(text.strip()) or _SIGNS.fullmatch(text.strip()))


def is_missing(value: Any) -> bool:
    """Whether a value of a table stands for no value."""
    if isinstance(value, str):
        return value.strip().lower() in MISSING
    return value is None or (isinstance(value, (float, np.floating)) and math.isnan(value))


def number(value: Any, sign: str = ".") -> float | None:
    """The number a value of a table is, NaN where it is missing, None where it is something else."""
    if value is None:
        return math.nan
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (str, numbers.Real)):
        return None
    try:
        if isinstance(value, str) and "_" in value:  # which `float` leaves out
            return None
        return float(value.replace(",", ".") if sign == "," and isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return math.nan if is_missing(value) else None
