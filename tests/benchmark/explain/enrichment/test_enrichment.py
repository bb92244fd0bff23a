"""Tests of enrichment: values by hand, clusters, and how often nothing is taken for something."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import chi2_contingency
from scipy.stats import t as student

from benchmark.explain.classifier.quality import agreement, calibration_error, no_better_than_chance, quality
from benchmark.explain.enrichment.class_results import beyond, enrichments, top
from benchmark.explain.enrichment.log_odds import Clustered, compare, frequent_enough
from benchmark.explain.enrichment.motifs import motifs
from benchmark.explain.enrichment.nulls import Nulls
from benchmark.explain.enrichment.published_findings import PUBLISHED_FINDINGS, FindingSamples, finding_tests
from benchmark.explain.records import ClassResult, Explanation
from benchmark.explain.search.rounds import small_graphs
from benchmark.explain.search.small_graphs import SmallGraphs
from benchmark.explain.seed_groups import rank_correlations


def singles(successes: int, n: int) -> Clustered:
    """n draws, each a cluster."""
    return Clustered((np.arange(n) < successes).astype(int)[:, None], np.ones(n, dtype=int))


def test_log_odds_interval_and_p_are_those_of_a_logistic_regression():
    """scipy's own table test as the oracle of the likelihood ratio; the ends of the interval have the deviance of 5 %."""
    found = compare(singles(8, 10), singles(10, 40))
    assert found is not None
    cells = [np.array(sample.effective()) for sample in (singles(8, 10), singles(10, 40))]
    table = np.array([[c[0, 0] + 0.5, c[1, 0] - c[0, 0] + 0.5] for c in cells])
    assert found.log_odds[0] == pytest.approx(math.log(table[0, 0] * table[1, 1] / table[0, 1] / table[1, 0]))
    ratio = chi2_contingency(table, correction=False, lambda_="log-likelihood").statistic
    assert found.p[0] == pytest.approx(2 * student.sf(math.sqrt(ratio), 9))
    for end in found.intervals[0]:

        def lost(alpha: float, end: float = end) -> float:
            shares = 1 / (1 + np.exp(-np.array([alpha + end, alpha])))
            fitted = np.column_stack([shares, 1 - shares]) * table.sum(axis=1, keepdims=True)
            return float(2 * (table * np.log(table / fitted)).sum())

        assert minimize_scalar(lost, bounds=(-6, 6), method="bounded").fun == pytest.approx(
            student.ppf(0.975, 9) ** 2, rel=1e-4
        )


def test_what_every_explanation_has_and_few_random_graphs_is_significant_after_correction():
    everywhere = Clustered(np.array([[10, 5]] * 15), np.full(15, 10))
    random = Clustered((np.random.default_rng(0).random((3000, 2)) < 0.5).astype(int), np.ones(3000, dtype=int))
    found = enrichments([("node type", (0,)), ("node type", (1,))], everywhere, random, "random graphs")
    assert found[0].p_holm * 200 < 0.001 and found[0].interval[0] > 1 and np.isfinite(found[0].interval).all()
    assert found[1].p_holm > 0.5


def test_graphs_that_are_alike_within_a_round_count_for_less():
    alike = Clustered(np.array([[10], [0], [10], [0], [5]]), np.full(5, 10))
    apart = Clustered(np.full((5, 1), 5), np.full(5, 10))
    assert apart.effective()[1].tolist() == [50.0]
    # The variance between clusters is k / (k - 1) · Σ(x - p m)² / (Σm)² = 5/4 · 100 / 2500, of independent draws p q / n.
    assert alike.effective()[1][0] == pytest.approx(50 / ((5 / 4 * 100 / 2500) / (0.25 / 50)))
    other = singles(100, 1000)
    first, second = compare(alike, other), compare(apart, other)
    assert first is not None and second is not None
    assert first.p[0] > 0.05 > second.p[0]


def test_too_few_clusters_are_not_tested():
    assert compare(Clustered(np.full((4, 1), 4), np.full(4, 5)), singles(1, 50)) is None


def test_rare_motifs_are_not_tested():
    first, second = Clustered(np.array([[3, 0], [1, 1]]), np.array([5, 5])), Clustered(np.array([[1, 2]]), np.array([10]))
    assert frequent_enough(first, second).tolist() == [True, False]


