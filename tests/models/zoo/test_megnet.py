"""MEGNet is the published network: its size, its block, its Set2Set, its graph, and the predictions of its weights."""

import json
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.func import functional_call

from datasets.crystals import Crystals
from datasets.errors import InputError
from datasets.neighbor_search import Radius
from datasets.neighbors import find_neighbors
from datasets.readers.structure_files import read_many
from models.graph.batch import GraphBatch
from models.graph.layers import Set2Set, hard_sigmoid, shifted_softplus
from models.graph.message_passing import backend
from models.graph.table import GraphTable
from models.registry import get
from models.zoo.megnet import MEGNet, MEGNetNetwork, MEGNetSettings, keras_names, read_upstream
from tests.backends import each_backend, needs_dgl, require_same_from_both

each_items = pytest.mark.parametrize("items", ["atoms", "edges"])
CLOSE = {"rtol": 1e-12, "atol": 1e-12}
SMALL = MEGNetSettings(n_layers=3, width=6, hidden=10, pooled=4, gaussians=12)


def double_batch(model: MEGNet, crystals: Crystals, rows: list[int] | None = None) -> GraphBatch:
    chosen = torch.arange(len(crystals)) if rows is None else torch.tensor(rows)
    return GraphTable(crystals, find_neighbors(crystals, Radius(4.0)), model.elements).cut(chosen, torch.float64)


@pytest.fixture
def model() -> MEGNet:
    """Three small blocks with random weights and biases, in double precision."""
    torch.manual_seed(0)
    model = MEGNet(SMALL)
    for parameter in model.network.parameters():
        nn.init.normal_(parameter, std=0.5)
    model.network.double().eval()
    return model


@pytest.fixture
def network(model) -> MEGNetNetwork:
    return model.network.network


@pytest.fixture
def batch(model, crystals) -> GraphBatch:
    return double_batch(model, crystals)


def random_features(batch: GraphBatch, width: int, seed: int = 1) -> tuple[torch.Tensor, ...]:
    """Of the atoms, the bonds and the crystals of a batch."""
    generator = torch.Generator().manual_seed(seed)
    counts = (len(batch.atomic_numbers), len(batch.src), batch.n_crystals)
    return tuple(torch.randn(n, width, generator=generator, dtype=torch.float64, requires_grad=True) for n in counts)


def small_batch() -> GraphBatch:
    """Two crystals of two atoms and of one, with repeated bonds and a bond to itself."""
    return GraphBatch(
        atomic_numbers=torch.tensor([11, 17, 14]), crystal=torch.tensor([0, 0, 1]), n_atoms=torch.tensor([2, 1]),
        src=torch.tensor([1, 1, 0, 2, 2]), dst=torch.tensor([0, 0, 1, 2, 2]),
        distance=torch.tensor([2.1, 3.0, 2.1, 2.4, 2.4], dtype=torch.float64),
    )  # fmt: skip


# -- size -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", [1, 2, 3, 4, 5, 6])
def test_parameters_are_as_many_as_published_at_every_depth(layers):
    expected = 11_857 + 51_968 * layers
    assert MEGNet(MEGNetSettings(n_layers=layers)).n_parameters == expected == get("megnet").published_parameters(layers)


def test_the_published_network_has_167_761_parameters():
    assert get("megnet").describe()["parameters"] == get("megnet").describe()["published_parameters"] == 167_761


# -- the equations ----------------------------------------------------------------------------------


def mlp(phi: nn.Module, parts: list[torch.Tensor]) -> torch.Tensor:
    """φ of concatenated inputs: two activated layers, the third linear."""
    hidden = shifted_softplus(phi.first(torch.cat(parts)))
    return phi.last(shifted_softplus(hidden @ phi.second.weight.T + phi.second.bias))


def dense(pair: nn.Module, x: torch.Tensor) -> torch.Tensor:
    for layer in pair if isinstance(pair, nn.Sequential) else ():
        x = shifted_softplus(x @ layer.weight.T + layer.bias)
    return x


