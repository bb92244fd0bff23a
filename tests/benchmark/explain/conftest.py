"""Rules and graphs that several tests grow."""

from __future__ import annotations

from collections.abc import Iterator

import networkx as nx
import pytest
import torch

from benchmark.explain.search.one_thread import one_thread
from benchmark.explain.search.small_graphs import Rules, SmallGraphs
from benchmark.explain.settings import Limits


def free_rules(n_node_types: int = 4, **limits: int) -> Rules:
    """Every pair of node types may be bonded; all node types begin graphs alike."""
    allowed = torch.ones(n_node_types, n_node_types, dtype=torch.bool)
    return Rules(Limits(**limits), allowed, torch.full((n_node_types,), 1.0 / n_node_types))


def small(node_types: list[int], bonds: list[tuple[int, int]], max_atoms: int = 6) -> SmallGraphs:
    """One graph."""
    places = torch.full((1, max_atoms), -1)
    places[0, : len(node_types)] = torch.tensor(node_types)
    matrix = torch.zeros(1, max_atoms, max_atoms, dtype=torch.bool)
    for i, j in bonds:
        matrix[0, i, j] = matrix[0, j, i] = True
    return SmallGraphs(places, matrix)


def network(graphs: SmallGraphs, row: int) -> nx.Graph:
    """A graph for networkx, self-loops included where there are some."""
    graph = nx.Graph()
    graph.add_nodes_from(
        (place, {"node type": int(node_type)}) for place, node_type in enumerate(graphs.node_types[row]) if node_type >= 0
    )
    graph.add_edges_from(graphs.bonds[row].nonzero().tolist())
    return graph


def require_valid(graphs: SmallGraphs, rules: Rules) -> None:
    """Fail where a graph breaks one of the rules, judged without the masks that made it."""
    limits = rules.limits
    assert torch.equal(graphs.bonds, graphs.bonds.transpose(1, 2))
    for row in range(len(graphs)):
        graph = network(graphs, row)
        assert sorted(graph) == list(range(len(graph))), "atoms fill the first places"
        assert 1 <= len(graph) <= limits.max_atoms and nx.is_connected(graph)
        assert nx.number_of_selfloops(graph) == 0 and graph.number_of_edges() <= limits.max_bonds
        assert max(dict(graph.degree).values()) <= limits.max_neighbors
        for i, j in graph.edges:
            assert rules.allowed[graph.nodes[i]["node type"], graph.nodes[j]["node type"]]


@pytest.fixture(scope="package", autouse=True)
def quick() -> Iterator[None]:
    """Tensors are so small here that a second thread only waits."""
    with one_thread():
        yield


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)
