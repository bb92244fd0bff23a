"""Depth: how far can a model be stacked, what does it cost, and why does it break?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from benchmark.statistics.comparisons import ALPHA, FoldTest, holm
from benchmark.studies.curves import Curve
from benchmark.studies.layers import LAYERS, MEASURES
from benchmark.studies.points import Point, ratio
from benchmark.studies.study import ConfiguredModel, Study, changed
from models.contract import ModelSpec
from models.graph_model import GraphSettings

DEPTHS = (4, 6, 8, 10, 15, 20, 25, 30)

MARGIN = 0.10
"""Of the MAE: a depth this much above the best of its model is no longer as good."""
LEARNS = 0.1
"""R² below which a model is not better than the mean of the targets, so that its depth says nothing."""
EXPLODES = 1e3
"""Growth of the features' norm from the first layer's to the last's."""
SMOOTHS = 0.01
"""MAD of all atoms below which they are alike; share of the best depth's relative energy below which neighbours are."""
VANISHES = 1e-4
"""Ratio of the smallest to the largest gradient norm of a layer of the fresh network."""

RULE = (
    f"A model's best depth has its lowest mean MAE over folds. A deeper one holds if its MAE is at most {MARGIN:.0%} "
    "above that, by the geometric mean over folds of the ratio. It deteriorates if it is more and the corrected resampled "
    "t-test of the logarithms on the common folds (Nadeau & Bengio 2003), "
    f"after Holm's correction for all depths of the model, has p < {ALPHA:g}; it diverges if a fold did. More than that "
    "without significance is undecided: more folds would tell. Not measured: a fold has no score for another reason. "
    "Scales to L: every depth from the best to L holds. A model "
    f"whose best R² is below {LEARNS:g} does not learn, and its depths are not judged. The best depth was chosen by the same "
    "folds, which makes the others look worse by a little. Intervals are of each comparison alone, p is corrected for all."
)
CAUSES = (
    "Exploding features: from what the first layer receives to what the last gives, fresh or trained, the mean norm grows more "
    f"than {EXPLODES:g} times as much as at the best depth (there at least 1), or is not finite. "
    "Over-smoothing: behind the last layer, after training, the mean average "
    f"distance of all atoms is below {SMOOTHS:g}, or the relative Dirichlet energy below {SMOOTHS:.0%} of the best depth's. "
    f"Optimisation: the features are fine, and the training error is more than {MARGIN:.0%} above that at the best depth as "
    f"well; with vanishing gradients where a layer of the fresh network has less than {VANISHES:g} of the largest gradient "
    "norm of a layer. Over-fitting: the features are fine and the training error is not higher. What "
    "passes a threshold at the best depth as well is no cause."
)


def entries(spec: ModelSpec, settings: GraphSettings, layers: Sequence[int]) -> list[ConfiguredModel]:
    """The model at every depth; one whose skip is doubled also with the single one."""
    skips: list[dict[str, Any]] = [{}, {"skip": "single"}] if getattr(settings, "skip", None) == "double" else [{}]
    return [changed(spec, settings, n_layers=depth, **skip) for skip in skips for depth in dict.fromkeys(layers or DEPTHS)]


DEPTH = Study("depth", "How deep can a model be, and why does it break?", entries, LAYERS, varies=("n_layers",))


Judged = Literal["holds", "deteriorates", "undecided", "diverges", "not measured"]


@dataclass(frozen=True)
class Comparison:
    """A depth against the best of its curve, on the folds that both have."""

    layers: int
    judged: Judged
    relative: float | None = None
    """MAE / best − 1, the geometric mean over folds."""
    interval: tuple[float, float] | None = None
    """Of the relative difference, 95 %."""
    p_holm: float | None = None

    @property
    def direction(self) -> str:
        """ "better", "worse" or "no different" by the test; empty without one, or where a fold has no score."""
        if self.relative is None or self.p_holm is None or self.interval is None or self.judged in ("not measured", "diverges"):
            return ""
        return "no different" if self.p_holm >= ALPHA else "better" if self.relative < 0 else "worse"


@dataclass(frozen=True)
class Verdict:
    """How a curve goes on beyond its best depth."""

    best: int | None
    """None where no depth has a score."""
    learns: bool
    scales_to: int | None
    breaks_at: int | None
    """The first deeper one that deteriorates or diverges."""
    comparisons: tuple[Comparison, ...] = ()
    """Of all other depths."""
    causes: tuple[str, ...] = field(default=())

    @property
    def deepest(self) -> Comparison | None:
        """The comparison of the deepest depth, if that is not the best."""
        return self.comparisons[-1] if self.comparisons and self.comparisons[-1].layers > (self.best or 0) else None

    def __str__(self) -> str:
        if self.best is None:
            return "no depth has a score in every fold"
        if not self.learns:
            return f"does not learn (R² < {LEARNS:g} at its best depth)"
        deeper = [c for c in self.comparisons if c.layers > self.best]
        parts = [f"scales to {self.scales_to}"]
        if self.breaks_at:
            broken = next(c for c in deeper if c.layers == self.breaks_at)
            parts.append(f"{'diverges' if broken.judged == 'diverges' else 'deteriorates'} at {self.breaks_at}")
        before = [c for c in deeper if not self.breaks_at or c.layers < self.breaks_at]
        for judged in ("undecided", "not measured"):
            if depths := [str(c.layers) for c in before if c.judged == judged]:
                parts.append(f"{judged} at {', '.join(depths)}")
        return "; ".join(parts)