def block_written_out(block: nn.Module, batch: GraphBatch, v0, e0, u0) -> tuple[torch.Tensor, ...]:
    """The published block, bond by bond and atom by atom, on concatenated inputs; index1 is the receiver."""
    v, e, u = dense(block.atom, v0), dense(block.bond, e0), dense(block.state, u0)
    ends = [*zip(batch.dst.tolist(), batch.src.tolist(), strict=True)]
    crystal = batch.crystal.tolist()
    new_e = torch.stack([mlp(block.phi_e, [v[i], v[j], e[n], u[crystal[i]]]) for n, (i, j) in enumerate(ends)])
    mean = [new_e[batch.dst == i].mean(0) for i in range(len(v))]
    new_v = torch.stack([mlp(block.phi_v, [mean[i], v[i], u[crystal[i]]]) for i in range(len(v))])
    of_crystal = [(batch.edge_crystal == row, batch.crystal == row) for row in range(len(u))]
    new_u = [
        mlp(block.phi_u, [new_e[bonds].mean(0), new_v[atoms].mean(0), u[n]]) for n, (bonds, atoms) in enumerate(of_crystal)
    ]
    return v0 + new_v, e0 + new_e, u0 + torch.stack(new_u)


def pooled_written_out(pool: Set2Set, x: torch.Tensor) -> torch.Tensor:
    """Set2Set of the items of one crystal."""
    m = x @ pool.project.weight.T + pool.project.bias
    width = m.shape[1]
    star = m.new_zeros(2 * width)
    for _ in range(3):
        z = pool.gates.weight @ star + pool.gates.bias
        i, _, c, o = z[:width], z[width : 2 * width], z[2 * width : 3 * width], z[3 * width :]
        q = torch.clip(0.2 * o + 0.5, 0, 1) * torch.tanh(torch.clip(0.2 * i + 0.5, 0, 1) * torch.tanh(c))
        star = torch.cat([q, torch.softmax(m @ q, 0) @ m])
    return star


def test_the_whole_network_is_the_published_one(model, network, crystals, batch):
    v = dense(network.atom, network.embedding.weight[batch.atomic_numbers])
    centres = torch.linspace(0, 5, SMALL.gaussians, dtype=torch.float64)
    e = dense(network.bond, torch.exp(-((batch.distance[:, None] - centres) ** 2) / 0.5**2))
    u = dense(network.state, v.new_zeros(batch.n_crystals, 2))
    for block in network.blocks:
        v, e, u = block_written_out(block, batch, v, e, u)
    for row in range(batch.n_crystals):
        pooled_v = pooled_written_out(network.pool_atoms, v[batch.crystal == row])
        pooled_e = pooled_written_out(network.pool_bonds, e[batch.edge_crystal == row])
        hidden = dense(network.readout[:2], torch.cat([pooled_v, pooled_e, u[row]]))
        torch.testing.assert_close(network(batch)[row], network.readout[2](hidden)[0], **CLOSE)


@each_backend
@pytest.mark.parametrize("number", [0, 1])
def test_the_block_is_the_published_equation_in_values_and_gradients(network, batch, chosen, number):
    block = network.blocks[number]
    features = random_features(batch, SMALL.width)
    with backend(chosen):
        ours = block(batch, *features)
    theirs = block_written_out(block, batch, *features)
    wanted = [*features, *block.parameters()]
    gradients = [torch.autograd.grad(sum(out.square().sum() for out in outs), wanted) for outs in (ours, theirs)]
    for one, other in [*zip(ours, theirs, strict=True), *zip(*gradients, strict=True)]:
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


def test_only_the_first_block_has_no_dense_pairs(network):
    assert [isinstance(block.atom, nn.Sequential) for block in network.blocks] == [False, True, True]


