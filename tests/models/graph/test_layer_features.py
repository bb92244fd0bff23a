from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from models.graph.layer_features import (
    dirichlet_energy,
    effective_rank,
    features_by_layer,
    gradient_norms,
    layer_lists,
    mean_distance,
    mean_norm,
    neighbor_distance,
    relative_energy,
    within_crystals,
)
from models.graph_model import GraphModel
from models.registry import get, registered

GRAPH_MODELS = [name for name, spec in registered().items() if issubclass(spec.model, GraphModel)]

# The path 0 – 1 – 2, both directions of each edge.
SRC, DST = torch.tensor([0, 1, 1, 2]), torch.tensor([1, 0, 2, 1])


def test_constant_features_have_no_energy_no_distance_and_rank_one():
    x = torch.full((3, 4), 2.5)
    assert dirichlet_energy(x, SRC, DST) == relative_energy(x, SRC, DST) == 0
    assert neighbor_distance(x, SRC, DST) == pytest.approx(0, abs=1e-15)
    assert mean_distance(x) == pytest.approx(0, abs=1e-15)
    assert effective_rank(x) == pytest.approx(1)
    assert mean_norm(x) == pytest.approx(5)


def test_variance_within_crystals_is_a_share_whatever_size_and_offset():
    crystal = torch.tensor([0, 0, 1, 1])
    x = torch.tensor([[1.0], [3.0], [6.0], [6.0]])
    # Means 2 and 6 within, 4 over all: (1 + 1 + 0 + 0) / (9 + 1 + 4 + 4).
    assert within_crystals(x, crystal) == pytest.approx(2 / 18)
    assert within_crystals(1e3 * x - 5e5, crystal) == pytest.approx(2 / 18, rel=1e-6)
    alike = torch.tensor([[1.0, 2.0], [1.0, 2.0], [7.0, 0.0], [7.0, 0.0]])
    assert within_crystals(alike, crystal) == 0, "over-smoothed though crystals differ"
    assert within_crystals(torch.full((4, 3), 0.1), crystal) == 0
    assert within_crystals(torch.randn(4, 3), torch.zeros(4, dtype=torch.int64)) == pytest.approx(1)


def test_the_path_graph_by_hand():
    x = torch.tensor([[0.0], [1.0], [3.0]])
    # (1 + 4) over three atoms; the mean squared norm is 10/3.
    assert dirichlet_energy(x, SRC, DST) == pytest.approx(5 / 3)
    assert relative_energy(x, SRC, DST) == pytest.approx(0.5)
    turned = torch.tensor([[2.0, 0.0], [0.0, 3.0], [1.0, 0.0]])
    assert neighbor_distance(turned, SRC, DST) == pytest.approx(1)
    assert mean_distance(turned) == pytest.approx(2 / 3)
    # 60° to the first neighbour, 0° to the second: ends 1/2 and 0, the middle their mean.
    bent = torch.tensor([[1.0, 0.0], [0.5, math.sqrt(0.75)], [1.0, math.sqrt(3)]])
    assert neighbor_distance(bent, SRC, DST) == pytest.approx((0.5 + 0.25 + 0) / 3, abs=1e-7)


def test_effective_rank_by_hand():
    assert effective_rank(torch.eye(5)) == pytest.approx(5)
    assert effective_rank(torch.diag(torch.tensor([3.0, 1.0]))) == pytest.approx(
        math.exp(0.75 * math.log(4 / 3) + 0.25 * math.log(4))
    )
    assert effective_rank(torch.outer(torch.arange(1.0, 9.0), torch.ones(3))) == pytest.approx(1)


def test_features_that_are_all_zero_are_alike():
    x = torch.zeros(3, 4)
    assert [dirichlet_energy(x, SRC, DST), relative_energy(x, SRC, DST), neighbor_distance(x, SRC, DST)] == [0, 0, 0]
    assert [mean_distance(x), effective_rank(x)] == [0, 0]


