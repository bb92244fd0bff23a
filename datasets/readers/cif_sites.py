"""Sites of a CIF: their elements, occupancies and special positions, and the atoms that symmetry makes of them."""

from __future__ import annotations

import re
from contextlib import suppress
from itertools import takewhile

import numpy as np

from datasets.errors import InputError
from datasets.readers.cif_blocks import (
    COORDINATES,
    LABEL,
    MISSING,
    OCCUPANCY,
    SYMBOL,
    Block,
    decimals,
    number_of_text,
)
from datasets.readers.cif_groups import Operations
from datasets.readers.symbols import ISOTOPES, NO_ATOMS, number_of

FULL = 0.005
"""An occupancy that rounds to 1.00 is 1."""

SAME_PLACE = 0.01
"""Å within which two images of one site are one atom, whatever its digits."""

FARTHEST = 0.5
"""Å that rounded digits explain at most: no two atoms are nearer than that."""

HEAVIEST_IN_CAPITALS = 94
"""`NO`, `CN` and `CF` are hardly nobelium, copernicium and californium."""

_GROUP = re.compile(r"[A-Z][a-z]?\d+([A-Z][a-z]?)(?![a-z])")

TOLERANCE = 1e-4
"""Within which pymatgen takes two fractional coordinates for one, and rounds them to thirds."""


def tidy_sites(block: Block, formula: dict[int, float] | None) -> None:
    """Check the rows of the sites; write symbols and occupancies so that they can be read in one way only.

    Args:
        block: respelled, with columns of equal length; its site columns are changed in place.
        formula: atomic number → amount as declared, to decide labels that can mean two elements.

    Raises:
        InputError: a site is a dummy, of no known element, empty, one of several alternatives, or has hydrogens that are not
            listed.
    """
    _require_real(block)
    symbols = list(block.get(SYMBOL, [""] * len(block[LABEL])))
    for row, label in enumerate(block[LABEL]):
        symbols[row] = _symbol_of_site(symbols[row], label, formula)
    block[SYMBOL] = symbols
    if OCCUPANCY in block:
        block[OCCUPANCY] = [_occupancy(*pair) for pair in zip(block[OCCUPANCY], block[LABEL], strict=True)]


def _require_real(block: Block) -> None:
    """Raise InputError for dummy sites, alternatives, and hydrogens that only a number beside the site tells of."""
    labels = block[LABEL]
    for label, flag in zip(labels, block.get("_atom_site_calc_flag", ()), strict=False):
        if flag.lower() == "dum":
            raise InputError(f"site '{label}' is a dummy (_atom_site_calc_flag dum), no atom; remove it")
    for label, text in zip(labels, block.pop("_atom_site_attached_hydrogens", ()), strict=False):
        if number_of_text(text):
            raise InputError(f"site '{label}' has {text} hydrogen atoms that are not listed (_atom_site_attached_hydrogens)")
    groups = block.get("_atom_site_disorder_group", ())
    assemblies = block.get("_atom_site_disorder_assembly", ["."] * len(groups))
    seen: dict[str, tuple[str, str]] = {}
    for label, group, assembly in zip(labels, groups, assemblies, strict=False):
        if group in MISSING or group == "0":
            continue
        if group.startswith("-"):
            raise InputError(
                f"site '{label}' is disordered about a special position (disorder group {group}); structures must be ordered"
            )
        first, known = seen.setdefault(assembly, (label, group))
        if group != known:
            raise InputError(
                f"sites '{first}' and '{label}' are of alternative positions (disorder groups {known} and {group}); "
                "structures must be ordered"
            )