def gradients_are_right(module: nn.Module, batch: GraphBatch, inputs: tuple[torch.Tensor, ...], chosen: str) -> bool:
    """Whether gradients by inputs and by every weight are those of finite differences; DGL is slow on one number at a time."""
    names, weights = zip(*module.named_parameters(), strict=True)

    def call(*tensors):
        return functional_call(module, dict(zip(names, tensors[len(inputs) :], strict=True)), (batch, *tensors[: len(inputs)]))

    return torch.autograd.gradcheck(call, (*inputs, *weights), fast_mode=chosen == "dgl")


@each_backend
def test_gradients_of_a_block_are_those_of_finite_differences(chosen):
    torch.manual_seed(0)
    block = MEGNetNetwork(replace(SMALL, width=2, hidden=3, n_layers=2), np.eye(1)).double().blocks[1]
    with backend(chosen):
        assert gradients_are_right(block, small_batch(), random_features(small_batch(), 2), chosen)


@each_backend
@each_items
def test_gradients_of_set2set_are_those_of_finite_differences(chosen, items):
    torch.manual_seed(0)
    atoms, bonds, _ = random_features(small_batch(), 3)
    with backend(chosen):
        pool = Set2Set(3, 2, items).double()
        assert gradients_are_right(pool, small_batch(), (atoms if items == "atoms" else bonds,), chosen)


@needs_dgl
def test_dgl_and_torch_give_the_same_predictions_and_gradients(network, batch):
    require_same_from_both(network, batch)


# -- Set2Set ----------------------------------------------------------------------------------------


def one_wide(steps: int) -> Set2Set:
    """m = x; the gates see q and r, so that each step differs from the one before."""
    pool = Set2Set(1, 1, "atoms", steps).double()
    with torch.no_grad():
        pool.project.weight.fill_(1.0)
        pool.project.bias.zero_()
        pool.gates.weight.copy_(torch.tensor([[1.0, 0.5], [7.0, 7.0], [0.0, 0.25], [2.0, -1.0]]))
        pool.gates.bias.copy_(torch.tensor([0.0, 9.0, 1.0, 0.5]))
    return pool


@each_backend
def test_two_steps_of_set2set_are_those_computed_by_hand(chosen):
    """Atoms with m = 1 and 3; the gates of the second step start from no cell, as those of the first."""
    batch = replace(small_batch(), crystal=torch.tensor([0, 0, 1]))
    x = torch.tensor([[1.0], [3.0], [5.0]], dtype=torch.float64)
    q = 0.6 * math.tanh(0.5 * math.tanh(1.0))
    r = (math.exp(q) + 3 * math.exp(3 * q)) / (math.exp(q) + math.exp(3 * q))
    with backend(chosen):
        torch.testing.assert_close(one_wide(1)(batch, x), torch.tensor([[q, r], [q, 5.0]], dtype=torch.float64), **CLOSE)
    gate_in, cell, gate_out = 0.2 * (q + 0.5 * r) + 0.5, math.tanh(0.25 * r + 1.0), 0.2 * (2 * q - r + 0.5) + 0.5
    q = gate_out * math.tanh(gate_in * cell)
    r = (math.exp(q) + 3 * math.exp(3 * q)) / (math.exp(q) + math.exp(3 * q))
    with backend(chosen):
        torch.testing.assert_close(one_wide(2)(batch, x)[0], torch.tensor([q, r], dtype=torch.float64), **CLOSE)


def test_the_hard_sigmoid_is_the_one_of_keras():
    x = torch.tensor([-9.0, -2.5, -1.0, 0.0, 1.0, 2.5, 9.0], dtype=torch.float64)
    expected = torch.tensor([0.0, 0.0, 0.3, 0.5, 0.7, 1.0, 1.0], dtype=torch.float64)
    torch.testing.assert_close(hard_sigmoid(x), expected, **CLOSE)


