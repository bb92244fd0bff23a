"""Training steps and inference of MEGNet beside matgl's MEGNet of the published widths, on the same bonds.

They are not one function: matgl's Set2Set is twice as wide. matgl brings much with it, so `dev` lacks it.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from datasets.neighbor_search import Radius
from datasets.neighbors import find_neighbors
from models.graph.table import GraphTable
from models.zoo.megnet import MEGNet, MEGNetSettings
from tests.speed.test_training import training_step

pytest.importorskip("matgl", reason="the baseline: pip install matgl")

from matgl.models import MEGNet as MatGLMEGNet
from pymatgen.core import Element
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader

CUTOFF = 4.0
ELEMENTS = tuple(Element.from_Z(z).symbol for z in range(1, 104))
MOST = 256
each_size = pytest.mark.parametrize("size", [100, MOST])


@pytest.fixture(scope="module")
def connected(some):
    """256 crystals in which every atom has a neighbour, which matgl needs."""
    alone = [(find_neighbors(one, Radius(CUTOFF), allow_isolated=True).degrees(one) == 0).any()
             for one in (some.take([row]) for row in range(400))]  # fmt: skip
    return some.take(np.flatnonzero(~np.array(alone))[:MOST])


@pytest.fixture(scope="module")
def table(connected) -> GraphTable:
    return MEGNet(MEGNetSettings(cutoff=CUTOFF)).prepare(connected)


@pytest.fixture(scope="module")
def unfolded(connected) -> GraphTable:
    return MEGNet(MEGNetSettings(cutoff=CUTOFF, fold=False)).prepare(connected)


@pytest.fixture(scope="module")
def graphs(connected) -> list[Data]:
    """One PyG graph a crystal, as matgl's converter gives them."""
    found, graphs = find_neighbors(connected, Radius(CUTOFF)), []
    for row in range(len(connected)):
        edges = slice(*found.edge_offsets[row : row + 2])
        atoms = slice(*connected.offsets[row : row + 2])
        lattice = connected.lattice[row]
        graphs.append(
            Data(
                pos=torch.tensor(connected.frac_coords[atoms] @ lattice, dtype=torch.float32),
                node_type=torch.tensor(connected.atomic_numbers[atoms] - 1, dtype=torch.long),
                # matgl's distance is that from the first end to the shifted second one.
                edge_index=torch.tensor(np.stack([found.dst[edges], found.src[edges]]), dtype=torch.long),
                pbc_offshift=torch.tensor(found.image[edges] @ lattice, dtype=torch.float32),
                y=torch.zeros(1),
            )
        )
    return graphs


class OfMatGL(nn.Module):
    """matgl's network of a batch; crystals have no state of their own, as in ours."""

    def __init__(self) -> None:
        super().__init__()
        self.network = MatGLMEGNet(cutoff=CUTOFF, element_types=ELEMENTS)

    def forward(self, batch: Data) -> torch.Tensor:
        return self.network(batch, torch.zeros(batch.num_graphs, 2))


def ours() -> nn.Module:
    return MEGNet(MEGNetSettings(cutoff=CUTOFF)).network.network


def size_of(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def batches(graphs: list[Data], size: int):
    loader = DataLoader(graphs[:size], batch_size=size, shuffle=True)
    return lambda: (data := next(iter(loader)), data.y)


@each_size
def test_a_training_step(measure, benchmark, table, size):
    benchmark.group = f"training step: megnet, 3 layers, batch {size}, beside matgl"
    targets, network = torch.randn(size), ours()

    def cut():
        rows = torch.randperm(size)
        return table.cut(rows), targets[rows]

    loss = measure(
        "ours", training_step(network, cut), rounds=25, warmup=3, crystals=size, target=3.0, parameters=size_of(network)
    )
    assert torch.isfinite(loss)


@each_size
def test_a_training_step_of_matgl(measure, benchmark, unfolded, graphs, size):
    benchmark.group = f"training step: megnet, 3 layers, batch {size}, beside matgl"
    network = OfMatGL()
    together = next(iter(DataLoader(graphs, batch_size=MOST)))
    shifted = together.pos[together.edge_index[1]] + together.pbc_offshift
    distance = (shifted - together.pos[together.edge_index[0]]).norm(dim=1)
    batch = unfolded.cut(torch.arange(MOST))
    torch.testing.assert_close(distance, batch.lengths[batch.edge_length], rtol=1e-4, atol=1e-4)
    loss = measure("baseline", training_step(network, batches(graphs, size)), rounds=25, warmup=3, crystals=size,
                   parameters=size_of(network))  # fmt: skip
    assert torch.isfinite(loss)


def test_inference(measure, benchmark, table):
    benchmark.group = f"inference: megnet, 3 layers, {MOST} crystals, beside matgl"
    network = ours().eval()
    with torch.inference_mode():
        assert measure("ours", lambda: network(table.cut(torch.arange(MOST))), crystals=MOST).isfinite().all()


def test_inference_of_matgl(measure, benchmark, graphs):
    benchmark.group = f"inference: megnet, 3 layers, {MOST} crystals, beside matgl"
    network, loader = OfMatGL().eval(), DataLoader(graphs, batch_size=MOST)
    with torch.inference_mode():
        assert measure("baseline", lambda: network(next(iter(loader))), crystals=MOST).isfinite().all()
