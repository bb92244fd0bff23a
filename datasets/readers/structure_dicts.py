"""Reads structures from dicts, as pymatgen and JARVIS write them to JSON; a dict can name no class to import or call."""

from __future__ import annotations

from typing import Any

import numpy as np

from datasets.crystals import Cell, element_of_site
from datasets.errors import InputError
from datasets.readers.symbols import number_of, numbers_of

STRUCTURES = ("Structure", "IStructure")


def is_structure_dict(content: object) -> bool:
    """Whether it has the keys of pymatgen's structures or of JARVIS's atoms."""
    return isinstance(content, dict) and ({"lattice", "sites"} <= content.keys() or {"lattice_mat", "coords"} <= content.keys())


def is_entry(value: object) -> bool:
    """Whether it is a dict of pymatgen's entries: a structure or a composition with its energy."""
    return isinstance(value, dict) and str(value.get("@class")).endswith("Entry")


def structure_of_entry(value: Any, name: str) -> Any:
    """The structure of an entry's dict, another value as it is. Raises InputError for an entry without a structure."""
    if not is_entry(value):
        return value
    if value.get("structure") is None:
        raise InputError(f"{name}: a {value['@class']}, which has no structure; write ComputedStructureEntry or the structure")
    return value["structure"]


def cell_of_dict(content: dict[str, Any], name: str) -> Cell:
    """Lattice and sites of a structure's dict; nothing else in it is looked at.

    Raises:
        InputError: a site is partially occupied or of no known element, a key lacks, or a value has the wrong type or length.
    """
    try:
        return _of_jarvis(content, name) if "lattice_mat" in content else _of_pymatgen(content, name)
    except KeyError as error:
        raise InputError(f"{name}: a structure's dict without {error}") from error
    except (TypeError, ValueError, AttributeError, IndexError, OverflowError) as error:
        reason = " ".join(str(error).split())[:100]
        raise InputError(f"{name}: a structure's dict with a value of the wrong type or length ({reason})") from error


def _of_pymatgen(content: dict[str, Any], name: str) -> Cell:
    lattice, sites = content["lattice"], content["sites"]
    numbers = [_element(site["species"], name, i) for i, site in enumerate(sites)]
    frac_coords = np.array([site["abc"] for site in sites], dtype=float).reshape(len(sites), 3)
    pbc = lattice.get("pbc")
    periodic = (True, True, True) if pbc is None else pbc
    if len(periodic) != 3 or not all(flag in (True, False) for flag in periodic):
        raise InputError(f"{name}: 'pbc' of the lattice is {pbc!r}; expected three of true or false")
    return _matrix(lattice), np.array(periodic, dtype=bool), np.array(numbers, dtype=np.int64), frac_coords


def _element(species: list[dict[str, Any]], name: str, site: int) -> int:
    try:
        parts = [(number_of(part["element"]), part["occu"]) for part in species]
    except ValueError as error:
        raise InputError(f"{name}: site {site}: {error}") from error
    element = parts[0][0] if len(parts) == 1 and parts[0][1] == 1 else element_of_site(parts)
    if element is None:
        shown = ", ".join(f"{part['element']}:{part['occu']}" for part in species)[:40]
        raise InputError(f"{name}: site {site} ({shown}) is partially occupied; structures must be ordered")
    return element


def _matrix(lattice: dict[str, Any]) -> np.ndarray:
    if "matrix" in lattice:
        return np.array(lattice["matrix"], dtype=float).reshape(3, 3)
    from pymatgen.core import Lattice

    return Lattice.from_parameters(*(float(lattice[key]) for key in ("a", "b", "c", "alpha", "beta", "gamma"))).matrix


def _of_jarvis(content: dict[str, Any], name: str) -> Cell:
    lattice = np.array(content["lattice_mat"], dtype=float).reshape(3, 3)
    numbers = numbers_of(map(str.strip, content["elements"]), name)
    coords, cartesian = np.array(content["coords"], dtype=float), content.get("cartesian", False)
    if coords.shape != (len(numbers), 3):
        raise InputError(f"{name}: {len(numbers)} elements but coordinates of shape {coords.shape}; expected three an element")
    if cartesian not in (True, False):
        raise InputError(f"{name}: 'cartesian' is {cartesian!r}; expected true or false")
    return lattice, np.ones(3, dtype=bool), numbers, coords @ np.linalg.inv(lattice) if cartesian else coords