def test_the_forget_gate_of_set2set_is_idle(network, batch):
    before = network(batch)
    for pool in (network.pool_atoms, network.pool_bonds):
        nn.init.normal_(pool.gates.weight.data[SMALL.pooled : 2 * SMALL.pooled])
        nn.init.normal_(pool.gates.bias.data[SMALL.pooled : 2 * SMALL.pooled])
    assert torch.equal(network(batch), before)


@each_items
def test_set2set_does_not_depend_on_the_order_within_a_crystal(batch, items):
    pool = Set2Set(4, 3, items).double()
    atoms, bonds, _ = random_features(batch, 4)
    x, owner = (atoms, batch.crystal) if items == "atoms" else (bonds, batch.edge_crystal)
    shuffled = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    order = shuffled[torch.argsort(owner[shuffled], stable=True)]
    torch.testing.assert_close(pool(batch, x[order]), pool(batch, x), **CLOSE)


# -- the graph and what the network tells apart -----------------------------------------------------


def test_distances_expand_to_the_published_gaussians():
    expansion = MEGNetNetwork(MEGNetSettings(), np.eye(1)).expansion
    distance = torch.linspace(0.5, 4.0, 50, dtype=torch.float64)
    expected = np.exp(-((distance.numpy()[:, None] - np.linspace(0, 5, 100)) ** 2) / 0.5**2)
    np.testing.assert_allclose(expansion(distance).numpy(), expected, rtol=1e-12, atol=1e-19)


def test_gaussians_reach_one_angstrom_beyond_another_cutoff():
    centres = MEGNetNetwork(MEGNetSettings(cutoff=5.0), np.eye(1)).expansion.centres
    np.testing.assert_allclose(centres, np.linspace(0, 6, 100), rtol=1e-12)


def test_a_batch_is_the_union_of_its_crystals_in_any_order(model, network, crystals, batch):
    alone = torch.cat([network(double_batch(model, crystals, [row])) for row in range(len(crystals))])
    torch.testing.assert_close(network(batch), alone, **CLOSE)
    torch.testing.assert_close(network(double_batch(model, crystals, [3, 1, 0, 2])), alone[[3, 1, 0, 2]], **CLOSE)


def test_the_order_of_the_atoms_does_not_matter(model, network, batch, crystals):
    backwards = Crystals.from_cells(
        crystals.ids,
        [
            (crystals.lattice[n], crystals.pbc[n], crystals.atomic_numbers[a][::-1], crystals.frac_coords[a][::-1])
            for n, a in enumerate(map(crystals.atoms_of, range(len(crystals))))
        ],
    )
    torch.testing.assert_close(network(double_batch(model, backwards)), network(batch), rtol=1e-6, atol=1e-6)


def test_a_batch_of_one_crystal_trains(model, network, crystals):
    prediction = network.train()(double_batch(model, crystals, [1]))
    prediction.sum().backward()
    assert prediction.shape == (1,) and all(torch.isfinite(p.grad).all() for p in network.parameters())


@each_backend
def test_a_bond_from_j_to_i_is_not_the_bond_from_i_to_j(network, crystals, batch, chosen):
    """φ_e has the weights of the receiver first; exchanged, they give another number."""
    with backend(chosen):
        before = network(batch)
        for block in network.blocks:
            receiver, sender, *rest = block.phi_e.first.weight.data.chunk(4, dim=1)
            block.phi_e.first.weight.data = torch.cat([sender, receiver, *rest], dim=1)
        assert (network(batch) - before).abs().max() > 1e-4


def test_the_network_tells_elements_and_distances_apart(network, batch):
    longer = replace(batch, distance=batch.distance * 1.02)
    heavier = replace(batch, atomic_numbers=batch.atomic_numbers + 1)
    for other in (longer, heavier):
        assert (network(other) - network(batch)).abs().min() > 1e-8


