from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from datasets.errors import InputError
from models.graph.atom_features import element_table
from models.graph.batch import GraphBatch
from models.registry import get
from models.zoo.gatgnn import ACTIVATIONS, GATGNNMDLNetwork, GATGNNMDLSettings, GraphAttention
from tests.models.graph.small_batches import batch_of_all_lengths
from tests.models.graph.test_layers import rows

BY_HAND = {
    "softplus": lambda x: torch.log1p(torch.exp(x)),
    "relu": lambda x: x.clamp(min=0),
    "leaky-relu": lambda x: torch.where(x > 0, x, 0.01 * x),
}
SMALL = GATGNNMDLSettings(n_layers=2, width=6, heads=2, norm="group", skip="single")


@pytest.fixture
def batch() -> GraphBatch:
    return batch_of_all_lengths()


def network(settings: GATGNNMDLSettings) -> GATGNNMDLNetwork:
    torch.manual_seed(0)
    return GATGNNMDLNetwork(settings, element_table("one-hot")).double()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_attention_with_an_activation_is_the_sum_written_out(batch, activation):
    torch.manual_seed(0)
    width, heads, act = 4, 3, BY_HAND[activation]
    layer = GraphAttention(width, 5, heads, activation).double().eval()
    n = len(batch.atomic_numbers)
    x, e = rows(n, width, 1), rows(len(batch.lengths), 5, 2)
    edge = e[batch.edge_length]
    h_i, h_j = (act(torch.cat([x[end], edge], dim=1) @ layer.weight).view(-1, heads, width) for end in (batch.dst, batch.src))
    logits = act((torch.cat([h_i, h_j], dim=2) * layer.attention).sum(dim=2))
    weights = torch.exp(act(logits / (1 + layer.norm.eps) ** 0.5))
    total = torch.zeros(n, heads, dtype=torch.float64).index_add(0, batch.dst, weights)
    shares = (weights / total[batch.dst]).unsqueeze(-1)
    expected = torch.zeros(n, heads, width, dtype=torch.float64).index_add(0, batch.dst, shares * h_j).mean(dim=1) + layer.bias
    torch.testing.assert_close(layer(batch, x, e), expected, rtol=1e-10, atol=1e-10)


def test_softplus_has_the_same_gradients_with_and_without_its_fused_path(batch):
    found = []
    for fused in (True, False):
        layer = network(SMALL)
        for conv in layer.convs:
            conv.fused = fused
        layer(batch).sum().backward()
        found.append([p.grad for p in layer.parameters() if p.grad is not None])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_the_activation_reaches_every_part_and_adds_no_parameter(batch):
    plain, relu = network(SMALL).eval(), network(replace(SMALL, activation="relu")).eval()
    assert plain.state_dict().keys() == relu.state_dict().keys()
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), relu.parameters(), strict=True))
    assert isinstance(relu.readout.score.activation, torch.nn.ReLU)
    assert all(isinstance(conv.activation, torch.nn.ReLU) for conv in relu.convs)
    assert not torch.allclose(plain(batch), relu(batch))


def test_dropout_acts_in_training_alone(batch):
    without, half = network(SMALL), network(replace(SMALL, dropout=0.5))
    assert torch.equal(without.eval()(batch), half.eval()(batch))
    without.train(), half.train()
    first, second = half(batch), half(batch)
    assert not torch.allclose(first, second) and not torch.allclose(first, without(batch))


def test_without_dropout_no_random_number_is_drawn(batch):
    layer = network(SMALL).train()
    before = torch.get_rng_state()
    layer(batch)
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_of_attention_keeps_its_mean_and_drops_its_share(batch, monkeypatch):
    layer, seen = GraphAttention(6, 5, 2, dropout=0.25).double().train(), []
    monkeypatch.setattr("models.zoo.gatgnn.attend", lambda batch, alpha, h: seen.append(alpha) or h[:1, :6])
    monkeypatch.setattr("models.zoo.gatgnn.softmax_incoming", lambda batch, logits: torch.ones(20_000, 2, dtype=torch.float64))
    layer(batch, rows(len(batch.atomic_numbers), 6, 1), rows(len(batch.lengths), 5, 2))
    (alpha,) = seen
    assert float((alpha == 0).double().mean()) == pytest.approx(0.25, abs=0.02)
    assert float(alpha.mean()) == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dropout": "1"}, r"setting dropout=1\.0: it must be from 0 to below 1"),
        ({"dropout": "-0.1"}, r"setting dropout=-0\.1: it must be from 0 to below 1"),
        ({"dropout": "nan"}, "setting dropout=nan: it must be from 0 to below 1"),
        ({"dropout": "half"}, "setting dropout='half': it must be a number"),
        ({"activation": "tanh"}, "setting activation='tanh': choose one of softplus, relu, leaky-relu"),
    ],
)
def test_impossible_values_are_one_line(changes, message):
    with pytest.raises(InputError, match=message) as caught:
        get("deeper-gatgnn").settings("smoke", changes)
    assert "\n" not in str(caught.value)
