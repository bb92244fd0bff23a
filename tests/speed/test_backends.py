"""Training steps through DGL's kernels beside the same steps by torch's, on graphs as they are and folded: one thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from models.graph.message_passing import Backend, backend
from models.graph.table import GraphTable
from models.graph_model import GraphModel
from models.registry import get, registered
from tests.backends import needs_dgl
from tests.speed.test_training import both_tables, from_table, training_step

pytestmark = needs_dgl

SIZE = 100
LAYERS = {"deeper-gatgnn": 10}
"""Otherwise as in the profile `standard`."""
GRAPH_MODELS = [name for name, spec in registered().items() if issubclass(spec.model, GraphModel)]


@pytest.fixture(scope="module", params=GRAPH_MODELS)
def network(request, some) -> tuple[GraphModel, dict[str, GraphTable], torch.Tensor]:
    """A network, its graphs of 100 crystals folded and not, and targets."""
    torch.manual_seed(0)
    spec = get(request.param)
    settings = spec.settings("standard")
    model = spec.model(replace(settings, n_layers=LAYERS.get(request.param, settings.n_layers)))
    folded, plain = both_tables(model, some.take(range(SIZE)))
    return model, {"folded": folded, "as they are": plain}, torch.randn(SIZE)


each_graph = pytest.mark.parametrize("graphs", ["as they are", "folded"])


@pytest.fixture
def measured_step(measure, benchmark, one_thread, network, graphs: str, request) -> Callable[[Backend, str], None]:
    """A training step through one backend's kernels, as a rival in the group of its network and graphs."""
    model, tables, targets = network
    name = request.node.callspec.params["network"]
    benchmark.group = f"a training step of {name}, batch {SIZE}, graphs {graphs}: dgl beside torch"

    def measured(chosen: Backend, role: str) -> None:
        with backend(chosen):
            step = training_step(model.network.network, from_table(tables[graphs], targets, SIZE))
            assert torch.isfinite(measure(role, step, rounds=9, warmup=2, crystals=SIZE))

    return measured


@each_graph
def test_a_step_through_dgl(measured_step, graphs):
    measured_step("dgl", "ours")


@each_graph
def test_a_step_through_torch(measured_step, graphs):
    measured_step("torch", "baseline")
