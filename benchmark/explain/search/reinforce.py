"""One round of XGNN: a fresh policy learns by REINFORCE to grow graphs that the classifier takes for one class."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmark.explain.search.policy import Action, Policy
from benchmark.explain.search.small_graphs import Rules, SmallGraphs
from benchmark.explain.settings import SearchSettings
from models.graph.message_passing import backend

Score = Callable[[SmallGraphs], Tensor]
"""(G,) float64 probability of the class to explain; no gradient goes through it."""


@dataclass(frozen=True, eq=False)
class Episode:
    """G graphs grown to their ends, their probabilities (G,) of the class, and the loss of the policy."""

    graphs: SmallGraphs
    probabilities: Tensor
    loss: Tensor


# A DGL graph of a handful of atoms takes longer to make than to sum over.
@backend("torch")
def grow(policy: Policy, score: Score, settings: SearchSettings, generator: torch.Generator) -> Episode:
    """Grow graphs step by step and weigh the log-likelihood of each step by its reward over the baseline."""
    limits = policy.rules.limits
    graphs = policy.rules.start(settings.graphs, generator)
    active = torch.arange(settings.graphs)
    losses: list[Tensor] = []
    for left in range(limits.max_bonds, 0, -1):
        current = graphs.take(active)
        action = policy.act(current, generator)
        grows = action.start < current.node_types.shape[1]
        rows = grows.nonzero().squeeze(1)
        after = current.put(rows, current.take(rows).grown(action.start[rows], action.end[rows]))
        rewards = step_rewards(policy, score, after, rows, left - 1, settings, generator)
        losses.append(surrogate(action, rewards, settings.entropy_weight))
        kept = rows[rewards[rows] >= 0] if settings.undo else rows
        graphs = graphs.put(active[kept], after.take(kept))
        active = active[rows]
        if not len(active):
            break
    return Episode(graphs, score(graphs), torch.cat(losses).sum() / settings.graphs)


def step_rewards(
    policy: Policy, score: Score, graphs: SmallGraphs, growing: Tensor, left: int, settings: SearchSettings,
    generator: torch.Generator,
) -> Tensor:  # fmt: skip
    """(G,) rewards of the steps that led to `graphs`; those at `growing` may take `left` more, the others are ended."""
    now = score(graphs).clamp(min=settings.floor)
    later = now.clone()
    if len(growing) and left > 0:
        ends = complete(policy, graphs.take(growing).repeat(settings.rollouts), left, generator)
        later[growing] = score(ends).clamp(min=settings.floor).view(-1, settings.rollouts).mean(dim=1)
    return settings.step_reward + (now - 0.5) + settings.rollout_weight * (later - 0.5)


@torch.no_grad()
def complete(policy: Policy, graphs: SmallGraphs, left: int, generator: torch.Generator) -> SmallGraphs:
    """The graphs after at most `left` more steps of the policy."""
    active = torch.arange(len(graphs))
    for _ in range(left):
        current = graphs.take(active)
        start, end = policy.sample(current, generator)
        rows = (start < current.node_types.shape[1]).nonzero().squeeze(1)
        if not len(rows):
            break
        active = active[rows]
        graphs = graphs.put(active, current.take(rows).grown(start[rows], end[rows]))
    return graphs


def surrogate(action: Action, rewards: Tensor, entropy_weight: float) -> Tensor:
    """(G,) whose gradient is that of REINFORCE: -(R - b) ∇ log π, b the mean reward of the other graphs; minus the entropy."""
    n = len(rewards)
    others = (rewards.sum() - rewards) / (n - 1) if n > 1 else torch.zeros_like(rewards)
    advantage = (rewards - others).detach().to(action.log_likelihood.dtype)
    return -advantage * action.log_likelihood - entropy_weight * action.entropy


def make_policy(rules: Rules, settings: SearchSettings, seed: int) -> tuple[Policy, torch.Generator]:
    """A policy with fresh weights and the random numbers of a round, both from the seed."""
    torch.manual_seed(seed)
    return Policy(rules, settings.policy), torch.Generator().manual_seed(seed)


def train_policy(rules: Rules, score: Score, settings: SearchSettings, seed: int) -> Iterator[tuple[int, Episode]]:
    """Train a fresh policy; after each update its number and the graphs that it was made from."""
    policy, generator = make_policy(rules, settings, seed)
    optimizer = torch.optim.Adam(policy.parameters(), settings.learning_rate)
    for number in range(1, settings.updates + 1):
        episode = grow(policy, score, settings, generator)
        optimizer.zero_grad()
        episode.loss.backward()
        optimizer.step()
        yield number, episode
