"""Other explainers beside XGNN: what they look into, what they say of a network whose result is known, and the records."""

import json

import numpy as np
import pytest
import torch
from torch import nn

from benchmark.explain.other_explainers.cross_check import agreement, cross_checks, importance
from benchmark.explain.other_explainers.importance import (
    TwoClasses,
    attention,
    edge_masks,
    input_features,
    messages_weighted,
    of_atoms_by_attention,
    of_atoms_by_edges,
)  # fmt: skip
from benchmark.explain.pages.cross_checks import conclusions, limit, own_reliability, tables
from benchmark.explain.records import ClassResult, OtherExplanation, Result
from benchmark.explain.seed_groups import FEWEST_RANKED, SeedGroup
from benchmark.explain.statements import Enrichment
from benchmark.explain.store import ExplanationStore
from benchmark.tasks.tasks import find_tasks
from models import registry
from models.graph.batch import GraphBatch
from models.graph.message_passing import readout_mean, readout_sum
from models.training import ScaledNetwork
from tests.backends import needs_dgl
from tests.benchmark.explain.constructed import write_experiment

GRAPH_MODELS = [name for name in registry.registered() if hasattr(registry.get(name).model, "rule")]


@pytest.fixture(scope="module")
def fresh(small_folder):
    """Model → a network of it with fresh weights, and the graphs of small crystals, not folded."""
    crystals = find_tasks(str(small_folder))[0].load().crystals

    def of(name: str):
        torch.manual_seed(0)
        built = registry.get(name).model(registry.get(name).settings("smoke", {"fold": "false"}))
        return built.network.eval().requires_grad_(False), built.prepare(crystals)

    return of


@needs_dgl
@pytest.mark.parametrize("name", GRAPH_MODELS)
def test_dgl_sees_every_network_as_it_is_and_every_message_counts(fresh, name):
    network, table = fresh(name)
    batch = table.cut(torch.tensor([3]))
    model, feat = TwoClasses(network, 0.25), input_features(network.network, batch)
    expected = float(network(batch) - 0.25)
    logits = model(batch.dgl, feat, batch)
    assert logits.tolist() == [[pytest.approx(-expected, rel=1e-5), pytest.approx(expected, rel=1e-5)]]
    ones = model(batch.dgl, feat, batch, torch.ones(len(batch.src)))
    assert torch.allclose(ones, logits)
    weights = torch.full((len(batch.src),), 0.5, requires_grad=True)
    model(batch.dgl, feat, batch, weights)[0, 1].backward()
    assert weights.grad is not None and (weights.grad != 0).all()
    assert float(network(batch) - 0.25) == expected, "the network is as it was"


def test_an_edge_of_weight_0_sends_nothing(fresh):
    network, table = fresh("cgcnn")
    batch = table.cut(torch.tensor([1]))
    keep = torch.arange(len(batch.src)) % 3 > 0
    fewer = GraphBatch(
        batch.atomic_numbers, batch.crystal, batch.n_atoms, batch.src[keep], batch.dst[keep], batch.distance[keep]
    )
    expected = float(network(fewer))
    with messages_weighted(network.network, keep.float()):
        assert float(network(batch)) == pytest.approx(expected, rel=1e-5)


class OnlyFrom(nn.Module):
    """Predicts how many messages come from one element."""

    __module__ = "models.zoo.cgcnn"

    def __init__(self, element: int) -> None:
        super().__init__()
        self.atom_features = nn.Embedding(119, 119, _weight=torch.eye(119))
        self.element = element

    def forward(self, batch: GraphBatch) -> torch.Tensor:
        import models.zoo.cgcnn

        sent = self.atom_features(batch.atomic_numbers)[batch.src]
        received = models.zoo.cgcnn.sum_incoming(batch, sent)
        return readout_mean(batch, received)[:, self.element] - 1.0


@needs_dgl
def test_the_element_that_alone_counts_is_the_most_important():
    network = ScaledNetwork(OnlyFrom(8))
    ends = [(i, j) for i in range(4) for j in range(4) if i != j]
    src, dst = torch.tensor([j for _, j in ends]), torch.tensor([i for i, _ in ends])
    batch = GraphBatch(
        torch.tensor([8, 26, 8, 26]), torch.zeros(4, dtype=torch.long), torch.tensor([4]), src, dst, torch.ones(12)
    )
    found = []
    for seed in range(4):
        torch.manual_seed(seed)
        found.append(of_atoms_by_edges(batch, edge_masks(network.requires_grad_(False), batch, 0.0)))
    oxygen, iron = np.mean(found, axis=0)[[0, 2]], np.mean(found, axis=0)[[1, 3]]
    assert oxygen.min() > iron.max()


