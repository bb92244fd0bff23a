"""Tags of a CIF's data block under one spelling, and the checks that need no symmetry: cell, coordinates, columns."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import lru_cache
from typing import Any

import numpy as np

from datasets.errors import InputError

Block = dict[str, Any]
"""Tag → a text, or a list of texts of a loop."""

LENGTHS = tuple(f"_cell_length_{axis}" for axis in "abc")
ANGLES = tuple(f"_cell_angle_{angle}" for angle in ("alpha", "beta", "gamma"))
COORDINATES = tuple(f"_atom_site_fract_{axis}" for axis in "xyz")
LABEL, SYMBOL, OCCUPANCY = "_atom_site_label", "_atom_site_type_symbol", "_atom_site_occupancy"
OPERATIONS = ("_symmetry_equiv_pos_as_xyz", "_space_group_symop_operation_xyz")
HM_NAMES = ("_symmetry_space_group_name_H-M", "_space_group_name_H-M_alt", "_space_group_name_H-M_ref")
HALL_NAMES = ("_symmetry_space_group_name_Hall", "_space_group_name_Hall")
GROUP_NUMBERS = ("_symmetry_Int_Tables_number", "_space_group_IT_number")
FORMULA, UNITS = "_chemical_formula_sum", "_cell_formula_units_Z"

_KNOWN = (
    *LENGTHS, *ANGLES, *COORDINATES, LABEL, SYMBOL, OCCUPANCY, *OPERATIONS, *HM_NAMES, *HALL_NAMES, *GROUP_NUMBERS,
    FORMULA, UNITS, "_atom_site_Cartn_x", "_atom_site_attached_hydrogens", "_atom_site_calc_flag", "_atom_site_disorder_group",
    "_atom_site_disorder_assembly", "_atom_site_symmetry_multiplicity", "_atom_type_symbol", "_atom_type_oxidation_number",
)  # fmt: skip
_SPELLING = {tag.lower(): tag for tag in _KNOWN} | {
    "_symmetry_space_group_name_h_m": HM_NAMES[0],
    "_atom_site_site_symmetry_multiplicity": "_atom_site_symmetry_multiplicity",
    "_cell_z_pdb": UNITS,
    **dict.fromkeys(("_atom_site_occupation", "_atom_site_site_occupancy", "_atom_site_occ", "_atom_site_sof"), OCCUPANCY),
}
FLATTEST = 1e-10
"""Squared volume of a cell with lengths of 1."""

MISSING = frozenset(("", "?", "."))
_NUMBER = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?:\(\d+\)?)?")


@lru_cache(maxsize=4096)
def spelling(tag: str) -> str | None:
    """How pymatgen spells a tag that is looked at, None for any other."""
    return _SPELLING.get(tag.lower().replace(".", "_").rstrip("_"))


def respelled(block: Block) -> Block:
    """The block with the tags that are looked at in the spelling that pymatgen knows: any letter case, dots as PDB has them.

    Raises:
        InputError: two spellings of a tag have different values.
    """
    found: Block = {}
    for tag, value in block.items():
        spelt = spelling(tag) or tag
        if found.setdefault(spelt, value) != value:
            raise InputError(f"{spelt} is given twice, with different values")
    return found


def has_sites(block: Block) -> bool:
    """Whether a data block, respelled, lists atoms."""
    return any(tag in block for tag in (*COORDINATES, "_atom_site_Cartn_x"))


def texts_of(block: Block, *tags: str) -> list[str]:
    """The values of these tags that say something, in order; of a loop every row."""
    values = [value for tag in tags for value in _rows(block.get(tag, []))]
    return [value.strip() for value in values if value.strip() not in MISSING]


def _rows(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def number_of_text(text: str) -> float | None:
    """The number of a value such as `0.25(1)`, None where it is none."""
    if text[-1:].isdigit() and "_" not in text:  # without an uncertainty: most are
        with suppress(ValueError):
            return float(text)
    match = _NUMBER.fullmatch(text.strip())
    return float(match[1]) if match else None


def decimals(text: str) -> int:
    """How many digits of a number stand behind the point."""
    mantissa, _, exponent = text.partition("(")[0].lower().partition("e")
    return len(mantissa.partition(".")[2]) - int(exponent or 0)


def require_sites(block: Block) -> None:
    """Make the columns of the sites lists of equal length; raise InputError where a coordinate or cell parameter is missing."""
    if any(tag.startswith(("_cell_modulation_dimension", "_cell_wave_vector")) for tag in block):
        raise InputError("a modulated structure, whose atoms no one cell holds; give a supercell")
    lacking = [tag for tag in COORDINATES if tag not in block]
    if len(lacking) == len(COORDINATES):
        raise InputError("only Cartesian coordinates (_atom_site_Cartn_x); write fractional ones (_atom_site_fract_x)")
    if lacking:
        raise InputError(f"no {lacking[0]}; damaged or truncated?")
    for tag in block:
        if tag.startswith("_atom_site_") and isinstance(block[tag], str):
            block[tag] = [block[tag]]
    n_rows = len(block[COORDINATES[0]])
    if LABEL not in block:
        block[LABEL] = list(block.get(SYMBOL, []))
    for tag in (LABEL, SYMBOL, OCCUPANCY, *COORDINATES):
        if tag in block and len(block[tag]) != n_rows:
            raise InputError(f"{len(block[tag])} values of {tag}, but {n_rows} of {COORDINATES[0]}; damaged or truncated?")
    for tag in COORDINATES:
        for row, text in enumerate(block[tag]):
            if number_of_text(text) is None:
                raise InputError(f"site '{block[LABEL][row]}': its {tag} is '{text}', no number; give the coordinate")


def cell_metric(block: Block) -> np.ndarray:
    """(3, 3) products of the cell vectors in Å². Raises InputError where a length or an angle is missing or impossible."""
    values = []
    for tag in (*LENGTHS, *ANGLES):
        texts = texts_of(block, tag)
        value = number_of_text(texts[0]) if len(texts) == 1 else None
        if value is None or not 0 < value < (np.inf if tag in LENGTHS else 180):
            said = f"{tag} is '{texts[0]}'" if texts else f"{tag} is missing"
            raise InputError(f"{said}; the cell needs three lengths and three angles")
        values.append(value)
    lengths, cosines = np.array(values[:3]), np.cos(np.deg2rad(values[3:]))
    alpha, beta, gamma = cosines
    angular = np.array([[1, gamma, beta], [gamma, 1, alpha], [beta, alpha, 1]])
    if np.linalg.det(angular) < FLATTEST:
        raise InputError(f"the angles {', '.join(f'{angle:g}' for angle in values[3:])} are those of no cell; correct one")
    return np.outer(lengths, lengths) * angular
