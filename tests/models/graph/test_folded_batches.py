"""A folded batch gives what the unfolded one gives, by DGL's kernels and by plain torch."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from models.graph.attention import attend, pair_states
from models.graph.batch import GraphBatch
from models.graph.layers import Set2Set, composition
from models.graph.message_passing import (
    backend,
)  # fmt: skip
from tests.backends import each_backend, needs_dgl
from tests.models.graph.small_batches import (
    batch_of,
    calls,
    each_function,
    features,
    with_shared_lengths,
)


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