def test_importance_by_edges_is_of_senders_and_relative():
    batch = GraphBatch(
        torch.tensor([1, 2, 3]), torch.zeros(3, dtype=torch.long), torch.tensor([3]),
        torch.tensor([1, 0, 0]), torch.tensor([0, 1, 2]), torch.ones(3),
    )  # fmt: skip
    values = of_atoms_by_edges(batch, torch.tensor([0.9, 0.2, 0.4]))
    assert values[:2] == pytest.approx([0.6, 1.8]) and np.isnan(values[2])


@pytest.mark.parametrize("name", ["gatgnn", "gatgnn-mdl"])
def test_attention_is_that_of_the_readout(fresh, name):
    network, table = fresh(name)
    batch, seen = table.cut(torch.tensor([1, 2])), []
    handle = network.network.readout.register_forward_hook(lambda module, inputs, output: seen.append((inputs[1], output)))
    network(batch)
    handle.remove()
    weights = attention(network, batch)
    assert torch.allclose(readout_sum(batch, weights.unsqueeze(-1) * seen[0][0]), seen[0][1], atol=1e-6)
    means = [of_atoms_by_attention(batch, weights)[batch.crystal.numpy() == n].mean() for n in (0, 1)]
    assert means == pytest.approx([1.0, 1.0], rel=1e-5)


def test_importance_is_the_mean_over_atoms_then_crystals():
    found = importance(
        [np.array([0, 0, 7]), np.array([0, 15]), np.array([7, 15])],
        [np.array([1.0, 2.0, 0.0]), np.array([0.5, 1.5]), np.array([np.nan, 1.0])],
    )
    assert [(one.node_type, one.value, one.crystals) for one in found.node_types] == [(1, 1.0, 2), (8, 0.0, 1), (16, 1.25, 2)]
    assert found.crystals == 3 and found.halves is None
    assert importance([], []).node_types == ()


def said(values) -> dict:
    node_types = [{"node_type": n + 1, "value": value, "crystals": 5} for n, value in enumerate(values)]
    return {"crystals": 20, "node_types": node_types, "halves": 0.5}


def result(odds, name="high") -> ClassResult:
    enrichments = tuple(
        Enrichment(
            kind="node type", node_types=(n + 1,), against="random graphs", count=1, total=2, other_count=1, other_total=2,
            log_odds=value, interval=(value - 1, value + 1), p=0.5, p_holm=0.5,
        )
        for n, value in enumerate(odds)
    )  # fmt: skip
    return ClassResult(
        class_name=name, asked=1, found=1, rounds=1, attempts=1, reached=1, seconds=0, stopped=None, mean_probability=0.9,
        random_probability=0.5, random_reached=0.1, enrichments=enrichments,
    )  # fmt: skip


def other(explainer, low, high) -> OtherExplanation:
    return OtherExplanation(
        explainer=explainer, model="cgcnn", settings={}, regressor_sha256="0" * 64, mae=0.1, n_scored=9, seconds=1.0,
        low=said(low), high=said(high),
    )  # fmt: skip


def test_agreement_is_of_ranks_and_its_p_of_all_orders():
    high = other("GNNExplainer", [], [0.9, 1.0, 1.1, 1.2, 1.3]).high
    found = agreement("high", high, result([-3.0, -1.0, 0.0, 0.5, 9.0]), True, 0)
    assert found is not None and (found.node_types, found.correlation) == (5, pytest.approx(1.0))
    assert found.p == pytest.approx(2 / 120), "two of the 120 orders are as extreme"
    size = agreement("high", high, result([-3.0, -1.0, 0.0, 0.5, 9.0]), False, 0)
    assert size is not None and size.correlation == pytest.approx(0.1), "ranks of size: 4, 3, 1, 2, 5"
    assert agreement("high", high, result([1.0] * 5), True, 0) is None, "nothing to rank"
    assert agreement("high", high, result([-3.0, 1.0, 0.0, 0.5]), True, 0) is None, f"fewer than {FEWEST_RANKED}"


