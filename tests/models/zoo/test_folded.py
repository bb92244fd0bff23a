"""What every graph network promises of folding: the same outputs, gradients and running statistics."""

from dataclasses import fields, replace

import numpy as np
import pytest
import torch
from torch import nn

from datasets.crystals import Cell, Crystals
from datasets.registry import load
from models.graph.message_passing import backend
from models.graph.table import GraphTable
from models.graph_model import GraphModel
from models.registry import get, registered
from tests.backends import needs_dgl
from tests.conftest import FCC, OPEN, PERIODIC, alloy, doubled, lone_atom, rock_salt, slab

NAMES = [name for name, spec in registered().items() if issubclass(spec.model, GraphModel)]
CHANGES = (
    {}, {"graph": "minimum-image"}, {"ties": "cut"}, {"ties": "padded"},
    {"atom_features": "cgcnn"}, {"atom_features": "one-hot"}, {"atom_features": "embedding"},
)  # fmt: skip


def is_known(name: str, changes: dict[str, str]) -> bool:
    return set(changes) <= {field.name for field in fields(get(name).settings("smoke"))}


CASES = [
    pytest.param(name, changes, id="-".join([name, *changes.values()]))
    for name in NAMES for changes in CHANGES if is_known(name, changes)
]  # fmt: skip


def stripes() -> Cell:
    """Iron and aluminium in layers of one lattice: two kinds with the same lengths."""
    return np.eye(3) * 3.0, PERIODIC, np.array([26, 13]), np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])


def copper() -> Cell:
    """One atom, whose neighbours are all its own images."""
    return (np.ones((3, 3)) - np.eye(3)) * 1.8, PERIODIC, np.array([29]), np.zeros((1, 3))


