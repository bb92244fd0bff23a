"""Crystals as graphs of node types and connectivity: what the explained classifier sees, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmark.explain.node_types import N_NODE_TYPES, NodeTypeKind, node_types_of
from datasets.crystals import Crystals
from datasets.neighbor_search import MinimumImage
from datasets.neighbors import Neighbors, find_neighbors
from models.graph.table import GraphTable

RULE = MinimumImage(k=4, cutoff=5.0)
"""The neighbours that an atom receives from: the 4 nearest other atoms, whichever of their images is nearest."""

EDGE_LENGTH = 1.0
"""Å of every edge: the same, so that a length says nothing."""


@dataclass(frozen=True, eq=False)
class TypedGraphs:
    """n graphs with N typed atoms and E edges, as columns; an edge is seen from the atom that receives along it.

    Attributes:
        n_node_types: T.
        offsets: (n + 1,) int64; the atoms of graph i are `offsets[i]:offsets[i + 1]`.
        node_types: (N,) int64, 0 … T - 1.
        edge_offsets: (n + 1,) int64.
        src: (E,) int32, the atom that sends, counted within its graph.
        dst: (E,) int32, the atom that receives, ascending within a graph.
    """

    n_node_types: int
    offsets: np.ndarray
    node_types: np.ndarray
    edge_offsets: np.ndarray
    src: np.ndarray
    dst: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, rows: np.ndarray) -> TypedGraphs:
        """The graphs at `rows` (integers), in that order."""
        atoms, offsets = _ragged(self.offsets, rows)
        edges, edge_offsets = _ragged(self.edge_offsets, rows)
        return TypedGraphs(self.n_node_types, offsets, self.node_types[atoms], edge_offsets, self.src[edges], self.dst[edges])

    def node_type_counts(self) -> np.ndarray:
        """(n, T) atoms of each node type in each graph."""
        owner = np.repeat(np.arange(len(self)), np.diff(self.offsets))
        return _counts(owner, self.node_types, len(self), self.n_node_types)

    def pair_counts(self) -> np.ndarray:
        """(n, T (T + 1) / 2) edges of each unordered pair of node types, in the order of `pair_index`."""
        owner = np.repeat(np.arange(len(self)), np.diff(self.edge_offsets))
        first = self.offsets[owner]
        pairs = pair_index(self.n_node_types)[self.node_types[first + self.src], self.node_types[first + self.dst]]
        return _counts(owner, pairs, len(self), self.n_node_types * (self.n_node_types + 1) // 2)

    def table(self, loops: bool) -> GraphTable:
        """The graphs as networks read them: node type + 1 in place of the atomic number, every edge of `EDGE_LENGTH`."""
        n, atoms, edges = len(self), len(self.node_types), len(self.src)
        ids = np.arange(n).astype(str).astype(object)
        cells = np.tile(np.eye(3), (n, 1, 1)), np.zeros((n, 3), dtype=bool)
        crystals = Crystals(ids, *cells, self.offsets, self.node_types + 1, np.zeros((atoms, 3)), pd.DataFrame(index=ids))
        neighbors = Neighbors(
            RULE, self.edge_offsets, self.src, self.dst, np.full(edges, EDGE_LENGTH, dtype=np.float32),
            np.zeros((edges, 3), dtype=np.int8), np.zeros(n, dtype=np.int32), seconds=0.0,
        )  # fmt: skip
        return GraphTable(crystals, neighbors, node_type_features(self.n_node_types), loops=loops)


def node_type_features(n_node_types: int) -> np.ndarray:
    """(T + 1, T) float32, one column a node type; row 0 stands for no atom."""
    return np.eye(n_node_types + 1, dtype=np.float32)[:, 1:]


def pair_index(n_node_types: int) -> np.ndarray:
    """(T, T) symmetric: the number of each unordered pair of node types, row by row of the upper triangle."""
    index = np.zeros((n_node_types, n_node_types), dtype=np.int64)
    rows, columns = np.triu_indices(n_node_types)
    index[rows, columns] = index[columns, rows] = np.arange(len(rows))
    return index


def graphs_of(crystals: Crystals, kind: NodeTypeKind) -> TypedGraphs:
    """The node type graph of each crystal, with the neighbours of `RULE`."""
    found = find_neighbors(crystals, RULE, allow_isolated=True)
    node_types = node_types_of(crystals.atomic_numbers, kind)
    return TypedGraphs(N_NODE_TYPES[kind], crystals.offsets, node_types, found.edge_offsets, found.src, found.dst)


def _ragged(offsets: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the elements of `rows` in a flat column, and their new offsets."""
    lengths = np.diff(offsets)[rows]
    ends = np.concatenate([[0], np.cumsum(lengths)])
    return np.repeat(offsets[rows] - ends[:-1], lengths) + np.arange(ends[-1]), ends


def _counts(rows: np.ndarray, columns: np.ndarray, n: int, width: int) -> np.ndarray:
    return np.bincount(rows * width + columns, minlength=n * width).reshape(n, width)
