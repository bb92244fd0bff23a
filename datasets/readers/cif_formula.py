"""The formula and the number of formula units that a CIF declares, compared with its atoms as counts."""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np

from datasets.readers.cif_blocks import FORMULA, UNITS, Block, number_of_text, texts_of
from datasets.readers.symbols import number_of

TOLERANCE = 1e-3
"""Relative; declared amounts are rounded."""


def declared_formula(block: Block) -> dict[int, float] | None:
    """Atomic number → amount in `_chemical_formula_sum`, deuterium and tritium as hydrogen; None where none is readable."""
    texts = texts_of(block, FORMULA)
    return _amounts(texts[0]) if texts else None


@lru_cache(maxsize=64)
def _amounts(formula: str) -> dict[int, float] | None:
    from pymatgen.core import Composition

    try:
        composition = Composition(formula)
    except ValueError:
        return None
    amounts: dict[int, float] = {}
    for element, amount in composition.items():  # of amounts above zero
        number = getattr(element, "Z", 0)
        amounts[number] = amounts.get(number, 0) + float(amount)
    return amounts or None


def formula_contradiction(block: Block, numbers: np.ndarray) -> str | None:
    """How the atoms contradict the declared formula and number of formula units, None where they do not.

    The atoms must be a whole number of formulas: as many as `_cell_formula_units_Z` says, or one where the formula is that of
    the whole cell, as pymatgen writes it. X-ray structures often lack hydrogen, which is said by its name.
    """
    counted = np.bincount(numbers)
    counts = {int(z): int(counted[z]) for z in np.flatnonzero(counted)}
    formula = declared_formula(block)
    if formula is None:
        return _elements_contradiction(block, counts)
    heavy = [z for z in formula if z > 1] or [1]
    said = f"{_text(counts)} by its sites but {texts_of(block, FORMULA)[0]} by its formula line"
    if set(heavy) | {1} != set(counts) | {1} or not all(counts.get(z) for z in heavy):
        return f"{said}; truncated?"
    units = sum(counts[z] for z in heavy) / sum(formula[z] for z in heavy)
    if any(abs(counts[z] / units - formula[z]) > TOLERANCE * sum(formula[h] for h in heavy) for z in heavy):
        return f"{said} (hydrogen aside); truncated?"
    if units < 1 - TOLERANCE or abs(units - round(units)) > TOLERANCE * units:
        return f"{said}: {units:.4g} formula units, no whole number; is symmetry missing, or the cell a part?"
    declared = number_of_text(" ".join(texts_of(block, UNITS)))
    if declared and round(units) not in (declared, *_whole_cell(formula, declared)):
        return f"{said}: {units:.0f} formula units in the cell, but _cell_formula_units_Z is {declared:g}; correct one"
    hydrogen, expected = counts.get(1, 0), formula.get(1, 0) * units
    if abs(hydrogen - expected) > TOLERANCE * max(1, expected):
        more = "more hydrogen than declared" if hydrogen > expected else "hydrogen is missing among the sites; add it"
        return f"{said}: {more}"
    return None


def _elements_contradiction(block: Block, counts: dict[int, int]) -> str | None:
    """How the elements contradict a formula that names elements only but whose amounts are not readable, `Na Cl . 2H2O`."""
    for text in texts_of(block, FORMULA):
        try:
            named = {number_of(symbol) for symbol in re.findall("[A-Z][a-z]*", text)}
        except ValueError:
            continue
        if named and named != set(counts):
            return f"{_text(counts)} by its sites but {text[:60]} by its formula line; truncated?"
    return None


def _whole_cell(formula: dict[int, float], units: float) -> tuple[int, ...]:
    """1 where the formula can be that of `units` formula units: its amounts divide by them."""
    return (1,) if all((amount / units).is_integer() for amount in formula.values()) else ()


def _text(counts: dict[int, int]) -> str:
    from ase.data import chemical_symbols

    return " ".join(f"{chemical_symbols[z]}{n}" for z, n in sorted(counts.items()))
