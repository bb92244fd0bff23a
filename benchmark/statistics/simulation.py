"""How often ways to compare models are wrong, and how often they find what is there, on planted groups. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmark.statistics.alternatives import (
    hierarchical_bootstrap,
    model_confidence_set,
    of_samples,
    unshrunk,
    with_the_best,
)
from benchmark.statistics.comparisons import ALPHA, TaskErrors
from benchmark.statistics.contrasts import Contrasts, Evidence, corrected, moderated
from benchmark.statistics.decisions import MARGIN, verdict_of
from benchmark.statistics.families import Intervals, all_pairs, bonferroni
from benchmark.statistics.planted import Structure, Truth, planted

CONFIDENCE = 1 - ALPHA


@dataclass(frozen=True, eq=False)
class Judgement:
    """What a way to compare says about a group, as far as it says it."""

    not_best: np.ndarray
    """(M,) whether a model is said to lose more than the best."""
    worse: np.ndarray | None = None
    """(M, M) whether the row is said to lose more than the column."""
    contrasts: Contrasts | None = None
    """Each pair's own interval."""
    limits: np.ndarray | None = None
    """(M, 2) of the log of each model's ratio to the best, from which the words follow."""


@dataclass(frozen=True)
class Rates:
    """Shares over simulated groups; the truth has one best model and equal others, or equal models."""

    groups: int
    false: float
    """Of groups in which anything is said to lose more that does not: a model of a pair or, where only that is said, than the
    best."""
    coverage: float | None
    """Of pairs whose own 95 % interval holds the true ratio."""
    power: float | None
    """Of models that are worse than the best and said to be; None where all are equal."""
    wrong_words: float | None
    """Of groups in which any model is given a word that is not true."""


@dataclass(frozen=True, eq=False)
class Group:
    """A simulated group, and what several ways to compare compute from it once."""

    task: TaskErrors
    rng: np.random.Generator

    @cached_property
    def evidence(self) -> Contrasts:
        """Of the mixed model with shrunk variances."""
        return Evidence.of(self.task).after()

    @cached_property
    def samples(self) -> np.ndarray:
        """Of the hierarchical bootstrap."""
        return hierarchical_bootstrap(self.task, self.rng)


Method = Callable[[Group], Judgement]


def by_pairs(contrasts: Contrasts, half: np.ndarray, n_models: int) -> Judgement:
    """What simultaneous intervals of (P,) half widths say."""
    intervals = Intervals.of(contrasts.estimate, half, n_models)
    limits = np.array([intervals.to_best_other(m) for m in range(n_models)])
    return Judgement(~intervals.candidates, intervals.worse, contrasts, limits)


def _with_bonferroni(contrasts: Contrasts, n_models: int) -> Judgement:
    return by_pairs(contrasts, bonferroni(contrasts, len(contrasts.error), CONFIDENCE), n_models)


def _with_range(contrasts: Contrasts, n_models: int) -> Judgement:
    return by_pairs(contrasts, all_pairs(contrasts, n_models, CONFIDENCE), n_models)


def _way(contrasts: Callable[[Group], Contrasts], judge: Callable[[Contrasts, int], Judgement]) -> Method:
    return lambda group: judge(contrasts(group), len(group.task.models))


def _edwards_hsu(contrasts: Contrasts, n_models: int) -> Judgement:
    limits = with_the_best(contrasts, n_models, CONFIDENCE)
    return Judgement(limits[:, 0] > 0, None, contrasts, limits)


def _corrected(group: Group) -> Contrasts:
    return corrected(group.task.fold_losses(), group.task.test_to_train)


def _moderated(group: Group) -> Contrasts:
    return moderated(group.task.fold_losses(), group.task.test_to_train)


def _bootstrap(group: Group) -> Judgement:
    return by_pairs(*of_samples(group.task, group.samples, CONFIDENCE), len(group.task.models))


def _confidence_set(group: Group) -> Judgement:
    return Judgement(~model_confidence_set(group.task, group.samples, CONFIDENCE))


CHOSEN = "mixed model by moments, shrunk variances; studentized range"
METHODS: dict[str, Method] = {
    CHOSEN: _way(lambda group: group.evidence, _with_range),
    "the same; Bonferroni over pairs": _way(lambda group: group.evidence, _with_bonferroni),
    "the same; Edwards & Hsu with the best": _way(lambda group: group.evidence, _edwards_hsu),
    "mixed model by moments; Bonferroni": _way(lambda group: unshrunk(group.task), _with_bonferroni),
    "corrected t; Bonferroni": _way(_corrected, _with_bonferroni),
    "corrected t; studentized range": _way(_corrected, _with_range),
    "corrected t, shrunk variances; studentized range": _way(_moderated, _with_range),
    "hierarchical bootstrap; largest t": _bootstrap,
    "model confidence set over the bootstrap": _confidence_set,
}


def one_best(n_models: int, ratio: float) -> tuple[float, ...]:
    """Ratios of one best model and others that are equally worse."""
    return (1.0, *[ratio] * (n_models - 1))


def rates(structures: Sequence[Structure], truth: Truth, groups: Mapping[str, int], seed: int) -> dict[str, Rates]:
    """The rates of several methods on the same simulated groups.

    Args:
        structures: to draw from.
        truth: what is planted.
        groups: how many by method, of `METHODS`; the first of the same ones for all.
        seed: of the groups; what a method draws has a generator of its own.
    """
    rng, own = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    outcomes: dict[str, list[tuple[float, ...]]] = {method: [] for method in groups}
    for number in range(max(groups.values())):
        group = Group(planted(rng, structures, truth), own)
        for method, n in groups.items():
            if number < n:
                outcomes[method].append(outcome(METHODS[method](group), np.log(truth.ratios)))
    return {method: summary(np.array(found)) for method, found in outcomes.items()}


def outcome(judgement: Judgement, logs: np.ndarray) -> tuple[float, float, float, float]:
    """Beside the (M,) logarithms of the true losses: any false claim, coverage, power, any wrong word.

    NaN where a method does not say, or nothing is to be found.
    """
    true, above_best = logs[:, None] - logs[None, :], logs - logs.min()
    false = bool((judgement.not_best & (above_best <= 0)).any())
    if judgement.worse is not None:
        false = bool((judgement.worse & (true <= 0)).any())
    power = float(judgement.not_best[above_best > 0].mean()) if above_best.any() else np.nan
    coverage = wrong = np.nan
    if judgement.contrasts is not None:
        first, second = np.triu_indices(len(logs), 1)
        half = judgement.contrasts.half_widths(CONFIDENCE)
        coverage = float((np.abs(judgement.contrasts.estimate - true[first, second]) <= half).mean())
    if judgement.limits is not None:
        words = [verdict_of(low, high, MARGIN) for low, high in judgement.limits]
        wrong = any(_is_wrong(word, above) for word, above in zip(words, above_best, strict=True))
    return float(false), coverage, power, float(wrong)


def _is_wrong(word: str, above_best: float) -> bool:
    """Whether a word is not true of a model whose log loss is so much above the best's."""
    if word in ("worse", "slightly worse") and above_best <= 0:
        return True
    return word in ("best or equal", "slightly worse") and above_best > np.log1p(MARGIN) + 1e-12


def summary(outcomes: np.ndarray) -> Rates:
    """Means over (groups, 4) outcomes."""
    shares = [None if np.isnan(column).all() else float(np.nanmean(column)) for column in outcomes.T]
    return Rates(len(outcomes), shares[0] or 0.0, *shares[1:])
