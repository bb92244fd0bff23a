"""The same crystals in cells that a neighbour search gets through: skewed cells reduced, far coordinates brought back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from datasets.crystals import Crystals
from datasets.neighbor_search import TIE

OUTSIDE = 4
"""Cells that a periodic atom may stand outside its own before it is brought back; in published sets no more than 3."""

MOST_CELLS = 20_000
"""Cells that a search may look at before a cell is reduced; in published sets, up to 8 Å, at most 1,331."""

FARTHEST = 100
"""Cells that a search may look at in one direction: the images of neighbours then fit 8 bits."""

MOST_BOXES = 1_000_000
"""Boxes of the cutoff's size into which a search may sort the atoms, each of 0.2 kB."""


@dataclass(frozen=True, eq=False)
class Compact:
    """Crystals of which some are written anew: the same atoms in the same order, in a reduced cell and near its origin.

    Attributes:
        crystals: n crystals.
        rows: (r,) those written anew.
        bases: (r, 3, 3) int64, the new lattice vectors as sums of the old ones, in the periodic directions.
        steps: (N, 3) int64, how many new cells each atom was moved by.
        refused: row → why its neighbours cannot be searched.
    """

    crystals: Crystals
    rows: np.ndarray
    bases: np.ndarray
    steps: np.ndarray
    refused: dict[int, str]

    def images(self, row: int, src: np.ndarray, dst: np.ndarray, image: np.ndarray) -> np.ndarray:
        """(E, 3) int64 images, in the old cell, of the edges that were found in the new cell of crystal `rows[row]`."""
        steps = self.steps[self.crystals.atoms_of(self.rows[row])]
        return (image + steps[dst] - steps[src]) @ self.bases[row]


@lru_cache(maxsize=4)
def compact(crystals: Crystals, cutoff: float) -> Compact:
    """Write anew the crystals in whose cells a search up to `cutoff` Å would take too long; the others stay as they are."""
    refused = {int(row): "its coordinates are too large to hold the digits of a position" for row in _blurred(crystals)}
    reach = _reach(crystals, cutoff)
    low, high = (_over_atoms(extreme, crystals, crystals.frac_coords) for extreme in (np.minimum, np.maximum))
    far = (crystals.pbc & ((low < -OUTSIDE) | (high >= OUTSIDE + 1))).any(axis=1)
    far |= ((2 * reach + 1).prod(axis=1) > MOST_CELLS) | (reach > FARTHEST).any(axis=1)
    rows = np.setdiff1d(np.flatnonzero(far), list(refused))
    lattice, frac_coords = crystals.lattice.copy(), crystals.frac_coords.copy()
    bases, steps = np.zeros((len(rows), 3, 3), dtype=np.int64), np.zeros(frac_coords.shape, dtype=np.int64)
    for i, row in enumerate(rows):
        atoms, pbc = crystals.atoms_of(row), crystals.pbc[row]
        lattice[row], bases[i] = _reduced(lattice[row], pbc)
        frac_coords[atoms] = np.linalg.solve(lattice[row].T, crystals.cart_coords(row).T).T
        steps[atoms] = np.where(pbc, np.floor(frac_coords[atoms]), 0)
        frac_coords[atoms] -= steps[atoms]
    made = replace(crystals, lattice=lattice, frac_coords=frac_coords) if len(rows) else crystals
    refused |= {
        int(row): f"a cell vector is far shorter than the cutoff, {cutoff:g} Å: neighbours lie more than 127 cells away"
        for row in np.flatnonzero((_reach(made, cutoff) > FARTHEST).any(axis=1))
    }
    low, high = (_over_atoms(extreme, made, made.frac_coords) for extreme in (np.minimum, np.maximum))
    most = np.einsum("ni,nij->nj", high - low, np.abs(made.lattice))
    for row in np.setdiff1d(np.flatnonzero(_boxes(most, cutoff) > MOST_BOXES), list(refused)):
        extent = np.ptp(made.cart_coords(row), axis=0)
        if _boxes(extent, cutoff) > MOST_BOXES:
            refused[int(row)] = f"its atoms stand up to {extent.max():,.0f} Å apart, too far for a search"
    return Compact(made, rows, bases, steps, refused)


def _reach(crystals: Crystals, cutoff: float) -> np.ndarray:
    """(n, 3) cells between an atom and the farthest point within the cutoff, 0 in a direction without periods."""
    # The distance of lattice planes is one over the length of a reciprocal vector.
    reach = np.ceil(cutoff * np.linalg.norm(np.linalg.inv(crystals.lattice), axis=1))
    return np.where(crystals.pbc, reach, 0.0)


def _over_atoms(reduce: np.ufunc, crystals: Crystals, values: np.ndarray) -> np.ndarray:
    """The values (N, 3) reduced over the atoms of each crystal: (n, 3)."""
    return reduce.reduceat(values, crystals.offsets[:-1], axis=0)


def _blurred(crystals: Crystals) -> np.ndarray:
    """Rows whose numbers are so large that rounding moves atoms by what tells shells apart."""
    lengths = np.linalg.norm(crystals.lattice, axis=2)
    largest = _over_atoms(np.maximum, crystals, np.abs(crystals.frac_coords)) + 1
    return np.flatnonzero((largest * lengths).sum(axis=1) * np.finfo(float).eps > TIE)


def _reduced(cell: np.ndarray, pbc: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The shortest vectors of the lattice, those without periods orthogonal to it; and each as a sum of the old ones."""
    from ase.geometry import complete_cell, minkowski_reduce

    if not pbc.any():
        return cell, np.eye(3, dtype=np.int64)
    reduced, basis = minkowski_reduce(complete_cell(np.where(pbc[:, None], cell, 0.0)), pbc)
    return np.array(reduced), basis


def _boxes(extent: np.ndarray, cutoff: float) -> np.ndarray:
    """(...) boxes of the cutoff's size around atoms that stand so far apart (..., 3), in Å."""
    return np.ceil(extent / cutoff + 2).prod(axis=-1)