def test_of_sets_without_any_difference_at_most_one_in_twenty_has_a_significant_test():
    """Rounds that differ from each other more than draws do, held against independent graphs with the same mean."""
    rng, false = np.random.default_rng(0), 0
    shares = rng.uniform(0.02, 0.5, 60)
    rows = [("pair", motif) for motif in motifs(18, "pair")[:60]]
    for _ in range(200):
        of_round = rng.beta(shares * 4, (1 - shares) * 4, (15, 60))
        first = Clustered(rng.binomial(10, of_round), np.full(15, 10))
        second = Clustered((rng.random((3000, 60)) < shares).astype(int), np.ones(3000, dtype=int))
        false += any(one.p_holm < 0.05 for one in enrichments(rows, first, second, "random graphs"))
    assert false <= 10 + 6  # 5 % of 200, and two standard deviations


def test_the_most_surely_enriched_motif_is_at_the_top():
    rows = [("node type", (number,)) for number in range(3)]
    first = Clustered(np.array([[9, 1, 5]] * 6), np.full(6, 10))
    second = Clustered((np.random.default_rng(0).random((2000, 3)) < [0.1, 0.1, 0.5]).astype(int), np.ones(2000, dtype=int))
    found = enrichments(rows, first, second, "random graphs")
    assert [one.node_types for one in top(found, "node type")] == [(1,), (3,), (2,)]
    assert found[0].p_holm < 0.001 < found[2].p_holm
    assert (found[0].count, found[0].total, found[0].other_total) == (54, 60, 2000)


def result(odds: dict[int, float]) -> ClassResult:
    tests = enrichments(
        [("node type", (node_type,)) for node_type in odds],
        Clustered(np.array([list(odds.values())] * 5).astype(int), np.full(5, 100)),
        Clustered(np.full((5, len(odds)), 50), np.full(5, 100)),
        "random graphs",
    )
    return ClassResult(
        class_name="low", asked=1, found=1, rounds=3, attempts=1, reached=1, seconds=0, stopped=None, mean_probability=1,
        random_probability=None, random_reached=None, enrichments=tests,
    )  # fmt: skip


def test_seeds_that_rank_alike_correlate():
    one = {node_type: 10 * node_type + 10 for node_type in range(6)}
    other = {node_type: 70 - 10 * node_type for node_type in range(6)}
    few = dict.fromkeys(range(3), 10)
    assert rank_correlations([result(one), result(one), result(other), result(few)]) == [
        pytest.approx(1.0), pytest.approx(-1.0), None, pytest.approx(-1.0), None, None,
    ]  # fmt: skip


def chain(node_types: tuple[int, ...]) -> Explanation:
    bonds = tuple((i, i + 1) for i in range(len(node_types) - 1))
    return Explanation(node_types=node_types, bonds=bonds, probability=0.9, update=1, hash="")


def as_graphs(*found: Explanation) -> SmallGraphs:
    return small_graphs(found, 3)


def samples(high: tuple[int, ...], low: tuple[int, ...], null: tuple[int, ...], rounds=None) -> FindingSamples:
    """Crystals of the classes that are all alike, and random graphs that are all alike."""
    crystals = {"high": as_graphs(*[chain(high)] * 40).columns(18), "low": as_graphs(*[chain(low)] * 40).columns(18)}
    nulls = Nulls(*(as_graphs(*[chain(null)] * 400) for _ in range(2)))
    explained = rounds or {"high": [(chain((16, 16, 1)),) * 5] * 5, "low": [(chain((4, 5, 16)),) * 5] * 5}
    return FindingSamples(explained, crystals, {"high": nulls, "low": nulls})


def test_a_finding_is_told_of_explanations_of_crystals_and_beyond_what_random_graphs_give():
    found = finding_tests("band_gap", "group", samples((16, 16, 1), (4, 5, 16), (16, 4, 1)))
    assert [one.finding for one in found] == [
        "high: groups 15–18", "high: bonds between groups 15–18 and 15–18", "low: groups 3–12",
    ]  # fmt: skip
    for one in found:
        assert one.explanations.holds and one.crystals.holds, "what is known without a network"
        assert one.random.log_odds == pytest.approx(0), "random graphs of either class are the same"
        assert one.beyond.holds and one.beyond.p <= one.beyond_p_holm < 0.05
    same = finding_tests("band_gap", "group", samples((1, 2, 3), (1, 2, 3), (16, 16, 1)))
    assert same[0].explanations.holds and not same[0].crystals.holds
    assert same[0].beyond_p_holm > 0.05, "random graphs of that composition have as many"


