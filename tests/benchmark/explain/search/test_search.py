"""Graphs that grow: valid whatever is done, sampled as they are weighed, and learnt from as the mathematics say."""

from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings

from benchmark.explain.search.policy import GraphConvolution, Policy
from benchmark.explain.search.random_graphs import random_graphs
from benchmark.explain.search.reinforce import complete, grow, step_rewards, surrogate, train_policy
from benchmark.explain.search.small_graphs import Rules, SmallGraphs
from benchmark.explain.settings import Limits, PolicySettings, SearchSettings
from datasets.errors import InputError
from tests.backends import needs_dgl
from tests.benchmark.explain.conftest import free_rules, require_valid, small

TINY = SearchSettings(graphs=6, rollouts=2, warm_up=1, updates=3, per_round=2)


@st.composite
def any_rules(draw) -> Rules:
    """Any limits, and any pairs that may be bonded, at least one."""
    n = draw(st.integers(1, 5))
    limits = Limits(draw(st.integers(2, 7)), draw(st.integers(1, 5)), draw(st.integers(1, 12)))
    pairs = draw(st.sets(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), min_size=1))
    allowed = torch.zeros(n, n, dtype=torch.bool)
    for a, b in pairs:
        allowed[a, b] = allowed[b, a] = True
    return Rules(limits, allowed, allowed.any(dim=1).double())


@given(any_rules(), st.integers(0, 2**31 - 1), st.booleans())
@settings(max_examples=40)
def test_whatever_a_policy_does_every_graph_is_valid(rules, seed, stop):
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    policy = Policy(rules, PolicySettings(width=4, stop=stop))
    require_valid(complete(policy, rules.start(8, generator), rules.limits.max_bonds + 2, generator), rules)
    episode = grow(policy, lambda graphs: torch.rand(len(graphs)).double(), TINY, generator)
    require_valid(episode.graphs, rules)


@given(any_rules(), st.integers(0, 2**31 - 1))
@settings(max_examples=40)
def test_random_graphs_are_valid_and_of_the_size_asked_for(rules, seed):
    generator = torch.Generator().manual_seed(seed)
    limits = rules.limits
    largest = min(limits.max_atoms, limits.max_bonds + 1, 2 if limits.max_neighbors == 1 else limits.max_atoms)
    atoms = torch.randint(1, largest + 1, (10,), generator=generator)
    bonds = atoms - 1 + torch.randint(0, 3, (10,), generator=generator)
    graphs = random_graphs(rules, atoms, bonds, generator)
    require_valid(graphs, rules)
    assert torch.equal(graphs.n_atoms, atoms)
    assert (graphs.n_bonds <= bonds).all() and (graphs.n_bonds >= atoms - 1).all()


def test_only_bonds_of_the_training_graphs_are_allowed():
    training = SmallGraphs.join([small([0, 1], [(0, 1)]), small([2], [])]).columns(3)
    rules = Rules.of(training, Limits())
    assert rules.allowed.nonzero().tolist() == [[0, 1], [1, 0]]
    assert rules.frequencies.tolist() == [0.5, 0.5, 0.0]  # a node type without bonds begins no graph
    assert Rules.of(training, Limits(bonded_only=False)).allowed.all()
    with pytest.raises(InputError, match="nothing to explain"):
        Rules.of(small([2], []).columns(3), Limits())


def test_impossible_limits_and_searches_are_refused():
    with pytest.raises(InputError, match="impossible limits"):
        Limits(max_atoms=1)
    with pytest.raises(InputError, match="impossible search"):
        SearchSettings(updates=5, warm_up=5)


@needs_dgl
def test_the_graph_convolution_is_that_of_dgl():
    from models.graph.dgl_backend import dgl

    graphs = SmallGraphs.join([small([0, 1, 2], [(0, 1), (1, 2)]), small([3], []), small([1, 1], [(0, 1)])])
    batch, x = graphs.batch(), torch.randn(6, 5)
    ours = GraphConvolution(5)
    theirs = dgl.nn.pytorch.GraphConv(5, 5, norm="both", activation=torch.relu)
    with torch.no_grad():
        theirs.weight.copy_(ours.linear.weight.T)
        theirs.bias.copy_(ours.linear.bias)
    with_loops = dgl.add_self_loop(dgl.graph((batch.src, batch.dst), num_nodes=6))
    torch.testing.assert_close(ours(batch, x), theirs(with_loops, x))


