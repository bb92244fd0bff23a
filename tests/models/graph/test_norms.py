"""Normalisation: against its equations, and with rows that stand for several against the same rows repeated."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from models.graph.batch import GraphBatch
from models.graph.norms import BatchNorm, GroupNorm
from tests.models.graph.small_batches import batch_of
from tests.models.graph.test_layers import WIDTH, rows


def atoms(n: int) -> GraphBatch:
    """A crystal of n atoms without edges."""
    return batch_of([n], [])


def counted(copies: list[int], dtype: torch.dtype = torch.float64) -> GraphBatch:
    """A folded crystal without edges whose rows stand for so many atoms."""
    weights = torch.tensor(copies, dtype=dtype)
    return replace(atoms(len(copies)), copies=weights, merged=weights.new_zeros(0), totals=(sum(copies), 0))


def naive_group_norm(layer: GroupNorm, x: torch.Tensor) -> torch.Tensor:
    groups = torch.softmax(layer.assign(x), dim=1)
    wide = torch.cat([groups[:, g : g + 1] * x for g in range(groups.shape[1])], dim=1)
    normed = F.batch_norm(wide, None, None, layer.norm.weight, layer.norm.bias, True, 0.0, layer.norm.eps)
    return x + layer.weight * normed.view(len(x), groups.shape[1], -1).sum(dim=1)


@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_group_normalisation_is_the_sum_of_the_groups_batch_normalisations(offset):
    torch.manual_seed(0)
    layer = GroupNorm(WIDTH, n_groups=4, weight=0.5).double()
    nn.init.normal_(layer.norm.weight)
    nn.init.normal_(layer.norm.bias)
    x = rows(20, WIDTH, 0, offset)
    torch.testing.assert_close(layer(atoms(len(x)), x), naive_group_norm(layer, x), rtol=1e-9, atol=1e-9)


def test_group_normalisation_in_single_precision_stands_rows_that_are_nearly_alike():
    torch.manual_seed(0)
    layer = GroupNorm(WIDTH, weight=0.5)
    x = 100.0 + 0.01 * torch.randn(200, WIDTH)
    expected = naive_group_norm(layer.double(), x.double())
    torch.testing.assert_close(layer.float()(atoms(len(x)), x).double(), expected, rtol=0, atol=0.02)


def test_group_normalisation_keeps_running_statistics_as_batch_normalisation_does():
    torch.manual_seed(0)
    layer, x = GroupNorm(WIDTH, n_groups=2).double(), rows(7, WIDTH, 1).detach()
    wide = (torch.softmax(layer.assign(x), dim=1).unsqueeze(2) * x.unsqueeze(1)).flatten(1).detach()
    reference = nn.BatchNorm1d(2 * WIDTH).double()
    for _ in range(3):
        layer(atoms(len(x)), x)
        reference(wide)
    torch.testing.assert_close(layer.norm.running_mean, reference.running_mean)
    torch.testing.assert_close(layer.norm.running_var, reference.running_var)
    layer.eval()
    normed = reference.eval()(wide).view(7, 2, WIDTH).sum(dim=1)
    torch.testing.assert_close(layer(atoms(len(x)), x), x + 0.01 * normed)


@pytest.mark.parametrize("layer", [GroupNorm(WIDTH, n_groups=2), BatchNorm(WIDTH)])
def test_a_single_row_is_normalised_by_the_running_statistics(layer):
    layer, x = layer.double(), rows(1, WIDTH, 0)
    state = {name: value.clone() for name, value in layer.state_dict().items()}
    trained, evaluated = layer.train()(atoms(1), x), layer.eval()(atoms(1), x)
    assert torch.equal(trained, evaluated)
    assert all(torch.equal(value, state[name]) for name, value in layer.state_dict().items())


def test_gradients_of_group_normalisation_are_those_of_finite_differences():
    torch.manual_seed(0)
    layer = GroupNorm(WIDTH, n_groups=2).double()
    assert torch.autograd.gradcheck(lambda x: layer(atoms(6), x), (rows(6, WIDTH, 2),))


# -- rows that stand for several ------------------------------------------------------------------------


COPIES = ([2, 1, 5, 3], [1, 1, 1, 1], [3, 1, 9, 2])
TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-4}
"""Of the largest number: a gradient by a row is the small difference of large ones."""


def both(layer: nn.Module, reference: nn.Module, copies: list[int], dtype: torch.dtype) -> list[list[torch.Tensor]]:
    """Outputs of two steps, gradients of input and weights, and buffers: of counted rows, and of the rows repeated, in
    double precision."""
    reference.double().load_state_dict(layer.state_dict())
    times, batch, found = torch.tensor(copies), counted(copies, dtype), []
    owner = torch.repeat_interleave(times)
    for module, of_rows in ((layer, batch), (reference, atoms(sum(copies)))):
        kind = dtype if of_rows is batch else torch.float64
        outputs = []
        for step in range(2):
            x = (rows(len(copies), WIDTH, step, 3.0).detach() * 2).float().to(kind).requires_grad_()
            each = x if of_rows is batch else x[owner]
            y = module(each) if type(module) is nn.BatchNorm1d else module(of_rows, each)
            total = (torch.cos(torch.arange(y.shape[1], dtype=kind)) * y.square()).sum(dim=1)
            total = (total * times).sum() if of_rows is batch else total.sum()
            y = y if of_rows is batch else y[torch.cumsum(times, 0) - 1]
            outputs += [y, *torch.autograd.grad(total, [x, *module.parameters()])]
        found.append([part.double() for part in (*outputs, *module.buffers())])
    return found


def require_close(found: list[list[torch.Tensor]], tolerance: float) -> None:
    largest = max(float(one.detach().abs().max()) for one in found[1])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=tolerance * largest)


def randomised(layer: nn.Module, dtype: torch.dtype, training: bool) -> nn.Module:
    torch.manual_seed(0)
    norm = layer if isinstance(layer, nn.BatchNorm1d) else layer.norm
    for values in (norm.weight, norm.bias, norm.running_mean):
        nn.init.normal_(values)
    nn.init.uniform_(norm.running_var, 0.5, 2.0)
    return layer.to(dtype).train(training)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("copies", COPIES)
def test_batch_normalisation_counts_a_row_as_often_as_it_stands(copies, dtype, training):
    layer = randomised(BatchNorm(WIDTH), dtype, training)
    reference = nn.BatchNorm1d(WIDTH).train(training)
    require_close(both(layer, reference, copies, dtype), TOLERANCE[dtype])
    assert layer.num_batches_tracked == reference.num_batches_tracked == 2 * training


@pytest.mark.parametrize("copies", [[7], [2], [1, 40]])
def test_batch_normalisation_of_rows_with_hardly_a_variance_counts_them_too(copies):
    """The gradient vanishes but for what 1/√eps makes of rounding."""
    layer, reference = randomised(BatchNorm(WIDTH), torch.float64, True), nn.BatchNorm1d(WIDTH).double()
    require_close(both(layer, reference, copies, torch.float64), 1e-10)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("copies", COPIES)
def test_group_normalisation_counts_a_row_as_often_as_it_stands(copies, dtype, training):
    layer = randomised(GroupNorm(WIDTH, 4, 0.5), dtype, training)
    require_close(both(layer, deepcopy(layer), copies, dtype), TOLERANCE[dtype])


@pytest.mark.parametrize("kind", [BatchNorm, GroupNorm])
def test_a_row_that_stands_for_one_takes_the_running_statistics(kind):
    layer = randomised(kind(WIDTH), torch.float64, True)
    state = {name: value.clone() for name, value in layer.state_dict().items()}
    x = rows(1, WIDTH, 0)
    assert torch.equal(layer(counted([1]), x), layer.eval()(atoms(1), x))
    assert all(torch.equal(value, state[name]) for name, value in layer.state_dict().items())


@pytest.mark.parametrize("kind", [BatchNorm, GroupNorm])
def test_edges_count_at_every_copy_of_their_receiver_and_crystals_once(kind):
    batch = batch_of([2], [(0, 0), (1, 0), (0, 1)])
    folded = replace(batch, copies=torch.tensor([2.0, 3.0]).double(), merged=torch.tensor([4.0, 1.0, 5.0]).double())
    folded = replace(folded, totals=(5, 25))
    assert folded.weights("edges").tolist() == [8.0, 2.0, 15.0]
    owner, x = torch.repeat_interleave(torch.tensor([8, 2, 15])), rows(3, WIDTH, 0)
    layer = randomised(kind(WIDTH), torch.float64, True)
    first, second, third, fourth = (deepcopy(layer) for _ in range(4))
    torch.testing.assert_close(first(folded, x, "edges")[owner], second(atoms(25), x[owner]))
    torch.testing.assert_close(third(folded, x, "crystals"), fourth(atoms(3), x))


def test_gradients_of_counted_batch_normalisation_are_those_of_finite_differences():
    layer = randomised(BatchNorm(WIDTH), torch.float64, True)
    assert torch.autograd.gradcheck(lambda x: layer(counted([2, 1, 3]), x), (rows(3, WIDTH, 2),))


def test_a_norm_of_more_rows_than_one_piece_has_is_that_of_all_of_them(monkeypatch):
    monkeypatch.setattr("models.graph.pieces.PIECE", 2 * WIDTH)
    layer, reference = randomised(BatchNorm(WIDTH), torch.float64, True), nn.BatchNorm1d(WIDTH).double()
    require_close(both(layer, reference, [2, 1, 5, 3, 1], torch.float64), 1e-12)