def _symbol_of_site(symbol: str, label: str, formula: dict[int, float] | None) -> str:
    """The symbol of a site as pymatgen reads it, charges included; of its label where it has no symbol."""
    if " + " in symbol:
        raise InputError(f"site '{label}': {symbol} is partially occupied; structures must be ordered")
    if symbol not in MISSING:
        letters = _letters(symbol)
        try:
            _require_symbol(symbol, letters, label)
        except ValueError as error:
            raise InputError(f"site '{label}': '{symbol}' is no known element: {error}") from error
        if letters.upper() in ISOTOPES:  # pymatgen adds up H and D on one place wrongly
            return "H"
        return symbol if letters == letters.capitalize() else letters.capitalize()
    letters = _letters(label)
    try:
        if _number_of_word(label) not in (formula or {}) and (decided := _by_formula(letters, formula or {})):
            return decided
    except ValueError as error:
        decided = _by_formula(letters, formula or {})
        if decided is None:
            raise InputError(f"site '{label}': {error}; give its element (_atom_site_type_symbol)") from error
        return decided
    if letters == "T" and 1 not in (formula or {}):
        raise InputError(f"site '{label}': tritium, or no element; give its element (_atom_site_type_symbol)")
    return "H" if letters in ISOTOPES else letters.capitalize()


def _require_symbol(symbol: str, letters: str, label: str) -> None:
    """Raise ValueError unless a symbol is that of one element: two capitals are one element here, other than in labels.

    Nor is `H2O` hydrogen here, as it is in labels: the hydrogen of O2.
    """
    group = _GROUP.match(symbol)
    if group and symbol != label and _is_element(group[1]):
        raise ValueError(f"it names {letters} and {group[1]}")
    capitals = len(letters) == 2 and letters.isupper()
    number = _number_of_word(letters.capitalize() + symbol[2:] if capitals else symbol)
    if capitals and number > HEAVIEST_IN_CAPITALS:
        number_of(symbol)


def _number_of_word(text: str) -> int:
    """As `number_of`, but a number alone is no element: as a label it counts the sites."""
    if text.isdigit():
        raise ValueError(f"'{text}' begins with no symbol of an element")
    return number_of(text)


def _is_element(symbol: str) -> bool:
    with suppress(ValueError):
        return number_of(symbol) > 0
    return False


def _letters(text: str) -> str:
    """The letters that a text begins with."""
    return "".join(takewhile(lambda character: character.isascii() and character.isalpha(), text))


def _by_formula(letters: str, formula: dict[int, float]) -> str | None:
    """The one element of the formula that a label begins with, as `MgM1` or `OA2`; None where there is none or two."""
    from ase.data import atomic_numbers

    if letters.lower() in NO_ATOMS:
        return None
    known = [part for part in (letters[:2].capitalize(), letters[:1].upper()) if atomic_numbers.get(part, 0) in formula]
    return known[0] if len(set(known)) == 1 else None


def _occupancy(text: str, label: str) -> str:
    if text.strip() in MISSING:  # 1 by the dictionary of CIF
        return "1"
    value = number_of_text(text)
    if value is None or not 0 < value < 1 + FULL:
        raise InputError(f"site '{label}' has the occupancy '{text}'; an atom has one above 0 and not above 1")
    return "1" if abs(value - 1) < FULL else text


# -- what symmetry makes of the sites ---------------------------------------------------------------


def coordinates_of(block: Block) -> np.ndarray:
    """(rows, 3) fractional coordinates."""
    return np.array([[number_of_text(text) for text in block[tag]] for tag in COORDINATES], dtype=float).T


def occupancies_of(block: Block) -> np.ndarray:
    """(rows,) occupancies."""
    return np.array([number_of_text(text) for text in block.get(OCCUPANCY, ["1"] * len(block[LABEL]))], dtype=float)


