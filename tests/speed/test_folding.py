"""Training steps on folded graphs beside the same steps on the graphs as they are; the time to fold, and what it spares."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from datasets import registry
from datasets.crystals import Crystals
from datasets.neighbors import find_neighbors
from models.graph.columns import graph_columns
from models.graph.folding import fold
from models.graph.table import GraphTable
from models.graph_model import GraphModel
from models.registry import get
from tests.speed.test_training import both_tables, from_table, training_step

MOST = 256
CASES = {
    "cgcnn": (3, 2.2), "cgcnn-mdl": (4, 2.2), "megnet": (3, 2.2), "megnet-mdl": (4, 2.2), "gatgnn": (3, 2.2),
    "gatgnn-mdl": (5, 2.2), "deeper-gatgnn": (20, 2.2), "schnet": (4, 1.6), "mpnn": (4, 1.6),
}  # fmt: skip
"""Layers as published, and the ratio aimed at."""


@dataclass(frozen=True, eq=False)
class Pair:
    """A network and its graphs of `MOST` crystals."""

    name: str
    model: GraphModel
    folded: GraphTable
    plain: GraphTable
    targets: torch.Tensor


def pair(name: str, layers: int, crystals: Crystals) -> Pair:
    torch.manual_seed(0)
    spec = get(name)
    model = spec.model(replace(spec.settings("standard"), n_layers=layers))
    return Pair(name, model, *both_tables(model, crystals), torch.randn(len(crystals)))


@pytest.fixture(scope="module", params=CASES)
def bulk(request, some) -> Pair:
    return pair(request.param, CASES[request.param][0], some.take(range(MOST)))


def measured_step(measure, pair: Pair, table, role: str, size: int, **extra) -> None:
    step = training_step(pair.model.network.network, from_table(table, pair.targets, size))
    edges = len(table.cut(torch.arange(size)).src)
    assert torch.isfinite(measure(role, step, rounds=7, warmup=2, crystals=size, edges=edges, **extra))


@pytest.mark.parametrize("size", [100, MOST])
def test_a_step_on_folded_graphs(measure, benchmark, one_thread, bulk, size):
    benchmark.group = f"training step on bulk crystals: {bulk.name}, batch {size}"
    measured_step(measure, bulk, bulk.folded, "ours", size, target=CASES[bulk.name][1])


@pytest.mark.parametrize("size", [100, MOST])
def test_a_step_on_graphs_as_they_are(measure, benchmark, one_thread, bulk, size):
    benchmark.group = f"training step on bulk crystals: {bulk.name}, batch {size}"
    measured_step(measure, bulk, bulk.plain, "baseline", size)


@pytest.fixture(scope="module", params=["cgcnn", "deeper-gatgnn", "schnet"])
def clusters(request, shared_data) -> Pair:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCHMARK_DATA", str(shared_data("fung/pt_test_data.tar.gz").parents[1]))
        return pair(request.param, CASES[request.param][0] // 2 + 1, registry.load("fung/pt").take(range(100)))


def test_a_step_on_clusters(measure, benchmark, one_thread, clusters):
    benchmark.group = f"training step on clusters: {clusters.name}, batch 100"
    measured_step(measure, clusters, clusters.folded, "ours", 100, target=0.97)


def test_a_step_on_clusters_as_they_are(measure, benchmark, one_thread, clusters):
    benchmark.group = f"training step on clusters: {clusters.name}, batch 100"
    measured_step(measure, clusters, clusters.plain, "baseline", 100)


@pytest.mark.benchmark(group="folding the graphs of the CGCNN set")
def test_folding(measure, materials):
    model = get("cgcnn").model(get("cgcnn").settings("standard"))
    columns = graph_columns(materials, find_neighbors(materials, model.rule(model.settings)), tolerance=1e-5)
    bytes_of = lambda made: sum(array.nbytes for array in vars(made).values() if isinstance(array, np.ndarray))  # noqa: E731
    folded = fold(columns)
    factors = {"atoms_a_kind": len(columns.atomic_numbers) / len(folded.atomic_numbers)}
    factors["edges_a_merged_edge"] = len(columns.src) / len(folded.src)
    factors["table_fraction"] = bytes_of(folded) / bytes_of(columns)
    made = measure("ours", lambda: fold(columns), rounds=3, crystals=len(materials), **factors)
    assert len(made.src) == len(folded.src)
