"""Models over several tasks, nested by crystal set: ratios, ranks and what can be told apart. Needs no torch.

Several targets of one crystal set are one set: they share crystals, folds and much of what a model finds hard. So losses are
averaged over the targets of a set first, then over the sets, each set with the same weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import rankdata

from benchmark.statistics.comparisons import ALPHA, TaskErrors
from benchmark.statistics.contrasts import Contrasts, Evidence, pairs_of
from benchmark.statistics.decisions import MARGIN, Verdict, exponentials, verdict_of, why_nothing
from benchmark.statistics.families import Intervals, all_pairs


@dataclass(frozen=True, eq=False)
class SetTask:
    """The errors on one task and the crystal set of the task."""

    crystal_set: str
    errors: TaskErrors

    def of(self, models: Sequence[str]) -> TaskErrors:
        """The errors of these models alone, in this order."""
        columns = [self.errors.models.index(model) for model in models]
        return replace(self.errors, models=tuple(models), errors=self.errors.errors[:, columns])


@dataclass(frozen=True)
class OverallStanding:
    """One model over the tasks."""

    model: str
    score: float | None
    """Loss / loss of the baseline, geometric mean over sets; None without the baseline."""
    score_interval: tuple[float, float] | None
    """Of that score, for this model alone."""
    ratio: float
    """Loss / loss of the best other model, geometric mean over sets: for the best itself at most 1."""
    interval: tuple[float, float] | None
    """Of that ratio, holding together with those of all models and pairs."""
    mean_rank: float
    """Mean over sets of the mean over targets; 1 is best. Equal losses share the mean of their ranks."""
    ranks: tuple[int, int]
    """Best and worst rank that the decided pairs allow."""
    verdict: Verdict


@dataclass(frozen=True)
class Overall:
    """Models over tasks, lowest ratio first."""

    standings: tuple[OverallStanding, ...]
    sets: tuple[tuple[str, tuple[str, ...]], ...]
    """The crystal sets that count, each with its tasks; say how many they are wherever a score is shown."""
    left_out: tuple[tuple[str, str], ...]
    """(task, why) of the others."""
    decided_pairs: int
    reason: str | None
    """Why nothing could be decided."""

    @property
    def tasks(self) -> tuple[str, ...]:
        """All tasks that count."""
        return tuple(task for _, tasks in self.sets for task in tasks)


def common_tasks(tasks: Sequence[SetTask], models: Sequence[str]) -> tuple[tuple[SetTask, ...], tuple[tuple[str, str], ...]]:
    """The tasks that have all the models, and (task, "without …") of the others; both in the order given."""
    missing = [(task, [model for model in models if model not in task.errors.models]) for task in tasks]
    left_out = tuple((task.errors.task, f"without {', '.join(names)}") for task, names in missing if names)
    return tuple(task for task, names in missing if not names), left_out


def nested_mean(values: np.ndarray, sets: Sequence[str]) -> np.ndarray:
    """(…,) mean over sets of the mean over the targets of a set, from (T, …) values of tasks and the set of each."""
    of_set = np.array(sets)
    return np.mean([values[of_set == name].mean(axis=0) for name in dict.fromkeys(sets)], axis=0)


def nested_contrasts(found: Sequence[Contrasts], sets: Sequence[str]) -> Contrasts:
    """Log ratios averaged over the targets of a set, then over the sets, with their standard errors.

    Errors of different sets are independent: their variances add up. Those of targets of one set are taken as fully correlated,
    so that the error of their mean is the mean of their errors: the most that it can be. Degrees of freedom are Satterthwaite's
    over the sets; within a set, the fewest.

    Args:
        found: of T tasks, all of the same pairs.
        sets: the set of each.
    """
    of_set, names = np.array(sets), list(dict.fromkeys(sets))
    errors = np.array([contrasts.error for contrasts in found])
    freedom = np.array([contrasts.freedom for contrasts in found])
    variances = np.array([errors[of_set == name].mean(axis=0) ** 2 for name in names])
    fewest = np.array([freedom[of_set == name].min(axis=0) for name in names])
    total, known = variances.sum(axis=0), (variances**2 / fewest).sum(axis=0)
    together = np.divide(total**2, known, out=fewest.min(axis=0), where=known > 0)
    estimate = nested_mean(np.array([contrasts.estimate for contrasts in found]), sets)
    return Contrasts(estimate, np.sqrt(total) / len(names), together)


def overall(
    tasks: Sequence[SetTask], models: Sequence[str], *, baseline: str, margin: float = MARGIN, alpha: float = ALPHA
) -> Overall:
    """Compare models over the tasks that all of them have, each crystal set with the same weight.

    Everything is about these sets: how large the ratios are on their crystals, and how well folds and crystals know that. On
    other sets the order of models may be another, and a few sets cannot say how much another. The intervals are those of
    `decide`, of ratios averaged by `nested_contrasts`, so the chance that any verdict or pair is false is at most alpha.
    reports/statistics.md has the simulated coverage.

    No task counts for some models only: a task that lacks one is left out for all, and named. So is a task without the
    baseline, where any other has it.

    Args:
        tasks: errors of the models.
        models: M names of the models to compare, at least two; the baseline is none of them.
        baseline: the model whose loss is the unit of the scores.
        margin: share of the best loss that does not matter.
        alpha: bound on the chance of anything false.

    Raises:
        ValueError: a model is named twice, the baseline is among them, or there are fewer than two.
    """
    if len({*models, baseline}) != len(models) + 1 or len(models) < 2:
        raise ValueError(f"two models or more must be named, each once, and not {baseline}: {', '.join(models)}")
    kept, left_out = common_tasks(tasks, [*models, baseline])
    with_baseline = bool(kept)
    if not kept:
        kept, left_out = common_tasks(tasks, models)
    together = [*models, *([baseline] if with_baseline else [])]
    flawless = {task.errors.task: names for task in kept if (names := _without_error(task.of(together)))}
    left_out += tuple((task, f"no error is made by {', '.join(names)}") for task, names in flawless.items())
    kept = tuple(task for task in kept if task.errors.task not in flawless)
    if not kept:
        return Overall((), (), left_out, 0, None)
    sets = [task.crystal_set for task in kept]
    compared = [task.of(together) for task in kept]
    reason = next((why for task in compared if (why := why_nothing(task, task.mean_losses))), None)
    counted = tuple(
        (name, tuple(task.errors.task for task in kept if task.crystal_set == name)) for name in dict.fromkeys(sets)
    )
    standings, decided = _standings(compared, sets, models, with_baseline, reason is None, margin, alpha)
    return Overall(standings, counted, left_out, decided, reason)


def _without_error(task: TaskErrors) -> list[str]:
    """Models to which no ratio exists."""
    return [model for model, loss in zip(task.models, task.mean_losses, strict=True) if not loss]


def _standings(
    tasks: Sequence[TaskErrors],
    sets: Sequence[str],
    models: Sequence[str],
    with_baseline: bool,
    possible: bool,
    margin: float,
    alpha: float,
) -> tuple[tuple[OverallStanding, ...], int]:
    """Of the models, by ratio, and how many pairs are decided; the tasks' last column is the baseline, if it is there."""
    n = len(models)
    losses = np.array([task.fold_losses().mean(axis=0) for task in tasks])
    levels = nested_mean(np.log(losses), sets)
    scores = np.exp(levels[:n] - levels[n]).tolist() if with_baseline else [None] * n
    ratios = [float(np.exp(levels[m] - np.delete(levels[:n], m).min())) for m in range(n)]
    mean_ranks = nested_mean(rankdata(losses[:, :n], axis=1), sets).tolist()
    own, intervals = _limits(tasks, sets, n, alpha) if possible else (None, None)
    standings = []
    for m in sorted(range(n), key=lambda m: (levels[m], models[m])):
        limits = intervals.to_best_other(m) if intervals else None
        worse = intervals.worse if intervals else np.zeros((n, n), bool)
        standings.append(
            OverallStanding(
                model=models[m],
                score=scores[m],
                score_interval=exponentials(own[m]) if own and with_baseline else None,
                ratio=ratios[m],
                interval=exponentials(limits) if limits else None,
                mean_rank=mean_ranks[m],
                ranks=(1 + int(worse[m].sum()), n - int(worse[:, m].sum())),
                verdict=verdict_of(*limits, margin) if limits else "undecided",
            )
        )
    return tuple(standings), int(intervals.worse.sum()) if intervals else 0


def _limits(
    tasks: Sequence[TaskErrors], sets: Sequence[str], n_models: int, alpha: float
) -> tuple[list[tuple[float, float]], Intervals]:
    """Limits of each model's log ratio to the last column, and the intervals of all pairs of the first M columns."""
    contrasts = nested_contrasts([Evidence.of(task).after() for task in tasks], sets)
    _, second = pairs_of(len(tasks[0].models))
    half = contrasts.half_widths(1 - alpha)
    to_last = np.flatnonzero(second == len(tasks[0].models) - 1)
    own = [(float(contrasts.estimate[p] - half[p]), float(contrasts.estimate[p] + half[p])) for p in to_last]
    among = second < n_models
    pairs = Contrasts(contrasts.estimate[among], contrasts.error[among], contrasts.freedom[among])
    return own, Intervals.of(pairs.estimate, all_pairs(pairs, n_models, 1 - alpha), n_models)