def test_a_finding_that_cannot_be_tested_has_no_numbers():
    nothing = finding_tests("band_gap", "group", samples((16, 16, 1), (4, 5, 16), (16, 4, 1), {"high": [], "low": []}))
    untested = finding_tests("band_gap", "group", samples((16, 16, 1), (4, 5, 16), (16, 4, 1)), tested=False)
    for one in (*nothing, *untested):
        assert one.explanations is one.beyond is one.beyond_p_holm is None and one.crystals.holds


def test_atoms_and_bonds_of_a_finding_are_counted_alike_in_explanations_and_in_columns():
    oxide = chain((16, 16, 1))
    assert PUBLISHED_FINDINGS[1].count(oxide) == (1, 2) and PUBLISHED_FINDINGS[0].count(oxide) == (2, 3)
    assert PUBLISHED_FINDINGS[7].count(oxide) == (1, 2)  # a bond between groups 1–4 and 16–17, in either order
    graphs = as_graphs(oxide).columns(18)
    for finding in PUBLISHED_FINDINGS[:3] + PUBLISHED_FINDINGS[6:9]:
        counts = graphs.node_type_counts() if finding.others is None else graphs.pair_counts() // 2
        assert (counts[:, finding.columns(18)].sum(), counts.sum()) == finding.count(oxide)


def test_beyond_size_and_composition_both_kinds_of_random_graphs_must_be_exceeded():
    """Motif 0: more than either gives. 1: the composition gives it. 2: the start of the search gives it. 3: they disagree."""
    rng = np.random.default_rng(0)
    rows = [("node type", (number,)) for number in range(4)]
    first = Clustered(np.array([[9, 9, 9, 5]] * 8), np.full(8, 10))
    random, composition = (
        Clustered((rng.random((3000, 4)) < shares).astype(int), np.ones(3000, dtype=int))
        for shares in ([0.1, 0.1, 0.9, 0.1], [0.1, 0.9, 0.1, 0.9])
    )
    found = beyond(rows, first, random, composition)
    assert [one.against for one in found] == ["size and composition"] * 4
    assert found[0].p_holm < 0.001 and min(one.p_holm for one in found[1:]) > 0.05 and found[3].p == 1


def test_quality_of_a_classifier_by_hand():
    high = np.array([True, True, False, False])
    found = quality(high, np.array([0.9, 0.4, 0.6, 0.1]))
    assert (found.accuracy, found.auc, found.high_share) == (0.5, 0.75, 0.5)
    assert found.auc_interval[0] < 0.75 < found.auc_interval[1]
    assert found.good and not quality(high, np.array([0.1, 0.4, 0.6, 0.9])).good
    assert quality(np.ones(3, dtype=bool), np.array([0.1, 0.4, 0.6])).auc == 0.5
    # Two bins: one at 0.25 with a quarter high, one at 0.95 with half high.
    high = np.array([True, False, False, False, True, False])
    assert calibration_error(high, np.array([0.25] * 4 + [0.95] * 2)) == pytest.approx(2 * 0.45 / 6)


def test_only_what_a_classifier_has_learnt_is_tested():
    rng = np.random.default_rng(0)
    high = rng.random(400) < 0.5
    learnt, guessed = quality(high, 0.3 * high + 0.7 * rng.random(400)), quality(high, rng.random(400))
    assert no_better_than_chance(learnt.auc, learnt.auc_interval) is None
    assert "no better than chance" in str(no_better_than_chance(guessed.auc, guessed.auc_interval))


def test_agreement_of_two_verdicts():
    found = agreement(np.array([True, True, False, False]), np.array([True, False, False, False]))
    assert (found.n, found.share, found.kappa) == (4, 0.75, 0.5)
    assert agreement(np.ones(2, dtype=bool), np.ones(2, dtype=bool)).kappa is None
