"""CGCNN is the published network: its size, its convolution, its expansion of distances."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from datasets.crystals import Crystals
from datasets.files import read_many
from datasets.neighbors import Nearest, find_neighbors
from models.batch import GraphBatch, GraphTable
from models.cgcnn import CGCNN, PUBLISHED, CGCNNNetwork, CGCNNSettings, CrystalConvolution
from models.layers import GaussianExpansion
from models.message_passing import _dgl_runs_on, backend
from models.registry import get

needs_dgl = pytest.mark.skipif(not _dgl_runs_on("cpu"), reason="dgl does not import here")
CLOSE = {"rtol": 1e-12, "atol": 1e-12}


def n_parameters(**changes) -> int:
    return CGCNN(replace(PUBLISHED, **changes)).n_parameters


@pytest.fixture
def batch(crystals) -> GraphBatch:
    """Four crystals, one of them with too few neighbours, in double precision."""
    table = GraphTable(crystals, find_neighbors(crystals, Nearest(6)))
    return table.cut(torch.arange(len(crystals)), torch.float64)


@pytest.fixture
def network() -> CGCNNNetwork:
    """Three layers whose running statistics are not the initial ones."""
    torch.manual_seed(0)
    network = CGCNNNetwork(CGCNNSettings(width=16, hidden=8)).double()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return network.eval()


def test_the_published_network_has_80_833_parameters():
    assert n_parameters() == 80_833


def test_the_published_checkpoints_have_96_641_parameters():
    assert n_parameters(width=64, n_layers=4, hidden=32) == 96_641


@pytest.mark.parametrize("layers", [1, 2, 3, 4, 10, 30])
def test_parameters_grow_by_22_144_a_layer(layers):
    expected = 14_401 + 22_144 * layers
    assert n_parameters(n_layers=layers) == expected == get("cgcnn").published_parameters(layers)


def test_weights_have_the_names_and_shapes_of_the_published_checkpoints():
    state = CGCNNNetwork(replace(PUBLISHED, n_layers=4, hidden=32)).state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items() if name.endswith("weight")}
    expected = {"embedding.weight": (64, 92), "conv_to_fc.weight": (32, 64), "fc_out.weight": (1, 32)}
    for layer in range(4):
        expected[f"convs.{layer}.fc_full.weight"] = (128, 169)
        expected[f"convs.{layer}.bn1.weight"] = (128,)
        expected[f"convs.{layer}.bn2.weight"] = (64,)
    assert shapes == expected


def concatenated(conv: CrystalConvolution, batch: GraphBatch, v: torch.Tensor, e: torch.Tensor) -> torch.Tensor:
    """The published equation, edge by edge: z = [v_i, v_j, e] is written out."""
    z = torch.stack([torch.cat([v[i], v[j], e[n]]) for n, (j, i) in enumerate(zip(batch.src, batch.dst, strict=True))])
    gated = conv.bn1(z @ conv.fc_full.weight.T + conv.fc_full.bias)
    width = v.shape[1]
    messages = torch.sigmoid(gated[:, :width]) * F.softplus(gated[:, width:])
    summed = torch.stack([messages[batch.dst == i].sum(0) for i in range(len(v))])
    return F.softplus(v + conv.bn2(summed))


@pytest.mark.parametrize("mode", ["training", "evaluation"])
@pytest.mark.parametrize("chosen", [pytest.param("dgl", marks=needs_dgl), "torch"])
def test_the_convolution_is_the_published_equation(batch, network, chosen, mode):
    conv = network.convs[0].train(mode == "training")
    generator = torch.Generator().manual_seed(1)
    v = torch.randn(len(batch.atomic_numbers), 16, generator=generator, dtype=torch.float64, requires_grad=True)
    e = network.expansion(batch.distance)
    with backend(chosen):
        ours = conv(batch, v, e)
    theirs = concatenated(conv, batch, v, e)
    torch.testing.assert_close(ours, theirs, **CLOSE)
    wanted = [v, *conv.parameters()]
    pairs = zip(*(torch.autograd.grad(out.square().sum(), wanted) for out in (ours, theirs)), strict=True)
    for our_gradient, their_gradient in pairs:
        torch.testing.assert_close(our_gradient, their_gradient, rtol=1e-10, atol=1e-10)


def test_distances_expand_to_the_published_gaussians(network):
    distance = torch.linspace(0.5, 8.0, 50, dtype=torch.float64)
    centres = np.arange(0, 8 + 0.2, 0.2)
    assert len(centres) == 41
    expected = np.exp(-((distance.numpy()[:, None] - centres) ** 2) / 0.2**2)
    np.testing.assert_allclose(network.expansion(distance).numpy(), expected, rtol=1e-12, atol=1e-19)


def test_the_expansion_gives_no_denormal_numbers():
    expanded = GaussianExpansion(0.0, 8.0, 41, 0.2)(torch.linspace(0.5, 8.0, 500))
    assert expanded.dtype == torch.float32
    assert (expanded[expanded != 0] > torch.finfo(torch.float32).tiny).all()


def test_gradients_of_the_expansion_are_those_of_finite_differences():
    distance = torch.linspace(0.5, 3.0, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(GaussianExpansion(0.0, 3.0, 5, 0.8), distance)


def test_the_whole_network_is_the_published_one(batch, network):
    v = network.atom_features[batch.atomic_numbers] @ network.embedding.weight.T + network.embedding.bias
    for conv in network.convs:
        v = concatenated(conv, batch, v, network.expansion(batch.distance))
    pooled = torch.stack([v[batch.crystal == row].mean(0) for row in range(batch.n_crystals)])
    hidden = F.softplus(network.conv_to_fc(F.softplus(pooled)))
    torch.testing.assert_close(network(batch), network.fc_out(hidden)[:, 0], **CLOSE)


@needs_dgl
def test_dgl_and_torch_give_the_same_predictions_and_gradients(batch, network):
    results = []
    for chosen in ("dgl", "torch"):
        with backend(chosen):
            prediction = network(batch)
            results.append([prediction, *torch.autograd.grad(prediction.square().sum(), list(network.parameters()))])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


def test_a_batch_is_the_union_of_its_crystals(crystals, network, batch):
    table = GraphTable(crystals, find_neighbors(crystals, Nearest(6)))
    alone = [network(table.cut(torch.tensor([row]), torch.float64)) for row in range(len(crystals))]
    assert network(batch).shape == (len(crystals),)
    torch.testing.assert_close(network(batch), torch.cat(alone), **CLOSE)


def test_the_order_of_crystals_in_a_batch_does_not_matter(crystals, network, batch):
    table = GraphTable(crystals, find_neighbors(crystals, Nearest(6)))
    backwards = table.cut(torch.tensor([3, 2, 1, 0]), torch.float64)
    torch.testing.assert_close(network(backwards).flip(0), network(batch), **CLOSE)


def test_an_isolated_atom_keeps_its_embedding_and_gives_a_number(isolated, network):
    table = GraphTable(isolated, find_neighbors(isolated, Nearest(6)))
    assert torch.isfinite(network(table.cut(torch.tensor([1]), torch.float64))).all()


def test_the_network_tells_elements_and_distances_apart(crystals, network, batch):
    longer = replace(batch, distance=batch.distance * 1.02)
    heavier = replace(batch, atomic_numbers=batch.atomic_numbers + 1)
    for other in (longer, heavier):
        assert (network(other) - network(batch)).abs().min() > 1e-8


def test_magpie_features_give_a_network_of_their_own_width():
    assert CGCNNNetwork(CGCNNSettings(atom_features="magpie")).embedding.in_features == 22


def test_the_published_recipe_is_the_one_of_the_paper():
    recipe = PUBLISHED.as_dict()
    expected = {
        "optimizer": "sgd", "learning_rate": 0.01, "momentum": 0.9, "loss": "mse", "batch_size": 256, "epochs": 30,
        "n_layers": 3, "width": 64, "hidden": 128, "atom_features": "cgcnn", "k": 12, "cutoff": 8.0,
    }  # fmt: skip
    assert {name: recipe[name] for name in expected} == expected
    assert str(CGCNN.rule(PUBLISHED)) == "nearest(12, 8 Å, shell)" == get("cgcnn").graph_rule(PUBLISHED)


CHECKPOINTS = (
    "band-gap", "bulk-moduli", "efermi", "final-energy-per-atom", "formation-energy-per-atom", "poisson-ratio", "shear-moduli",
)  # fmt: skip


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_with_the_published_weights_it_predicts_what_the_published_code_predicts(shared_data, name):
    """64 wide, 4 convolutions, 32 hidden; exactly twelve neighbours, as upstream cuts inside shells."""
    expected = pd.read_csv(shared_data("../reference/cgcnn_predictions.csv")).query("checkpoint == @name")
    files = [shared_data(f"cgcnn/sample-regression/{crystal}.cif") for crystal in expected["cif_id"]]
    published = torch.load(shared_data(f"cgcnn/pre-trained/{name}.pth.tar"), map_location="cpu", weights_only=True)
    model = CGCNN(CGCNNSettings(n_layers=4, width=64, hidden=32, ties="cut"))
    model.network.network.load_state_dict(published["state_dict"])
    model.network.mean.fill_(float(published["normalizer"]["mean"]))
    model.network.std.fill_(float(published["normalizer"]["std"]))
    table = model.prepare(Crystals.from_cells([file.stem for file in files], read_many(files)))
    np.testing.assert_allclose(model.predict(table, np.arange(len(files))), expected["prediction"], atol=1e-5, rtol=0)
