"""Crystals as graphs of node types, columns and small tensors alike."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmark.explain.classifier.classifier import Classifier
from benchmark.explain.classifier.graphs import graphs_of, pair_index
from benchmark.explain.enrichment.motifs import every_motif, holding, motifs, present
from benchmark.explain.node_types import node_type_kind, node_types_of
from benchmark.explain.search.random_graphs import random_graphs
from benchmark.explain.search.small_graphs import SmallGraphs
from datasets.errors import InputError
from models.graph_model import GraphModel
from models.registry import registered
from tests.benchmark.explain.conftest import free_rules, small

GRAPH_MODELS = [name for name, spec in registered().items() if issubclass(spec.model, GraphModel)]


def test_node_types_are_the_columns_and_rows_of_the_periodic_table():
    numbers = np.array([1, 2, 8, 11, 26, 57, 64, 71, 72, 92, 118])
    assert (node_types_of(numbers, "group") + 1).tolist() == [1, 18, 16, 1, 8, 3, 3, 3, 4, 3, 18]
    assert (node_types_of(numbers, "period") + 1).tolist() == [1, 1, 2, 3, 4, 6, 6, 6, 6, 7, 7]
    with pytest.raises(InputError, match="group or period"):
        node_type_kind("colour")


def test_a_crystal_becomes_its_node_types_and_at_most_four_different_neighbours(crystals):
    graphs = graphs_of(crystals, "group")
    assert np.array_equal(graphs.offsets, crystals.offsets)
    assert set((graphs.node_types[:8] + 1).tolist()) == {1, 17}  # rock salt
    edges = np.column_stack([np.repeat(np.arange(len(graphs)), np.diff(graphs.edge_offsets)), graphs.dst, graphs.src])
    assert (graphs.src != graphs.dst).all()
    assert len(np.unique(edges, axis=0)) == len(edges)
    assert np.unique(edges[:, :2], axis=0, return_counts=True)[1].max() <= 4


def test_counts_are_those_of_node_types_and_bonded_pairs():
    graphs = SmallGraphs.join([small([0, 1, 1], [(0, 1), (1, 2)]), small([2, 2], [(0, 1)])]).columns(3)
    assert graphs.node_type_counts().tolist() == [[1, 2, 0], [0, 0, 2]]
    pairs = graphs.pair_counts() // 2
    index = pair_index(3)
    assert pairs[0, index[0, 1]] == 1 and pairs[0, index[1, 1]] == 1 and pairs[1, index[2, 2]] == 1
    assert pairs.sum() == 3
    assert graphs.take(np.array([1])).pair_counts().tolist() == graphs.pair_counts()[1:].tolist()


@pytest.mark.parametrize("model", GRAPH_MODELS)
def test_every_graph_network_sees_the_same_in_columns_and_in_small_tensors(model, generator):
    sizes = torch.tensor([2, 3, 5, 6])
    graphs = SmallGraphs.join([random_graphs(free_rules(), sizes, sizes, generator), small([3], [])])
    torch.manual_seed(0)
    classifier = Classifier(model, 4, "mini")
    whole = classifier.predict(graphs.columns(4), np.arange(5))
    assert ((whole > 0) & (whole < 1)).all()
    np.testing.assert_allclose(classifier.probability(graphs.batch(classifier.loops)).numpy(), whole, atol=1e-6)


def test_a_model_without_graphs_is_refused():
    with pytest.raises(InputError, match="'soap-mlp' is no graph network"):
        Classifier("soap-mlp", 4, "mini")


def test_motifs_are_found_where_they_are_and_only_there():
    triangle = small([2, 0, 1, 1], [(0, 1), (1, 2), (0, 2), (2, 3)])
    chain = small([2, 0, 1, 1], [(0, 1), (1, 2), (2, 3)])
    graphs = SmallGraphs.join([triangle, chain])
    named = {kind: motifs(3, kind) for kind in ("node type", "pair", "triangle")}
    held = {kind: [[named[kind][i] for i in np.flatnonzero(row)] for row in present(graphs, 3, kind)] for kind in named}
    assert held["node type"] == [[(0,), (1,), (2,)]] * 2
    assert held["pair"] == [[(0, 1), (0, 2), (1, 1), (1, 2)], [(0, 1), (0, 2), (1, 1)]]
    assert held["triangle"] == [[(0, 1, 2)], []]


def test_crystals_hold_what_small_graphs_hold(generator):
    sizes = torch.randint(2, 7, (60,), generator=generator)
    graphs = random_graphs(free_rules(), sizes, sizes + 1, generator)
    small_ones = np.concatenate([present(graphs, 4, kind) for kind in ("node type", "pair", "triangle")], axis=1)
    assert small_ones[:, -len(motifs(4, "triangle")) :].any() and len(every_motif(4)) == small_ones.shape[1]
    np.testing.assert_array_equal(holding(graphs.columns(4)), small_ones)


def test_random_graphs_can_have_a_composition(generator):
    rules = replace(free_rules(), frequencies=torch.tensor([0.7, 0.2, 0.1, 0.0], dtype=torch.double))
    sizes = torch.full((2000,), 5)
    alike, composed = (random_graphs(rules, sizes, sizes, generator, composition=how) for how in (False, True))
    shares = [np.bincount(part.node_types[part.exists].numpy(), minlength=4) / 10_000 for part in (alike, composed)]
    np.testing.assert_allclose(shares[1], [0.7, 0.2, 0.1, 0.0], atol=0.02)
    assert shares[0][3] > 0.15, "as the search draws them, every node type is alike"
