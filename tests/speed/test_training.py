"""Training steps, inference and batching beside the same networks written with PyTorch Geometric's own layers."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from datasets.crystals import Crystals
from models.graph.table import GraphTable
from models.graph_model import GraphModel
from models.registry import get, registered
from models.training import predict_rows

pytest.importorskip("torch_geometric", reason="the baseline: pip install -e '.[dev]'")

from torch_geometric.data import Batch, Data
from torch_geometric.loader import DataLoader

from tests.speed.pyg import NETWORKS, as_data

MOST = 256
KEPT_BY_PYG = 12e3
"""Bytes that the baseline keeps of an edge and a layer of DeeperGATGNN, which takes the most."""


@dataclass(frozen=True)
class Case:
    """A network of the published size, on crystals of at most `atoms` atoms.

    `kept` numbers an edge and layer are what its derivative needs of the forward pass.
    """

    name: str
    layers: int
    target: float
    kept: int
    atoms: int = 1000

    def __str__(self) -> str:
        return f"{self.name}, {self.layers} layers" + (f", up to {self.atoms} atoms" if self.atoms < 1000 else "")


CASES = [
    Case("cgcnn", 3, 5.0, kept=128), Case("cgcnn-mdl", 4, 5.0, kept=200), Case("schnet", 4, 3.0, kept=0),
    Case("megnet-mdl", 4, 5.0, kept=400), Case("deeper-gatgnn", 10, 5.0, kept=256),
    # With larger crystals the baseline needs 22 GB.
    Case("deeper-gatgnn", 20, 5.0, kept=256, atoms=24),
]  # fmt: skip
each_size = pytest.mark.parametrize("size", [100, MOST])


@dataclass(frozen=True, eq=False)
class Rivals:
    """Our network and PyG's with the same weights, on the same 256 crystals; theirs read graphs that are not folded."""

    case: Case
    ours: nn.Module
    theirs: nn.Module
    table: GraphTable
    unfolded: GraphTable
    graphs: Sequence[Data]
    targets: Tensor


def both_tables(model: GraphModel, crystals: Crystals) -> tuple[GraphTable, GraphTable]:
    """The graphs of crystals for a model, folded and as they are."""
    plain = type(model)(replace(model.settings, fold=False))
    return model.prepare(crystals), plain.prepare(crystals)


@pytest.fixture(scope="module", params=CASES, ids=str)
def both(request, some) -> Rivals:
    torch.manual_seed(0)
    case = request.param
    spec = get(case.name)
    model = spec.model(replace(spec.settings("standard"), n_layers=case.layers))
    network, targets = model.network.network, torch.randn(MOST)
    table, unfolded = both_tables(model, some.take(np.flatnonzero(some.n_atoms <= case.atoms)[:MOST]))
    graphs = as_data(network, unfolded, range(MOST), targets)
    found = Rivals(case, network, NETWORKS[case.name](copy.deepcopy(network)), table, unfolded, graphs, targets)
    for mode in (True, False):
        with torch.no_grad():
            mine = found.ours.train(mode)(table.cut(torch.arange(32)))
            others = found.theirs.train(mode)(Batch.from_data_list(found.graphs[:32]))
        torch.testing.assert_close(mine, others, rtol=1e-3, atol=1e-4)
    return found


Batches = Callable[[], tuple[Any, Tensor]]


def from_table(table: GraphTable, targets: Tensor, size: int) -> Batches:
    """Crystals in another order each time, as an epoch has them."""

    def batch() -> tuple[Any, Tensor]:
        rows = torch.randperm(size)
        return table.cut(rows), targets[rows]

    return batch


def from_loader(graphs: Sequence[Data], size: int) -> Batches:
    """The same of PyG."""
    loader = DataLoader(graphs[:size], batch_size=size, shuffle=True)

    def batch() -> tuple[Any, Tensor]:
        data = next(iter(loader))
        return data, data.y

    return batch


def training_step(network: nn.Module, batches: Batches) -> Callable[[], Tensor]:
    """Cuts the next batch, computes the loss and its gradients and moves the weights."""
    optimizer = torch.optim.AdamW(network.parameters(), 1e-5, fused=True)
    network.train()

    def step() -> Tensor:
        batch, target = batches()
        loss = (network(batch) - target).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def floors(rivals: Rivals, size: int, step: Callable[[], Tensor]) -> dict[str, float]:
    """Products of matrices that a step does, and the bytes of what is kept of each edge, written once and read once."""
    batch = rivals.table.cut(torch.arange(size))
    with FlopCounterMode(display=False) as counter:
        step()
    kept = 2 * 4 * rivals.case.kept * rivals.case.layers * len(batch.src)
    return {"floor_flops": counter.get_total_flops(), "floor_bytes": kept, "edges": len(batch.src)}


