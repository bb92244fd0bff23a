"""What every crystal has to pass after it is read, whatever the format."""

from __future__ import annotations

from functools import lru_cache
from itertools import product

import numpy as np

from datasets.crystals import Cell
from datasets.errors import InputError
from datasets.readers.symbols import HEAVIEST

FLATTEST = 1e-8
SMALLEST = 1e-6
"""Å³, as `Crystals` has it."""

FARTHEST = 1e8
"""Cells; a float64 with more of them before the point has fewer than eight digits of the place in the cell."""

NEAREST = 0.5
"""Å; no two nuclei of a crystal are nearer: H₂ has 0.74 Å."""

OF_RADII = 0.6
"""Of the sum of the covalent radii; the nearest pair of the 106,216 built-in crystals, Nb-Nb of mp-581991, has 0.607."""

OF_RADII_WITH_HYDROGEN = 0.5
"""X-rays see hydrogen too near by 0.1 Å and more; the nearest of the built-in crystals, computed ones, is H-Ru with 0.88."""

DENSEST = NEAREST**3 / np.sqrt(2)
"""Å³ an atom: the closest packing of atoms that are `NEAREST` apart."""

QUERY, MOST_PAIRS = 128, 10**6
"""Atoms whose neighbours are searched first, and pairs at once: a heap of atoms at one point must not fill the memory."""

SKEWED = 0.1
"""Volume of a cell over the product of its lengths, below which other vectors of its lattice are taken."""

SPARSEST = 10**5
"""Volume over the cube of the cutoff, above which a search by cells of the cutoff's size would fill the memory."""


def checked(cell: Cell, name: str) -> Cell:
    """The cell itself, if it can be a crystal.

    Raises:
        InputError: it has no atoms, an unknown element, a value that is not finite or vast, a flat lattice, or atoms too close.
    """
    lattice, _, numbers, frac_coords = cell
    if len(numbers) == 0:
        raise InputError(f"{name}: no atoms")
    if numbers.min() < 1 or numbers.max() > HEAVIEST:
        unknown = (numbers < 1) | (numbers > HEAVIEST)
        raise InputError(f"{name}: atom {int(unknown.argmax())} is of no known element")
    if not np.isfinite(lattice).all():
        raise InputError(f"{name}: a lattice vector is not finite")
    volume, box = _volumes(lattice)
    if volume <= max(SMALLEST, FLATTEST * box):
        raise InputError(f"{name}: the lattice vectors span no volume")
    if not np.isfinite(frac_coords).all():
        infinite = ~np.isfinite(frac_coords).all(axis=1)
        raise InputError(f"{name}: a coordinate of atom {int(infinite.argmax())} is not finite")
    if np.abs(frac_coords).max() > FARTHEST:
        far = (np.abs(frac_coords) > FARTHEST).any(axis=1)
        raise InputError(f"{name}: atom {int(far.argmax())} lies more than {FARTHEST:.0e} cells away; correct its coordinates")
    near = _too_close(cell, volume, box)
    if near:
        raise InputError(f"{name}: {near}")
    return cell


def too_close(cell: Cell) -> str | None:
    """Which two atoms, or images of one, are too close for a crystal, and what to do; None where no two are.

    The limit is 0.5 Å, or 0.6 of the sum of the covalent radii (0.5 of it where one is hydrogen) if that is more.
    """
    return _too_close(cell, *_volumes(cell[0]))


def _volumes(lattice: np.ndarray) -> tuple[float, float]:
    """Of a cell, and of a box with edges as long as its vectors, in Å³."""
    return abs(float(np.linalg.det(lattice))), float(np.sqrt((lattice * lattice).sum(axis=1)).prod())


def _too_close(cell: Cell, volume: float, box: float) -> str | None:
    _, pbc, numbers, _ = cell
    if pbc.all() and volume < DENSEST * len(numbers):
        return f"{len(numbers)} atoms in {volume:.3g} Å³; is the cell in Å, and each atom listed once?"
    limits = _limits()
    kinds = np.unique(numbers)
    cutoff = float(limits[kinds][:, kinds].max())
    found = _nearest_of(cell, volume < SKEWED * box, cutoff)
    if found is None:
        return None
    from ase.data import chemical_symbols

    first, second, distance = *sorted(found[:2]), found[2]
    names = [f"{atom} ({chemical_symbols[numbers[atom]]})" for atom in (first, second)]
    pair = f"atom {names[0]} and its own periodic image" if first == second else f"atoms {names[0]} and {names[1]}"
    least = limits[numbers[first], numbers[second]]
    return (
        f"{pair} are {distance:.3f} Å apart, which no crystal has (at least {least:.2f} Å); is an atom there twice, "
        "or the cell not in Å?"
    )


