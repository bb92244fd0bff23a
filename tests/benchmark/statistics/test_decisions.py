from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmark.statistics.comparisons import TaskErrors
from benchmark.statistics.contrasts import SHARE, Evidence
from benchmark.statistics.decisions import Decisions, Standing, decide, verdict_of
from benchmark.statistics.families import critical_value
from tests.benchmark.statistics.simulated_errors import correlated, names, reordered, rows, shuffled, trained
from tests.benchmark.statistics.test_contrasts import repeated

SEEDS = st.integers(0, 2**32 - 1)


def task_of(levels: list[float], spread: float = 0.001, seed: int = 0) -> TaskErrors:
    """Models with these mean losses, whose folds and crystals differ by about `spread` of them."""
    rng = np.random.default_rng(seed)
    ids, folds = rows()
    errors = np.array(levels) * (1 + spread * rng.uniform(-1, 1, (len(ids), len(levels))))
    return TaskErrors("set/target", names(len(levels)), ids, folds, errors, 0.25)


def verdicts(found: Decisions) -> dict[str, str]:
    return {standing.model: standing.verdict for standing in found.standings}


def standing(found: Decisions, model: str) -> Standing:
    return next(one for one in found.standings if one.model == model)


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [(0.95, 1.04, "best or equal"), (0.5, 0.9, "best or equal"), (1.01, 1.04, "slightly worse"), (1.01, 1.2, "worse"),
     (1.06, 1.2, "worse"), (0.9, 1.2, "undecided"), (1.0, 1.0499, "best or equal"), (1.0, 1.06, "undecided")],
)  # fmt: skip
def test_the_four_words(low, high, word):
    assert verdict_of(np.log(low), np.log(high), 0.05) == word


def test_clear_differences_have_clear_words():
    found = decide(task_of([1.0, 1.001, 1.03, 1.5], spread=0.01))
    assert list(verdicts(found).values()) == ["best or equal", "best or equal", "slightly worse", "worse"]
    assert found.best_or_equal == ("model-00", "model-01")
    assert [standing.ranks for standing in found.standings] == [(1, 2), (1, 2), (3, 3), (4, 4)]
    assert found.standings[3].ratio == pytest.approx(1.5, abs=0.01)
    assert found.standings[0].ratio == pytest.approx(1 / 1.001, abs=0.001)
    assert all(standing.more_repeats is None for standing in found.standings)
    assert found.reason is None


def test_the_interval_of_two_models_by_hand():
    task = task_of([1.0, 1.2], spread=0.3)
    scores = task.fold_losses()
    differences = scores[:, 1] / scores[:, 1].mean() - scores[:, 0] / scores[:, 0].mean()
    error = np.sqrt((1 / 5 + SHARE * 0.25) * differences.var(ddof=1))
    assert Evidence.of(task).after().error == pytest.approx([error])
    ratio = scores[:, 1].mean() / scores[:, 0].mean()
    half = critical_value(2, 4, 0.95) * error
    pair = decide(task).pairs[0]
    assert pair.ratio == pytest.approx(ratio)
    assert pair.interval == pytest.approx((ratio * np.exp(-half), ratio * np.exp(half)))
    # The worse's interval is the pair's, and the better's its reciprocal.
    better, worse = decide(task).standings
    assert worse.interval == pytest.approx(pair.interval)
    assert better.interval == pytest.approx((1 / pair.interval[1], 1 / pair.interval[0]))


def test_the_best_of_the_sample_is_undecided_where_another_may_be_better_by_more_than_the_margin():
    found = decide(task_of([1.0, 1.05], spread=0.8))
    assert [one.verdict for one in found.standings] == ["undecided", "undecided"]
    assert not found.pairs[0].decided
    assert found.best_or_equal == ()
    assert {one.ranks for one in found.standings} == {(1, 2)}


def test_a_wider_margin_decides_more():
    task = task_of([1.0, 1.02], spread=0.2)
    assert decide(task, margin=0.02).best_or_equal == ()
    assert decide(task, margin=0.5).best_or_equal == names(2)


def test_more_repeats_are_named_where_some_would_decide_and_only_there():
    task = task_of([1.0, 1.08], spread=0.5, seed=3)
    better, worse = decide(task).standings
    # That the better one is within the margin is known; whether the other one is worse is not.
    assert (better.verdict, better.more_repeats) == ("best or equal", None)
    assert (worse.verdict, worse.more_repeats) == ("undecided", 2)
    evidence = Evidence.of(task)
    for repeats, decided in ((2, True), (1, False)):
        later = evidence.after(repeats)
        half = later.error * critical_value(2, later.freedom[0], 0.95)
        assert (np.abs(later.estimate) > half).all() == decided
    # At a ratio of 1.0001 no number of repeats shows a difference, and noise of crystals stays.
    hopeless = decide(task_of([1.0, 1.0001], spread=1.0))
    assert [one.more_repeats for one in hopeless.standings] == [None, None]


def test_repeats_decide_what_one_repeat_does_not():
    task = repeated(np.random.default_rng(0), n_models=2, repeats=10)
    first = task.repeats == 0
    once = TaskErrors("t", task.models, task.ids[first], task.folds[first], task.errors[first], 0.25)
    widths = [np.log(decide(one).pairs[0].interval) @ [-1, 1] for one in (once, task)]
    assert widths[1] < widths[0]


# -- what has no answer ----------------------------------------------------------------------------


