"""One cell out of the structures that ASE read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from datasets.crystals import Cell, cell_of_atoms
from datasets.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms


class SeveralStructures(InputError):
    """A file that holds more structures than the one that was expected."""


def only_cell(images: Sequence[Atoms], name: str) -> Cell:
    """The one structure that ASE read; InputError where there are more, or a site is partially occupied."""
    require_one(len(images), name)
    for column in ("occupancy", "occupancies"):
        if np.any(np.asarray(images[0].arrays.get(column, 1), dtype=float) < 1):
            raise InputError(f"{name}: a site is partially occupied; structures must be ordered")
    return cell_of_atoms(images[0], name)


def require_one(count: int, name: str) -> None:
    """InputError where a file has not one structure."""
    if count != 1:
        error = SeveralStructures if count > 1 else InputError
        raise error(f"{name}: {count} structures in one file; expected one")


def integers(numbers: Any) -> np.ndarray:
    """(n,) atomic numbers of an ASE file. Raises ValueError where they are no integers, which numpy would cut off."""
    found = np.asarray(numbers)
    if found.size and found.dtype.kind not in "iu":
        raise ValueError(f"the atomic numbers are of type {found.dtype}, not integers")
    return found.astype(np.int64).ravel()
