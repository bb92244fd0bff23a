"""Rules of who is a neighbour, and their search in a few crystals: all that a helping process has to import."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pymatgen.optimization.neighbors import find_points_in_spheres

from datasets.errors import InputError

TIE = 1e-5
"""Å within which two neighbours are one shell."""

PHANTOM = 1.0
"""Å by which a phantom edge is longer than the cutoff."""


@dataclass(frozen=True)
class Nearest:
    """The k nearest periodic neighbours within `cutoff` Å.

    `ties` says what happens where k falls inside a shell of equal distances: "shell" keeps the whole shell, so the
    graph does not depend on the order of the atoms; "cut" keeps exactly k, as the published codes do. "padded" is "cut"
    with the phantom edges of the original CGCNN: an atom with fewer than k neighbours gets edges from the first atom of
    its crystal, of length cutoff + 1 Å, up to k.
    """

    k: int = 12
    cutoff: float = 8.0
    ties: Literal["shell", "cut", "padded"] = "shell"

    def __post_init__(self) -> None:
        if self.k < 1 or not 0 < self.cutoff < math.inf or self.ties not in ("shell", "cut", "padded"):
            raise InputError(f"impossible graph rule {self}: k >= 1, a positive cutoff, ties 'shell', 'cut' or 'padded'")

    def __str__(self) -> str:
        return f"nearest({self.k}, {self.cutoff:g} Å, {self.ties})"


@dataclass(frozen=True)
class Radius:
    """Every periodic neighbour within `cutoff` Å; unless `find_neighbors` is told otherwise, each atom must have one."""

    cutoff: float

    def __post_init__(self) -> None:
        if not 0 < self.cutoff < math.inf:
            raise InputError(f"impossible graph rule {self}: the cutoff must be positive")

    def __str__(self) -> str:
        return f"radius({self.cutoff:g} Å)"


@dataclass(frozen=True)
class MinimumImage:
    """MatDeepLearn's graph: the k nearest other atoms within `cutoff` Å, each at its nearest image only.

    No atom is its own neighbour and no two edges join the same pair, so a supercell has another graph than its cell.
    Ties go to the atom that stands first. `receiver` is "owner" where the messages go to the atom whose list it is
    (GATGNN, MEGNet), "neighbor" where they go the other way (CGCNN, SchNet, MPNN): the lists are not symmetric.
    """

    k: int = 12
    cutoff: float = 8.0
    receiver: Literal["owner", "neighbor"] = "owner"

    def __post_init__(self) -> None:
        if self.k < 1 or not 0 < self.cutoff < math.inf or self.receiver not in ("owner", "neighbor"):
            raise InputError(f"impossible graph rule {self}: k >= 1, a positive cutoff, receiver 'owner' or 'neighbor'")

    def __str__(self) -> str:
        return f"minimum-image({self.k}, {self.cutoff:g} Å, to {self.receiver})"


Rule = Nearest | Radius | MinimumImage


def sent_by_owner(rule: Rule) -> bool:
    """Whether an atom sends along the edges of its neighbour list, instead of receiving along them."""
    return isinstance(rule, MinimumImage) and rule.receiver == "neighbor"


ChunkColumns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Lattices, periodicities, offsets and fractional coordinates of some crystals."""


def search_chunk(chunk: ChunkColumns, rule: Rule) -> dict[str, np.ndarray]:
    """The columns of `Neighbors`, with the number of edges of each crystal in place of offsets."""
    lattice, pbc, offsets, frac_coords = chunk
    search_one = _within_nearest if isinstance(rule, Nearest) else _within_radius
    found = []
    for row in range(len(lattice)):
        cell = np.ascontiguousarray(lattice[row], dtype=float)
        coords = np.ascontiguousarray(frac_coords[offsets[row] : offsets[row + 1]] @ cell)
        found.append(search_one(coords, cell, pbc[row].astype(np.int64), rule))
    counts = np.array([len(dst) for dst, *_ in found])
    dst, src, image, distance = (np.concatenate(column) for column in zip(*found, strict=True))
    crystal = np.repeat(np.arange(len(lattice)), counts)
    atom = dst + offsets[crystal]
    order = by_group_and_value(atom, distance)
    dst, src, image, distance, crystal, atom = (c[order] for c in (dst, src, image, distance, crystal, atom))
    tied = np.zeros(len(lattice), dtype=np.int32)
    if not isinstance(rule, Radius):
        if isinstance(rule, MinimumImage):
            keep = np.flatnonzero(src != dst)
            keep = keep[_nearest_images(atom[keep], src[keep], distance[keep])]
            dst, src, image, distance, crystal, atom = (c[keep] for c in (dst, src, image, distance, crystal, atom))
        keep, atom_tied = _truncate(atom, distance, int(offsets[-1]), rule)
        tied = np.add.reduceat(atom_tied, offsets[:-1], dtype=np.int32)
        dst, src, image, distance, crystal, atom = (c[keep] for c in (dst, src, image, distance, crystal, atom))
    if isinstance(rule, Nearest) and rule.ties == "padded":
        dst, src, image, distance, crystal = _padded(dst, src, image, distance, crystal, atom, offsets, rule)
    if sent_by_owner(rule):
        order = np.lexsort((dst, distance, src, crystal))
        dst, src, image, distance, crystal = src[order], dst[order], -image[order], distance[order], crystal[order]
    return {
        "n_edges": np.bincount(crystal, minlength=len(lattice)),
        "src": src.astype(np.int32),
        "dst": dst.astype(np.int32),
        "distance": distance.astype(np.float32),
        "image": image.astype(np.int8),
        "tied": tied,
    }


