"""The policy of XGNN: which bond to add next; Yuan et al., Proc. KDD 2020, 430 (arXiv:2006.02587), section 3.3."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmark.explain.search.small_graphs import Rules, SmallGraphs
from benchmark.explain.settings import PolicySettings
from models.graph.batch import GraphBatch
from models.graph.message_passing import from_senders, sum_incoming


@dataclass(frozen=True, eq=False)
class Action:
    """What is done to G graphs.

    Attributes:
        start: (G,) int64, the place that the bond begins at; M where the graph is ended.
        end: (G,) int64, the place it goes to, or M + node type for a new atom; meaningless where the graph is ended.
        log_likelihood: (G,) of the action under the policy.
        entropy: (G,) of the choices that were sampled from, in nats.
    """

    start: Tensor
    end: Tensor
    log_likelihood: Tensor
    entropy: Tensor


class GraphConvolution(nn.Module):
    """x ← relu(D^-½ (A + 1) D^-½ x W + b), D the degrees of A + 1; Kipf & Welling, ICLR 2017."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, batch: GraphBatch, x: Tensor) -> Tensor:
        """(N, F) → (N, F)."""
        scale = torch.rsqrt(batch.degree.to(x.dtype) + 1).unsqueeze(-1)
        scaled = scale * x
        return torch.relu(self.linear(scale * (sum_incoming(batch, from_senders(batch, scaled)) + scaled)))


class Policy(nn.Module):
    """π(start, end | graph) = π(start | graph) π(end | graph, start).

    A GCN encodes the atoms of the graph, and single atoms of each node type: the candidates for a new atom. One head scores the
    atoms as starts (and ending the graph, from the mean over atoms), another scores atoms and candidates as ends, given the
    start. What the rules forbid has probability 0 in the sampling, and the likelihood is of the same distribution.
    """

    def __init__(self, rules: Rules, settings: PolicySettings) -> None:
        super().__init__()
        self.rules, self.settings, width = rules, settings, settings.width
        self.embed = nn.Embedding(rules.n_node_types + 1, width)
        self.convs = nn.ModuleList(GraphConvolution(width) for _ in range(settings.n_layers))
        self.start = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Linear(width, 1))
        self.end_from, self.end_to = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.end = nn.Linear(width, 1)
        self.ending = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 1))

    def encode(self, graphs: SmallGraphs) -> tuple[Tensor, Tensor]:
        """(G, M, F) features of the atoms, 0 where there is none, and (T, F) of the candidates."""
        candidates = SmallGraphs.atoms(torch.arange(self.rules.n_node_types), graphs.node_types.shape[1])
        every = SmallGraphs.join([graphs, candidates])
        batch = every.batch()
        x = self.embed(batch.atomic_numbers)
        for conv in self.convs:
            x = conv(batch, x)
        placed = x.new_zeros((*every.node_types.shape, x.shape[1])).masked_scatter(every.exists[..., None], x)
        return placed[: len(graphs)], placed[len(graphs) :, 0]

    def sample(self, graphs: SmallGraphs, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """(G,) start and (G,) end of an action for each graph, without their likelihood."""
        start, end, _, _ = self._sampled(graphs, generator)
        return start, end

    def act(self, graphs: SmallGraphs, generator: torch.Generator) -> Action:
        """Sample an action for each graph."""
        return self._action(*self._sampled(graphs, generator))

    def evaluate(self, graphs: SmallGraphs, start: Tensor, end: Tensor) -> Action:
        """Given actions with their likelihood."""
        states, candidates = self.encode(graphs)
        valid = self.rules.ends(graphs)
        ends = self._ends(states, candidates, valid, start)
        return self._action(start, end, self._starts(graphs, states, valid), ends)

    def _sampled(self, graphs: SmallGraphs, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Start, end, and the logits that they were drawn by."""
        states, candidates = self.encode(graphs)
        valid = self.rules.ends(graphs)
        starts = self._starts(graphs, states, valid)
        start = _drawn(starts, generator)
        ends = self._ends(states, candidates, valid, start)
        return start, _drawn(ends, generator), starts, ends

    def _action(self, start: Tensor, end: Tensor, starts: Tensor, ends: Tensor) -> Action:
        goes_on = start < starts.shape[1] - 1
        first, second = torch.log_softmax(starts, dim=1), torch.log_softmax(ends, dim=1)
        likelihood = _chosen(first, start) + torch.where(goes_on, _chosen(second, end), 0)
        entropy = _entropy(first) + torch.where(goes_on, _entropy(second), 0)
        return Action(start, end, likelihood, entropy)

    def _starts(self, graphs: SmallGraphs, states: Tensor, valid: Tensor) -> Tensor:
        """(G, M + 1) logits of the places, and of ending the graph."""
        mean = states.sum(dim=1) / graphs.n_atoms[:, None]
        logits = self.start(torch.cat([states, mean[:, None].expand_as(states)], dim=2)).squeeze(2)
        can_start = valid.any(dim=2)
        may_end = ~can_start.any(dim=1)  # nothing else is left
        if self.settings.stop:
            may_end = may_end | (graphs.n_atoms >= 2)
        return _masked(torch.cat([logits, self.ending(mean)], dim=1), torch.cat([can_start, may_end[:, None]], dim=1))

    def _ends(self, states: Tensor, candidates: Tensor, valid: Tensor, start: Tensor) -> Tensor:
        """(G, M + T) logits of the ends, given the starts; where the graph is ended, of no meaning."""
        rows, ended = torch.arange(len(start)), start == states.shape[1]
        place = torch.where(ended, 0, start)
        to = torch.cat([self.end_to(states), self.end_to(candidates).expand(len(start), -1, -1)], dim=1)
        logits = self.end(torch.relu(self.end_from(states[rows, place])[:, None] + to)).squeeze(2)
        return _masked(logits, valid[rows, place] | ended[:, None])


FORBIDDEN = -1e9
"""In place of -∞, whose product with the probability 0 would be no number."""


def _masked(logits: Tensor, mask: Tensor) -> Tensor:
    return logits.masked_fill(~mask, FORBIDDEN)


def _drawn(logits: Tensor, generator: torch.Generator) -> Tensor:
    return torch.multinomial(torch.softmax(logits.detach(), dim=1), 1, generator=generator).squeeze(1)


def _chosen(log_probabilities: Tensor, index: Tensor) -> Tensor:
    return log_probabilities.gather(1, index[:, None]).squeeze(1)


def _entropy(log_probabilities: Tensor) -> Tensor:
    return -(log_probabilities.exp() * log_probabilities).sum(dim=1)
