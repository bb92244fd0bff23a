"""Hand-written layers against their equations, written plainly, and their gradients against finite differences."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from models.graph.batch import GraphBatch
from models.graph.layers import Perceptron, composition, shifted_softplus
from models.graph.message_passing import backend
from models.zoo.cgcnn import CrystalConvolution
from models.zoo.cgcnn_mdl import GatedConvolution
from models.zoo.gatgnn import GlobalAttention, GraphAttention
from models.zoo.megnet_mdl import Block, MEGNetMDLSettings
from models.zoo.mpnn import EdgeNetwork
from models.zoo.schnet import Interaction
from tests.backends import each_backend, needs_dgl
from tests.models.graph.small_batches import batch_of_all_lengths, random_batch

WIDTH = 3


def rows(n: int, width: int, seed: int, offset: float = 0.0) -> torch.Tensor:
    values = torch.from_numpy(np.random.default_rng(seed).normal(size=(n, width))) + offset
    return values.requires_grad_()


@pytest.fixture
def batch() -> GraphBatch:
    return batch_of_all_lengths()


def layers(batch: GraphBatch) -> dict:
    """Each layer with the inputs it takes on this batch."""
    torch.manual_seed(0)
    n, edges, b = len(batch.atomic_numbers), len(batch.src), batch.n_crystals
    x, e, narrow = rows(n, WIDTH, 1), rows(edges, 50, 2), rows(edges, WIDTH, 2)
    block = MEGNetMDLSettings(width=WIDTH)
    return {
        "cgcnn": (CrystalConvolution(WIDTH, 50), (x, e)),
        "cgcnn-mdl": (GatedConvolution(WIDTH), (x, e)),
        "schnet": (Interaction(WIDTH, 4, 8.0), (x, e)),
        "mpnn": (EdgeNetwork(WIDTH), (x, e)),
        "megnet-mdl": (Block(block), (x, narrow, rows(b, WIDTH, 4))),
        "deeper-megnet": (Block(replace(block, norm="group", skip="double")), (x, narrow, rows(b, WIDTH, 4))),
        "attention": (GraphAttention(WIDTH, WIDTH, 2), (x, narrow)),
        "global attention": (GlobalAttention(WIDTH, [4], 90, 1), (x,)),
    }


LAYERS = ("cgcnn", "cgcnn-mdl", "schnet", "mpnn", "megnet-mdl", "deeper-megnet", "attention", "global attention")


@each_backend
@pytest.mark.parametrize("name", LAYERS)
def test_gradients_of_inputs_and_weights_are_those_of_finite_differences(batch, name, chosen):
    layer, inputs = layers(batch)[name]
    layer.double().train()
    weights = dict(layer.named_parameters())
    kept = [key for key in weights if weights[key].numel() <= 100]

    def run(*values: torch.Tensor) -> torch.Tensor:
        found, changed = values[: len(inputs)], values[len(inputs) :]
        out = torch.func.functional_call(layer, dict(zip(kept, changed, strict=True)), (batch, *found))
        return torch.cat([part.flatten() for part in out]) if isinstance(out, tuple) else out

    with backend(chosen):
        # ReLU has corners: away from them by luck of the seed, which is fixed.
        assert torch.autograd.gradcheck(run, (*inputs, *(weights[key] for key in kept)), eps=1e-7, atol=1e-5, fast_mode=False)


@needs_dgl
@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_computes_the_same_with_dgl_and_with_torch(batch, name):
    layer, inputs = layers(batch)[name]
    layer.double().eval()
    with backend("dgl"):
        one = layer(batch, *inputs)
    with backend("torch"):
        other = layer(batch, *inputs)
    torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


# -- equations ----------------------------------------------------------------------------------------


def test_the_perceptron_is_its_layers_in_turn():
    torch.manual_seed(0)
    layer, x = Perceptron(2, [3, 4], nn.ReLU()), torch.randn(5, 2)
    first, second = layer.layers
    expected = layer.out(torch.relu(second(torch.relu(first(x))))).squeeze(1)
    assert torch.equal(layer(x), expected) and layer(x).shape == (5,)


def test_the_shifted_softplus_is_zero_at_zero():
    x = torch.tensor([0.0, 1.0, -30.0], dtype=torch.float64)
    expected = torch.log1p(torch.exp(x)) - np.log(2.0)
    torch.testing.assert_close(shifted_softplus(x), expected, rtol=0, atol=5e-9)


def test_the_composition_of_a_crystal_is_the_fraction_of_each_element():
    batch = replace(random_batch(0), atomic_numbers=torch.tensor([1, 1, 8, 26] * 20))
    n = len(batch.crystal)
    batch = replace(batch, atomic_numbers=batch.atomic_numbers[:n])
    found = composition(batch, 0, 30, torch.float64)
    assert found.shape == (batch.n_crystals, 30)
    torch.testing.assert_close(found.sum(dim=1), torch.ones(batch.n_crystals, dtype=torch.float64))
    start = int(batch.n_atoms[0])
    second = batch.atomic_numbers[start : start + int(batch.n_atoms[1])]
    assert found[1, 1] == (second == 1).double().mean()
    assert torch.equal(composition(batch, 1, 8, torch.float64), found[:, 1:9]), "iron has no column there"


# -- layers against plain loops over edges ------------------------------------------------------------


def test_the_edge_network_multiplies_each_sender_by_the_matrix_of_its_edge(batch):
    layer, (x, e) = layers(batch)["mpnn"]
    layer.double()
    with torch.no_grad():
        matrices = layer.edge_out(torch.relu(layer.edge_in(e))).view(-1, WIDTH, WIDTH)
        expected = x @ layer.root + layer.bias
        for atom in range(len(x)):
            messages = [x[s] @ matrices[k] for k, (s, d) in enumerate(zip(batch.src, batch.dst, strict=True)) if d == atom]
            if messages:
                expected[atom] += torch.stack(messages).mean(dim=0)
        torch.testing.assert_close(layer(batch, x, e), expected)


def test_attention_weighs_the_neighbours_of_each_atom(batch):
    layer, (x, e) = layers(batch)["attention"]
    layer.double().eval()
    with torch.no_grad():
        own = F.softplus(torch.cat([x[batch.dst], e], dim=1) @ layer.weight).view(-1, 2, WIDTH)
        other = F.softplus(torch.cat([x[batch.src], e], dim=1) @ layer.weight).view(-1, 2, WIDTH)
        alpha = F.softplus((torch.cat([own, other], dim=2) * layer.attention).sum(dim=2))
        alpha = F.softplus(layer.norm(batch, alpha, "edges"))
        expected = layer.bias.repeat(len(x), 1)
        for atom in range(len(x)):
            mine = batch.dst == atom
            if mine.any():
                weights = torch.softmax(alpha[mine], dim=0)
                expected[atom] += (weights.unsqueeze(2) * other[mine]).sum(dim=0).mean(dim=0)
        torch.testing.assert_close(layer(batch, x, e), expected)


def test_the_interaction_vanishes_for_neighbours_at_the_cutoff(batch):
    layer, (x, e) = layers(batch)["schnet"]
    layer.double()
    far = replace(batch, distance=torch.full_like(batch.distance, 8.0))
    alone = layer.update_out(shifted_softplus(layer.update_in(torch.zeros(len(x), 4, dtype=torch.float64))))
    torch.testing.assert_close(layer(far, x, e), alone)
