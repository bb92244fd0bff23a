"""Models over several tasks: their ranks with what can be told apart, and one relative error. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations

import numpy as np
from scipy.stats import friedmanchisquare, rankdata

from benchmark.statistics.comparisons import ALPHA, CORRECTION, ROUNDING, TaskErrors, holm
from benchmark.statistics.resampling import RESAMPLES, generator, resampled_means
from datasets.parallel import on_every_core

MUCH_WORK = 5e9
"""Errors times resamples, some seconds on one core, from which other processes are worth their start."""

RANK_TEST = f"Wilcoxon's signed-rank test after {CORRECTION}"
"""What separates two models over tasks, as pages name it."""


@dataclass(frozen=True)
class RankPair:
    """Two models; `better` has the lower mean rank."""

    better: str
    worse: str
    p: float
    p_holm: float
    separable: bool


@dataclass(frozen=True)
class Ranks:
    """Models over tasks, lowest mean rank first; the tuples are parallel."""

    models: tuple[str, ...]
    mean_ranks: tuple[float, ...]
    n_tasks: int
    friedman_p: float | None
    """None with fewer than three models, for which the test does not exist."""
    pairs: tuple[RankPair, ...]
    """All M (M - 1) / 2, in the order of the models."""
    cliques: tuple[tuple[str, ...], ...]
    """The bars of Demšar's diagram: longest stretches of two or more neighbours in which no pair is separable."""
    reason: str | None = None
    """Why nothing could be separated, where that is so from the start."""


@dataclass(frozen=True)
class Overall:
    """Relative errors over tasks, lowest first; `models`, `scores` and `intervals` are parallel, empty without a task."""

    models: tuple[str, ...]
    scores: tuple[float, ...]
    """Mean over the tasks of mean loss / mean loss of the baseline."""
    intervals: tuple[tuple[float, float], ...]
    tasks: tuple[str, ...]
    """The tasks that count, all that every model has; say how many they are wherever a score is shown."""
    left_out: tuple[tuple[str, str], ...]
    """(task, why) of the others."""


def common_tasks(
    tasks: Sequence[TaskErrors], models: Sequence[str]
) -> tuple[tuple[TaskErrors, ...], tuple[tuple[str, str], ...]]:
    """The tasks that have all the models, and (task, "without …") of the others; both in the order given."""
    missing = [(task, [model for model in models if model not in task.models]) for task in tasks]
    left_out = tuple((task.task, f"without {', '.join(names)}") for task, names in missing if names)
    return tuple(task for task, names in missing if not names), left_out


def loss_table(tasks: Sequence[TaskErrors], models: Sequence[str]) -> np.ndarray:
    """(T, M) mean loss over folds of the models on tasks that all have them; ValueError where one lacks a model."""
    rows = [task.fold_losses().mean(axis=0)[[task.models.index(model) for model in models]] for task in tasks]
    return np.array(rows).reshape(len(tasks), len(models))


def fewest_tasks(n_models: int, alpha: float = ALPHA) -> int:
    """The fewest tasks on which any pair of so many models can be separable: M (M - 1) / 2 · 2^(1 - T) < α."""
    comparisons, tasks = n_models * (n_models - 1) // 2, 1
    while comparisons * 2.0 ** (1 - tasks) >= alpha:
        tasks += 1
    return tasks