def test_attention_has_no_sign_and_all_tests_are_corrected_together():
    values, odds = [0.9, 1.0, 1.1, 1.2, 1.3], [-3.0, -1.0, 0.0, 0.5, 9.0]
    results = {"low": result(odds, "low"), "high": result(odds)}
    edges, weights = cross_checks(
        [other("GNNExplainer", values, values), other("global attention", values, values)], results, 0
    )
    assert [(t.class_name, t.enrichment) for t in weights.agreements] == [("low", "|log-odds|"), ("high", "|log-odds|")]
    assert len(edges.agreements) == 4
    assert min(t.p_holm for t in edges.agreements) == pytest.approx(6 * 2 / 120)


def test_the_report_counts_agreements_and_lists_them(tmp_path):
    whole, values = write_experiment(ExplanationStore(tmp_path)), [0.8 + n / 10 for n in range(8)]
    results = {"low": result([], "low"), "high": result([1.0 + n for n in range(8)])}
    checks = cross_checks([other("GNNExplainer", [], values)], results, 0)
    group = SeedGroup((whole.model_copy(update={"cross_checks": checks}),), {"low": (), "high": ()})
    (line,) = conclusions(group)
    assert "of 2 rank correlations, 2 are significantly positive" in line
    (_, agreements), (header, node_types) = tables(group)
    assert [row[4] for row in agreements] == ["low", "high", "high"] and agreements[0][7] == "not compared"
    assert len({len(row) for row in agreements}) == 1 and line.endswith(
        "The reliability of the rankings is not known: a correlation that is not significant shows no disagreement."
    )
    assert [row[10] for row in agreements[1:]] == ["+1.00", "+1.00"] and agreements[1][6] == "0.67", "2 · 0.5 / 1.5"
    assert (
        header[:3] == ("group (seed 0)", "GNNExplainer, low", "GNNExplainer, high") and node_types[0][2] == "0.800 (5 crystals)"
    )


def test_a_correlation_is_set_beside_what_the_reliability_of_both_allows(tmp_path):
    whole, values = write_experiment(ExplanationStore(tmp_path)), [0.8 + n / 10 for n in range(8)]
    odds = [1.0 + n for n in range(8)]
    swapped = [odds[1], odds[0], *odds[2:]]
    checks = cross_checks([other("GNNExplainer", [], values)], {"low": result([], "low"), "high": result(odds)}, 0)
    seeds = [whole.model_copy(update={"high": result(one), "low": result([], "low")}) for one in (odds, swapped)]
    group = SeedGroup((seeds[0].model_copy(update={"cross_checks": checks}), seeds[1]), {"low": (), "high": ()})
    alike = 1 - 6 * 2 / (8 * 63)
    assert own_reliability(group, "high", signed=True) == pytest.approx(alike)
    test = checks[0].agreements[0]
    assert limit(checks[0].other.high, group, test) == pytest.approx(np.sqrt(alike * 2 / 3))
    assert "All rankings are reliable enough to show a correlation of 0.47." in next(conclusions(group))
    unlike = checks[0].other.high.model_copy(update={"halves": -0.2})
    assert limit(unlike, group, test) == 0, "halves that disagree rank nothing"


@needs_dgl
def test_the_command_asks_others_keeps_what_they_say_and_renders_it(benchmark_command, small_folder, tmp_path):
    asked = ("explain", "--task", small_folder, "--profile", "smoke", "--per-class", 4, "--min-probability", 0.51)
    done = benchmark_command(*asked, "--cross-check", "--json")
    assert done.returncode == 0, done.stderr
    (result,) = [Result.model_validate(one) for one in json.loads(done.stdout)]
    assert [(c.other.explainer, c.other.model) for c in result.cross_checks] == [
        ("GNNExplainer", "cgcnn"), ("global attention", "gatgnn"),
    ]  # fmt: skip
    again = benchmark_command(*asked, "--page", "reports/xgnn")
    assert again.returncode == 0 and "regressor" not in again.stderr
    text = (tmp_path / "reports/xgnn/mine/target.md").read_text()
    assert "| GNNExplainer " in text and "| global attention " in text and "SubgraphX is left out" in text
    assert "--cross-check --node-types group --seed 0 --page" in text and "cgcnn (fitted to 20 crystals)" in text
    third = benchmark_command(*asked, "--cross-check", "--json")
    assert [one["cross_checks"] for one in json.loads(third.stdout)] == [
        [check.model_dump(mode="json") for check in result.cross_checks]
    ], "nothing is asked twice"