def test_one_fold_decides_nothing_and_says_why():
    task = task_of([1.0, 5.0])
    found = decide(replace(task, folds=np.zeros(len(task.ids), int)))
    assert "one fold" in str(found.reason)
    assert set(verdicts(found).values()) == {"undecided"}
    assert [one.interval for one in found.standings] == [None, None]
    assert found.pairs[0].ratio == pytest.approx(5, rel=0.01)
    assert not found.pairs[0].decided


def test_one_model_is_compared_with_nothing():
    found = decide(task_of([1.0]))
    assert "one model" in str(found.reason)
    assert found.pairs == ()
    assert found.standings[0].ranks == (1, 1)
    assert (found.standings[0].ratio, found.standings[0].verdict) == (1, "undecided")


def test_a_model_without_any_error_has_no_ratio():
    task = task_of([1.0, 0.0, 0.0])
    found = decide(task)
    assert "model-01, model-02" in str(found.reason)
    assert [one.ratio for one in found.standings] == [1, 1, np.inf]
    assert set(verdicts(found).values()) == {"undecided"}


def test_identical_models_are_equal_and_one_rank():
    task = task_of([1.0, 1.0, 2.0], spread=0.3)
    task.errors[:, 1] = task.errors[:, 0]
    found = decide(task)
    pair = found.pairs[0]
    assert (pair.ratio, pair.interval, pair.decided) == (1, (1, 1), False)
    assert found.best_or_equal == names(2)
    assert standing(found, "model-00").ranks == (1, 2)
    alone = decide(reordered(task, np.array([0, 1])))
    assert alone.best_or_equal == names(2)


def test_a_model_in_proportion_to_another_is_decided():
    task = task_of([1.0, 1.0], spread=0.5)
    task.errors[:, 1] = 1.2 * task.errors[:, 0]
    assert decide(task).pairs[0].interval == pytest.approx((1.2, 1.2))
    assert decide(task).pairs[0].decided


@pytest.mark.parametrize("wrong", [dict(margin=-0.1), dict(margin=np.nan), dict(alpha=0.0), dict(alpha=1.0)])
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match="margin"):
        decide(task_of([1.0, 2.0]), **wrong)


# -- what must not matter --------------------------------------------------------------------------


def same(found: Decisions, other: Decisions, unit: float = 1.0) -> None:
    assert [one.model for one in found.standings] == [one.model for one in other.standings]
    for one, two in zip(found.standings, other.standings, strict=True):
        assert (one.verdict, one.ranks, one.more_repeats) == (two.verdict, two.ranks, two.more_repeats)
        assert one.ratio == pytest.approx(two.ratio)
        assert one.interval == pytest.approx(two.interval)
        assert unit * one.mean_loss == pytest.approx(two.mean_loss)
    assert [pair.decided for pair in found.pairs] == [pair.decided for pair in other.pairs]


@settings(max_examples=25)
@given(SEEDS)
def test_unit_order_of_models_and_order_of_rows_have_no_say(seed):
    rng = np.random.default_rng(seed)
    task = repeated(rng, int(rng.integers(2, 6)), int(rng.integers(1, 4)))
    found = decide(task)
    same(found, decide(replace(task, errors=1e3 * task.errors)), unit=1e3)
    same(found, decide(reordered(task, rng.permutation(len(task.models)))))
    same(found, decide(shuffled(task, rng.permutation(len(task.ids)))))


@settings(max_examples=25)
@given(SEEDS)
def test_what_is_said_of_models_agrees_with_what_is_said_of_pairs(seed):
    rng = np.random.default_rng(seed)
    found = decide(correlated(rng, 5, rng.choice([0.0, 0.1, 0.5, 1.0], 5)))
    decided = {(pair.better, pair.worse) for pair in found.pairs if pair.decided}
    assert len(found.pairs) == 10
    assert [one.mean_loss for one in found.standings] == sorted(one.mean_loss for one in found.standings)
    for one in found.standings:
        assert one.ranks[0] == 1 + sum(worse == one.model for _, worse in decided)
        assert one.ranks[1] == 5 - sum(better == one.model for better, _ in decided)
        assert (one.verdict in ("worse", "slightly worse")) == any(worse == one.model for _, worse in decided)
        assert one.interval is not None and one.interval[0] <= one.ratio <= one.interval[1]
    best = found.standings[0]
    assert best.verdict in ("best or equal", "undecided")


def test_learners_that_differ_by_their_start_alone_are_rarely_told_apart():
    rng = np.random.default_rng(0)
    found = sum(any(pair.decided for pair in decide(trained(rng, 4)).pairs) for _ in range(150))
    # A chance of at most 5 %; wrong once in 10,000.
    assert found <= stats.binom.ppf(0.9999, 150, 0.05)


@pytest.mark.slow
def test_a_large_group_takes_less_than_two_seconds():
    rng = np.random.default_rng(0)
    n, repeats = 36_737, 5
    ids = np.tile(np.array([f"mp-{number}" for number in range(n)]), repeats)
    folds = np.concatenate([rng.permutation(n) % 5 for _ in range(repeats)])
    errors = rng.exponential(size=(len(ids), 16)) * np.linspace(1, 1.1, 16)
    task = TaskErrors("t", names(16), ids, folds, errors, 0.28, repeats=np.repeat(np.arange(repeats), n))
    start = time.process_time()
    decide(task)
    assert time.process_time() - start < 2
