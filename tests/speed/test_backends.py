"""Training steps through DGL's kernels and of PyTorch Geometric's layers beside the same steps by torch's: one thread."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch

from models.graph.message_passing import Backend, backend
from models.graph.table import GraphTable
from models.graph_model import GraphModel
from models.registry import get, registered
from tests.backends import needs_dgl
from tests.speed.pyg import NETWORKS, as_data
from tests.speed.test_training import both_tables, from_loader, from_table, training_step

SIZE = 100
LAYERS = {"deeper-gatgnn": 10}
"""Otherwise as in the profile `standard`."""
GRAPH_MODELS = [name for name, spec in registered().items() if issubclass(spec.model, GraphModel)]


@dataclass(frozen=True, eq=False)
class Network:
    """A network, its graphs of 100 crystals as they are and folded, and targets."""

    name: str
    model: GraphModel
    tables: dict[str, GraphTable]
    targets: torch.Tensor


@pytest.fixture(scope="module", params=GRAPH_MODELS)
def network(request, some) -> Network:
    torch.manual_seed(0)
    spec = get(request.param)
    settings = spec.settings("standard")
    model = spec.model(replace(settings, n_layers=LAYERS.get(request.param, settings.n_layers)))
    folded, plain = both_tables(model, some.take(range(SIZE)))
    return Network(request.param, model, {"folded": folded, "as they are": plain}, torch.randn(SIZE))


each_graph = pytest.mark.parametrize("graphs", ["as they are", "folded"])


@pytest.fixture
def measured_step(measure, benchmark, one_thread, network, graphs) -> Callable[[str, Callable[[], torch.Tensor]], None]:
    """Measures a step among those of the same network and graphs."""
    benchmark.group = f"a training step of {network.name}, batch {SIZE}, graphs {graphs}"

    def measured(role: str, step: Callable[[], torch.Tensor]) -> None:
        assert torch.isfinite(measure(role, step, rounds=9, warmup=2, crystals=SIZE))

    return measured


def step_through(chosen: Backend, network: Network, graphs: str) -> Callable[[], torch.Tensor]:
    step = training_step(network.model.network.network, from_table(network.tables[graphs], network.targets, SIZE))

    def through() -> torch.Tensor:
        with backend(chosen):
            return step()

    return through


@needs_dgl
@each_graph
def test_a_step_through_dgl(measured_step, network, graphs):
    measured_step("ours", step_through("dgl", network, graphs))


@each_graph
def test_a_step_through_torch(measured_step, network, graphs):
    measured_step("baseline", step_through("torch", network, graphs))


@pytest.mark.parametrize("graphs", ["as they are"])
def test_a_step_of_pyg(measured_step, network, graphs):
    if network.name not in NETWORKS:
        pytest.skip("PyG's layers are written for the networks of test_training.py")
    ours = network.model.network.network
    batches = from_loader(as_data(ours, network.tables[graphs], range(SIZE), network.targets), SIZE)
    measured_step("ours", training_step(NETWORKS[network.name](copy.deepcopy(ours)), batches))
