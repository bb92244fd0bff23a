"""Message passing by DGL's kernels and by plain torch is the same function, in values and in gradients."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from datasets.elements import cgcnn_features
from datasets.errors import InputError
from models.graph import message_passing
from models.graph.attention import attend, pair_states
from models.graph.batch import GraphBatch, unshared_pairs
from models.graph.layers import Set2Set, composition
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


def batch_of(n_atoms: list[int], edges: list[tuple[int, int]]) -> GraphBatch:
    """A batch of crystals with these numbers of atoms and these (src, dst) edges, put in the order of the receiver."""
    src, dst = torch.tensor(sorted(edges, key=lambda edge: edge[1])).reshape(-1, 2).T
    counts = torch.tensor(n_atoms)
    return GraphBatch(
        atomic_numbers=torch.ones(int(counts.sum()), dtype=torch.int64),
        crystal=torch.repeat_interleave(counts),
        n_atoms=counts,
        src=src.long(),
        dst=dst.long(),
        distance=torch.ones(len(src), dtype=torch.float64),
    )


def with_shared_lengths(batch: GraphBatch) -> GraphBatch:
    """The batch with three lengths that its edges share, in no order."""
    return replace(batch, length_of=torch.arange(len(batch.src)).flip(0) % 3, n_lengths=3)


def random_batch(seed: int) -> GraphBatch:
    """Crystals of one to five atoms with repeated edges, self-edges and atoms without any."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(1, 6, 7).tolist()
    edges = []
    for start, count in zip(np.cumsum([0, *counts[:-1]]), counts, strict=True):
        if rng.random() < 0.7:
            ends = start + rng.integers(0, count, (int(rng.integers(1, 12)), 2))
            edges += [(int(a), int(b)) for a, b in ends if b % 3]
    return batch_of(counts, edges)


def batch_of_all_lengths() -> GraphBatch:
    """A random batch with edges from 1 to 7 Å."""
    found = random_batch(3)
    return replace(found, distance=torch.linspace(1.0, 7.0, len(found.src), dtype=torch.float64))


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


def features(rows: int, seed: int, width: int = 3) -> torch.Tensor:
    values = torch.from_numpy(np.random.default_rng(seed).normal(size=(rows, width)))
    return values.requires_grad_()


def calls(batch: GraphBatch) -> dict:
    """Each function with the arguments it takes on this batch."""
    atoms, edges, lengths, pairs = len(batch.atomic_numbers), len(batch.src), len(batch.lengths), len(batch.pairs.terms)

    def over_edges(function):
        return lambda batch, x: function(batch, x, "edges")

    return {
        "add_parts": (add_parts, (features(atoms, 1), features(atoms, 2))),
        "add_parts with lengths": (add_parts, (features(atoms, 1), features(atoms, 2), features(lengths, 3))),
        "from_lengths": (from_lengths, (features(lengths, 4),)),
        "sum_by_length": (sum_by_length, (features(edges, 5),)),
        "sum_outgoing": (sum_outgoing, (features(edges, 6),)),
        "pair_states": (pair_states, (features(atoms, 7), features(lengths, 8))),
        "attend": (attend, (features(edges, 9, 2), features(pairs, 10, 6))),
        "sum_incoming": (sum_incoming, (features(edges, 3),)),
        "readout_mean": (readout_mean, (features(atoms, 4),)),
        "from_senders": (from_senders, (features(atoms, 5),)),
        "mean_incoming": (mean_incoming, (features(edges, 7),)),
        "sum_filtered": (sum_filtered, (features(atoms, 8), features(lengths, 9))),
        "sum_outer": (sum_outer, (features(atoms, 10), features(edges, 11, 2))),
        "softmax_incoming": (softmax_incoming, (features(edges, 12),)),
        "readout_sum": (readout_sum, (features(atoms, 13),)),
        "readout_max": (readout_max, (features(atoms, 14),)),
        "softmax_within": (softmax_within, (features(atoms, 15),)),
        "readout_mean of edges": (over_edges(readout_mean), (features(edges, 16),)),
        "softmax_within of edges": (over_edges(softmax_within), (features(edges, 17),)),
    }