def every_action(policy: Policy, graph: SmallGraphs) -> list[tuple[int, int]]:
    """Each action that the rules allow: (start, end), the end of the graph last."""
    places = graph.node_types.shape[1]
    return [(s, e) for s, e in policy.rules.ends(graph)[0].nonzero().tolist()] + [(places, 0)]


@pytest.mark.parametrize("stop", [True, False])
def test_allowed_actions_have_all_the_probability(stop):
    policy = Policy(free_rules(3), PolicySettings(stop=stop)).double()
    graph = small([0, 1, 2, 1], [(0, 1), (1, 2), (2, 3)])
    actions = every_action(policy, graph)
    assert len(actions) == 3 * 2 + 4 * 3 + 1
    found = policy.evaluate(graph.repeat(len(actions)), *map(torch.tensor, zip(*actions, strict=True)))
    likelihoods = found.log_likelihood.exp()
    assert likelihoods.sum().item() == pytest.approx(1.0, abs=1e-12)
    assert (likelihoods[-1] > 0) == stop and (likelihoods[:-1] > 0).all()


def test_what_is_sampled_has_the_likelihood_that_evaluation_gives_it(generator):
    policy = Policy(free_rules(), PolicySettings()).double()
    graphs = random_graphs(policy.rules, torch.tensor([1, 2, 3, 5, 6] * 20), torch.tensor([0, 1, 3, 5, 6] * 20), generator)
    sampled = policy.act(graphs, generator)
    again = policy.evaluate(graphs, sampled.start, sampled.end)
    torch.testing.assert_close(sampled.log_likelihood, again.log_likelihood)
    torch.testing.assert_close(sampled.entropy, again.entropy)
    goes_on = sampled.start < 6
    rows = goes_on.nonzero().squeeze(1)
    assert policy.rules.ends(graphs)[rows, sampled.start[rows], sampled.end[rows]].all()
    assert not (~goes_on & (graphs.n_atoms < 2)).any()


def test_actions_are_sampled_as_often_as_they_are_likely(generator):
    torch.manual_seed(1)
    policy = Policy(free_rules(2), PolicySettings()).double()
    graph = small([0, 1], [(0, 1)])
    actions, n = every_action(policy, graph), 20_000
    expected = (
        policy.evaluate(graph.repeat(len(actions)), *map(torch.tensor, zip(*actions, strict=True)))
        .log_likelihood.exp()
        .detach()
    )
    sampled = policy.act(graph.repeat(n), generator)
    ended = sampled.start == 6
    keys = torch.stack([sampled.start, torch.where(ended, 0, sampled.end)], dim=1).tolist()
    shares = torch.tensor([sum(key == list(action) for key in keys) / n for action in actions], dtype=torch.double)
    assert torch.allclose(shares, expected, atol=4 * float((expected * (1 - expected) / n).sqrt().max()))