@each_backend
def test_atoms_and_whole_crystals_without_bonds_give_finite_numbers(network, chosen):
    bonds = torch.tensor([], dtype=torch.int64)
    alone = replace(small_batch(), src=bonds, dst=bonds, distance=torch.tensor([], dtype=torch.float64))
    with backend(chosen):
        assert torch.isfinite(network(alone)).all()


def test_a_crystal_with_an_isolated_atom_has_a_prediction(isolated):
    model = MEGNet(SMALL)
    assert np.isfinite(model.predict(model.prepare(isolated), np.arange(2))).all()


def with_element(crystals: Crystals, number: int) -> Crystals:
    numbers = crystals.atomic_numbers.copy()
    numbers[crystals.offsets[1]] = number
    return replace(crystals, atomic_numbers=numbers)


def test_the_embedding_knows_plutonium_and_no_heavier_element(crystals):
    model = MEGNet(SMALL)
    assert np.isfinite(model.predict(model.prepare(with_element(crystals, 94)), np.arange(4))).all()
    with pytest.raises(InputError, match="crystal 'alloy': no features for the element with Z = 95"):
        model.prepare(with_element(crystals, 95))


@pytest.mark.parametrize(("name", "columns"), [("cgcnn", 92), ("one-hot", 114), ("magpie", 22)])
def test_other_atom_features_pass_a_linear_layer_without_bias(crystals, name, columns):
    model = MEGNet(replace(SMALL, atom_features=name))
    embedding = model.network.network.embedding
    assert embedding.weight.shape == (16, columns) and embedding.bias is None
    assert np.isfinite(model.predict(model.prepare(with_element(crystals, 95)), np.arange(4))).all()


# -- settings ---------------------------------------------------------------------------------------


def test_the_published_recipe_is_the_one_of_the_paper():
    recipe = get("megnet").profiles["paper"].as_dict()
    expected = {
        "optimizer": "adam", "learning_rate": 1e-3, "weight_decay": 0.0, "loss": "mse", "batch_size": 128, "epochs": 1000,
        "clip_norm": 3.0, "schedule": "constant", "n_layers": 3, "atom_features": "embedding", "cutoff": 4.0,
        "width": 32, "hidden": 64, "pooled": 16, "gaussians": 100, "margin": 1.0, "gaussian_width": 0.5,
    }  # fmt: skip
    assert {name: recipe[name] for name in expected} == expected
    assert str(MEGNet.rule(MEGNetSettings())) == "radius(4 Å)" == get("megnet").graph_rule(MEGNetSettings())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cutoff": "0"}, r"setting cutoff=0\.0: it must be positive"),
        ({"gaussian_width": "-1"}, r"setting gaussian_width=-1\.0: it must be positive"),
        ({"margin": "nan"}, r"setting margin=nan: it must be above -cutoff"),
        ({"pooled": "0"}, "setting pooled=0: it must be at least 1"),
    ],
)
def test_impossible_settings_are_refused_in_one_line(changes, message):
    with pytest.raises(InputError, match=message):
        MEGNetSettings().changed(changes)


def test_fresh_weights_are_drawn_as_in_the_published_code():
    torch.manual_seed(0)
    network = MEGNetNetwork(MEGNetSettings(), np.eye(1))
    first = network.blocks[1].phi_e.first
    assert first.bias.abs().max() == 0 and first.weight.abs().max() <= math.sqrt(6 / (128 + 64))
    assert network.embedding.weight.abs().max() <= 0.05
    gates = network.pool_bonds.gates.weight
    torch.testing.assert_close(gates.T @ gates, torch.eye(32), rtol=1e-5, atol=1e-5)


# -- the published weights --------------------------------------------------------------------------


@pytest.fixture
def published(shared_data) -> MEGNet:
    return read_upstream(shared_data("../reference/megnet_formation_energy.npz"))


@pytest.fixture
def expected(shared_data) -> pd.DataFrame:
    table = pd.read_csv(shared_data("../reference/megnet_predictions.csv"), dtype={"cif_id": str})
    return table[table["model"] == "mp-2018.6.1/formation_energy"]


