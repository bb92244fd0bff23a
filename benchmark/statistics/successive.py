"""Models in an order, as networks by depth: is each as good as the best of those before it? Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmark.statistics.comparisons import ALPHA, TaskErrors
from benchmark.statistics.contrasts import Evidence
from benchmark.statistics.decisions import (
    MARGIN,
    exponentials,
    intervals_of,
    ratio_of,
    repeats_to_decide,
    require_levels,
    why_nothing,
)

StepVerdict = Literal["as good", "worse", "undecided"]


@dataclass(frozen=True)
class Step:
    """A model against the best of those before it."""

    model: str
    before: str
    """Of those before it, the one with the lowest mean loss."""
    ratio: float
    """Mean loss / that of `before`."""
    interval: tuple[float, float] | None
    """Of the ratio to the best of those before it, holding together with those of all steps; None where nothing could be
    decided."""
    verdict: StepVerdict
    more_repeats: int | None
    """Further repeats after which an undecided step would be decided if nothing else changed; None where it is decided, where
    `decisions.MOST_REPEATS` do not suffice, and where nothing could be decided."""


def decide_in_order(task: TaskErrors, *, margin: float = MARGIN, alpha: float = ALPHA) -> tuple[Step, ...]:
    """Every model but the first, in the order of the task, against the best of those before it.

    All follows from one family of intervals, of all pairs of models, as in `decide`: with probability 1 - alpha nothing that is
    said is false. Non-inferiority (Wellek, Testing Statistical Hypotheses of Equivalence and Noninferiority (2010), chapter 2)
    with a margin in the ratio:

    - "as good": the upper limit is at most 1 + margin.
    - "worse": the lower limit is above 1 + margin.
    - "undecided": neither is shown.

    Args:
        task: losses of the models, in their order.
        margin: share of the loss that does not matter.
        alpha: bound on the chance of anything false.

    Raises:
        ValueError: the margin is negative, or alpha not between 0 and 1.
    """
    require_levels(margin, alpha)
    means = task.fold_losses().mean(axis=0)
    places = range(1, len(means))
    if why_nothing(task, means) is not None:
        return tuple(_step(task, means, place, None, "undecided", None) for place in places)
    evidence = Evidence.of(task)
    limits = _limits(evidence, 0, alpha)
    verdicts = _verdicts(limits, margin)
    more = repeats_to_decide(verdicts, lambda more: _verdicts(_limits(evidence, more, alpha), margin))
    return tuple(
        _step(task, means, place, exponentials(limits[place - 1]), verdicts[place - 1], more.get(place - 1)) for place in places
    )


def step_verdict(low: float, high: float, margin: float) -> StepVerdict:
    """The word for a step, given the limits of the log of its ratio."""
    if high <= np.log1p(margin):
        return "as good"
    return "worse" if low > np.log1p(margin) else "undecided"


def _verdicts(limits: Sequence[tuple[float, float]], margin: float) -> list[StepVerdict]:
    return [step_verdict(*found, margin) for found in limits]


def _limits(evidence: Evidence, more_repeats: int, alpha: float) -> list[tuple[float, float]]:
    intervals = intervals_of(evidence, more_repeats, alpha)
    return [intervals.to_best_of(place, np.arange(place)) for place in range(1, evidence.n_models)]


def _step(
    task: TaskErrors,
    means: np.ndarray,
    place: int,
    interval: tuple[float, float] | None,
    verdict: StepVerdict,
    more: int | None,
) -> Step:
    before = int(means[:place].argmin())
    return Step(task.models[place], task.models[before], ratio_of(means[place], means[before]), interval, verdict, more)
