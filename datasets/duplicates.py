"""Which crystals of a dataset are the same structure, however their cells are written."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import pdist

from datasets.cache import Arrays, cached
from datasets.crystals import Crystals
from datasets.neighbor_search import Nearest
from datasets.neighbors import find_neighbors
from datasets.parallel import on_every_core

if TYPE_CHECKING:
    from pymatgen.core import Structure

VERSION = 1
"""Of the search; groups found by another version are not read from the cache."""

SIZE = 0.02
"""Two crystals are compared where their volumes (sheets: areas) an atom differ by less than this share."""

THICKNESS = 0.5
"""Å by which the thickness of two equal sheets may differ."""

GAP = 3.0
"""Å between a sheet and its images in the box in which sheets are compared."""

SHELLS = Nearest(12, 8.0)
"""The neighbours whose distances must agree before two periodic crystals are matched atom by atom."""

DISTANCES = 0.05
"""Å by which the mean distances to the k-th neighbour may differ, for each element and k."""

CLUSTER_DISTANCES = 0.05
"""Å by which any two interatomic distances of equal clusters, each list sorted, may differ."""

POOL_PAIRS = 500
"""From as many pairs on a pool of processes is worth its start-up."""

TOLERANCES = (SIZE, DISTANCES, str(SHELLS), THICKNESS, GAP, CLUSTER_DISTANCES)

RULE = (
    f"Two crystals are duplicates if they are periodic along as many directions, have the same reduced formula, volumes an "
    f"atom within {SIZE:.0%}, mean distances to the k-th neighbour (k up to {SHELLS.k}, within {SHELLS.cutoff:g} Å, element by "
    f"element) within {DISTANCES:g} Å, and if pymatgen's StructureMatcher matches their primitive cells with its default "
    f"tolerances (ltol 0.2, stol 0.3, angle_tol 5°) and without scaling the volume. Sheets (periodic along two directions) "
    f"are compared by area instead of volume, by thickness within {THICKNESS:g} Å, and by StructureMatcher in a box of their "
    f"own, the sheet and {GAP:g} Å, whatever the vacuum. Clusters (not periodic) must have the same formula and, for each "
    f"pair of elements, the same sorted distances within {CLUSTER_DISTANCES:g} Å. Mirror images are one. Crystals periodic "
    f"along one direction are not compared. A group is all crystals joined by a chain of such pairs."
)


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Groups of n crystals.

    Attributes:
        labels: (n,) int64, the row of the first crystal of the group that each belongs to; its own where it is alone.
        compared: pairs that agree in formula, size and neighbour distances.
        seconds: wall-clock time of the search, when it was made.
    """

    labels: np.ndarray
    compared: int
    seconds: float

    @cached_property
    def groups(self) -> list[np.ndarray]:
        """The rows of each group of two or more, in order of their first."""
        order = np.argsort(self.labels, kind="stable")
        starts = np.flatnonzero(np.diff(self.labels[order])) + 1
        return [rows for rows in np.split(order, starts) if len(rows) > 1]


def find_duplicates(crystals: Crystals, processes: int | None = None) -> Duplicates:
    """Group the crystals by `RULE`; cached on disk by structures, tolerances and version.

    Args:
        crystals: n crystals.
        processes: how many to use (default: one a core; small sets use one).
    """
    key = {"structures": crystals.structure_hash, "tolerances": TOLERANCES, "version": VERSION}
    entry = cached("duplicates", key, lambda: search(crystals, processes))
    return Duplicates(np.asarray(entry.arrays["labels"]), int(entry.arrays["compared"][0]), entry.seconds)


def search(crystals: Crystals, processes: int | None = None) -> Arrays:
    """The columns of `Duplicates`, computed now."""
    pairs, kinds = _candidates(crystals)
    equal = np.concatenate([_equal_clusters(crystals, pairs[kinds == 0]), _matched(crystals, pairs[kinds > 0], processes)])
    _, component = _components(len(crystals), equal)
    _, first, inverse = np.unique(component, return_index=True, return_inverse=True)
    return {"labels": first[inverse].astype(np.int64), "compared": np.array([len(pairs)])}


def _components(n: int, pairs: np.ndarray) -> tuple[int, np.ndarray]:
    ones = np.ones(len(pairs), dtype=bool)
    return connected_components(coo_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(n, n)), directed=False)


# -- what is compared at all: cheap quantities that every way to write a crystal shares -------------


