"""The graph-health report of a dataset: what a graph network will not see, before anybody trains on it."""

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
class Finding:
    """How many atoms it concerns, in how many crystals, and the first of them."""

    count: int
    crystals: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Health:
    """What the graphs of a dataset look like under a rule."""

    rule: str
    crystals: int
    atoms: int
    edges: int
    seconds: float
    shortest_distance: float | None
    isolated_atoms: Finding
    atoms_with_fewer_than_k: Finding
    truncated_ties: Finding
    """Atoms where the tie rules "shell" and "cut" give different graphs."""
    atoms_too_close: Finding

    def as_dict(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return asdict(self)


def graph_health(crystals: Crystals, rule: Rule) -> Health:
    """Build (or load) the graphs of `crystals` and report on them; under `Radius` isolated atoms are counted too."""
    neighbors = find_neighbors(crystals, rule, allow_isolated=True)
    degrees = neighbors.degrees(crystals)
    crystal = np.repeat(np.arange(len(crystals)), crystals.n_atoms)
    close = neighbors.distance < TOO_CLOSE
    edge_crystal = np.repeat(np.arange(len(crystals)), neighbors.n_edges)
    fewer = np.zeros(len(degrees), dtype=bool) if isinstance(rule, Radius) else degrees < rule.k

    def finding(rows: np.ndarray, count: int | None = None) -> Finding:
        unique = np.unique(rows)
        names = tuple(str(name) for name in crystals.ids[unique[:EXAMPLES]])
        return Finding(len(rows) if count is None else count, len(unique), names)

    return Health(
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
