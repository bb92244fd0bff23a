"""Small batches of graphs with every oddity, and the functions of message passing with arguments for them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from models.graph import message_passing
from models.graph.attention import attend, pair_states
from models.graph.batch import GraphBatch


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


def features(rows: int, seed: int, width: int = 3) -> torch.Tensor:
    values = torch.from_numpy(np.random.default_rng(seed).normal(size=(rows, width)))
    return values.requires_grad_()


def calls(batch: GraphBatch) -> dict:
    """Each function with the arguments it takes on this batch."""
    atoms, edges, lengths, pairs = len(batch.atomic_numbers), len(batch.src), len(batch.lengths), len(batch.pairs.terms)

    def over_edges(function):
        return lambda batch, x: function(batch, x, "edges")

    return {
        "add_parts": (message_passing.add_parts, (features(atoms, 1), features(atoms, 2))),
        "add_parts with lengths": (message_passing.add_parts, (features(atoms, 1), features(atoms, 2), features(lengths, 3))),
        "from_lengths": (message_passing.from_lengths, (features(lengths, 4),)),
        "sum_by_length": (message_passing.sum_by_length, (features(edges, 5),)),
        "sum_outgoing": (message_passing.sum_outgoing, (features(edges, 6),)),
        "pair_states": (pair_states, (features(atoms, 7), features(lengths, 8))),
        "attend": (attend, (features(edges, 9, 2), features(pairs, 10, 6))),
        "sum_incoming": (message_passing.sum_incoming, (features(edges, 3),)),
        "readout_mean": (message_passing.readout_mean, (features(atoms, 4),)),
        "from_senders": (message_passing.from_senders, (features(atoms, 5),)),
        "mean_incoming": (message_passing.mean_incoming, (features(edges, 7),)),
        "sum_filtered": (message_passing.sum_filtered, (features(atoms, 8), features(lengths, 9))),
        "sum_outer": (message_passing.sum_outer, (features(atoms, 10), features(edges, 11, 2))),
        "softmax_incoming": (message_passing.softmax_incoming, (features(edges, 12),)),
        "readout_sum": (message_passing.readout_sum, (features(atoms, 13),)),
        "readout_max": (message_passing.readout_max, (features(atoms, 14),)),
        "softmax_within": (message_passing.softmax_within, (features(atoms, 15),)),
        "readout_mean of edges": (over_edges(message_passing.readout_mean), (features(edges, 16),)),
        "softmax_within of edges": (over_edges(message_passing.softmax_within), (features(edges, 17),)),
    }


FUNCTIONS = (
    "add_parts", "add_parts with lengths", "from_lengths", "sum_by_length", "sum_outgoing", "pair_states", "attend",
    "sum_incoming", "readout_mean", "from_senders", "mean_incoming", "sum_filtered", "sum_outer",
    "softmax_incoming", "readout_sum", "readout_max", "softmax_within", "readout_mean of edges", "softmax_within of edges",
)  # fmt: skip
each_function = pytest.mark.parametrize("name", FUNCTIONS)