def put_on_special_positions(block: Block, operations: Operations, metric: np.ndarray) -> np.ndarray:
    """Move sites that are near their own images, for their digits are few, to the middle of these: there is one atom.

    Images are one atom where the digits of the coordinates explain their distance, up to 0.5 Å, or it is below 0.01 Å.

    Returns:
        (rows,) how many atoms of the cell each site is.

    Raises:
        InputError: for a site it cannot be told.
    """
    if len(operations) == 1:
        return np.ones(len(block[LABEL]))
    frac = coordinates_of(block)
    shift, near = _near_images(frac, operations, metric, _rounding(block))
    tight = (np.abs(shift) < TOLERANCE / 2).all(axis=2) | ~near  # seen from another image it can be twice that
    moved = np.flatnonzero(~tight.all(axis=1))
    if len(moved):
        frac[moved] += np.einsum("ro,roa->ra", near[moved], shift[moved]) / near[moved].sum(axis=1)[:, None]
        for tag, column in zip(COORDINATES, frac.T, strict=True):
            for row in moved:
                block[tag][row] = repr(float(column[row]))
        shift, _ = _near_images(frac, operations, metric, np.zeros_like(frac))
    exact = (np.abs(shift) < TOLERANCE).all(axis=2)
    n_images = len(operations) / exact.sum(axis=1)
    bad = (exact != near).any(axis=1) | (n_images % 1 != 0)
    if bad.any():
        label = block[LABEL][int(bad.argmax())]
        raise InputError(f"site '{label}' is near a special position, but not nearer than its digits tell; give more digits")
    return n_images


def _rounding(block: Block) -> np.ndarray:
    """(rows, 3) half a unit of the last digit of each coordinate; 0 where it has fewer than two digits: `0.5` is exact."""
    digits = np.array([[decimals(text) for text in block[tag]] for tag in COORDINATES]).T
    return np.where(digits >= 2, 0.5 * 10.0**-digits, 0.0)


def _near_images(
    frac: np.ndarray, operations: Operations, metric: np.ndarray, rounding: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(rows, operations, 3) from each site to its nearest images, and whether these are the same atom."""
    shift = np.einsum("oab,rb->roa", operations.rotations, frac) + operations.translations - frac[:, None]
    shift -= np.round(shift)
    bound = np.einsum("oab,rb->roa", np.abs(operations.rotations - np.eye(3)), rounding) + TOLERANCE
    squared = np.einsum("roa,ab,rob->ro", shift, metric, shift)
    explained = (np.abs(shift) < bound).all(axis=2) & (squared < FARTHEST**2)
    return shift, explained | (squared < SAME_PLACE**2)


def require_multiplicities(block: Block, n_images: np.ndarray, n_operations: int) -> None:
    """Raise InputError where a column of multiplicities contradicts the operations."""
    for label, text, found in zip(block[LABEL], block.get("_atom_site_symmetry_multiplicity", ()), n_images, strict=False):
        said = number_of_text(text)
        if said and said not in (found, n_operations / found):  # SHELX writes the order of the site's symmetry here
            raise InputError(
                f"site '{label}' has the multiplicity {text}, but symmetry makes {found:g} atoms of it; correct one"
            )


def atoms_of(block: Block, operations: Operations, metric: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sites and fractional coordinates of the atoms that operations make of the sites; images within 0.01 Å are one."""
    rows: list[int] = []
    coords: list[np.ndarray] = []
    for row, site in enumerate(coordinates_of(block)):
        images = operations.rotations @ site + operations.translations
        known: list[np.ndarray] = coords[:]
        for image in images:
            if known:
                shift = np.array(known) - image
                shift -= np.round(shift)
                if (np.einsum("ka,ab,kb->k", shift, metric, shift) < SAME_PLACE**2).any():
                    continue
            known.append(image)
            coords.append(image)
            rows.append(row)
    return np.array(rows), np.array(coords)


def shared_place(block: Block, operations: Operations) -> str | None:
    """The labels of two rows that symmetry puts on one place, None where there are none."""
    frac = coordinates_of(block)
    for row in range(len(frac) - 1):
        images = operations.rotations @ frac[row] + operations.translations
        shift = images[:, None] - frac[None, row + 1 :]
        same = (np.abs(shift - np.round(shift)) < TOLERANCE).all(axis=2).any(axis=0)
        if same.any():
            return f"'{block[LABEL][row]}' and '{block[LABEL][row + 1 + int(same.argmax())]}'"
    return None
