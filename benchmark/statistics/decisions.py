"""What a comparison group decides: each model's ratio to the best, its interval and one of four words. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmark.statistics.comparisons import ALPHA, TaskErrors
from benchmark.statistics.contrasts import Evidence
from benchmark.statistics.families import Intervals, all_pairs

MARGIN = 0.05
"""How much larger a mean loss may be than the best's and still count as equal."""
LARGE_RATIO = 1.10
"""Of two mean losses, from which a benchmark should tell two models apart."""
MOST_REPEATS = 50
"""Further repeats that are still worth naming."""
AS_MEASURED = "if the errors stayed as measured"
"""What every forecast of repeats supposes."""
MORE_CRYSTALS = f"{MOST_REPEATS} more repeats would not decide, {AS_MEASURED}. Only more crystals or a longer training can."
"""What is said where so many do not suffice."""

Verdict = Literal["best or equal", "slightly worse", "worse", "undecided"]


@dataclass(frozen=True)
class PairDecision:
    """Two models; `better` has the lower mean loss."""

    better: str
    worse: str
    ratio: float
    """Mean loss of the worse / mean loss of the better; infinite where the better makes no error."""
    interval: tuple[float, float] | None
    """Of the ratio, holding together with those of all pairs; None where nothing could be decided."""
    decided: bool
    """Whether the interval lies above 1."""


@dataclass(frozen=True)
class Standing:
    """One model against the best of the other models."""

    model: str
    mean_loss: float
    """Mean over folds of the mean loss, in the unit of the loss."""
    ratio: float
    """Mean loss / the mean loss of the best other model: for the best itself the second's, so at most 1."""
    interval: tuple[float, float] | None
    """Of that ratio, holding together with those of all models and pairs; None where nothing could be decided."""
    ranks: tuple[int, int]
    """Best and worst rank that the decided pairs allow."""
    verdict: Verdict
    more_repeats: int | None
    """Further repeats after which an undecided model would be decided if nothing else changed; None where it is decided,
    where `MOST_REPEATS` do not suffice, and where nothing could be decided."""


@dataclass(frozen=True)
class Decisions:
    """What the errors of a task decide about its models."""

    task: str
    margin: float
    standings: tuple[Standing, ...]
    """By mean loss, equal ones by name."""
    pairs: tuple[PairDecision, ...]
    """All M (M - 1) / 2, in the order of the standings."""
    reason: str | None
    """Why nothing could be decided."""

    @property
    def best_or_equal(self) -> tuple[str, ...]:
        """The models shown to be within the margin of the best, by mean loss; empty where none is."""
        return tuple(standing.model for standing in self.standings if standing.verdict == "best or equal")


def decide(task: TaskErrors, *, margin: float = MARGIN, alpha: float = ALPHA) -> Decisions:
    """Compare all models of a task by the ratios of their mean losses.

    One family of intervals, of all pairs of models, holds together with probability 1 - alpha (`Evidence`, `Intervals`). All
    that is said follows from it, so the chance that anything in the result is false is at most alpha: pairs, ranks, the
    interval of each model's ratio to the best other model, and the four words:

    - "best or equal": the upper limit is at most 1 + margin. For every model, the lowest of the sample too: it is the best
      found, but where another model may be better by more than the margin, it is undecided.
    - "slightly worse": so, and the lower limit is above 1.
    - "worse": the lower limit is above 1, the upper one above 1 + margin.
    - "undecided": neither is shown.

    How often that fails, simulated and for really trained learners, is in reports/statistics.md. It needs new weights in every
    fold: with one start for all folds, luck of the start looks like merit.

    Args:
        task: losses of the models; R repeats of k folds count as R·k folds.
        margin: share of the best loss that does not matter.
        alpha: bound on the chance of anything false.

    Raises:
        ValueError: the margin is negative, or alpha not between 0 and 1.
    """
    require_levels(margin, alpha)
    means = task.fold_losses().mean(axis=0)
    order = sorted(range(len(means)), key=lambda m: (means[m], task.models[m]))
    reason = why_nothing(task, means)
    if reason is not None:
        return _nothing_decided(task, means, order, margin, reason)
    evidence = Evidence.of(task)
    intervals = intervals_of(evidence, 0, alpha)
    verdicts = _verdicts(intervals, margin)
    more = repeats_to_decide(verdicts, lambda more: _verdicts(intervals_of(evidence, more, alpha), margin))
    standings = tuple(
        Standing(
            model=task.models[m],
            mean_loss=float(means[m]),
            ratio=_ratio_to_best_other(means, m),
            interval=exponentials(intervals.to_best_other(m)),
            ranks=(1 + int(intervals.worse[m].sum()), len(means) - int(intervals.worse[:, m].sum())),
            verdict=verdicts[m],
            more_repeats=more.get(m),
        )
        for m in order
    )
    return Decisions(task.task, margin, standings, _pairs(task, means, order, intervals), None)


