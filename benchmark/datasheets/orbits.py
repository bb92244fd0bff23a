"""Kinds of atoms, by colour refinement, beside the orbits of the space group that spglib finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import spglib

from datasets.crystals import Crystals
from datasets.graph_health import EXAMPLES
from datasets.neighbor_search import TIE, Rule
from datasets.neighbors import find_neighbors
from datasets.parallel import on_every_core
from models.graph.columns import graph_columns
from models.graph.folding import fold

SYMPREC = 0.01
"""Å by which spglib lets atoms miss their symmetric places; pymatgen's default."""

LOOSER = (1e-4, 1e-3, 1e-2)
"""Å; tolerances of lengths at which the exceptions are counted again."""

SpglibCell = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Lattice, fractional coordinates, atomic numbers."""

CHUNK = 50
"""Crystals that a process looks at in one go."""


@dataclass(frozen=True)
class Orbits:
    """How many crystals have at most as many kinds of atoms as orbits.

    Attributes:
        rule: who is a neighbour.
        sampled: crystals looked at.
        refused: of these, the crystals in which spglib finds no symmetry at all; left out of what follows.
        atoms: of the others.
        kinds: kinds of atoms, where lengths within `TIE` Å are one.
        orbits: orbits.
        fewer: crystals with fewer kinds than orbits.
        equal: crystals with as many.
        more: crystals with more kinds.
        looser: (tolerance in Å, crystals with more kinds than orbits where lengths within it are one).
        misfit: Å; smallest, median and largest `misfit` of the crystals with more kinds; empty where there are none.
        ideal: crystals with more kinds than orbits once spglib has moved the atoms onto their symmetric places.
        examples: the first crystals with more kinds: id, atoms, kinds, orbits.
    """

    rule: str
    sampled: int
    refused: int
    atoms: int
    kinds: int
    orbits: int
    fewer: int
    equal: int
    more: int
    looser: tuple[tuple[float, int], ...]
    misfit: tuple[float, ...]
    ideal: int
    examples: tuple[tuple[str, int, int, int], ...]


def kinds_and_orbits(crystals: Crystals, rule: Rule, sample: int, seed: int, processes: int | None = None) -> Orbits:
    """Compare `sample` crystals drawn with `seed`, or all where there are fewer."""
    n = len(crystals)
    rows = np.sort(np.random.default_rng(seed).choice(n, sample, replace=False)) if sample < n else np.arange(n)
    chosen = crystals.take(rows)
    orbits, kinds = count_orbits(chosen, processes), count_kinds(chosen, rule, TIE, processes)
    known = orbits > 0
    more = np.flatnonzero(known & (kinds > orbits))
    exceptions = chosen.take(more)
    missed = [misfit(cell) for cell in _cells(exceptions)]
    columns = (exceptions.ids, exceptions.n_atoms, kinds[more], orbits[more])
    return Orbits(
        rule=str(rule),
        sampled=len(chosen),
        refused=int(np.sum(~known)),
        atoms=int(chosen.n_atoms[known].sum()),
        kinds=int(kinds[known].sum()),
        orbits=int(orbits.sum()),
        fewer=int(np.sum(known & (kinds < orbits))),
        equal=int(np.sum(kinds == orbits)),
        more=len(more),
        looser=tuple((at, _more(exceptions, orbits[more], rule, at)) for at in LOOSER),
        misfit=tuple(np.quantile(missed, [0, 0.5, 1]).tolist() if len(missed) else ()),
        ideal=_more(idealised(exceptions), orbits[more], rule, TIE),
        examples=tuple((str(i), int(a), int(k), int(o)) for i, a, k, o in list(zip(*columns, strict=True))[:EXAMPLES]),
    )


def _more(crystals: Crystals, orbits: np.ndarray, rule: Rule, tolerance: float) -> int:
    return int(np.sum(count_kinds(crystals, rule, tolerance) > orbits)) if len(crystals) else 0


def count_kinds(crystals: Crystals, rule: Rule, tolerance: float, processes: int | None = None) -> np.ndarray:
    """(n,) kinds of atoms of each crystal, where lengths within `tolerance` Å are one."""
    searched = find_neighbors(crystals, rule, processes, allow_isolated=True)
    return np.diff(fold(graph_columns(crystals, searched, tolerance=tolerance)).atom_offsets)


def idealised(crystals: Crystals) -> Crystals:
    """The conventional cells in which spglib puts every atom where the space group wants it; periodic in all directions."""
    cells = []
    for cell in _cells(crystals):
        ideal = _symmetry(cell)
        cells.append((ideal.std_lattice, np.ones(3, dtype=bool), ideal.std_types, ideal.std_positions))
    return Crystals.from_cells(crystals.ids.tolist(), cells)


def misfit(cell: SpglibCell) -> float:
    """Å; how far an atom, or the end of a cell vector, misses its image under an operation of the group that spglib finds."""
    lattice, coords, numbers = cell
    found = _symmetry(cell)
    other = numbers[:, None] != numbers[None]
    metric = lattice @ lattice.T
    worst = 0.0
    for rotation, translation in zip(found.rotations, found.translations, strict=True):
        apart = (coords @ rotation.T + translation)[:, None] - coords[None]
        distance = np.linalg.norm((apart - np.round(apart)) @ lattice, axis=-1)
        strain = np.abs(rotation.T @ metric @ rotation - metric).max() / (2 * np.sqrt(metric.diagonal().max()))
        worst = max(worst, float(np.where(other, np.inf, distance).min(axis=1).max()), float(strain))
    return worst


def count_orbits(crystals: Crystals, processes: int | None = None) -> np.ndarray:
    """(n,) crystallographic orbits of the atoms of each crystal; 0 where spglib finds no symmetry.

    The orbits are of the space group with all its translations, also those that a supercell's own lattice lacks.
    """
    cells = _cells(crystals)
    chunks = [cells[first : first + CHUNK] for first in range(0, len(cells), CHUNK)]
    return np.concatenate(on_every_core(_orbits, chunks, processes))


def _cells(crystals: Crystals) -> list[SpglibCell]:
    atoms = map(crystals.atoms_of, range(len(crystals)))
    return [(crystals.lattice[row], crystals.frac_coords[at], crystals.atomic_numbers[at]) for row, at in enumerate(atoms)]


def _orbits(cells: list[SpglibCell]) -> np.ndarray:
    found = [_symmetry(cell) for cell in cells]
    return np.array([0 if one is None else len(np.unique(one.crystallographic_orbits)) for one in found])


def _symmetry(cell: SpglibCell) -> Any:
    """What spglib finds, or None."""
    return spglib.get_symmetry_dataset(cell, symprec=SYMPREC)  # type: ignore[arg-type]
