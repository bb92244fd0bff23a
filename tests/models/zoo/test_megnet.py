"""MEGNet is the published network: its size, its block, its Set2Set, its graph and its recipe."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call

from datasets.crystals import Crystals
from datasets.errors import InputError
from datasets.neighbor_search import Radius
from datasets.neighbors import find_neighbors
from models.graph.batch import GraphBatch
from models.graph.layers import Set2Set, hard_sigmoid, shifted_softplus
from models.graph.message_passing import backend
from models.graph.table import GraphTable
from models.registry import get
from models.zoo.megnet import MEGNet, MEGNetNetwork, MEGNetSettings
from tests.backends import each_backend, needs_dgl, require_same_from_both
from tests.models.zoo.small_megnet import SMALL, small_megnet

each_items = pytest.mark.parametrize("items", ["atoms", "edges"])
CLOSE = {"rtol": 1e-12, "atol": 1e-12}


def double_batch(model: MEGNet, crystals: Crystals, rows: list[int] | None = None) -> GraphBatch:
    chosen = torch.arange(len(crystals)) if rows is None else torch.tensor(rows)
    return GraphTable(crystals, find_neighbors(crystals, Radius(4.0)), model.elements).cut(chosen, torch.float64)


@pytest.fixture
def model() -> MEGNet:
    return small_megnet()


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
