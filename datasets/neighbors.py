"""Crystals + a cutoff rule → Neighbors: the columnar, periodic edge list of a whole dataset."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from pathlib import Path

import joblib
import numpy as np

from datasets.cache import Arrays, cached
from datasets.compact_cells import Compact, compact
from datasets.crystals import Crystals
from datasets.errors import InputError, require_none
from datasets.neighbor_search import PHANTOM, ChunkColumns, Radius, Rule, search_chunk, sent_by_owner
from datasets.parallel import on_every_core

CHUNK_ATOMS = 2_000
"""Atoms searched in one go: what is sorted fits a core's cache, and at the end no process waits long for another."""

PROCESS_ATOMS = 20_000
"""Atoms that are worth the start of another process."""


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The edges of n crystals, sorted by crystal, then receiving atom, then distance.

    Attributes:
        rule: how they were chosen.
        edge_offsets: (n + 1,) int64; the edges of crystal i are `edge_offsets[i]:edge_offsets[i + 1]`.
        src: (E,) int32, the neighbour, counted within its crystal.
        dst: (E,) int32, the atom that receives the edge, counted within its crystal.
        distance: (E,) float32, Å.
        image: (E, 3) int8, the cell of the neighbour: it stands at `frac_coords[src] + image`; int64 where a crystal of the
            set has atoms or lattice vectors that far away.
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
        ends = self.src if sent_by_owner(self.rule) else self.dst
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
        InputError: there are no crystals, some cannot be searched, or under `Radius` an atom has no neighbour; the line
            names them.
    """
    if not len(crystals):
        raise InputError("no crystals to search for neighbours")
    sources = [Path(__file__).with_name(f"{name}.py") for name in ("neighbors", "neighbor_search", "compact_cells")]
    code = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
    key = {"structures": crystals.structure_hash, "rule": repr(rule), "code": code}
    entry = cached("neighbors", key, lambda: search(crystals, rule, processes))
    neighbors = Neighbors(rule, seconds=entry.seconds, **entry.arrays)
    if isinstance(rule, Radius) and not allow_isolated:
        _require_neighbors(crystals, neighbors)
    return neighbors


def search(crystals: Crystals, rule: Rule, processes: int | None = None) -> Arrays:
    """The columns of `Neighbors`, computed now. Raises InputError where crystals cannot be searched."""
    made = compact(crystals, rule.cutoff)
    require_none(crystals.ids, made.refused, "remove")
    crystals = made.crystals
    marks = np.linspace(0, crystals.offsets[-1], int(crystals.offsets[-1] / CHUNK_ATOMS) + 2)
    bounds = np.unique(np.searchsorted(crystals.offsets[:-1], marks))
    chunks = [_columns(crystals, int(start), int(stop)) for start, stop in pairwise(bounds)]
    processes = min(processes or joblib.cpu_count(), int(crystals.offsets[-1]) // PROCESS_ATOMS) or 1
    found = on_every_core(partial(search_chunk, rule=rule), chunks, processes)
    columns = {name: np.concatenate([part[name] for part in found]) for name in found[0]}
    columns["edge_offsets"] = np.concatenate([[0], np.cumsum(columns.pop("n_edges"))])
    return columns | {"image": _images(made, columns)} if len(made.rows) else columns


def _images(made: Compact, columns: Arrays) -> np.ndarray:
    """The images of all edges in the cells as they were given: of 8 bits where those hold them."""
    images = columns["image"].astype(np.int64)
    for i, row in enumerate(made.rows):
        edges = slice(*map(int, columns["edge_offsets"][row : row + 2]))
        images[edges] = made.images(i, columns["src"][edges], columns["dst"][edges], images[edges])
    return images if np.abs(images).max(initial=0) > 127 else images.astype(np.int8)


def _columns(crystals: Crystals, start: int, stop: int) -> ChunkColumns:
    atoms = slice(int(crystals.offsets[start]), int(crystals.offsets[stop]))
    offsets = crystals.offsets[start : stop + 1] - crystals.offsets[start]
    return crystals.lattice[start:stop], crystals.pbc[start:stop], offsets, crystals.frac_coords[atoms]


def _require_neighbors(crystals: Crystals, neighbors: Neighbors) -> None:
    degrees = neighbors.degrees(crystals)
    if (degrees == 0).any():
        atom = int((degrees == 0).argmax())
        row = crystals.row_of(atom)
        raise InputError(
            f"crystal '{crystals.ids[row]}': atom {atom - crystals.offsets[row]} (Z = {crystals.atomic_numbers[atom]}) has "
            f"no neighbour within {neighbors.rule.cutoff:g} Å; raise the cutoff or remove the crystal"
        )