FUNCTIONS = (
    "add_parts", "add_parts with lengths", "from_lengths", "sum_by_length", "sum_outgoing", "pair_states", "attend",
    "sum_incoming", "readout_mean", "from_senders", "mean_incoming", "sum_filtered", "sum_outer",
    "softmax_incoming", "readout_sum", "readout_max", "softmax_within", "readout_mean of edges", "softmax_within of edges",
)  # fmt: skip
each_function = pytest.mark.parametrize("name", FUNCTIONS)


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


# -- folded batches ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Folded:
    """A random folded batch, the same graphs unfolded, and which row each unfolded atom and edge is a copy of."""

    folded: GraphBatch
    plain: GraphBatch
    atom: torch.Tensor
    edge: torch.Tensor


def folded_batch(seed: int) -> Folded:
    """Crystals of one to four kinds of atoms, one to three copies of each, and edges merged one to three times."""
    rng = np.random.default_rng(seed)
    kinds = rng.integers(1, 5, 6)
    first = np.cumsum(kinds) - kinds
    ends = [start + rng.integers(0, n, (int(rng.integers(0, 9)), 2)) for start, n in zip(first, kinds, strict=True)]
    base = with_shared_lengths(batch_of(kinds.tolist(), [(int(a), int(b)) for pair in ends for a, b in pair]))
    base = replace(base, distance=torch.tensor([1.5, 2.0, 3.0], dtype=torch.float64)[base.length_of])
    copies, merged = (torch.from_numpy(rng.integers(1, 4, len(rows))) for rows in (base.crystal, base.src))
    atom = torch.repeat_interleave(copies)
    begin = torch.cumsum(copies, 0) - copies
    rows, src, dst = [], [], []
    for receiver, kind in enumerate(atom.tolist()):
        for edge in torch.nonzero(base.dst == kind).flatten().tolist():
            # Which copies of the sender they come from does not matter.
            n = int(merged[edge])
            senders = begin[base.src[edge]] + torch.from_numpy(rng.integers(0, int(copies[base.src[edge]]), n))
            rows += [edge] * n
            src += senders.tolist()
            dst += [receiver] * n
    edge = torch.tensor(rows, dtype=torch.int64)
    crystal = base.crystal[atom]
    plain = replace(
        base, atomic_numbers=base.atomic_numbers[atom], crystal=crystal, n_atoms=torch.bincount(crystal, minlength=6),
        src=torch.tensor(src, dtype=torch.int64), dst=torch.tensor(dst, dtype=torch.int64), distance=base.distance[edge],
        length_of=base.length_of[edge],
    )  # fmt: skip
    folded = replace(base, copies=copies.double(), merged=merged.double(), totals=(len(atom), len(edge)))
    return Folded(folded, plain, atom, edge)


PER_CRYSTAL = {"readout_mean", "readout_sum", "readout_max", "readout_mean of edges"}
PER_EDGE = {
    "add_parts",
    "add_parts with lengths",
    "from_lengths",
    "from_senders",
    "softmax_incoming",
    "softmax_within of edges",
}
PER_ATOM = {"attend", "sum_incoming", "mean_incoming", "sum_filtered", "sum_outer", "softmax_within"}


def unfolded_arguments(batches: Folded, arguments: tuple) -> list[torch.Tensor]:
    """The arguments of the unfolded batch: what an atom or edge has, each of its copies has."""
    sizes = [len(batches.folded.crystal), len(batches.folded.src)]
    of = {sizes[0]: batches.atom, sizes[1]: batches.edge}
    assert len({*sizes, batches.folded.n_lengths}) == 3, "each is told by its number of rows"
    return [argument[of[len(argument)]] if len(argument) in of else argument for argument in arguments]


def attended(batch: GraphBatch, alpha: torch.Tensor, atom: torch.Tensor, length: torch.Tensor) -> torch.Tensor:
    return attend(batch, alpha, pair_states(batch, atom, length))


