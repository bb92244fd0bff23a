"""What other explainers say of the atoms of a crystal that a full regressor predicts: DGL's GNNExplainer, GATGNN's attention.

They speak of atoms and edges: batches are not folded.

Of DGL 1.1.3's explainers GNNExplainer applies. Its masks are one a directed edge, so that periodic multigraphs are no
obstacle, but its loss reads the first graph of a batch alone: crystals are explained one by one. SubgraphX does not apply: it
makes a number of an array of one, which NumPy 2.4 refuses. PGExplainer is not in DGL 1.1.3.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from models import registry
from models.graph.batch import GraphBatch
from models.graph.message_passing import backend, from_lengths, from_senders, softmax_within, sum_incoming
from models.training import ScaledNetwork
from models.zoo.gatgnn import GATGNN, GATGNNMDL, GlobalAttention

MESSAGES = {"sum_incoming": 1, "mean_incoming": 1, "sum_outer": 2, "attend": 1}
"""How networks collect messages at atoms, and which argument has a row an edge that the messages are linear in."""

FILTERED = "sum_filtered"
"""Another way, whose filters edges of one length share."""

MASKS = {"lr": 0.1, "alpha2": 0.1}
"""How GNNExplainer trains masks, where not by its defaults: with those the random start decides.

On ten crystals of cgcnn/band_gap two seeds rank elements alike by 0.14 (Spearman) with the defaults, by 0.81 with these.
"""


class TwoClasses(nn.Module):
    """A regressor as DGL's explainers want a network: graph, features, edge weights → logits (1, 2) of low and high.

    The logits are ∓(prediction − threshold) / standard deviation of the targets: their classes are those of XGNN.
    """

    def __init__(self, network: ScaledNetwork, threshold: float) -> None:
        super().__init__()
        self.network, self.threshold = network, threshold

    def forward(self, graph: Any, feat: Tensor, batch: GraphBatch, eweight: Tensor | None = None) -> Tensor:
        """Of the crystal `batch`, whose DGLGraph `graph` is, with these atom features (N, F) and weights (E,) of messages."""
        with features_replaced(self.network.network, feat), messages_weighted(self.network.network, eweight):
            margin = (self.network(batch) - self.threshold) / self.network.std
        return torch.stack([-margin, margin], dim=1).float()


def edge_masks(network: ScaledNetwork, batch: GraphBatch, threshold: float) -> Tensor:
    """(E,) GNNExplainer's mask of the edges of one crystal, 0 … 1; how they are trained: `MASKS`.

    Raises:
        InputError: DGL is not installed.
    """
    with backend("dgl"):
        from dgl.nn import GNNExplainer

        explainer = GNNExplainer(TwoClasses(network, threshold), num_hops=0, log=False, **MASKS)
        _, mask = explainer.explain_graph(batch.dgl, input_features(network.network, batch), batch=batch)
    return mask


def has_attention(model: str) -> bool:
    """Whether the model of that name is a GATGNN."""
    return issubclass(registry.get(model).model, GATGNN | GATGNNMDL)


def attention(network: ScaledNetwork, batch: GraphBatch) -> Tensor:
    """(N,) weight of each atom in the global attention of a GATGNN; those of a crystal add up to 1."""
    (pool,) = (module for module in network.modules() if isinstance(module, GlobalAttention))
    seen: list[Tensor] = []
    handle = pool.score.register_forward_hook(lambda module, inputs, output: seen.append(output))
    try:
        with torch.no_grad():
            network(batch)
    finally:
        handle.remove()
    return softmax_within(batch, seen[0].unsqueeze(-1)).squeeze(-1)


def of_atoms_by_edges(batch: GraphBatch, mask: Tensor) -> np.ndarray:
    """(N,) mean mask of the messages that each atom sends, over that of all messages; NaN where an atom sends none."""
    n = len(batch.atomic_numbers)
    sums = mask.new_zeros(n).index_add(0, batch.src, mask)
    return (sums / torch.bincount(batch.src, minlength=n) / mask.mean()).double().numpy()


def of_atoms_by_attention(batch: GraphBatch, weights: Tensor) -> np.ndarray:
    """(N,) weight of each atom over the mean of its crystal."""
    return (weights * batch.n_atoms[batch.crystal]).double().numpy()


# -- looking into a network without changing its source, by which records know it -------------------


def _entry(network: nn.Module) -> nn.Module:
    """The module whose output is what the network is told about atoms: features, or a learnt vector an element."""
    entry = getattr(network, "atom_features", None) or getattr(network, "embedding")  # noqa: B009
    assert isinstance(entry, nn.Module)
    return entry


def input_features(network: nn.Module, batch: GraphBatch) -> Tensor:
    """(N, F) what the network is told about the atoms."""
    entry = _entry(network)
    with torch.no_grad():
        found: Tensor = entry(batch.atomic_numbers if isinstance(entry, nn.Embedding) else batch)
    return found


@contextmanager
def features_replaced(network: nn.Module, feat: Tensor) -> Iterator[None]:
    """Within, the network is told `feat` (N, F) about the atoms."""
    handle = _entry(network).register_forward_hook(lambda module, inputs, output: feat)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def messages_weighted(network: nn.Module, weights: Tensor | None) -> Iterator[None]:
    """Within, every message to an atom is multiplied by the weight of its edge, from (E,); None leaves them."""
    modules = {sys.modules[type(part).__module__] for part in network.modules()} if weights is not None else set()
    own = [module for module in modules if module.__name__.startswith("models.")]
    replaced = [
        (module, name, getattr(module, name)) for module in own for name in (*MESSAGES, FILTERED) if hasattr(module, name)
    ]
    try:
        for module, name, collect in replaced:
            setattr(module, name, _filtered(weights) if name == FILTERED else _weighted(collect, MESSAGES[name], weights))
        yield
    finally:
        for module, name, collect in replaced:
            setattr(module, name, collect)


def _weighted(collect: Callable[..., Tensor], place: int, weights: Tensor | None) -> Callable[..., Tensor]:
    def call(*arguments: Any) -> Tensor:
        assert weights is not None
        messages = arguments[place] * weights.unsqueeze(-1)
        return collect(*arguments[:place], messages, *arguments[place + 1 :])

    return call


def _filtered(weights: Tensor | None) -> Callable[[GraphBatch, Tensor, Tensor], Tensor]:
    """`sum_filtered` edge by edge."""

    def call(batch: GraphBatch, sender: Tensor, filters: Tensor) -> Tensor:
        assert weights is not None
        messages = from_senders(batch, sender) * from_lengths(batch, filters) * weights.unsqueeze(-1)
        return sum_incoming(batch, messages)

    return call