def test_the_gradient_is_that_of_the_expected_reward():
    """Summed over all actions by their probability, REINFORCE is the gradient that finite differences find."""
    torch.manual_seed(0)
    policy = Policy(free_rules(2), PolicySettings(width=4, n_layers=1)).double()
    graph = small([0, 1, 1], [(0, 1), (1, 2)])
    start, end = map(torch.tensor, zip(*every_action(policy, graph), strict=True))
    rewards = torch.linspace(-1, 2, len(start), dtype=torch.double)
    many = graph.repeat(len(start))

    def expected() -> float:
        with torch.no_grad():
            return float((policy.evaluate(many, start, end).log_likelihood.exp() * rewards).sum())

    action = policy.evaluate(many, start, end)
    # Without a baseline, the surrogate of an action times its probability; a constant baseline adds nothing to the sum.
    losses = -(rewards - 0.7) * action.log_likelihood
    (action.log_likelihood.detach().exp() * losses).sum().backward()
    step, compared = 1e-6, 0
    for parameter in policy.parameters():
        assert parameter.grad is not None
        for position in range(0, parameter.numel(), max(1, parameter.numel() // 3)):
            flat, before = parameter.data.view(-1), parameter.data.view(-1)[position].item()
            flat[position] = before + step
            above = expected()
            flat[position] = before - step
            below = expected()
            flat[position] = before
            assert -parameter.grad.view(-1)[position].item() == pytest.approx((above - below) / (2 * step), abs=1e-7)
            compared += 1
    assert compared > 20


def test_the_surrogate_weighs_by_the_reward_over_that_of_the_others(generator):
    policy = Policy(free_rules(), PolicySettings())
    action = policy.act(policy.rules.start(3, generator), generator)
    rewards = torch.tensor([1.0, 2.0, 6.0], dtype=torch.double, requires_grad=True)
    losses = surrogate(action, rewards, 0.0)
    torch.testing.assert_close(losses, torch.tensor([3.0, 1.5, -4.5]) * action.log_likelihood)
    losses.sum().backward()
    assert rewards.grad is None, "no gradient goes through rewards"
    assert torch.equal(surrogate(action, torch.ones(3), 0.5), -0.5 * action.entropy)


def test_a_policy_learns_what_is_rewarded():
    def score(graphs: SmallGraphs) -> torch.Tensor:
        return 0.1 + 0.8 * (graphs.node_types == 3).any(dim=1).double()

    rules = free_rules(8, max_atoms=4, max_bonds=4)
    found = [episode for _, episode in train_policy(rules, score, SearchSettings(graphs=12, rollouts=2, updates=20), 0)]
    assert found[-1].probabilities.mean() > 0.85 > found[0].probabilities.mean()


def test_a_seed_decides_everything():
    def score(graphs: SmallGraphs) -> torch.Tensor:
        return graphs.n_atoms.double() / 6

    def last(seed: int) -> SmallGraphs:
        return [episode for _, episode in train_policy(free_rules(), score, TINY, seed)][-1].graphs

    assert torch.equal(last(1).bonds, last(1).bonds) and torch.equal(last(1).node_types, last(1).node_types)
    assert not torch.equal(last(1).node_types, last(2).node_types)


def test_a_step_with_a_negative_reward_is_undone_where_that_is_asked_for(generator):
    policy = Policy(free_rules(), PolicySettings())
    nothing, undoing = (lambda graphs: torch.zeros(len(graphs)).double()), replace(TINY, undo=True, floor=0.0)
    assert (grow(policy, nothing, undoing, generator).graphs.n_atoms == 1).all()
    assert (grow(policy, nothing, TINY, generator).graphs.n_atoms >= 2).all()
    welcome = grow(policy, lambda graphs: torch.ones(len(graphs)).double(), undoing, generator)
    assert (welcome.graphs.n_atoms >= 2).all() and np.isfinite(welcome.loss.item())


def test_a_reward_counts_the_graph_its_completions_and_no_probability_below_the_floor(generator):
    policy, graphs = Policy(free_rules(), PolicySettings()), small([0, 1], [(0, 1)])
    p = torch.tensor([0.2])

    def rewards(settings: SearchSettings, *growing: int) -> float:
        rows = torch.tensor(growing, dtype=torch.long)
        return step_rewards(policy, lambda many: p.expand(len(many)).double(), graphs, rows, 3, settings, generator).item()

    as_published = SearchSettings(step_reward=0.1, rollout_weight=2.0)
    assert as_published.floor == 0 and rewards(as_published, 0) == pytest.approx(0.1 + 3 * (0.2 - 0.5))
    assert rewards(as_published, 0) == rewards(as_published)
    assert rewards(replace(as_published, floor=0.5), 0) == pytest.approx(0.1)
    p[0] = 0.9
    assert rewards(SearchSettings(step_reward=0.1, rollout_weight=2.0), 0) == pytest.approx(0.1 + 3 * 0.4)
