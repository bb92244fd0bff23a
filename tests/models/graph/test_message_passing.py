"""Message passing by DGL's kernels and by plain torch is the same function, in values and in gradients."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from datasets.elements import cgcnn_features
from datasets.errors import InputError
from models.graph import message_passing
from models.graph.attention import attend, pair_states
from models.graph.batch import GraphBatch, unshared_pairs
from models.graph.message_passing import (
    add_parts,
    backend,
    from_lengths,
    from_senders,
    mean_incoming,
    readout_max,
    readout_mean,
    readout_sum,
    softmax_incoming,
    softmax_within,
    sum_by_length,
    sum_filtered,
    sum_incoming,
    sum_outer,
    sum_outgoing,
    uses_dgl,
)  # fmt: skip
from models.graph.table import GraphTable
from tests.backends import each_backend, needs_dgl
from tests.models.graph.small_batches import batch_of, calls, each_function, features, random_batch, with_shared_lengths


@pytest.fixture(
    params=[
        pytest.param(lambda: random_batch(0), id="random"),
        pytest.param(lambda: with_shared_lengths(random_batch(1)), id="another, shared lengths"),
        pytest.param(lambda: batch_of([3], [(0, 1), (0, 1), (2, 2)]), id="one crystal, repeated edges"),
        pytest.param(lambda: batch_of([1, 2, 1], [(2, 1)]), id="atoms without edges"),
        pytest.param(lambda: batch_of([2, 1], []), id="no edges at all"),
        pytest.param(lambda: with_shared_lengths(batch_of([2, 1], [])), id="no edges, but lengths"),
        pytest.param(lambda: batch_of([1], [(0, 0)]), id="a single atom"),
    ]
)
def batch(request) -> GraphBatch:
    return request.param()


@needs_dgl
@each_function
def test_dgl_and_torch_give_the_same_values_and_gradients(batch, name):
    results = []
    for chosen in ("dgl", "torch"):
        function, arguments = calls(batch)[name]
        with backend(chosen):
            assert uses_dgl(batch) == (chosen == "dgl")
            value = function(batch, *arguments)
            weights = torch.cos(torch.arange(value.numel(), dtype=value.dtype)).reshape(value.shape)
            gradients = torch.autograd.grad((weights * value.square()).sum(), arguments)
        results.append((value, *gradients))
    for ours, theirs in zip(*results, strict=True):
        assert ours.dtype == theirs.dtype == torch.float64 and ours.shape == theirs.shape
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@each_backend
@each_function
def test_gradients_are_those_of_finite_differences(batch, name, chosen):
    function, arguments = calls(batch)[name]
    if not all(argument.numel() for argument in arguments):
        pytest.skip("nothing to differentiate by")
    with backend(chosen):
        assert torch.autograd.gradcheck(lambda *a: function(batch, *a), arguments)


# -- by hand ----------------------------------------------------------------------------------------


@each_backend
def test_a_small_graph_computed_by_hand(chosen):
    batch = batch_of([2, 1], [(1, 0), (1, 0), (0, 1)])
    x = torch.tensor([[1.0, 10.0], [2.0, 20.0], [5.0, 50.0]])
    y = torch.tensor([[0.1, 0.2], [0.3, 0.4], [0.5, 0.6]])
    with backend(chosen):
        ends = add_parts(batch, x, y)
        summed = sum_incoming(batch, torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
        mean = readout_mean(batch, x)
    torch.testing.assert_close(ends, torch.tensor([[2.1, 20.2], [2.1, 20.2], [1.3, 10.4]]))
    torch.testing.assert_close(summed, torch.tensor([[4.0, 6.0], [5.0, 6.0], [0.0, 0.0]]))
    torch.testing.assert_close(mean, torch.tensor([[1.5, 15.0], [5.0, 50.0]]))


@each_backend
def test_more_functions_of_a_small_graph_computed_by_hand(chosen):
    batch = batch_of([2, 1], [(1, 0), (1, 0), (0, 1)])
    x, e = torch.tensor([[1.0, 10.0], [2.0, 20.0], [5.0, 50.0]]), torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    logits = torch.log(torch.tensor([[1.0], [3.0], [7.0]]))
    with backend(chosen):
        found = {
            "senders": from_senders(batch, x), "outgoing": sum_outgoing(batch, e), "mean": mean_incoming(batch, e),
            "filtered": sum_filtered(batch, x, e), "outer": sum_outer(batch, x, e), "softmax": softmax_incoming(batch, logits),
            "sum": readout_sum(batch, x), "edges": readout_sum(batch, e, "edges"), "max": readout_max(batch, -x),
            "within": softmax_within(batch, logits), "edges within": softmax_within(batch, logits, "edges"),
        }  # fmt: skip
    expected = {
        "senders": [[2, 20], [2, 20], [1, 10]], "outgoing": [[5, 6], [4, 6], [0, 0]], "mean": [[2, 3], [5, 6], [0, 0]],
        "filtered": [[8, 120], [5, 60], [0, 0]],
        "outer": [[[8, 12], [80, 120]], [[5, 6], [50, 60]], [[0, 0], [0, 0]]], "softmax": [[0.25], [0.75], [1]],
        "sum": [[3, 30], [5, 50]], "edges": [[9, 12], [0, 0]], "max": [[-1, -10], [-5, -50]],
        "within": [[0.25], [0.75], [1]], "edges within": [[1 / 11], [3 / 11], [7 / 11]],
    }  # fmt: skip
    for name, value in found.items():
        torch.testing.assert_close(value, torch.tensor(expected[name], dtype=torch.float32))


@each_backend
def test_what_depends_on_a_length_is_computed_once_and_shared(chosen):
    batch = batch_of([2, 1], [(1, 0), (1, 0), (0, 1)])
    batch = replace(batch, distance=torch.tensor([2.0, 3.0, 2.0]), length_of=torch.tensor([1, 0, 1]), n_lengths=2)
    x, y = torch.tensor([[1.0], [2.0], [5.0]]), torch.tensor([[10.0], [20.0], [50.0]])
    with backend(chosen):
        assert batch.lengths.tolist() == [3.0, 2.0]
        parts = add_parts(batch, x, y, torch.tensor([[100.0], [200.0]]))
        assert parts.tolist() == [[212.0], [112.0], [221.0]]
        assert from_lengths(batch, torch.tensor([[7.0], [8.0]])).tolist() == [[8.0], [7.0], [8.0]]
        assert sum_by_length(batch, torch.tensor([[1.0], [2.0], [4.0]])).tolist() == [[2.0], [5.0]]


def test_an_edge_and_its_reverse_of_one_length_share_their_pairs():
    batch = batch_of([2, 1], [(1, 0), (1, 0), (0, 1)])
    batch = replace(batch, length_of=torch.tensor([1, 0, 1]), n_lengths=2)
    # Atom 0 with both lengths, atom 1 with both; lengths are counted behind the three atoms.
    assert batch.pairs.terms.tolist() == [[0, 3], [0, 4], [1, 3], [1, 4]]
    assert batch.pairs.receiver.tolist() == [1, 0, 3] and batch.pairs.sender.tolist() == [3, 2, 1]
    # softplus(log(exp(s) - 1)) = s: states are chosen, then weighted by hand.
    state = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])
    alpha = torch.tensor([[1.0, 0.0], [0.5, 2.0], [1.0, 1.0]])
    expected = [[(7 + 0.5 * 5 + 2 * 6) / 2], [(3 + 4) / 2], [0.0]]
    torch.testing.assert_close(attend(batch, alpha, state), torch.tensor(expected))
    zero = torch.zeros(3, 1), torch.log(torch.expm1(torch.tensor([[1.0], [2.0]])))
    torch.testing.assert_close(pair_states(batch, *zero), torch.tensor([[1.0], [2.0], [1.0], [2.0]]))


def test_pairs_that_are_not_shared_give_the_same(batch):
    alone = replace(batch)
    ends, n = torch.cat([batch.dst, batch.src]), len(batch.atomic_numbers)
    alone.__dict__["pairs"] = unshared_pairs(ends, batch.edge_length.repeat(2) + n)
    atom, length, alpha = features(n, 1, 4), features(len(batch.lengths), 2, 4), features(len(batch.src), 3, 2)
    results = []
    for each in (batch, alone):
        value = attend(each, alpha, pair_states(each, atom, length))
        results.append((value, *torch.autograd.grad(value.square().sum(), (atom, length, alpha))))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@each_backend
def test_a_softmax_of_large_numbers_stays_finite(chosen):
    batch = batch_of([2, 1], [(1, 0), (1, 0), (0, 1)])
    with backend(chosen):
        for function in (softmax_incoming, softmax_within):
            value = function(batch, torch.tensor([[1e4], [1e4 + 1], [-1e4]]))
            assert torch.isfinite(value).all() and value[2] == 1


@each_backend
def test_single_precision_stays_single_precision(chosen):
    batch = random_batch(2)
    with backend(chosen):
        for function, arguments in calls(batch).values():
            assert function(batch, *(a.float() for a in arguments)).dtype == torch.float32


@needs_dgl
def test_the_dgl_graph_has_the_edges_in_their_order(batch):
    src, dst = batch.dgl.edges(order="eid")
    assert torch.equal(src.long(), batch.src) and torch.equal(dst.long(), batch.dst)
    assert batch.dgl.num_nodes() == len(batch.atomic_numbers)


def test_the_backend_is_given_back_after_the_block_even_after_an_error():
    batch = random_batch(0)
    before = uses_dgl(batch)

    def fail() -> None:
        with backend("torch"):
            assert not uses_dgl(batch)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert uses_dgl(batch) == before


def test_asking_for_dgl_where_it_is_missing_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(message_passing, "_dgl_runs_on", lambda device: False)
    with pytest.raises(InputError, match="pip install dgl"), backend("dgl"):
        pass
    assert not uses_dgl(random_batch(0))


def test_a_batch_is_cut_in_the_order_asked_with_edges_inside_each_crystal(crystals):
    from datasets.neighbor_search import Nearest
    from datasets.neighbors import find_neighbors

    found = find_neighbors(crystals, Nearest(4))
    table = GraphTable(crystals, found, cgcnn_features())
    rows = [3, 0, 3]
    batch = table.cut(torch.tensor(rows))
    assert len(table) == len(crystals) and batch.n_crystals == 3
    assert batch.n_atoms.tolist() == crystals.n_atoms[rows].tolist()
    assert batch.crystal.tolist() == np.repeat(range(3), crystals.n_atoms[rows]).tolist()
    numbers = np.concatenate([crystals.atomic_numbers[crystals.atoms_of(row)] for row in rows])
    assert batch.atomic_numbers.tolist() == numbers.tolist()
    src, dst, distance, start = [], [], [], 0
    for row in rows:
        part = slice(*found.edge_offsets[row : row + 2])
        src += (found.src[part] + start).tolist()
        dst += (found.dst[part] + start).tolist()
        distance += found.distance[part].tolist()
        start += crystals.n_atoms[row]
    assert batch.src.tolist() == src and batch.dst.tolist() == dst and batch.distance.tolist() == distance
    assert batch.degree.tolist() == np.bincount(dst, minlength=start).tolist()
    assert table.cut(torch.tensor(rows), torch.float64).distance.dtype == torch.float64


def test_each_atom_gets_an_edge_of_length_zero_from_itself_before_its_others(crystals):
    from datasets.neighbor_search import Nearest
    from datasets.neighbors import find_neighbors

    found = find_neighbors(crystals, Nearest(4))
    plain, looped = (GraphTable(crystals, found, cgcnn_features(), loops=loops) for loops in (False, True))
    rows = torch.tensor([2, 0])
    one, two = plain.cut(rows), looped.cut(rows)
    loops = (two.src == two.dst) & (two.distance == 0)
    assert two.src[loops].tolist() == list(range(len(two.atomic_numbers)))
    for name in ("src", "dst", "distance"):
        assert torch.equal(getattr(two, name)[~loops], getattr(one, name))
    first = torch.cumsum(two.degree, 0) - two.degree
    assert loops[first].all() and two.n_edges.tolist() == (one.n_edges + one.n_atoms).tolist()
