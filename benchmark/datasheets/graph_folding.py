"""How far the graphs of a dataset fold, which crystals share a folded graph, and what MAE no function of the graph can beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from datasets import registry
from datasets.cards import target_values
from datasets.crystals import Crystals
from datasets.graph_health import EXAMPLES
from datasets.neighbor_search import TIE, Rule
from datasets.neighbors import find_neighbors
from models.graph.columns import GraphColumns, graph_columns
from models.graph.folding import fold
from models.graph.indistinguishable import TOLERANCE, same_graph

LOOSER = (1e-3, 1e-2)
"""Å; further tolerances at which crystals with one graph are looked for."""

ROUNDING = 1e-12
"""Values of a group that differ by a smaller share of the spread of all are equal."""


@dataclass(frozen=True, eq=False)
class Target:
    """A target's name, its unit ("1" for classes), how errors are measured ("MAE" or "error rate"), and its values (n,)."""

    name: str
    unit: str
    measure: str
    values: np.ndarray


@dataclass(frozen=True)
class Gap:
    """Two crystals with one graph: their ids and values, and whether the search for duplicates calls them one structure."""

    low: tuple[str, float]
    high: tuple[str, float]
    one_structure: bool


@dataclass(frozen=True)
class Floor:
    """The lowest error of any function of the graph over all crystals with a value.

    Attributes:
        target: its name.
        unit: of the error; "1" for the error rate of a class target.
        measure: "MAE" or "error rate".
        values: crystals with a value.
        floor: the lowest error.
        different: the part of it from groups with different structures.
        constant: the error of the best constant: the median, or the most frequent class.
        gaps: the groups whose values differ most, the widest first.
    """

    target: str
    unit: str
    measure: str
    values: int
    floor: float
    different: float
    constant: float
    gaps: tuple[Gap, ...]


@dataclass(frozen=True)
class SharedGraphs:
    """Groups of crystals with one graph, where lengths within `tolerance` Å are equal.

    Attributes:
        tolerance: Å.
        groups: of two or more crystals.
        crystals: in the groups.
        repeated: groups that are one structure listed more than once, by the search for duplicates.
        different: groups that hold different structures.
        examples: ids of the first groups, those with different structures first.
        floors: one a target with values.
    """

    tolerance: float
    groups: int
    crystals: int
    repeated: int
    different: int
    examples: tuple[tuple[str, ...], ...]
    floors: tuple[Floor, ...]


@dataclass(frozen=True)
class GraphFolding:
    """Under one rule: sizes unfolded and folded, crystals with fewer kinds than atoms, and crystals with one graph.

    `shared` is at the tolerances `TOLERANCE` and `LOOSER`.
    """

    rule: str
    atoms: int
    kinds: int
    edges: int
    merged_edges: int
    crystals: int
    folding_crystals: int
    shared: tuple[SharedGraphs, ...]


def targets_of(source: str, crystals: Crystals) -> list[Target]:
    """The targets of a dataset, a name or a folder's path, with those that are derived from others."""
    dataset = registry.get(source)
    classes = dataset.card.classes
    return [
        Target(name, *(("1", "error rate") if name in classes else (unit, "MAE")), target_values(dataset, crystals, name))
        for name, unit in dataset.card.targets.items()
    ]


def graph_folding(crystals: Crystals, rule: Rule, structures: np.ndarray, targets: Sequence[Target]) -> GraphFolding:
    """Fold the graphs of `crystals` and look for those that are one.

    Args:
        crystals: n crystals.
        rule: who is a neighbour.
        structures: (n,) equal where two crystals are the same structure.
        targets: whose floors are asked for.
    """
    neighbors = find_neighbors(crystals, rule, allow_isolated=True)
    columns = graph_columns(crystals, neighbors, tolerance=TIE)
    folded = fold(columns)

    def at(tolerance: float) -> SharedGraphs:
        graphs = same_graph(columns, tolerance)
        floors = [floor(crystals.ids, graphs, structures, target) for target in targets]
        return shared(crystals, graphs, structures, tolerance, [found for found in floors if found])

    return GraphFolding(
        rule=str(rule),
        atoms=len(columns.atomic_numbers),
        kinds=len(folded.atomic_numbers),
        edges=len(columns.src),
        merged_edges=len(folded.src),
        crystals=len(crystals),
        folding_crystals=int(np.sum(_sizes(folded) < _sizes(columns))),
        shared=tuple(at(tolerance) for tolerance in (TOLERANCE, *LOOSER)),
    )


def _sizes(columns: GraphColumns) -> np.ndarray:
    return np.diff(columns.atom_offsets)


def groups_of(labels: np.ndarray) -> list[np.ndarray]:
    """The rows of each group of two or more with equal labels (n,), in order of their first."""
    order = np.argsort(labels, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
    return sorted((rows for rows in parts if len(rows) > 1), key=lambda rows: int(rows[0]))


def shared(
    crystals: Crystals, graphs: np.ndarray, structures: np.ndarray, tolerance: float, floors: Sequence[Floor]
) -> SharedGraphs:
    """Count the groups of crystals with equal `graphs` (n,); `structures` (n,) as in `graph_folding`."""
    groups = groups_of(graphs)
    different = [len(np.unique(structures[rows])) > 1 for rows in groups]
    order = sorted(range(len(groups)), key=lambda place: not different[place])[:EXAMPLES]
    return SharedGraphs(
        tolerance=tolerance,
        groups=len(groups),
        crystals=sum(map(len, groups)),
        repeated=len(groups) - sum(different),
        different=sum(different),
        examples=tuple(tuple(map(str, crystals.ids[groups[place][:EXAMPLES]])) for place in order),
        floors=tuple(floors),
    )


def floor(ids: np.ndarray, graphs: np.ndarray, structures: np.ndarray, target: Target) -> Floor | None:
    """The lowest error of any function that gives crystals with equal `graphs` (n,) one value; None without values."""
    values = target.values
    rows = np.flatnonzero(np.isfinite(values))
    if not len(rows):
        return None
    error = _absolute if target.measure == "MAE" else _wrong
    groups = [rows[group] for group in groups_of(graphs[rows])]
    constant = error(values[rows])
    errors = np.array([error(values[group]) for group in groups])
    errors[errors < ROUNDING * constant] = 0.0
    different = np.array([len(np.unique(structures[group])) > 1 for group in groups], dtype=bool)
    widest = sorted(groups, key=lambda group: -np.ptp(values[group]))[:EXAMPLES]
    return Floor(
        target=target.name,
        unit=target.unit,
        measure=target.measure,
        values=len(rows),
        floor=float(errors.sum() / len(rows)),
        different=float(errors[different].sum() / len(rows)),
        constant=constant / len(rows),
        gaps=tuple(_gap(ids, structures, values, group) for group in widest if np.ptp(values[group]) > ROUNDING * constant),
    )


def _absolute(values: np.ndarray) -> float:
    """Sum of the distances from the median, which no other number makes smaller."""
    return float(np.abs(values - np.median(values)).sum())


def _wrong(values: np.ndarray) -> float:
    """Members that are not of the most frequent class."""
    return float(len(values) - np.unique(values, return_counts=True)[1].max())


def _gap(ids: np.ndarray, structures: np.ndarray, values: np.ndarray, rows: np.ndarray) -> Gap:
    low, high = rows[np.argmin(values[rows])], rows[np.argmax(values[rows])]
    ends = [(str(ids[row]), float(values[row])) for row in (low, high)]
    return Gap(ends[0], ends[1], bool(structures[low] == structures[high]))
