"""How far a network can be stacked: the verdict on a curve. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from benchmark.statistics.comparisons import CONFIDENCE
from benchmark.statistics.decisions import MARGIN, MOST_REPEATS
from benchmark.statistics.successive import Step, StepVerdict, decide_in_order
from benchmark.studies.configurations import Configuration, task_errors
from benchmark.studies.curves import Curve

DEPTHS = (4, 6, 8, 10, 15, 20, 25, 30)

LIMIT = 1 + MARGIN
"""Of a ratio of mean losses."""
LEARNS = 0.1
"""R² below which a model is not better than the mean of the targets, so that its depth says nothing."""

RULE = (
    "Every depth is compared with the best shallower one: the ratio of their mean losses, with an interval. All intervals of a "
    f"network are right at once in {CONFIDENCE} of studies, as on the boards (mixed model over folds and crystals, studentized "
    f"range). A network is not worse at L layers if the upper limit of that ratio is at most {LIMIT:g}. It breaks at L if the "
    f"lower limit is above {LIMIT:g}. Otherwise L is undecided, and a column says how many further repeats would decide it if "
    f"nothing else changed ('> {MOST_REPEATS}': so many repeats would not decide it, only more crystals). A repeat is the same "
    "command with another --seed; the folds of all repeats are pooled. Depths that were not run are unknown: where a "
    "network has a score at 4 layers and breaks at 20, the break may begin at any depth in between. L diverges if one of "
    f"its folds diverges. Not measured: a fold has no score for another reason. If the best R² of a network is below "
    f"{LEARNS:g}, it does not learn, and its depths are not judged. A verdict is about the learning rates that were tried and "
    "this budget. In the profile standard the rate of every fold is chosen on validation. Where several rates were run, read "
    "the curve whose rate is chosen on validation at every depth."
)

Judged = Literal["not worse", "breaks", "undecided", "diverges", "not measured"]

WORDS: dict[StepVerdict, Judged] = {"as good": "not worse", "worse": "breaks", "undecided": "undecided"}


@dataclass(frozen=True)
class JudgedDepth:
    """A depth beyond the shallowest."""

    layers: int
    judged: Judged
    step: Step | None = None
    """Against the best shallower depth; None where it cannot be compared."""

    @property
    def would_decide(self) -> str:
        """Further repeats that would decide an undecided depth; empty for another."""
        if self.judged != "undecided" or self.step is None or self.step.interval is None:
            return ""
        return str(self.step.more_repeats or f"> {MOST_REPEATS}")


@dataclass(frozen=True)
class DepthVerdict:
    """How a curve goes on with depth."""

    best: int | None
    """The depth of the lowest mean loss; None where no depth has a score."""
    learns: bool
    depths: tuple[JudgedDepth, ...] = ()
    """All but the shallowest with a score, in order."""

    @property
    def not_worse_at(self) -> int | None:
        """The deepest depth shown to be as good as the best shallower one; None where none is."""
        return max((one.layers for one in self.depths if one.judged == "not worse"), default=None)

    @property
    def breaks_at(self) -> int | None:
        """The first depth shown to be worse than the best shallower one, or that diverges; None where none is."""
        return next((one.layers for one in self.depths if one.judged in ("breaks", "diverges")), None)

    @property
    def deepest(self) -> JudgedDepth | None:
        """The deepest depth, if there is one to compare it with."""
        return self.depths[-1] if self.depths else None

    def of(self, layers: int) -> JudgedDepth | None:
        """What is judged of a depth."""
        return next((one for one in self.depths if one.layers == layers), None)

    def __str__(self) -> str:
        if self.best is None:
            return "no depth has a score in every fold"
        if not self.learns:
            return f"does not learn (R² < {LEARNS:g} at its best depth)"
        return "; ".join(self._parts()) or "tried at one depth"

    def _parts(self) -> Iterator[str]:
        for word in ("not worse", "breaks", "diverges", "undecided", "not measured"):
            found = [one for one in self.depths if one.judged == word]
            if found:
                yield f"{word} at {', '.join(str(one.layers) for one in found)}"


def judge(curve: Curve) -> DepthVerdict:
    """The verdict by RULE."""
    scored = [point for point in curve.points if point.scored]
    if not scored:
        return DepthVerdict(None, False)
    best = min(scored, key=lambda point: (point.mae, point.layers))
    if best.r2 < LEARNS:
        return DepthVerdict(best.layers, False)
    errors = task_errors({str(point.layers): point for point in scored})
    steps = {int(step.model): step for step in decide_in_order(errors)} if errors else {}
    return DepthVerdict(best.layers, True, tuple(_judged_depths(curve, scored[0], steps)))


def _judged_depths(curve: Curve, shallowest: Configuration, steps: dict[int, Step]) -> Iterator[JudgedDepth]:
    for point in curve.points:
        step = steps.get(point.layers)
        if step:
            yield JudgedDepth(point.layers, WORDS[step.verdict], step)
        elif point.layers > shallowest.layers:
            yield JudgedDepth(point.layers, "diverges" if point.diverged else "not measured")