def why_nothing(task: TaskErrors, means: np.ndarray) -> str | None:
    """Why no ratio of the (M,) mean losses can be decided; None where it can."""
    if len(means) == 1:
        return "one model alone is compared with nothing"
    if task.fold_numbers.max() == 0:
        return "one fold does not show how scores vary from training to training"
    if not means.all():
        names = ", ".join(model for model, mean in zip(task.models, means, strict=True) if not mean)
        return f"no ratio exists to a model that makes no error: {names}"
    return None


def _nothing_decided(task: TaskErrors, means: np.ndarray, order: list[int], margin: float, reason: str) -> Decisions:
    every = (1, len(order))
    standings = tuple(
        Standing(task.models[m], float(means[m]), _ratio_to_best_other(means, m), None, every, "undecided", None) for m in order
    )
    return Decisions(task.task, margin, standings, _pairs(task, means, order, None), reason)


def intervals_of(evidence: Evidence, more_repeats: int, alpha: float) -> Intervals:
    """Of all pairs together, after so many further repeats if all that was observed stays as it is."""
    contrasts = evidence.after(more_repeats)
    return Intervals.of(contrasts.estimate, all_pairs(contrasts, evidence.n_models, 1 - alpha), evidence.n_models)


def _verdicts(intervals: Intervals, margin: float) -> list[Verdict]:
    return [verdict_of(*intervals.to_best_other(m), margin) for m in range(len(intervals.low))]


def verdict_of(low: float, high: float, margin: float) -> Verdict:
    """The word for a model, given the limits of the log of its ratio to the best other model."""
    within = high <= np.log1p(margin)
    if low > 0:
        return "slightly worse" if within else "worse"
    return "best or equal" if within else "undecided"


def require_levels(margin: float, alpha: float) -> None:
    """Raise ValueError where the margin is negative, or alpha not between 0 and 1."""
    if not margin >= 0 or not 0 < alpha < 1:
        raise ValueError(f"the margin must be at least 0 and alpha between 0 and 1, not {margin} and {alpha}")


def repeats_to_decide(verdicts: Sequence[str], after: Callable[[int], Sequence[str]]) -> dict[int, int]:
    """Number of an undecided verdict → the least further repeats that decide it, where any suffice.

    Args:
        verdicts: today's.
        after: the verdicts after so many further repeats, at the observed ratios.
    """
    left = {number for number, verdict in enumerate(verdicts) if verdict == "undecided"}
    found: dict[int, int] = {}
    for more in range(1, MOST_REPEATS + 1):
        if not left:
            break
        then = after(more)
        decided = {number for number in left if then[number] != "undecided"}
        found.update(dict.fromkeys(decided, more))
        left -= decided
    return found


def _pairs(task: TaskErrors, means: np.ndarray, order: list[int], intervals: Intervals | None) -> tuple[PairDecision, ...]:
    pairs = []
    for place, better in enumerate(order):
        for worse in order[place + 1 :]:
            limits = exponentials((intervals.low[worse, better], intervals.high[worse, better])) if intervals else None
            ratio = ratio_of(means[worse], means[better])
            decided = limits is not None and limits[0] > 1
            pairs.append(PairDecision(task.models[better], task.models[worse], ratio, limits, decided))
    return tuple(pairs)


def _ratio_to_best_other(means: np.ndarray, model: int) -> float:
    others = np.delete(means, model)
    return ratio_of(means[model], others.min()) if len(others) else 1.0


def ratio_of(loss: float, other: float) -> float:
    """One loss over another, neither negative; 1 of two losses of 0."""
    if not other:
        return float("inf") if loss else 1.0
    return float(loss / other)


def exponentials(limits: tuple[float, float]) -> tuple[float, float]:
    """Limits of a ratio from those of its logarithm; infinite where that is too large."""
    with np.errstate(over="ignore"):
        low, high = np.exp(limits).tolist()
    return low, high
