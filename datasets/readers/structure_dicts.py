"""Reads structures from dicts, as pymatgen and JARVIS write them to JSON; a dict can name no class to import or call."""

from __future__ import annotations

from typing import Any

import numpy as np

from datasets.crystals import Cell, cell_of_structure

STRUCTURES = ("Structure", "IStructure")


def is_structure_dict(content: object) -> bool:
    """Whether it has the keys of pymatgen's structures or of JARVIS's atoms."""
    return isinstance(content, dict) and ({"lattice", "sites"} <= content.keys() or {"lattice_mat", "coords"} <= content.keys())


def cell_of_dict(content: dict[str, Any], name: str) -> Cell:
    """Lattice and sites of a structure's dict; nothing else in it is looked at.

    Raises:
        InputError: a site is partially occupied or of no known element. Anything else where keys or types are wrong.
    """
    if "lattice_mat" in content:
        return _of_jarvis(content)
    return _ordered(content) or _by_pymatgen(content, name)


def _ordered(content: dict[str, Any]) -> Cell | None:
    """What pymatgen makes of full sites of plain elements, some 15 times faster; None for any other structure."""
    from ase.data import atomic_numbers

    lattice, sites = content["lattice"], content["sites"]
    full = [site["species"][0] for site in sites if len(site["species"]) == 1 and site["species"][0]["occu"] == 1]
    numbers = np.array([atomic_numbers.get(species["element"], 0) for species in full], dtype=np.int64)
    matrix = np.array(lattice.get("matrix", ()), dtype=float)
    if len(full) < len(sites) or not numbers.all() or matrix.shape != (3, 3):
        return None
    frac_coords = np.array([site["abc"] for site in sites], dtype=float).reshape(len(sites), 3)
    return matrix, np.array(lattice.get("pbc") or (True, True, True), dtype=bool).reshape(3), numbers, frac_coords


def _by_pymatgen(content: dict[str, Any], name: str) -> Cell:
    from pymatgen.core import Structure

    # Properties can name any class for pymatgen to import and call.
    sites = [{key: value for key, value in site.items() if key != "properties"} for site in content["sites"]]
    return cell_of_structure(Structure.from_dict({"lattice": content["lattice"], "sites": sites}), name)


def _of_jarvis(content: dict[str, Any]) -> Cell:
    from ase.data import atomic_numbers

    lattice = np.array(content["lattice_mat"], dtype=float).reshape(3, 3)
    numbers = np.array([atomic_numbers[symbol.strip()] for symbol in content["elements"]], dtype=np.int64)
    coords = np.array(content["coords"], dtype=float).reshape(len(numbers), 3)
    return lattice, np.ones(3, dtype=bool), numbers, coords @ np.linalg.inv(lattice) if content.get("cartesian") else coords