def by_group_and_value(group: np.ndarray, value: np.ndarray) -> np.ndarray:
    """The stable order by ascending group ≥ 0, then value: `np.lexsort`, faster where groups fit 16 bits."""
    order = np.argsort(value, kind="stable")
    # NumPy sorts 16 bits by radix.
    small = len(group) > 0 and group.max() < 1 << 16
    return order[np.argsort(group[order].astype(np.uint16) if small else group[order], kind="stable")]


def _nearest_images(atom: np.ndarray, src: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Positions of the shortest edge of each pair of different atoms, by atom, then distance, then neighbour."""
    first = np.lexsort((distance, src, atom))
    first = first[starts(atom[first], src[first])]
    # Equal distances differ in their last digits: rounded, the tie goes to the atom that stands first.
    return first[np.lexsort((src[first], np.round(distance[first], 8), atom[first]))]


def starts(*columns: np.ndarray) -> np.ndarray:
    """Where a run of equal rows begins."""
    new = np.ones(len(columns[0]), dtype=bool)
    new[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return new


def _padded(
    dst: np.ndarray, src: np.ndarray, image: np.ndarray, distance: np.ndarray,
    crystal: np.ndarray, atom: np.ndarray, offsets: np.ndarray, rule: Nearest,
) -> tuple[np.ndarray, ...]:  # fmt: skip
    """The edges with phantom ones, from the crystal's first atom, wherever an atom has fewer than k."""
    missing = np.repeat(np.arange(offsets[-1]), rule.k - np.bincount(atom, minlength=int(offsets[-1])))
    owner = np.searchsorted(offsets, missing, side="right") - 1
    columns = (
        np.concatenate([dst, missing - offsets[owner]]),
        np.concatenate([src, np.zeros_like(missing)]),
        np.concatenate([image, np.zeros((len(missing), 3))]),
        np.concatenate([distance, np.full(len(missing), rule.cutoff + PHANTOM)]),
        np.concatenate([crystal, owner]),
    )
    order = np.lexsort((columns[3], columns[0], columns[4]))
    return tuple(column[order] for column in columns)


def _within_radius(coords: np.ndarray, cell: np.ndarray, pbc: np.ndarray, rule: Rule, radius: float = 0.0) -> Found:
    """(dst, src, image, distance) of every pair within the radius, an atom's own position left out."""
    dst, src, image, distance = find_points_in_spheres(
        all_coords=coords, center_coords=coords, r=radius or rule.cutoff, pbc=pbc, lattice=cell, tol=1e-8
    )
    itself = (dst == src) & ~image.any(axis=1)
    if itself.any():
        dst, src, image, distance = dst[~itself], src[~itself], image[~itself], distance[~itself]
    return dst, src, image, distance


Found = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _within_nearest(coords: np.ndarray, cell: np.ndarray, pbc: np.ndarray, rule: Rule) -> Found:
    """The pairs of a sphere that surely holds k neighbours of each atom: small first, grown until it does."""
    assert isinstance(rule, Nearest)
    volume = abs(np.linalg.det(cell)) if pbc.all() else math.inf
    # About twice k neighbours at the crystal's mean density.
    radius = min(rule.cutoff, (0.5 * rule.k * volume / len(coords)) ** (1 / 3))
    while True:
        found = _within_radius(coords, cell, pbc, rule, radius)
        # The shell of the k-th neighbour is whole only if the sphere reaches a tie beyond it.
        inside = np.bincount(found[0][found[3] < radius - 2 * TIE], minlength=len(coords))
        if radius >= rule.cutoff or inside.min() >= rule.k:
            return found
        radius = min(rule.cutoff, 1.25 * radius)


def _truncate(
    atom: np.ndarray, distance: np.ndarray, n_atoms: int, rule: Nearest | MinimumImage
) -> tuple[np.ndarray, np.ndarray]:
    """Which of the edges, sorted by atom and distance, to keep; and whether k cuts a shell, atom by atom."""
    degree = np.bincount(atom, minlength=n_atoms)
    first = np.cumsum(degree) - degree
    rank = np.arange(len(atom)) - first[atom]
    full = degree >= rule.k
    reach = np.full(n_atoms, np.inf)
    reach[full] = distance[first[full] + rule.k - 1] + TIE
    shell = distance <= reach[atom]
    tied = np.bincount(atom[shell], minlength=n_atoms) > np.minimum(degree, rule.k)
    return (shell if isinstance(rule, Nearest) and rule.ties == "shell" else rank < rule.k), tied