def square() -> Cell:
    """Four alike corners and an apex, in a box."""
    corners = [[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [1.0, 1.0, 2.0], [0.0, 2.0, 0.0], [2.0, 2.0, 0.0]]
    return np.eye(3) * 20.0, OPEN, np.array([13, 13, 8, 13, 13]), np.array(corners) / 20.0 + 0.3


def nearly_cubic() -> Cell:
    """Copper whose lengths differ by less than the tolerance: one kind, and one length a shell."""
    return np.diag([3.6, 3.6 + 3e-6, 3.6 - 2e-6]), PERIODIC, np.full(4, 29), FCC


CELLS = (
    rock_salt(), alloy(3), stripes(), copper(), square(), slab(), doubled(stripes()), alloy(4), nearly_cubic(), lone_atom(),
    doubled(rock_salt()),
)  # fmt: skip


@pytest.fixture(scope="module")
def shapes() -> Crystals:
    """Symmetric and hardly symmetric crystals, supercells, a slab, a cluster, cells of one atom, an atom without edges."""
    return Crystals.from_cells([str(row) for row in range(len(CELLS))], CELLS)


def tables(name: str, changes: dict[str, str], crystals: Crystals) -> tuple[GraphModel, GraphTable, GraphTable]:
    """A model, and its folded and its unfolded graphs of the crystals that it takes."""
    settings = get(name).settings("smoke", changes)
    model, unfolded = (get(name).model(replace(settings, fold=fold)) for fold in (True, False))
    refused = model.refused(settings, crystals)
    taken = crystals.take([row for row in range(len(crystals)) if row not in refused])
    return model, model.prepare(taken), unfolded.prepare(taken)


def network_of(model: GraphModel, table: GraphTable, n_outputs: int, dtype: torch.dtype) -> nn.Module:
    """With fresh weights and with running statistics that are not the initial ones."""
    torch.manual_seed(0)
    network = model.build(model.settings, table.elements, n_outputs)
    model.calibrate(network, table)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return network.to(dtype)


Step = tuple[torch.Tensor, torch.Tensor, dict[str, torch.Tensor], dict[str, torch.Tensor]]


def step(model: GraphModel, table: GraphTable, n_outputs: int, dtype: torch.dtype) -> Step:
    """Predictions; then, in training mode, outputs, gradients of a loss and the state behind it."""
    network, batch = network_of(model, table, n_outputs, dtype), table.cut(torch.arange(len(table)), dtype)
    with torch.no_grad():
        predicted = network.eval()(batch)
    torch.manual_seed(1)  # a classifier drops features of crystals
    out = network.train()(batch)
    (out.square() * torch.cos(torch.arange(out.numel(), dtype=dtype)).view_as(out)).sum().backward()
    gradients = {key: weight.grad for key, weight in network.named_parameters() if weight.grad is not None}
    return predicted, out.detach(), gradients, {key: buffer for key, buffer in network.named_buffers()}


def require_same(folded: Step, plain: Step, close: float, gradients_close: float) -> None:
    """Within `close` of the largest number. So are gradients, as one that vanishes is a difference of large numbers."""
    for ours, theirs in zip(folded[:2], plain[:2], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=close, atol=close * float(theirs.abs().max()))
    largest = max(float(gradient.abs().max()) for gradient in plain[2].values())
    assert largest > 0 and folded[2].keys() == plain[2].keys()
    for key, gradient in plain[2].items():
        torch.testing.assert_close(folded[2][key], gradient, rtol=0, atol=gradients_close * largest, msg=key)
    for key, buffer in plain[3].items():
        torch.testing.assert_close(folded[3][key], buffer, rtol=gradients_close, atol=gradients_close, msg=key)


@pytest.mark.parametrize("kind", ["regression", "classification"])
@pytest.mark.parametrize(("name", "changes"), CASES)
def test_folded_graphs_give_the_same_in_double_precision(shapes, name, changes, kind):
    model, folded, plain = tables(name, changes, shapes)
    assert folded.copies is not None and plain.copies is None and len(folded.src) < 0.9 * len(plain.src)
    found = [step(model, table, 1 if kind == "regression" else 3, torch.float64) for table in (folded, plain)]
    require_same(*found, 1e-12, 1e-12)


@needs_dgl
@pytest.mark.parametrize("name", NAMES)
def test_folded_graphs_give_the_same_with_torch_alone(shapes, name):
    model, folded, plain = tables(name, {}, shapes)
    with backend("torch"):
        found = [step(model, table, 1, torch.float64) for table in (folded, plain)]
    require_same(*found, 1e-12, 1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_folded_graphs_give_the_same_in_single_precision(shapes, name):
    model, folded, plain = tables(name, {}, shapes)
    require_same(*(step(model, table, 1, torch.float32) for table in (folded, plain)), 1e-5, 1e-5)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("row", range(len(CELLS)))
def test_each_crystal_alone_gives_the_same(shapes, name, row):
    model, folded, plain = tables(name, {}, shapes)
    if row >= len(folded):
        pytest.skip("refused")
    network = network_of(model, plain, 1, torch.float64)
    batches = [table.cut(torch.tensor([row]), torch.float64) for table in (folded, plain)]
    with torch.no_grad():
        ours, theirs = (network.eval()(batch) for batch in batches)
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
        # What one crystal alone has of batch statistics may be no more than its rounding.
        ours, theirs = (network.train()(batch) for batch in batches)
        torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_the_graphs_of_every_profile_are_of_rules_compared_here(name):
    spec = get(name)
    known = {type(spec.model.rule(spec.settings("smoke", changes))) for changes in CHANGES if is_known(name, changes)}
    assert {type(spec.model.rule(settings)) for settings in [*spec.profiles.values(), *spec.presets.values()]} <= known


DROPS = [name for name in NAMES if is_known(name, {"dropout": "0.1"})]


@pytest.mark.parametrize("name", DROPS)
def test_where_features_are_dropped_graphs_are_not_folded(shapes, name):
    model, table, _ = tables(name, {"dropout": "0.1"}, shapes)
    assert not model.folds(model.settings) and table.copies is None
    assert model.folds(replace(model.settings, dropout=0.0))
    assert not model.folds(replace(model.settings, dropout=0.0, fold=False))


def test_some_network_drops_features():
    assert DROPS


# -- whole trainings ----------------------------------------------------------------------------------


def test_training_on_folded_graphs_goes_as_on_unfolded_ones():
    """Rounding alone tells the trainings apart: of the last epochs' losses, the relative difference is far below 1e-3."""
    crystals = load("emt/surfaces").take(range(120))
    targets = crystals.targets.iloc[:, 0].to_numpy()
    curves = []
    for fold in (True, False):
        model = get("cgcnn").model(get("cgcnn").settings("smoke", {"fold": str(fold).lower(), "epochs": "6"}))
        inputs = model.prepare(crystals)
        assert (inputs.copies is not None) == fold
        fitted = model.fit(inputs, targets, np.arange(96), np.arange(96, 120), 0)
        curves.append([(epoch.training_loss, epoch.validation_error) for epoch in fitted.history])
    folded, plain = np.array(curves)
    np.testing.assert_allclose(folded[0], plain[0], rtol=1e-4)
    np.testing.assert_allclose(folded[-1], plain[-1], rtol=1e-3)
    assert plain[-1, 0] < 0.9 * plain[0, 0]
