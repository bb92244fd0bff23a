"""The test for a loss: did a model's error grow, by how much, and how many trainings does it take to know?

A change of the code that changes nothing gives the same numbers, as a training is a function of its seed. One that changes
the order of a sum, or of the random numbers, gives other numbers of the same distribution: there the means over seeds are
compared, of the logarithm of the MAE, averaged over the tasks, by Student's t-test of two samples. Needs no
torch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtr, stdtrit
from scipy.stats import nct

LOSS = math.log(1.05)
"""The loss that must be found: an MAE 5 % higher."""

POWER = 0.92
"""The chance to find it, planned a little above the 90 % that are promised, as the noise is itself an estimate."""

FALSE_ALARMS = 0.008
"""The chance that any of the models, all changed but none worse, raises an alarm in one check."""

UNEQUAL = 5
"""What divides the level where fewer seeds are compared with more: there the noise's skewness does not cancel."""

SAME = 1e-3
"""Numbers this close, relatively, under every seed and on every task are of one training, but for rounding."""

FEWEST_SEEDS, MOST_SEEDS = 12, 400
"""Of a baseline, and of a check that must tell a loss from luck. The fewest tell a model's noise."""

Verdict = Literal["same", "changed", "worse", "better"]


@dataclass(frozen=True)
class LossTest:
    """Errors of one model in the baseline and now, and what the test says of their difference."""

    verdict: Verdict
    change: float
    """Relative, of the geometric mean of the MAE over tasks and seeds: 0.05 is 5 % more."""
    by_task: tuple[float, ...]
    """The same of each task."""
    p: float
    """Of a loss at least as large where nothing became worse."""
    seeds: int


def level(n_models: int) -> float:
    """The p below which one of so many models is called worse; Bonferroni's.

    Only models whose numbers changed count: the others cannot raise an alarm.
    """
    return FALSE_ALARMS / n_models


def power(seeds: int, sigma: float, n_models: int = 1, loss: float = LOSS) -> float:
    """The chance that a loss (of the logarithm) is found with so many seeds, by the noncentral t distribution.

    Args:
        seeds: of the check, and of the baseline.
        sigma: standard deviation over seeds of log MAE, averaged over tasks.
        n_models: how many changed, this one among them.
        loss: true difference of the means.
    """
    if sigma == 0:
        return float(loss > 0)
    freedom = 2 * seeds - 2
    shift = loss / (sigma * math.sqrt(2 / seeds))
    return float(nct.sf(-stdtrit(freedom, level(n_models)), freedom, shift))


def seeds_needed(sigma: float, n_models: int = 1, most: int = MOST_SEEDS) -> int:
    """The fewest seeds that find LOSS with POWER; `most` where those are too few."""
    return next((n for n in range(min(FEWEST_SEEDS, most), most) if power(n, sigma, n_models) >= POWER), most)


def noise(log_mae: np.ndarray) -> float:
    """Standard deviation over seeds of log MAE (seeds, tasks), averaged over tasks; 0 where only rounding differs."""
    deviation = float(log_mae.mean(axis=1).std(ddof=1))
    return deviation if deviation > 1e-9 else 0.0


def is_same(old: np.ndarray, new: np.ndarray) -> bool:
    """Whether log MAE (n, tasks) of the first n seeds are those of the baseline (N, tasks), N ≥ n, but for rounding."""
    return bool((np.abs(new - old[: len(new)]) <= SAME).all())


def compare_errors(old: np.ndarray, new: np.ndarray, n_models: int) -> LossTest:
    """Compare log MAE of a model with those of the baseline.

    Args:
        old: (N, tasks) of the seeds 0 … N - 1.
        new: (n, tasks) of the seeds 0 … n - 1, n ≤ N.
        n_models: how many models have other numbers than in the baseline, this one among them.
    """
    if is_same(old, new):
        by_task, p = (new - old[: len(new)]).mean(axis=0), 1.0
        verdict: Verdict = "same"
    else:
        by_task, p = new.mean(axis=0) - old.mean(axis=0), p_of_loss(old, new)
        bar = level(n_models) / (UNEQUAL if len(new) < len(old) else 1)
        verdict = "worse" if p < bar else "better" if p_of_loss(new, old) < bar else "changed"
    return LossTest(verdict, math.expm1(by_task.mean()), tuple(np.expm1(by_task).tolist()), p, len(new))


def p_of_loss(old: np.ndarray, new: np.ndarray) -> float:
    """One-sided p of Student's t-test that the mean of `new` (n, tasks) is not above that of `old` (N, tasks).

    Where neither varies with the seed, any difference above rounding is a loss.
    """
    first, second = old.mean(axis=1), new.mean(axis=1)
    freedom = len(first) + len(second) - 2
    squares = ((first - first.mean()) ** 2).sum() + ((second - second.mean()) ** 2).sum()
    error = math.sqrt(squares / freedom * (1 / len(first) + 1 / len(second)))
    difference = float(second.mean() - first.mean())
    return float(stdtr(freedom, -difference / error)) if error > 1e-9 else float(difference <= SAME)
