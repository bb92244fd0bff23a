"""Crystals + a cutoff rule → Neighbors: the columnar, periodic edge list of a whole dataset."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path
from typing import Literal

import joblib
import numpy as np
from pymatgen.optimization.neighbors import find_points_in_spheres

from datasets.cache import Arrays, cached
from datasets.crystals import Crystals
from datasets.errors import InputError
from datasets.parallel import on_every_core

TIE = 1e-5
"""Å within which two neighbours are one shell."""

PHANTOM = 1.0
"""Å by which a phantom edge is longer than the cutoff."""

CHUNK_ATOMS = 20_000
"""Atoms searched in one go; a pool is worth its start-up from a few chunks on."""


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


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The edges of n crystals, sorted by crystal, then receiving atom, then distance.

    Attributes:
        rule: how they were chosen.
        edge_offsets: (n + 1,) int64; the edges of crystal i are `edge_offsets[i]:edge_offsets[i + 1]`.
        src: (E,) int32, the neighbour, counted within its crystal.
        dst: (E,) int32, the atom that receives the edge, counted within its crystal.
        distance: (E,) float32, Å.
        image: (E, 3) int8, the cell of the neighbour: it stands at `frac_coords[src] + image`.
        tied: (n,) int32, atoms whose k-th neighbour shares its shell with the next.
        seconds: wall-clock time of the search, when it was made.
    """

    rule: Rule
    edge_offsets: np.ndarray
    src: np.ndarray
    dst: np.ndarray
    distance: np.ndarray
    image: np.ndarray
    tied: np.ndarray
    seconds: float

    def __len__(self) -> int:
        return len(self.edge_offsets) - 1

    @cached_property
    def n_edges(self) -> np.ndarray:
        """(n,) edges in each crystal."""
        return np.diff(self.edge_offsets)

    def degrees(self, crystals: Crystals) -> np.ndarray:
        """(N,) neighbours of each atom of `crystals`; phantom edges do not count."""
        ends = self.src if isinstance(self.rule, MinimumImage) and self.rule.receiver == "neighbor" else self.dst
        atom = ends + np.repeat(crystals.offsets[:-1], self.n_edges)
        return np.bincount(atom[self.distance < self.rule.cutoff + PHANTOM / 2], minlength=len(crystals.atomic_numbers))


def find_neighbors(crystals: Crystals, rule: Rule, processes: int | None = None, allow_isolated: bool = False) -> Neighbors:
    """Search every crystal, in the directions in which it is periodic; cached on disk by structures, rule and code.

    Args:
        crystals: n crystals.
        rule: which neighbours to keep.
        processes: how many to use (default: one a core; small sets use one).
        allow_isolated: whether an atom may be without neighbours under `Radius` too.

    Raises:
        InputError: there are no crystals, or under `Radius` an atom has no neighbour; the line names it.
    """
    if not len(crystals):
        raise InputError("no crystals to search for neighbours")
    code = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    key = {"structures": crystals.structure_hash, "rule": repr(rule), "code": code}
    entry = cached("neighbors", key, lambda: search(crystals, rule, processes))
    neighbors = Neighbors(rule, seconds=entry.seconds, **entry.arrays)
    if isinstance(rule, Radius) and not allow_isolated:
        _require_neighbors(crystals, neighbors)
    return neighbors


def search(crystals: Crystals, rule: Rule, processes: int | None = None) -> Arrays:
    """The columns of `Neighbors`, computed now."""
    marks = np.linspace(0, crystals.offsets[-1], int(crystals.offsets[-1] / CHUNK_ATOMS) + 2)
    bounds = np.unique(np.searchsorted(crystals.offsets[:-1], marks))
    chunks = [_columns(crystals, int(start), int(stop)) for start, stop in pairwise(bounds)]
    processes = min(processes or joblib.cpu_count(), len(chunks) // 2) or 1
    found = on_every_core(partial(_search_chunk, rule=rule), chunks, processes)
    columns = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
    columns["edge_offsets"] = np.concatenate([[0], np.cumsum(columns.pop("n_edges"))])
    return columns


ChunkColumns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def _columns(crystals: Crystals, start: int, stop: int) -> ChunkColumns:
    atoms = slice(int(crystals.offsets[start]), int(crystals.offsets[stop]))
    offsets = crystals.offsets[start : stop + 1] - crystals.offsets[start]
    return crystals.lattice[start:stop], crystals.pbc[start:stop], offsets, crystals.frac_coords[atoms]


def _search_chunk(chunk: ChunkColumns, rule: Rule) -> Arrays:
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
    if len(image) and np.abs(image).max() > 127:
        raise InputError("a neighbour lies more than 127 cells away: a cell vector is far shorter than the cutoff")
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
    if isinstance(rule, MinimumImage) and rule.receiver == "neighbor":
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


def _require_neighbors(crystals: Crystals, neighbors: Neighbors) -> None:
    degrees = neighbors.degrees(crystals)
    if (degrees == 0).any():
        atom = int((degrees == 0).argmax())
        row = crystals.row_of(atom)
        raise InputError(
            f"crystal '{crystals.ids[row]}': atom {atom - crystals.offsets[row]} (Z = {crystals.atomic_numbers[atom]}) has "
            f"no neighbour within {neighbors.rule.cutoff:g} Å; raise the cutoff or remove the crystal"
        )