def test_the_size_of_features_changes_their_energy_and_norm_alone():
    x = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))
    huge = x * 1e15
    assert dirichlet_energy(huge, SRC, DST) == pytest.approx(1e30 * dirichlet_energy(x, SRC, DST), rel=1e-5)
    for measure in (
        lambda x: relative_energy(x, SRC, DST),
        lambda x: neighbor_distance(x, SRC, DST),
        mean_distance,
        effective_rank,
    ):
        assert measure(huge) == pytest.approx(measure(x), rel=1e-5)


def test_the_distance_of_all_pairs_is_the_mean_of_the_matrix():
    x = torch.randn(20, 3, generator=torch.Generator().manual_seed(1)).double()
    cosine = torch.nn.functional.cosine_similarity(x[:, None], x[None], dim=-1)
    assert mean_distance(x) == pytest.approx(float((1 - cosine).sum() / (20 * 19)))
    assert mean_distance(x[:1]) == 0


def test_own_images_are_no_neighbours():
    x, loops = torch.eye(3), torch.arange(3)
    assert neighbor_distance(x, torch.cat([SRC, loops]), torch.cat([DST, loops])) == neighbor_distance(x, SRC, DST) == 1
    assert neighbor_distance(x, loops, loops) == 0


@pytest.mark.parametrize("name", GRAPH_MODELS)
def test_every_graph_network_shows_its_layers_and_is_left_as_it_was(alloys, name):
    torch.manual_seed(0)
    spec = get(name)
    model = spec.model(spec.settings("smoke", {"n_layers": "3"}))
    network, batch = model.network.network.eval(), model.prepare(alloys).cut(torch.arange(6))
    before, state = network(batch), {k: v.clone() for k, v in network.state_dict().items()}
    features = features_by_layer(network, 3, batch)
    assert [len(x) for x in features] == [len(batch.crystal)] * 4
    assert not any(torch.equal(a, b) for a, b in pairwise(features))
    assert torch.equal(network(batch), before)
    assert list(network.state_dict()) == list(state)
    network(batch).sum().backward()
    norms = gradient_norms(network, 3)
    assert len(norms) == 3 and min(norms) > 0
    of_layers = sum(
        float(p.grad.double().square().sum()) for m in layer_lists(network, 3) for p in m.parameters() if p.grad is not None
    )
    assert sum(norm**2 for norm in norms) == pytest.approx(of_layers)


def test_features_are_what_the_layers_receive(alloys):
    spec = get("cgcnn")
    model = spec.model(spec.settings("smoke"))
    network, batch = model.network.network.eval(), model.prepare(alloys).cut(torch.arange(6))
    first, second, last = features_by_layer(network, 2, batch)
    e = network.expansion(batch.lengths)
    assert torch.equal(first, network.embedding(network.atom_features(batch)))
    assert torch.equal(second, network.convs[0](batch, first, e))
    assert torch.equal(last, network.convs[1](batch, second, e))


def test_a_doubled_skip_doubles_the_features_in_every_layer(alloys):
    growth = {}
    for skip in ("single", "double"):
        torch.manual_seed(0)
        spec = get("deeper-schnet")
        model = spec.model(spec.settings("smoke", {"n_layers": "8", "skip": skip}))
        features = features_by_layer(model.network.network.train(), 8, model.prepare(alloys).cut(torch.arange(6)))
        growth[skip] = mean_norm(features[-1]) / mean_norm(features[0])
    assert growth["double"] > max(2**8, 4 * growth["single"])


def test_a_network_without_layers_is_refused():
    with pytest.raises(ValueError, match="no module list of 3 layers"):
        layer_lists(torch.nn.Linear(2, 2), 3)


def test_numbers_are_finite_for_features_at_the_end_of_the_range():
    x = torch.from_numpy(np.array([[3e38, -3e38], [1e-38, 0.0], [0.0, 1.0]], dtype=np.float32))
    assert math.isfinite(dirichlet_energy(x, SRC, DST)) and math.isfinite(effective_rank(x)) and math.isfinite(mean_norm(x))
