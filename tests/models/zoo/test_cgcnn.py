"""CGCNN is the published network: its size, its convolution, its expansion of distances."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from datasets.crystals import Crystals
from datasets.elements import cgcnn_features
from datasets.errors import InputError
from datasets.neighbor_search import Nearest
from datasets.neighbors import find_neighbors
from datasets.readers.structure_files import read_each
from datasets.registry import load
from models.graph.atom_features import AtomFeatures, element_table
from models.graph.batch import GraphBatch
from models.graph.layers import GaussianExpansion
from models.graph.message_passing import backend
from models.graph.table import GraphTable
from models.registry import get
from models.zoo.cgcnn import CGCNN, PUBLISHED, CGCNNNetwork, CGCNNSettings, CrystalConvolution, read_upstream
from tests.backends import each_backend, needs_dgl, require_same_from_both

CLOSE = {"rtol": 1e-12, "atol": 1e-12}


def n_parameters(**changes) -> int:
    return CGCNN(replace(PUBLISHED, **changes)).n_parameters


@pytest.fixture
def batch(crystals) -> GraphBatch:
    """Four crystals, one of them with too few neighbours, in double precision."""
    table = GraphTable(crystals, find_neighbors(crystals, Nearest(6)), cgcnn_features())
    return table.cut(torch.arange(len(crystals)), torch.float64)


@pytest.fixture
def network() -> CGCNNNetwork:
    """Three layers whose running statistics are not the initial ones."""
    torch.manual_seed(0)
    network = CGCNNNetwork(CGCNNSettings(width=16, hidden=8), cgcnn_features()).double()
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
    state = CGCNNNetwork(replace(PUBLISHED, n_layers=4, hidden=32), cgcnn_features()).state_dict()
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
    gated = conv.bn1(batch, z @ conv.fc_full.weight.T + conv.fc_full.bias, "edges")
    width = v.shape[1]
    messages = torch.sigmoid(gated[:, :width]) * F.softplus(gated[:, width:])
    summed = torch.stack([messages[batch.dst == i].sum(0) for i in range(len(v))])
    return F.softplus(v + conv.bn2(batch, summed))


@pytest.mark.parametrize("mode", ["training", "evaluation"])
@each_backend
def test_the_convolution_is_the_published_equation(batch, network, chosen, mode):
    conv = network.convs[0].train(mode == "training")
    generator = torch.Generator().manual_seed(1)
    v = torch.randn(len(batch.atomic_numbers), 16, generator=generator, dtype=torch.float64, requires_grad=True)
    with backend(chosen):
        ours = conv(batch, v, network.expansion(batch.lengths))
    theirs = concatenated(conv, batch, v, network.expansion(batch.distance))
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
    v = network.atom_features.table[batch.atomic_numbers] @ network.embedding.weight.T + network.embedding.bias
    for conv in network.convs:
        v = concatenated(conv, batch, v, network.expansion(batch.distance))
    pooled = torch.stack([v[batch.crystal == row].mean(0) for row in range(batch.n_crystals)])
    hidden = F.softplus(network.conv_to_fc(F.softplus(pooled)))
    torch.testing.assert_close(network(batch), network.fc_out(hidden)[:, 0], **CLOSE)


@needs_dgl
def test_dgl_and_torch_give_the_same_predictions_and_gradients(batch, network):
    require_same_from_both(network, batch)


def test_a_batch_is_the_union_of_its_crystals(crystals, network, batch):
    table = GraphTable(crystals, find_neighbors(crystals, Nearest(6)), cgcnn_features())
    alone = [network(table.cut(torch.tensor([row]), torch.float64)) for row in range(len(crystals))]
    assert network(batch).shape == (len(crystals),)
    torch.testing.assert_close(network(batch), torch.cat(alone), **CLOSE)


def test_the_order_of_crystals_in_a_batch_does_not_matter(crystals, network, batch):
    table = GraphTable(crystals, find_neighbors(crystals, Nearest(6)), cgcnn_features())
    backwards = table.cut(torch.tensor([3, 2, 1, 0]), torch.float64)
    torch.testing.assert_close(network(backwards).flip(0), network(batch), **CLOSE)


def test_an_isolated_atom_keeps_its_embedding_and_gives_a_number(isolated, network):
    table = GraphTable(isolated, find_neighbors(isolated, Nearest(6)), cgcnn_features())
    assert torch.isfinite(network(table.cut(torch.tensor([1]), torch.float64))).all()


def test_the_network_tells_elements_and_distances_apart(crystals, network, batch):
    longer = replace(batch, distance=batch.distance * 1.02)
    heavier = replace(batch, atomic_numbers=batch.atomic_numbers + 1)
    for other in (longer, heavier):
        assert (network(other) - network(batch)).abs().min() > 1e-8


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


@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.parametrize("name", CHECKPOINTS)
def test_with_the_published_weights_it_predicts_what_the_published_code_predicts(shared_data, name, fold):
    """64 wide, 4 convolutions, 32 hidden; exactly twelve neighbours, as upstream cuts inside shells."""
    expected = pd.read_csv(shared_data("../reference/cgcnn_predictions.csv")).query("checkpoint == @name")
    files = [shared_data(f"cgcnn/sample-regression/{crystal}.cif") for crystal in expected["cif_id"]]
    model = read_upstream(shared_data(f"cgcnn/pre-trained/{name}.pth.tar"))
    assert (model.settings.n_layers, model.settings.width, model.settings.hidden, model.settings.cutoff) == (4, 64, 32, 8.0)
    model.settings = replace(model.settings, fold=fold)
    table = model.prepare(Crystals.from_cells([file.stem for file in files], read_each(files)))
    np.testing.assert_allclose(model.predict(table, np.arange(len(files))), expected["prediction"], atol=1e-5, rtol=0)


@pytest.mark.parametrize("fold", [True, False])
@pytest.mark.parametrize("name", ["band-gap", "bulk-moduli", "formation-energy-per-atom"])
def test_clusters_in_a_box_get_the_published_codes_phantom_edges(shared_data, monkeypatch, name, fold):
    """Too few neighbours: upstream fills up with edges of 9 Å from the first atom, and they do send messages."""
    expected = pd.read_csv(shared_data("../reference/cgcnn_padded_clusters.csv"), dtype={"cif_id": str})
    expected = expected.query("checkpoint == @name")
    monkeypatch.setenv("BENCHMARK_DATA", str(shared_data("fung/pt_test_data.tar.gz").parents[1]))
    clusters = load("fung/pt")
    rows = [list(clusters.ids).index(cluster) for cluster in expected["cif_id"]]
    periodic = replace(clusters.take(rows), pbc=np.ones((len(rows), 3), dtype=bool))
    model = read_upstream(shared_data(f"cgcnn/pre-trained/{name}.pth.tar"))
    model.settings = replace(model.settings, fold=fold)
    found = model.predict(model.prepare(periodic), np.arange(len(rows)))
    np.testing.assert_allclose(found, expected["prediction"], atol=1e-5, rtol=0)
    model.settings = replace(model.settings, ties="cut")
    assert np.abs(model.predict(model.prepare(periodic), np.arange(len(rows))) - expected["prediction"]).max() > 1e-3


def test_a_checkpoints_target_and_unit_are_read_from_it(shared_data):
    model = read_upstream(shared_data("cgcnn/pre-trained/bulk-moduli.pth.tar"))
    assert model.about == {"target": "bulk_moduli", "unit": "log10(GPa)"}


def test_deeper_heads_and_own_widths_are_read_from_the_file(alloys, tmp_path):
    settings = CGCNNSettings(
        n_layers=2, width=6, hidden=5, n_hidden=3, cutoff=6.0, ties="padded", epochs=1, length_tolerance=0.0
    )
    model = CGCNN(settings)
    model.network.mean.fill_(2.0)
    model.network.std.fill_(0.5)
    state, scaler = model.network.network.state_dict(), {"mean": torch.tensor(2.0), "std": torch.tensor(0.5)}
    torch.save({"state_dict": state, "normalizer": scaler}, tmp_path / "own.pth.tar")
    loaded = read_upstream(tmp_path / "own.pth.tar")
    rows = np.arange(len(alloys))
    assert np.array_equal(loaded.predict(loaded.prepare(alloys), rows), model.predict(model.prepare(alloys), rows))
    assert loaded.about == {}


@pytest.mark.parametrize("before", ["module.", "_orig_mod.", "model.", "module._orig_mod."])
def test_weights_saved_from_a_wrapped_network_are_its_weights(alloys, tmp_path, before):
    model = CGCNN(CGCNNSettings(n_layers=2, width=6, hidden=5, cutoff=6.0, ties="padded", epochs=1))
    state, scaler = model.network.network.state_dict(), {"mean": torch.tensor(2.0), "std": torch.tensor(0.5)}
    torch.save({"state_dict": state, "normalizer": scaler}, tmp_path / "bare.pth.tar")
    wrapped = {f"{before}{name}": weight for name, weight in state.items()}
    torch.save({"state_dict": wrapped, "normalizer": scaler}, tmp_path / "wrapped.pth.tar")
    rows = np.arange(len(alloys))
    bare, loaded = (read_upstream(tmp_path / f"{name}.pth.tar") for name in ("bare", "wrapped"))
    assert np.array_equal(loaded.predict(loaded.prepare(alloys), rows), bare.predict(bare.prepare(alloys), rows))
    wrapped["fc_out.bias"] = wrapped.pop(f"{before}fc_out.bias")
    torch.save({"state_dict": wrapped, "normalizer": scaler}, tmp_path / "mixed.pth.tar")
    with pytest.raises(InputError, match=r"mixed\.pth\.tar: not a checkpoint"):
        read_upstream(tmp_path / "mixed.pth.tar")


def test_files_that_are_no_checkpoints_are_refused_in_one_line(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (tmp_path.joinpath("exploded").mkdir, ())

    files = {"bomb": {"state_dict": Bomb()}, "foreign": {"weights": torch.ones(2)}, "number": 3}
    for name, content in files.items():
        torch.save(content, tmp_path / f"{name}.pth.tar")
    (tmp_path / "text.pth.tar").write_text("no checkpoint")
    for name in (*files, "text", "missing"):
        with pytest.raises(InputError, match=f"{name}.pth.tar: not ") as caught:
            read_upstream(tmp_path / f"{name}.pth.tar")
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "exploded").exists()


def test_the_users_element_features_replace_the_built_in_ones_and_stay_with_the_weights(alloys, tmp_path):
    table = np.zeros((90, 3), dtype=np.float32)
    table[[13, 22, 28, 29, 78, 79]] = np.random.default_rng(0).normal(size=(6, 3))
    own = replace(alloys, element_features=table)
    spec = get("cgcnn")
    model = spec.model(spec.settings("smoke"))
    inputs = model.prepare(own)
    model.fit(inputs, np.linspace(0, 1, 30), np.arange(20), np.arange(20, 30), 0)
    assert model.network.network.embedding.weight.shape[1] == 3
    model.save(tmp_path / "own.safetensors")
    loaded = spec.model.load(tmp_path / "own.safetensors")
    # A crystal to predict needs no table beside it, and one beside it does not count.
    for crystals in (alloys, own, replace(own, element_features=table * 2)):
        assert np.array_equal(loaded.predict(loaded.prepare(crystals), np.arange(30)), model.predict(inputs, np.arange(30)))
    # A model that knew another table takes over this one with the weights.
    other = spec.model(spec.settings("smoke"))
    other.fit(other.prepare(alloys), np.linspace(0, 1, 30), np.arange(20), np.arange(20, 30), 0)
    state = other.state()
    other.set_state(model.state())
    assert np.array_equal(other.predict(other.prepare(alloys), np.arange(30)), model.predict(inputs, np.arange(30)))
    other.set_state(state)
    assert np.array_equal(other.elements, cgcnn_features())
    strange = replace(alloys, atomic_numbers=np.full(len(alloys.atomic_numbers), 30))
    with pytest.raises(InputError, match="no features for the element with Z = 30"):
        loaded.prepare(strange)
    with pytest.raises(InputError, match="no features for the element with Z = 30"):
        spec.model(spec.settings("smoke")).prepare(replace(strange, element_features=table))
    magpie = spec.model(spec.settings("smoke", {"atom_features": "magpie"}))
    assert magpie.prepare(own).elements.shape == (101, 22)


@pytest.mark.parametrize(("features", "n"), [("cgcnn", 92), ("one-hot", 114), ("embedding", 100), ("magpie", 22)])
@pytest.mark.parametrize("name", ["cgcnn", "schnet", "gatgnn"])
def test_every_set_of_atom_features_can_be_trained_on(alloys, name, features, n):
    spec = get(name)
    model = spec.model(spec.settings("smoke", {"atom_features": features}))
    inputs = model.prepare(alloys)
    model.fit(inputs, np.linspace(0, 1, 30), np.arange(20), np.arange(20, 30), 0)
    assert model.network.network.atom_features.n_features == n
    assert np.isfinite(model.predict(inputs, np.arange(30))).all()


def test_one_hot_features_are_the_element_and_the_number_of_neighbours(crystals):
    features = AtomFeatures("one-hot", element_table("one-hot"))
    table = GraphTable(crystals, find_neighbors(crystals, Nearest(12)), element_table("one-hot"), loops=True)
    batch = table.cut(torch.arange(4))
    x = features(batch)
    assert x.shape[1] == 114 and torch.equal(x.sum(dim=1), torch.full((len(x),), 2.0))
    assert torch.equal(x[:, :100].argmax(dim=1) + 1, batch.atomic_numbers)
    assert torch.equal(x[:, 100:].argmax(dim=1), batch.degree.clamp(max=13))
