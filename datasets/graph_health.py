"""Counts what is odd about the graphs of a data set: isolated atoms, missing neighbours, ties, atoms too close."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from datasets.crystals import Crystals
from datasets.neighbor_search import Radius, Rule
from datasets.neighbors import find_neighbors

EXAMPLES = 5
"""How many ids a finding names."""

TOO_CLOSE = 0.5
"""Å; no two nuclei of a real crystal are nearer."""


@dataclass(frozen=True)
class Affected:
    """The number of atoms with a property, the number of their crystals, and the first of these."""

    count: int
    crystals: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class GraphHealth:
    """Counts over the graphs of a data set under one neighbour rule."""

    rule: str
    crystals: int
    atoms: int
    edges: int
    seconds: float
    shortest_distance: float | None
    isolated_atoms: Affected
    atoms_with_fewer_than_k: Affected
    truncated_ties: Affected
    """Atoms where the tie rules "shell" and "cut" give different graphs."""
    atoms_too_close: Affected

    def as_dict(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return asdict(self)


def graph_health(crystals: Crystals, rule: Rule) -> GraphHealth:
    """Build (or load) the graphs of `crystals` and count what is odd about them."""
    neighbors = find_neighbors(crystals, rule, allow_isolated=True)
    degrees = neighbors.degrees(crystals)
    crystal = np.repeat(np.arange(len(crystals)), crystals.n_atoms)
    close = neighbors.distance < TOO_CLOSE
    edge_crystal = np.repeat(np.arange(len(crystals)), neighbors.n_edges)
    fewer = np.zeros(len(degrees), dtype=bool) if isinstance(rule, Radius) else degrees < rule.k

    def finding(rows: np.ndarray, count: int | None = None) -> Affected:
        unique = np.unique(rows)
        names = tuple(str(name) for name in crystals.ids[unique[:EXAMPLES]])
        return Affected(len(rows) if count is None else count, len(unique), names)

    return GraphHealth(
        rule=str(rule),
        crystals=len(crystals),
        atoms=len(degrees),
        edges=len(neighbors.src),
        seconds=neighbors.seconds,
        shortest_distance=float(neighbors.distance.min()) if len(neighbors.distance) else None,
        isolated_atoms=finding(crystal[degrees == 0]),
        atoms_with_fewer_than_k=finding(crystal[fewer]),
        truncated_ties=finding(np.flatnonzero(neighbors.tied), int(neighbors.tied.sum())),
        atoms_too_close=finding(edge_crystal[close]),
    )