def _candidates(crystals: Crystals) -> tuple[np.ndarray, np.ndarray]:
    """(p, 2) rows of the pairs to compare, and in how many directions each pair is periodic."""
    kind = crystals.pbc.sum(axis=1)
    size = _sizes(crystals, kind)
    blocks: dict[tuple[int, bytes], list[int]] = {}
    for row in np.flatnonzero(kind != 1).tolist():
        elements, counts = np.unique(crystals.atomic_numbers[crystals.atoms_of(row)], return_counts=True)
        formula = np.stack([elements, counts // (np.gcd.reduce(counts) if kind[row] else 1)])
        blocks.setdefault((int(kind[row]), formula.tobytes()), []).append(row)
    found = [_close(np.array(rows), size) for rows in blocks.values() if len(rows) > 1]
    pairs = np.concatenate([np.empty((0, 2), dtype=np.int64), *found])
    sheets = kind[pairs[:, 0]] == 2
    thickness = {int(row): np.ptp(_heights(crystals, int(row))[0]) for row in np.unique(pairs[sheets])}
    kept = ~sheets
    kept[sheets] = [abs(thickness[int(i)] - thickness[int(j)]) <= THICKNESS for i, j in pairs[sheets]]
    periodic = kind[pairs[:, 0]] > 0
    kept[periodic] &= _equal_shells(crystals, pairs[periodic])
    return pairs[kept], kind[pairs[kept, 0]]


def _sizes(crystals: Crystals, kind: np.ndarray) -> np.ndarray:
    """(n,) what equal crystals share, in units of the difference allowed.

    The logarithm of the volume (sheets: the area) an atom; the mean distance between the atoms of a cluster.
    """
    open_axis = np.argmin(crystals.pbc, axis=1)
    rows = np.arange(len(crystals))
    a, b = crystals.lattice[rows, open_axis - 2], crystals.lattice[rows, open_axis - 1]
    area = np.linalg.norm(np.cross(a, b), axis=1)
    volume = np.abs(np.linalg.det(crystals.lattice))
    size = np.log(np.where(kind == 2, area, volume) / crystals.n_atoms) / np.log1p(SIZE)
    for row in np.flatnonzero((kind == 0) & (crystals.n_atoms > 1)).tolist():
        size[row] = pdist(crystals.cart_coords(row)).mean() / CLUSTER_DISTANCES
    size[(kind == 0) & (crystals.n_atoms == 1)] = 0.0
    return size


def _close(rows: np.ndarray, size: np.ndarray) -> np.ndarray:
    """(p, 2) pairs of `rows` whose sizes differ by at most 1; from the smaller to the larger."""
    rows = rows[np.argsort(size[rows], kind="stable")]
    beyond = np.searchsorted(size[rows], size[rows] + 1, side="right")
    counts = beyond - np.arange(len(rows)) - 1
    left = np.repeat(np.arange(len(rows)), counts)
    right = left + 1 + np.arange(len(left)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.stack([rows[left], rows[right]], axis=1)


def _equal_shells(crystals: Crystals, pairs: np.ndarray) -> np.ndarray:
    """(p,) whether the mean distances to the k-th neighbour agree, element by element; a missing neighbour is at the cutoff.

    Means over all atoms of an element are those of every supercell, and change no faster than the atoms move.
    """
    neighbors = find_neighbors(crystals, SHELLS, allow_isolated=True)
    degrees = neighbors.degrees(crystals)
    atom = np.repeat(np.arange(len(degrees)), degrees)
    rank = np.arange(len(atom)) - (np.cumsum(degrees) - degrees)[atom]
    near = rank < SHELLS.k
    distances = np.full((len(degrees), SHELLS.k), SHELLS.cutoff)
    distances[atom[near], rank[near]] = neighbors.distance[near]
    crystal = np.repeat(np.arange(len(crystals)), crystals.n_atoms)
    # One row a crystal and element, in order of both: equal formulas have their rows in the same order.
    owner, inverse = np.unique(np.stack([crystal, crystals.atomic_numbers]), axis=1, return_inverse=True)
    means = np.zeros((owner.shape[1], SHELLS.k))
    np.add.at(means, inverse.ravel(), distances)
    means /= np.bincount(inverse.ravel())[:, None]
    bounds = np.searchsorted(owner[0], np.arange(len(crystals) + 1))
    return np.array(
        [np.abs(means[bounds[i] : bounds[i + 1]] - means[bounds[j] : bounds[j + 1]]).max() <= DISTANCES for i, j in pairs],
        dtype=bool,
    )


# -- clusters: sorted distances ---------------------------------------------------------------------


def _equal_clusters(crystals: Crystals, pairs: np.ndarray) -> np.ndarray:
    lists = {int(row): _distances(crystals, int(row)) for row in np.unique(pairs)}
    same = [np.abs(lists[i] - lists[j]).max(initial=0.0) <= CLUSTER_DISTANCES for i, j in pairs.tolist()]
    return pairs[np.array(same, dtype=bool)]


def _distances(crystals: Crystals, row: int) -> np.ndarray:
    """All distances of a cluster, sorted by the pair of elements, then by length."""
    numbers = crystals.atomic_numbers[crystals.atoms_of(row)]
    first, second = np.triu_indices(len(numbers), 1)
    distances = pdist(crystals.cart_coords(row))
    low, high = np.minimum(numbers[first], numbers[second]), np.maximum(numbers[first], numbers[second])
    return distances[np.lexsort((distances, high, low))]


# -- periodic crystals: StructureMatcher ------------------------------------------------------------


def _matched(crystals: Crystals, pairs: np.ndarray, processes: int | None) -> np.ndarray:
    """(m, 2) pairs that join every crystal with the others of its group; pairs already joined are not compared."""
    _, component = _components(len(crystals), pairs)
    order = np.argsort(component[pairs[:, 0]], kind="stable")
    starts = np.flatnonzero(np.diff(component[pairs[order, 0]])) + 1
    blocks = np.split(pairs[order], starts) if len(pairs) else []
    blocks.sort(key=lambda block: -len(block) * int(crystals.n_atoms[block[0, 0]]))  # the longest first
    processes = processes if len(pairs) >= POOL_PAIRS else 1
    if len(pairs) >= POOL_PAIRS:
        logging.getLogger(__name__).info("comparing %s pairs of crystals; the result is kept", f"{len(pairs):,}")
    jobs = [(crystals.take(rows := np.unique(block)), rows, block) for block in blocks]
    return np.concatenate([np.empty((0, 2), dtype=np.int64), *on_every_core(_match_block, jobs, processes)])


def _match_block(job: tuple[Crystals, np.ndarray, np.ndarray]) -> np.ndarray:
    """(len(rows), 2) each of the rows beside the first of its group, of some crystals, their rows, and pairs of these."""
    from pymatgen.analysis.structure_matcher import StructureMatcher

    crystals, rows, pairs = job
    matcher = StructureMatcher(primitive_cell=False, scale=False)
    cells = [_reduced(crystals, row) for row in range(len(crystals))]
    group = np.arange(len(crystals))
    for i, j in np.searchsorted(rows, pairs):
        if (
            group[i] != group[j]
            and len(cells[i]) == len(cells[j])
            and matcher.fit(cells[i], cells[j], skip_structure_reduction=True)
        ):
            group[group == group[j]] = group[i]
    return np.stack([rows[group], rows], axis=1)


def _reduced(crystals: Crystals, row: int) -> Structure:
    """Niggli-reduced, then primitive: what StructureMatcher makes of a structure first, once for all its pairs."""
    structure = crystals.to_structure(row) if crystals.pbc[row].all() else _boxed(crystals, row)
    try:
        return structure.get_reduced_structure(reduction_algo="niggli").get_primitive_structure()
    except ValueError:  # pymatgen finds no Niggli cell for some very skewed lattices
        return structure.get_reduced_structure(reduction_algo="LLL")


def _boxed(crystals: Crystals, row: int) -> Structure:
    """A sheet in a box of its own: along the normal, its thickness and `GAP`."""
    from pymatgen.core import Lattice, Structure

    heights, normal = _heights(crystals, row)
    lattice = crystals.lattice[row].copy()
    lattice[np.argmin(crystals.pbc[row])] = normal * (np.ptp(heights) + GAP)
    numbers = crystals.atomic_numbers[crystals.atoms_of(row)]
    return Structure(Lattice(lattice), numbers, crystals.cart_coords(row), coords_are_cartesian=True)


def _heights(crystals: Crystals, row: int) -> tuple[np.ndarray, np.ndarray]:
    """(atoms,) Å along the normal of a sheet, and the normal."""
    a, b = crystals.lattice[row][crystals.pbc[row]]
    normal = np.cross(a, b)
    normal /= np.linalg.norm(normal)
    return crystals.cart_coords(row) @ normal, normal