def critical_differences(models: Sequence[str], losses: np.ndarray, *, alpha: float = ALPHA) -> Ranks:
    """Mean ranks and what separates them; Demšar, JMLR 7, 1 (2006), sections 3.1.3, 3.2.2 and 3.2.4.

    A model's rank on a task is its place by loss, 1 for the best; equal ones share the mean of their places. Two models are
    separable if Friedman's test over all models has p below α, and so has the Wilcoxon signed-rank test of the two after
    Holm's correction for all pairs. It replaces the Nemenyi distance, with which the verdict on two models depends on the
    others in the table (Benavoli, Corani & Mangili, JMLR 17, 5 (2016)).

    Tasks have different units, so the signed ranks are of the relative differences (a - b) / (a + b), whose order is that
    of the logarithm of a / b. On T tasks their p is at least 2^(1-T): on few tasks nothing can be separated, whatever the
    scores, and `reason` says so. Tasks count as independent; targets of the same crystals are less than that.

    Args:
        models: M names.
        losses: (T, M) mean loss by task and model.
        alpha: bound on the chance of any false separation.

    Raises:
        ValueError: shapes disagree, a model is named twice, there is no task or model, or a loss is negative or not finite.
    """
    if losses.ndim != 2 or not losses.size or losses.shape[1] != len(models) or len(set(models)) != len(models):
        raise ValueError(f"{losses.shape} errors by task and model for the models {', '.join(models)}")
    if not (np.isfinite(losses).all() and (losses >= 0).all()):
        raise ValueError("a loss is negative or not finite")
    ranks = rankdata(losses, axis=1).mean(axis=0)
    order = sorted(range(len(models)), key=lambda m: (ranks[m], models[m]))
    numbers = list(combinations(order, 2))
    p = np.array([_signed_rank_p(losses[:, better], losses[:, worse]) for better, worse in numbers])
    friedman_p, corrected = _friedman_p(losses), holm(p).tolist()
    differ = friedman_p is None or friedman_p < alpha
    pairs = tuple(
        RankPair(models[b], models[w], float(raw), p_holm, differ and p_holm < alpha)
        for (b, w), raw, p_holm in zip(numbers, p, corrected, strict=True)
    )
    ordered = tuple(models[m] for m in order)
    return Ranks(
        models=ordered,
        mean_ranks=tuple(ranks[order].tolist()),
        n_tasks=len(losses),
        friedman_p=friedman_p,
        pairs=pairs,
        cliques=_cliques(ordered, {(pair.better, pair.worse) for pair in pairs if pair.separable}),
        reason=_why_none(len(losses), len(models), friedman_p, alpha),
    )


def _signed_rank_p(first: np.ndarray, second: np.ndarray) -> float:
    """Two-sided p of the relative differences that are not 0: exact, by the sums of ranks of all signs, also with ties.

    scipy's `wilcoxon` is the same without ties; with them it approximates, or lists all signs, which is slow.
    """
    relative = (first - second) / np.where(first + second, first + second, 1)
    relative = relative[np.abs(relative) > ROUNDING]
    # Twice the ranks, as ties share half places: integers.
    doubled = np.rint(2 * rankdata(np.round(np.abs(relative), 12))).astype(int)
    chances = np.zeros(int(doubled.sum()) + 1)
    chances[0] = 1.0
    for rank in doubled:
        chances[rank:] += chances[:-rank]
        chances /= 2
    positive = int(doubled[relative > 0].sum())
    return min(1.0, 2 * float(min(chances[: positive + 1].sum(), chances[positive:].sum())))


def _friedman_p(losses: np.ndarray) -> float | None:
    if losses.shape[1] < 3:
        return None
    # Equal models everywhere are 0 / 0 to scipy.
    return float(friedmanchisquare(*losses.T).pvalue) if np.ptp(losses, axis=1).any() else 1.0


def _why_none(n_tasks: int, n_models: int, friedman_p: float | None, alpha: float) -> str | None:
    needed = fewest_tasks(n_models, alpha)
    if n_models > 1 and n_tasks < needed:
        return f"{n_tasks} task{'s' * (n_tasks > 1)} cannot separate {n_models} models; at least {needed} are needed"
    if friedman_p is not None and friedman_p >= alpha:
        return f"Friedman's test finds no difference between the models (p = {friedman_p:.2g})"
    return None