@pytest.fixture
def samples(shared_data, expected) -> Crystals:
    files = [shared_data(f"cgcnn/sample-regression/{crystal}.cif") for crystal in expected["cif_id"]]
    return Crystals.from_cells([file.stem for file in files], read_many(files))


@each_backend
@pytest.mark.parametrize("fold", [True, False])
def test_with_the_published_weights_it_predicts_what_the_published_code_predicts(published, expected, samples, chosen, fold):
    assert published.about == {"target": "formation_energy_per_atom", "unit": "eV/atom"}
    assert published.settings == MEGNetSettings(length_tolerance=0.0) and published.n_parameters == 167_761
    published.settings = replace(published.settings, fold=fold)
    with backend(chosen):
        predictions = published.predict(published.prepare(samples), np.arange(len(samples)))
    np.testing.assert_allclose(predictions, expected["prediction"], atol=2e-6, rtol=0)


@pytest.fixture
def graphs(shared_data, samples) -> list[tuple[dict, GraphBatch]]:
    """What the published code wrote about its graph of each sample, and the same graph with its bonds sorted."""
    content = json.loads(shared_data("../reference/megnet_graphs.json").read_text())
    found = []
    for name in samples.ids:
        graph = content[name]
        order = np.lexsort((graph["bond"], graph["index1"]))
        src, dst, bond = (torch.tensor(np.array(graph[column])[order]) for column in ("index2", "index1", "bond"))
        atoms = torch.tensor(graph["atom"])
        found.append((graph, GraphBatch(atoms, torch.zeros_like(atoms), torch.tensor([len(atoms)]), src, dst, bond)))
    return found


def test_on_the_published_graphs_the_network_is_the_published_one_in_double_precision(published, graphs):
    published.network.double().eval()
    for graph, batch in graphs:
        assert abs(published.network(batch).item() - graph["prediction_numpy_float64"]) < 2e-7


def test_our_graphs_are_the_published_ones(published, samples, graphs):
    published.settings = replace(published.settings, fold=False)
    table = published.prepare(samples)
    for row, (_, theirs) in enumerate(graphs):
        ours = table.cut(torch.tensor([row]), torch.float64)
        assert torch.equal(ours.atomic_numbers, theirs.atomic_numbers) and torch.equal(ours.dst, theirs.dst)
        torch.testing.assert_close(ours.distance, theirs.distance, rtol=0, atol=1e-6)
        pairs = [
            sorted(zip(b.dst.tolist(), b.src.tolist(), b.distance.round(decimals=3).tolist(), strict=True))
            for b in (ours, theirs)
        ]
        assert pairs[0] == pairs[1]


def test_the_published_names_are_all_known(shared_data):
    with np.load(shared_data("../reference/megnet_formation_energy.npz")) as file:
        assert set(file.files) == set(keras_names(3))


# -- reading files of the original code -------------------------------------------------------------


@pytest.mark.parametrize("layers", [1, 2, 4])
def test_every_weight_has_one_name_in_the_original_code(layers):
    ours = keras_names(layers).values()
    assert len(set(ours)) == len(ours) and set(ours) == set(
        MEGNet(replace(SMALL, n_layers=layers)).network.network.state_dict()
    )


def upstream_arrays(model: MEGNet) -> dict[str, np.ndarray]:
    """The weights as the original code names and turns them, in single precision."""
    state = {name: tensor.numpy().astype(np.float32) for name, tensor in model.network.network.state_dict().items()}
    names = keras_names(model.settings.n_layers)
    return {theirs: state[ours] if ours == "embedding.weight" else state[ours].T for theirs, ours in names.items()}


