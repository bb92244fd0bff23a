"""Tests of enrichment: values by hand, clusters, and how often nothing is taken for something."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import chi2_contingency
from scipy.stats import t as student

from benchmark.explain.classifier.quality import agreement, calibration_error, no_better_than_chance, quality
from benchmark.explain.enrichment.class_results import enrichments, top
from benchmark.explain.enrichment.log_odds import Clustered, compare, frequent_enough
from benchmark.explain.enrichment.motifs import motifs
from benchmark.explain.enrichment.published_findings import PUBLISHED_FINDINGS, finding_tests
from benchmark.explain.records import ClassResult, Explanation
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


def test_a_finding_is_tested_on_one_class_against_the_other():
    def explanation(node_types: tuple[int, ...]) -> Explanation:
        bonds = tuple((i, i + 1) for i in range(len(node_types) - 1))
        return Explanation(node_types=node_types, bonds=bonds, probability=0.9, update=1, hash="")

    oxide, metal = explanation((16, 16, 1)), explanation((4, 5, 16))
    rounds = {"high": [(oxide,) * 5] * 5, "low": [(metal,) * 5] * 5}
    found = {finding_test.finding: finding_test for finding_test in finding_tests("band_gap", "group", rounds)}
    assert list(found) == ["high: groups 15–18", "high: bonds between groups 15–18 and 15–18", "low: groups 3–12"]
    assert all(finding_test.interval is not None and finding_test.interval[0] > 0 for finding_test in found.values())
    assert [v.log_odds for v in finding_tests("band_gap", "group", {"high": [], "low": []})] == [None] * 3
    assert [v.log_odds for v in finding_tests("band_gap", "group", rounds, tested=False)] == [None] * 3
    assert PUBLISHED_FINDINGS[1].count(oxide) == (1, 2) and PUBLISHED_FINDINGS[0].count(oxide) == (2, 3)
    assert PUBLISHED_FINDINGS[7].count(oxide) == (1, 2)  # a bond between groups 1–4 and 16–17, in either order


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