def _nearest_of(crystal: Cell, skewed: bool, cutoff: float) -> tuple[int, int, float] | None:
    """A pair of atoms below their limit, and their distance; None where no pair is below it."""
    lattice, periodic, numbers, frac_coords = crystal
    pbc = np.asarray(periodic, dtype=bool)
    cell, coords = _compact(lattice, pbc, frac_coords, skewed)
    span = coords.max(axis=0) - coords.min(axis=0) + np.abs(cell[pbc]).sum(axis=0) + cutoff
    sparse = span.prod() > SPARSEST * cutoff**3
    start, size = 0, QUERY
    while start < len(coords):
        search = _pairs_in_sparse if sparse else _pairs
        first, second, apart, distance = search(cell, coords, pbc, slice(start, start + size), cutoff)
        if apart.any():  # an atom lies within the cutoff of itself
            share = np.where(apart, distance / _limits()[numbers[first], numbers[second]], np.inf)
            pair = int(share.argmin())
            if share[pair] < 1:
                return int(first[pair]), int(second[pair]), float(distance[pair])
        start, size = start + size, max(1, int(size * MOST_PAIRS / max(len(first), size)))
    return None


def _compact(lattice: np.ndarray, pbc: np.ndarray, frac_coords: np.ndarray, skewed: bool) -> tuple[np.ndarray, np.ndarray]:
    """Cell vectors as short as the lattice has, where they are skewed, and Cartesian coordinates wrapped into the cell."""
    cell = np.ascontiguousarray(lattice, dtype=float)
    if skewed and pbc.sum() > 1:
        from ase.geometry import minkowski_reduce

        cartesian = (frac_coords - np.where(pbc, np.floor(frac_coords), 0)) @ cell
        cell = np.array(minkowski_reduce(cell, pbc)[0])
        frac_coords = cartesian @ np.linalg.inv(cell)
    return cell, np.ascontiguousarray((frac_coords - np.where(pbc, np.floor(frac_coords), 0)) @ cell)


def _pairs(
    cell: np.ndarray, coords: np.ndarray, pbc: np.ndarray, of: slice, cutoff: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """First atom (one of `of`), second atom, whether they are two or an image, and distance of the pairs within `cutoff`."""
    from pymatgen.optimization.neighbors import find_points_in_spheres

    first, second, image, distance = find_points_in_spheres(
        coords, np.ascontiguousarray(coords[of]), cutoff, np.asarray(pbc, dtype=np.int64), cell, 1e-8
    )
    first = first + of.start
    return first, second, (first != second) | image.any(axis=1), distance


def _pairs_in_sparse(
    cell: np.ndarray, coords: np.ndarray, pbc: np.ndarray, of: slice, cutoff: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """As `_pairs`, in little memory where the cell is vast."""
    from scipy.spatial import cKDTree

    heights = 1 / np.linalg.norm(np.linalg.inv(cell), axis=0)
    reach = np.where(pbc, np.ceil(cutoff / heights), 0).astype(int)
    shifts = np.array(list(product(*(range(-n, n + 1) for n in reach))))
    images = (shifts @ cell)[:, None] + coords
    near = cKDTree(coords[of]).sparse_distance_matrix(cKDTree(images.reshape(-1, 3)), cutoff, output_type="ndarray")
    first, (shift, second) = near["i"] + of.start, np.divmod(near["j"], len(coords))
    return first, second, (first != second) | shifts[shift].any(axis=1), near["v"]


@lru_cache(maxsize=1)
def _limits() -> np.ndarray:
    """(119, 119) least distances in Å by atomic numbers."""
    from ase.data import covalent_radii

    radii = covalent_radii[: HEAVIEST + 1]
    hydrogen = np.arange(HEAVIEST + 1) == 1
    share = np.where(hydrogen[:, None] | hydrogen, OF_RADII_WITH_HYDROGEN, OF_RADII)
    return np.maximum(NEAREST, share * (radii[:, None] + radii))