def write_hdf5(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """As Keras writes a whole model: model_weights/<layer>/<name>, beside the optimizer's."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[f"model_weights/{name.partition('|')[0]}/{name.replace('|', '/')}"] = array
        file.create_group("model_weights/dropout_1")
        file["optimizer_weights/Adam/iterations:0"] = 7


def predictions(model: MEGNet, crystals: Crystals) -> np.ndarray:
    return model.predict(model.prepare(crystals), np.arange(len(crystals)))


@pytest.mark.parametrize("suffix", ["npz", "hdf5", "h5"])
def test_a_model_of_any_size_is_read_from_numpys_and_from_keras_files(model, crystals, tmp_path, suffix):
    path = tmp_path / f"model.{suffix}"
    arrays = upstream_arrays(model)
    if suffix == "npz":
        np.savez(path, **arrays)
    else:
        write_hdf5(path, arrays)
        Path(f"{path}.json").write_text("{}")
    found = read_upstream(path)
    model.network.float()
    # The published code knows no tolerance of lengths.
    model.settings = replace(SMALL, length_tolerance=0.0)
    assert found.settings == model.settings and found.about == {}
    assert np.array_equal(predictions(found, crystals), predictions(model, crystals))
    found.save(tmp_path / "own.safetensors")
    assert np.array_equal(predictions(MEGNet.load(tmp_path / "own.safetensors"), crystals), predictions(model, crystals))


@pytest.fixture
def file(model, tmp_path) -> Path:
    """A small model as the original code names its arrays."""
    path = tmp_path / "log10K.npz"
    np.savez(path, **upstream_arrays(model))
    return path


def converter(spelling: str = "converter", **changes) -> dict:
    """The graph of the original code's JSON: 5 Å, Gaussians to 6 Å."""
    centres = {"@module": "numpy", "@class": "array", "dtype": "float64", "data": np.linspace(0, 6, SMALL.gaussians).tolist()}
    bond = {"@class": "GaussianDistance", "centers": centres, "width": 0.4} | changes
    return {f"graph_{spelling}": {"@class": "CrystalGraph", f"bond_{spelling}": bond, "cutoff": 5.0}}


def companion(file: Path, content: object) -> None:
    Path(f"{file}.json").write_text(content if isinstance(content, str) else json.dumps(content))


@pytest.mark.parametrize("spelling", ["converter", "convertor"])
def test_cutoff_and_gaussians_are_read_from_the_file_beside_the_model(file, spelling):
    companion(file, converter(spelling) | {"metadata": {"unit": "log10(GPa)"}})
    expected = replace(SMALL, cutoff=5.0, margin=1.0, gaussian_width=0.4, length_tolerance=0.0)
    assert read_upstream(file).settings == expected


def test_the_scaler_is_read_from_the_file_beside_the_model(file, crystals):
    plain = predictions(read_upstream(file), crystals)
    companion(file, {"target_scaler": {"@class": "StandardScaler", "mean": -1.5, "std": 2.0, "is_intensive": True}})
    np.testing.assert_allclose(predictions(read_upstream(file), crystals), 2.0 * plain - 1.5, rtol=1e-12)
    companion(file, {"target_scaler": {"@class": "DummyScaler"}, "graph_converter": None})
    assert np.array_equal(predictions(read_upstream(file), crystals), plain)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "Expecting property name"),
        ("[]", "no attribute 'get'"),
        ({"target_scaler": {"mean": 0, "std": 1, "is_intensive": False}}, "the target is extensive"),
        ({"graph_converter": {"cutoff": 5.0}}, "bond_convertor"),
        (converter(centers=[0.0, 1.0, 4.0]), "not spaced evenly from 0"),
        (converter(centers=[]), "index -1 is out of bounds"),
        (converter(width=0.0), "gaussian_width"),
    ],
)
def test_a_file_beside_the_model_that_does_not_fit_is_refused_in_one_line(file, content, reason):
    companion(file, content)
    with pytest.raises(InputError, match=rf"log10K\.npz: not a regression model of the original MEGNet \(.*{reason}") as caught:
        read_upstream(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "about"),
    [
        ("formation_energy.npz", {"target": "formation_energy_per_atom", "unit": "eV/atom"}),
        ("band_gap_regression.npz", {"target": "band_gap", "unit": "eV"}),
        ("efermi.npz", {"target": "efermi", "unit": "eV"}),
        ("log10K.npz", {"target": "bulk_moduli", "unit": "log10(GPa)"}),
        ("log10G.npz", {"target": "shear_moduli", "unit": "log10(GPa)"}),
        ("something.npz", {}),
    ],
)
def test_target_and_unit_are_those_that_the_name_of_the_file_says(file, name, about):
    assert read_upstream(file.rename(file.parent / name)).about == about