@each_size
def test_a_training_step(measure, benchmark, both, size):
    benchmark.group = f"training step: {both.case}, batch {size}"
    step = training_step(both.ours, from_table(both.table, both.targets, size))
    extra = {"target": both.case.target, "crystals": size, **floors(both, size, step)}
    assert torch.isfinite(measure("ours", step, rounds=7, warmup=2, **extra))


@each_size
def test_a_training_step_of_pyg(measure, benchmark, both, size):
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    needs = KEPT_BY_PYG * both.case.layers * sum(data.num_edges for data in both.graphs[:size])
    if both.case.name == "deeper-gatgnn" and needs > free:
        pytest.skip(f"the baseline takes about {needs / 1e9:.0f} GB; {free / 1e9:.0f} GB are free")
    benchmark.group = f"training step: {both.case}, batch {size}"
    loss = measure("baseline", training_step(both.theirs, from_loader(both.graphs, size)), rounds=7, warmup=2, crystals=size)
    assert torch.isfinite(loss)


def test_inference(measure, benchmark, both):
    benchmark.group = f"inference: {both.case}, {MOST} crystals"
    both.ours.eval()
    with torch.inference_mode():
        assert measure("ours", lambda: both.ours(both.table.cut(torch.arange(MOST))), crystals=MOST).isfinite().all()


def test_inference_of_pyg(measure, benchmark, both):
    benchmark.group = f"inference: {both.case}, {MOST} crystals"
    both.theirs.eval()
    with torch.inference_mode():
        found = measure("baseline", lambda: both.theirs(Batch.from_data_list(both.graphs)), crystals=MOST)
    assert found.isfinite().all()


@pytest.fixture(scope="module")
def many(materials) -> tuple[GraphModel, Crystals]:
    """CGCNN as published, and 10,000 crystals."""
    torch.manual_seed(0)
    chosen = materials.take(np.random.default_rng(1).choice(len(materials), 10_000, replace=False))
    return get("cgcnn").model(get("cgcnn").settings("standard")), chosen


@pytest.mark.benchmark(group="inference: cgcnn, 3 layers, 10,000 crystals in batches of 256")
def test_inference_of_many(measure, many):
    model, crystals = many
    table, rows = model.prepare(crystals), np.arange(len(crystals))
    found = measure(
        "ours", lambda: predict_rows(model.network, table.cut, rows, MOST), rounds=5, target=5.0, crystals=len(rows)
    )
    assert np.isfinite(found).all()


@pytest.mark.benchmark(group="inference: cgcnn, 3 layers, 10,000 crystals in batches of 256")
def test_inference_of_many_of_pyg(measure, many):
    model, crystals = many
    network = model.network.network
    graphs = as_data(network, both_tables(model, crystals)[1], range(len(crystals)), torch.zeros(len(crystals)))
    loader, theirs = DataLoader(graphs, batch_size=MOST), NETWORKS["cgcnn"](copy.deepcopy(network)).eval()
    with torch.inference_mode():
        found = measure("baseline", lambda: torch.cat([theirs(batch) for batch in loader]), rounds=5)
    assert found.isfinite().all()


def test_a_batch(measure, benchmark, both):
    benchmark.group = f"batching: {both.case}, {MOST} crystals"
    batch = measure("ours", lambda: both.table.cut(torch.randperm(MOST)), rounds=20, crystals=MOST)
    assert batch.n_crystals == MOST


def test_a_batch_of_pyg(measure, benchmark, both):
    benchmark.group = f"batching: {both.case}, {MOST} crystals"
    assert measure("baseline", lambda: next(iter(DataLoader(both.graphs, MOST, True))), rounds=20).num_graphs == MOST


@pytest.mark.parametrize("name", [name for name in registered() if issubclass(get(name).model, GraphModel)])
@pytest.mark.benchmark(group=f"an epoch of the mini profile, {MOST} crystals")
def test_an_epoch_of_the_mini_profile(measure, some, name):
    crystals = some.take(range(MOST))
    model = get(name).model(get(name).settings("mini", {"epochs": "1"}))
    inputs, targets, rows = model.prepare(crystals), torch.randn(MOST).numpy(), torch.arange(MOST).numpy()
    fitted = measure("ours", lambda: model.fit(inputs, targets, rows, rows[:1], seed=0), crystals=MOST)
    assert len(fitted.history) == 1