def judge(curve: Curve) -> Verdict:
    """The verdict by RULE, and by CAUSES why."""
    scored = [point for point in curve.points if point.scored]
    if not scored:
        return Verdict(None, False, None, None)
    best = min(scored, key=lambda point: (point.mae, point.layers))
    comparisons = compare(curve.points, best)
    if best.r2 < LEARNS:
        return Verdict(best.layers, False, None, None, comparisons)
    deeper = [c for c in comparisons if c.layers > best.layers]
    breaks = next((c.layers for c in deeper if c.judged in ("deteriorates", "diverges")), None)
    reach = best.layers
    for comparison in deeper:
        if comparison.judged != "holds":
            break
        reach = comparison.layers
    broken = next((point for point in curve.points if point.layers == breaks), None)
    return Verdict(best.layers, True, reach, breaks, comparisons, causes(broken, best) if broken else ())


def compare(points: Sequence[Point], best: Point) -> tuple[Comparison, ...]:
    """Every other depth against the best one."""
    others = [point for point in points if point is not best]
    tests = [ratio(point, best) for point in others]
    numbers = [i for i, test in enumerate(tests) if test]
    corrected = dict(zip(numbers, holm(np.array([tests[i].p for i in numbers])), strict=True))  # type: ignore[union-attr]
    return tuple(
        _comparison(point, best, test, float(corrected.get(i, 1.0)))
        for i, (point, test) in enumerate(zip(others, tests, strict=True))
    )


def _comparison(point: Point, best: Point, test: FoldTest | None, p_holm: float) -> Comparison:
    if test is None:
        return Comparison(point.layers, "diverges" if point.diverged else "not measured")
    relative, *ends = (float(np.expm1(min(log, 100.0))) for log in (test.difference, *(test.interval or ())))
    interval = (ends[0], ends[1]) if ends else None
    judged: Judged = "holds" if relative <= MARGIN else "deteriorates" if p_holm < ALPHA else "undecided"
    if not point.scored:
        judged = "diverges" if point.diverged else "not measured"
    return Comparison(point.layers, judged, relative, interval, p_holm)


def told(point: Point, comparison: Comparison | None) -> str:
    """ "diverges" where a fold did, whatever the others say, else the direction of its comparison."""
    return "diverges" if point.diverged else comparison.direction if comparison else ""


@dataclass(frozen=True)
class Symptoms:
    """What the layers of a depth show; None: not seen, infinite: not finite."""

    growth_initial: float | None
    growth_trained: float | None
    relative_energy: float | None
    distance: float | None
    effective_rank: float | None
    gradient_ratio: float | None


def symptoms(point: Point) -> Symptoms:
    """Growth of the norm, what the trained network's last features are like, and how even the fresh one's gradients."""
    initial, trained = point.states("initial"), point.states("trained")
    last = trained[-1] if trained else dict.fromkeys(MEASURES)
    gradients = [state["gradient"] for state in initial[:-1]]
    ratio = None
    if gradients and None not in gradients and (largest := max(g for g in gradients if g is not None)):
        ratio = min(g for g in gradients if g is not None) / largest
    return Symptoms(
        _growth(initial), _growth(trained), last["relative_energy"], last["distance"], last["effective_rank"], ratio
    )


def _growth(states: Sequence[dict[str, float | None]]) -> float | None:
    if not states:
        return None
    first, last = states[0]["norm"], states[-1]["norm"]
    return last / first if first and last is not None else float("inf")


def causes(broken: Point, best: Point) -> tuple[str, ...]:
    """Why a depth breaks, by CAUSES; empty where its layers were not seen."""
    seen, good = symptoms(broken), symptoms(best)
    if not broken.reports:
        return ()
    found = []
    if _grown(seen) > EXPLODES * max(1.0, _grown(good)):
        found.append("exploding features")
    if (_alike(seen) and not _alike(good)) or _flat(seen, good):
        found.append("over-smoothing")
    if found:
        return tuple(found)
    vanishing = _vanishes(seen) and not _vanishes(good)
    if broken.scored and broken.training_mae <= (1 + MARGIN) * best.training_mae:
        return ("over-fitting",)
    return ("optimisation with vanishing gradients" if vanishing else "optimisation",)


def _grown(one: Symptoms) -> float:
    return max(one.growth_initial or 0.0, one.growth_trained or 0.0)


def _vanishes(one: Symptoms) -> bool:
    return one.gradient_ratio is not None and one.gradient_ratio < VANISHES


def _alike(one: Symptoms) -> bool:
    return one.distance is not None and one.distance < SMOOTHS


def _flat(one: Symptoms, good: Symptoms) -> bool:
    known = one.relative_energy is not None and good.relative_energy
    return bool(known) and (one.relative_energy or 0.0) < SMOOTHS * (good.relative_energy or 0.0)