def test_a_classifier_is_refused(file):
    with pytest.raises(InputError, match=r"band_classification\.npz: a classifier"):
        read_upstream(file.rename(file.parent / "band_classification.npz"))


def changed_arrays(model: MEGNet, change: str) -> dict[str, np.ndarray]:
    arrays = upstream_arrays(model)
    if change == "an array is missing":
        del arrays["readout_1|bias:0"]
    elif change == "an array too many":
        arrays["bond_embedding|embeddings:0"] = np.zeros((4, 4), dtype=np.float32)
    elif change == "another shape":
        arrays["readout_2|kernel:0"] = arrays["readout_2|kernel:0"][:, [0, 0]]
    elif change == "not a number":
        arrays["readout_2|bias:0"] = np.array([np.nan])
    elif change == "an object":
        arrays["readout_2|bias:0"] = np.array([{"a": 1}], dtype=object)
    else:
        arrays = {"weight": np.zeros(3)}
    return arrays


CHANGES = ["an array is missing", "an array too many", "another shape", "not a number", "an object", "a foreign file"]


@pytest.mark.parametrize("change", CHANGES)
def test_arrays_that_are_not_a_megnet_are_refused_in_one_line(model, file, change):
    np.savez(file, **changed_arrays(model, change))
    with pytest.raises(InputError, match=r"log10K\.npz: not a regression model of the original MEGNet") as caught:
        read_upstream(file)
    assert "\n" not in str(caught.value)


# HDF5 keeps no checksum of its arrays: flipped bytes go unnoticed there.
DAMAGES = [*(("npz", how) for how in ("empty", "text", "truncated", "flipped", "missing")),
           *(("hdf5", how) for how in ("empty", "text", "truncated", "missing"))]  # fmt: skip


@pytest.mark.parametrize(("suffix", "damage"), DAMAGES)
def test_a_damaged_file_is_refused_in_one_line(model, tmp_path, suffix, damage):
    path = tmp_path / f"model.{suffix}"
    if suffix == "npz":
        np.savez_compressed(path, **upstream_arrays(model))
    else:
        write_hdf5(path, upstream_arrays(model))
    good = path.read_bytes()
    middle = len(good) // 4
    contents = {"empty": b"", "text": b"weights", "truncated": good[: 2 * middle]}
    contents["flipped"] = good[:middle] + bytes(400) + good[middle + 400 :]
    path.unlink()
    if damage != "missing":
        path.write_bytes(contents[damage])
    with pytest.raises(InputError, match=r"model\.\w+: not a regression model of the original MEGNet") as caught:
        read_upstream(path)
    assert "\n" not in str(caught.value)


def test_an_hdf5_file_that_keras_did_not_write_is_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["numbers"] = np.arange(3)
    with pytest.raises(InputError, match=r"foreign\.h5: not a regression model of the original MEGNet"):
        read_upstream(tmp_path / "foreign.h5")


def test_without_h5py_the_line_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "model.hdf5").write_bytes(b"")
    with pytest.raises(InputError, match=r"model\.hdf5: reading Keras' files takes h5py; install it with `pip install h5py`"):
        read_upstream(tmp_path / "model.hdf5")
