"""What every graph network promises of folding: the same outputs, gradients and running statistics."""

from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from datasets.crystals import Cell, Crystals
from datasets.errors import InputError
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
    doubled(rock_salt()), *(alloy(seed, (13, 26)) for seed in range(5, 13)),
)  # fmt: skip


@pytest.fixture(scope="module")
def shapes() -> Crystals:
    """Symmetric and hardly symmetric crystals, supercells, a slab, a cluster, cells of one atom, an atom without edges."""
    return Crystals.from_cells([str(row) for row in range(len(CELLS))], CELLS)


def tables(name: str, changes: dict[str, str], crystals: Crystals) -> tuple[GraphModel, GraphTable, GraphTable]:
    """A model, and its folded and its unfolded graphs of the crystals that it takes; made once."""
    key = (name, *changes.items(), crystals.structure_hash)
    if key not in MADE:
        settings = get(name).settings("smoke", changes)
        model, unfolded = (get(name).model(replace(settings, fold=fold)) for fold in (True, False))
        refused = model.refused(settings, crystals)
        taken = crystals.take([row for row in range(len(crystals)) if row not in refused])
        MADE[key] = model, model.prepare(taken), unfolded.prepare(taken)
    return MADE[key]


MADE: dict[tuple, tuple[GraphModel, GraphTable, GraphTable]] = {}


def network_of(model: GraphModel, table: GraphTable, n_outputs: int, dtype: torch.dtype) -> nn.Module:
    """With fresh weights and with running statistics that are not the initial ones."""
    torch.manual_seed(0)
    network = model.build(model.settings, table.elements, n_outputs)
    model.calibrate(network, table, np.arange(len(table)))
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
    return predicted, out.detach(), gradients, dict(network.named_buffers())


def distance(one: Step, other: Step) -> tuple[float, float, float]:
    """Largest differences: of predictions; of outputs and gradients in training mode; of the state behind the step.

    Outputs and gradients are relative to the largest: a gradient that vanishes, as of a bias before a batch norm, is rounding.
    """
    assert one[2].keys() == other[2].keys() and one[3].keys() == other[3].keys()
    pairs = [[(one[part], other[part])] for part in (0, 1)]
    pairs += [[(one[part][key], other[part][key]) for key in other[part]] for part in (2, 3)]
    off = [max((float((x - y).abs().max()) for x, y in part), default=0.0) for part in pairs]
    largest = [max((float(y.abs().max()) for _, y in part), default=1.0) for part in pairs]
    predicted, trained, gradients, state = (a / b for a, b in zip(off, largest, strict=True))
    return predicted, max(trained, gradients), state


# Batch norms of features that hardly vary multiply rounding by up to 1/√eps, each time forth and back.
PREDICTED, TRAINED, STATE = 1e-12, 1e-10, 1e-12


def require_same_in_double(folded: Step, plain: Step) -> None:
    predicted, trained, state = distance(folded, plain)
    assert predicted <= PREDICTED and trained <= TRAINED and state <= STATE


@pytest.mark.parametrize("kind", ["regression", "classification"])
@pytest.mark.parametrize(("name", "changes"), CASES)
def test_folded_graphs_give_the_same_in_double_precision(shapes, name, changes, kind):
    model, folded, plain = tables(name, changes, shapes)
    assert folded.copies is not None and plain.copies is None and len(folded.src) < 0.9 * len(plain.src)
    found = [step(model, table, 1 if kind == "regression" else 3, torch.float64) for table in (folded, plain)]
    require_same_in_double(*found)


@needs_dgl
@pytest.mark.parametrize("name", NAMES)
def test_folded_graphs_give_the_same_with_torch_alone(shapes, name):
    model, folded, plain = tables(name, {}, shapes)
    with backend("torch"):
        found = [step(model, table, 1, torch.float64) for table in (folded, plain)]
    require_same_in_double(*found)


@pytest.mark.parametrize("name", NAMES)
def test_in_single_precision_folded_graphs_are_as_good(shapes, name):
    """Predictions agree; a step is about as near to that in double precision as the unfolded one: rounding is luck."""
    model, folded, plain = tables(name, {}, shapes)
    exact = step(model, plain, 1, torch.float64)
    ours, theirs = (step(model, table, 1, torch.float32) for table in (folded, plain))
    assert distance(ours, theirs)[0] <= 1e-5
    for off, their_off in zip(distance(ours, exact), distance(theirs, exact), strict=True):
        assert off <= max(1e-5, 4 * their_off)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("row", range(11))
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


@pytest.mark.parametrize("name", ["cgcnn", "megnet", "deeper-gatgnn"])
def test_raw_lengths_fold_as_far_as_they_are_equal(shapes, name):
    changes = {"length_tolerance": "0"}
    model, folded, plain = tables(name, changes, shapes)
    merging = tables(name, {}, shapes)[1]
    assert len(merging.src) < len(folded.src) < len(plain.src) and len(merging.distance) < len(folded.distance)
    require_same_in_double(*(step(model, table, 1, torch.float64) for table in (folded, plain)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fold": "maybe"}, "setting fold='maybe': it must be true or false"),
        ({"length_tolerance": "-1"}, "length_tolerance=-1.0: it must be from 0 to 0.01"),
        ({"length_tolerance": "nan"}, "length_tolerance=nan: it must be from 0 to 0.01"),
    ],
)
def test_impossible_settings_of_graphs_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        get("cgcnn").settings("smoke", changes)


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


def salts() -> Crystals:
    """Sixty salts in two structures, and a target, in eV/atom, of elements and volume."""
    pairs = [(cation, anion) for cation in (3, 11, 19, 37, 55) for anion in (9, 17, 35)]
    cells, targets = [], []
    for row, (cation, anion) in enumerate(4 * pairs):
        lattice, pbc, numbers, coords = rock_salt() if row % 2 else stripes()
        kinds = np.unique(numbers)
        scale = 0.9 + 0.004 * row
        cells.append((lattice * scale, pbc, np.where(numbers == kinds[0], cation, anion), coords))
        targets.append(cation / 40 - anion / 30 + scale**3)
    return Crystals.from_cells([str(row) for row in range(60)], cells, pd.DataFrame({"energy": targets}))


@pytest.mark.parametrize(("optimizer", "validation_close"), [("sgd", 1e-4), ("adamw", 0.1)])
def test_training_on_folded_graphs_goes_as_on_unfolded_ones(optimizer, validation_close):
    """Rounding alone tells the trainings apart: it has not grown to a thousandth of the training loss behind the last epoch.

    Adam makes whole steps of what rounding leaves of the vanishing gradients of biases before batch norms. Training does not
    see them; validation does, as the running statistics follow late.
    """
    crystals, curves = salts(), []
    for fold in ("true", "false"):
        changes = {"fold": fold, "epochs": "15", "width": "16", "batch_size": "12", "optimizer": optimizer}
        model = get("cgcnn").model(get("cgcnn").settings("smoke", changes))
        inputs = model.prepare(crystals)
        assert (inputs.copies is not None) == (fold == "true")
        order = np.random.default_rng(0).permutation(60)
        fitted = model.fit(inputs, crystals.targets["energy"].to_numpy(), order[:48], order[48:], 0)
        curves.append([(epoch.training_loss, epoch.validation_error) for epoch in fitted.history])
    folded, plain = np.array(curves)
    np.testing.assert_allclose(folded[:, 0], plain[:, 0], rtol=1e-3)
    np.testing.assert_allclose(folded[-1, 1], plain[-1, 1], rtol=validation_close)
    assert plain[-1, 0] < 0.8 * plain[0, 0]