@each_backend
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", sorted(PER_CRYSTAL | PER_EDGE | PER_ATOM))
def test_a_folded_batch_gives_what_the_unfolded_one_gives(name, seed, chosen):
    batches = folded_batch(seed)
    n, edges = len(batches.folded.crystal), len(batches.folded.src)
    function, arguments = calls(batches.folded)[name]
    if name == "attend":
        function, arguments = attended, (features(edges, 1, 2), features(n, 2, 6), features(batches.folded.n_lengths, 3, 6))
    with backend(chosen):
        ours = function(batches.folded, *arguments)
        theirs = function(batches.plain, *unfolded_arguments(batches, arguments))
        of_rows = batches.edge if name in PER_EDGE else batches.atom if name in PER_ATOM else torch.arange(len(theirs))
        torch.testing.assert_close(ours[of_rows], theirs, rtol=1e-12, atol=1e-12)
        # A loss over crystals counts each copy; so does one over rows that is taken of the copies.
        weights = torch.cos(torch.arange(len(of_rows), dtype=torch.float64)).view(-1, *[1] * (ours.dim() - 1))
        pairs = ((weights * out.square()).sum() for out in (ours[of_rows], theirs))
        gradients = [torch.autograd.grad(loss, arguments) for loss in pairs]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


@needs_dgl
@pytest.mark.parametrize("seed", range(2))
@each_function
def test_dgl_and_torch_agree_on_folded_batches(name, seed):
    batch, results = folded_batch(seed).folded, []
    for chosen in ("dgl", "torch"):
        function, arguments = calls(batch)[name]
        with backend(chosen):
            value = function(batch, *arguments)
            results.append((value, *torch.autograd.grad(value.square().sum(), arguments)))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@each_backend
@each_function
def test_gradients_of_folded_batches_are_those_of_finite_differences(name, chosen):
    batch = folded_batch(0).folded
    function, arguments = calls(batch)[name]
    with backend(chosen):
        assert torch.autograd.gradcheck(lambda *a: function(batch, *a), arguments, fast_mode=True)


@each_backend
def test_a_folded_batch_stays_in_single_precision(chosen):
    batch = folded_batch(1).folded
    single = replace(batch, copies=batch.copies.float(), merged=batch.merged.float())
    with backend(chosen):
        for function, arguments in calls(single).values():
            assert function(single, *(a.float() for a in arguments)).dtype == torch.float32


def test_what_a_folded_batch_says_of_itself_is_of_the_unfolded_one():
    batches = folded_batch(2)
    assert torch.equal(batches.folded.degree[batches.atom], batches.plain.degree)
    for items in ("atoms", "edges"):
        assert batches.folded.counts(items).tolist() == batches.plain.counts(items).tolist()
        assert batches.folded.total(items) == batches.plain.total(items)


@each_backend
@pytest.mark.parametrize("items", ["atoms", "edges"])
def test_set2set_and_composition_count_copies(items, chosen):
    batches = folded_batch(1)
    torch.manual_seed(0)
    pool = Set2Set(3, 2, items).double()
    x = features(len(batches.folded.owner(items)), 1)
    z = torch.arange(len(batches.folded.crystal)) % 5 + 1
    folded, plain = (replace(one, atomic_numbers=z[which]) for one, which in
                     ((batches.folded, slice(None)), (batches.plain, batches.atom)))  # fmt: skip
    with backend(chosen):
        found = [pool(folded, x), pool(plain, x[batches.atom if items == "atoms" else batches.edge])]
        torch.testing.assert_close(*found, rtol=1e-12, atol=1e-12)
        gradients = [torch.autograd.grad(out.square().sum(), [x, *pool.parameters()]) for out in found]
        torch.testing.assert_close(*gradients, rtol=1e-11, atol=1e-12)
        fractions = [composition(one, 1, 5, torch.float64) for one in (folded, plain)]
        torch.testing.assert_close(*fractions, rtol=1e-12, atol=1e-12)


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
