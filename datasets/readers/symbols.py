"""Atomic numbers of what files write for an atom: symbols, labels, isotopes, numbers; a vacancy is refused by its name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from datasets.errors import InputError

HEAVIEST = 118
ISOTOPES = {"D": 1, "T": 1}
"""Deuterium and tritium are hydrogen."""

NO_ATOMS = frozenset(("x", "xx", "va", "vac", "vacancy", "du", "dum", "dummy", "bq", "gh", "ghost", "q", "tv"))
"""In lower case: vacancies, dummy and ghost atoms, and cell vectors written as atoms."""

_LABEL = re.compile(r"([A-Za-z]+)([^A-Za-z].*)?")
_ANOTHER = re.compile(r"[\d.()+-]*[-+/,&|\s]\s*([A-Z][a-z]?)(?![a-z])")
"""A second symbol behind a separator, as in `Cl/Br`; the hash of VASP 6, `Ti/4c6f`, is in small letters."""


@lru_cache(maxsize=4096)
def number_of(label: str) -> int:
    """The atomic number of a symbol (`Cs`, `CL`, `na`), a label (`Cs1`, `Fe_pv`, `O2-`), an isotope (`D`, `T`) or a number.

    The letters that a label begins with are its symbol. Two capitals that are elements both by themselves and together
    (`CO`: cobalt, or carbon and oxygen) are refused, and two symbols with a separator (`Cl/Br`).

    Raises:
        ValueError: one line: a vacancy or dummy atom, no element, beyond the tables, or two elements at once.
    """
    shown = repr(label[:40])
    if label.isascii() and label.isdigit():
        if not 1 <= int(label[:9]) <= HEAVIEST:
            raise ValueError(f"{shown} is no atomic number from 1 to {HEAVIEST}")
        return int(label)
    match = _LABEL.fullmatch(label) if label.isascii() and label.isprintable() else None  # else bytes that were damaged
    if match is None:
        raise ValueError(f"{shown} begins with no symbol of an element")
    letters = match[1]
    known = _known()
    another = _ANOTHER.match(match[2] or "")
    if another and another[1] in known:
        raise ValueError(f"{shown} names {letters} and {another[1]}; an atom is of one element")
    if letters in known:
        return known[letters]
    if letters.lower() in NO_ATOMS:
        raise ValueError(f"{shown} is a vacancy or a dummy atom, no element; remove it from the structure")
    symbol = letters.capitalize()
    if symbol not in known or letters not in (letters.lower(), letters.upper()):
        raise ValueError(f"{shown} is no known element")
    if letters.isupper() and all(letter in known for letter in letters):
        raise ValueError(f"{shown} is {symbol}, or {letters[0]} and {letters[1]}; write {symbol} if it is that")
    return known[symbol]


@lru_cache(maxsize=1)
def _known() -> dict[str, int]:
    from ase.data import chemical_symbols

    return {symbol: z for z, symbol in enumerate(chemical_symbols[: HEAVIEST + 1]) if z} | ISOTOPES


def numbers_of(labels: Iterable[str], name: str) -> np.ndarray:
    """(n,) atomic numbers of the atoms of the structure called `name` in errors.

    Raises:
        InputError: it names the first atom, from 0, that is of no known element.
    """
    numbers = []
    for atom, label in enumerate(labels):
        try:
            numbers.append(number_of(label))
        except ValueError as error:
            raise InputError(f"{name}: atom {atom}: {error}") from error
    return np.array(numbers, dtype=np.int64)