def _cliques(models: tuple[str, ...], separable: set[tuple[str, str]]) -> tuple[tuple[str, ...], ...]:
    """Longest stretches of `models`, two or more, without a separable pair."""
    cliques, covered = [], 0
    for start in range(len(models)):
        end = start + 1
        while end < len(models) and not any((model, models[end]) in separable for model in models[start:end]):
            end += 1
        if end - start > 1 and end > covered:
            cliques.append(models[start:end])
            covered = end
    return tuple(cliques)


def overall_scores(
    tasks: Sequence[TaskErrors],
    models: Sequence[str],
    *,
    baseline: str = "dummy",
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = 1 - ALPHA,
) -> Overall:
    """Mean over tasks of mean loss / mean loss of the baseline, over the tasks that have all the models and the baseline.

    No task counts for some models only: a task that lacks one, or whose baseline makes no error, is left out for all, and
    named.

    The interval is of percentiles of a bootstrap in two steps within every task: folds are drawn with replacement, then the
    crystals of each drawn fold; the same draws serve all models and the baseline, and tasks on the same crystals. Crystals
    alone say nothing about training again. Over four tasks of five folds, simulated 95 % intervals hold the true score in
    99 % of cases where crystals scatter more than trainings, in 91 % where trainings do, in 77 % where folds also correlate
    as the corrected t-test assumes; of crystals alone, in 90, 33 and 26 %. A task with one fold can show its crystals only.
    Whether two models differ is not for these intervals to say: models share most of their variation.

    Args:
        tasks: errors of the models.
        models: M names of the models to compare.
        baseline: the model whose mean loss is the unit.
        resamples: of the bootstrap.
        seed: of the bootstrap.
        confidence: of the intervals.

    Raises:
        ValueError: a model is named twice.
    """
    if len(set(models)) != len(models):
        raise ValueError(f"a model is named twice: {', '.join(models)}")
    together = list(dict.fromkeys((*models, baseline)))
    kept, left_out = common_tasks(tasks, together)
    flawless = tuple((task.task, f"{baseline} makes no error") for task in kept if not _errors_of(task, baseline).any())
    kept = tuple(task for task in kept if _errors_of(task, baseline).any())
    if not kept:
        return Overall((), (), (), (), left_out + flawless)
    losses = loss_table(kept, together)
    scores = (losses / losses[:, [together.index(baseline)]]).mean(axis=0)
    resampled = np.zeros((resamples, len(together)))
    sample = partial(_resampled_fold_means, models=together, resamples=resamples, seed=seed)
    work = resamples * sum(task.errors.size for task in kept)
    for sampled in on_every_core(sample, kept, None if work > MUCH_WORK else 1):
        unit = sampled[:, [together.index(baseline)]]
        # A sample of crystals on which the baseline makes no error has no ratio and is not counted.
        resampled += sampled / np.where(unit, unit, np.nan)
    low, high = np.nanquantile(resampled / len(kept), [(1 - confidence) / 2, (1 + confidence) / 2], axis=0).tolist()
    order = sorted(range(len(models)), key=lambda m: (scores[m], models[m]))
    return Overall(
        models=tuple(models[m] for m in order),
        scores=tuple(scores[order].tolist()),
        intervals=tuple((low[m], high[m]) for m in order),
        tasks=tuple(task.task for task in kept),
        left_out=left_out + flawless,
    )


def _errors_of(task: TaskErrors, model: str) -> np.ndarray:
    """(n,) errors of one model."""
    return task.errors[:, task.models.index(model)]


def _resampled_fold_means(task: TaskErrors, models: Sequence[str], resamples: int, seed: int) -> np.ndarray:
    """(resamples, M) mean over drawn folds of the mean loss on drawn crystals of the fold."""
    errors = task.errors[:, [task.models.index(model) for model in models]]
    parts = [task.fold_numbers == fold for fold in np.unique(task.fold_numbers)]
    losses = np.stack([resampled_means(task.ids[part], errors[part], resamples=resamples, seed=seed) for part in parts])
    drawn = generator(seed, task.ids).integers(0, len(parts), (len(parts), resamples))
    return losses[drawn, np.arange(resamples)].mean(axis=0)
