"""How far a network can be stacked, and why it breaks: the verdict on a curve. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from benchmark.statistics.comparisons import ALPHA
from benchmark.studies.configurations import Configuration
from benchmark.studies.curves import Curve
from benchmark.studies.error_changes import ErrorChange, error_changes
from benchmark.studies.layers import Symptoms, layer_reports, symptoms

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


Judged = Literal["holds", "deteriorates", "undecided", "diverges", "not measured"]


def judge_depth(change: ErrorChange) -> Judged:
    """A depth against the best of its curve."""
    if change.relative is None or not change.folds.scored:
        return "diverges" if change.folds.diverged else "not measured"
    if change.relative <= MARGIN:
        return "holds"
    return "deteriorates" if change.p_holm is not None and change.p_holm < ALPHA else "undecided"


@dataclass(frozen=True)
class DepthVerdict:
    """How a curve goes on beyond its best depth."""

    best: int | None
    """None where no depth has a score."""
    learns: bool
    scales_to: int | None
    breaks_at: int | None
    """The first deeper one that deteriorates or diverges."""
    changes: tuple[ErrorChange, ...] = ()
    """Of all other depths."""
    causes: tuple[str, ...] = field(default=())

    @property
    def deepest(self) -> ErrorChange | None:
        """The deepest depth against the best, if that is another one."""
        return self.changes[-1] if self.changes and self.changes[-1].folds.layers > (self.best or 0) else None

    def __str__(self) -> str:
        if self.best is None:
            return "no depth has a score in every fold"
        if not self.learns:
            return f"does not learn (R² < {LEARNS:g} at its best depth)"
        judged = {c.folds.layers: judge_depth(c) for c in self.changes if c.folds.layers > self.best}
        parts = [f"scales to {self.scales_to}"]
        if self.breaks_at:
            parts.append(f"{judged[self.breaks_at]} at {self.breaks_at}")
        before = {layers: how for layers, how in judged.items() if not self.breaks_at or layers < self.breaks_at}
        for unknown in ("undecided", "not measured"):
            if depths := [str(layers) for layers, how in before.items() if how == unknown]:
                parts.append(f"{unknown} at {', '.join(depths)}")
        return "; ".join(parts)


def judge(curve: Curve) -> DepthVerdict:
    """The verdict by RULE, and by CAUSES why."""
    scored = [point for point in curve.points if point.scored]
    if not scored:
        return DepthVerdict(None, False, None, None)
    best = min(scored, key=lambda point: (point.mae, point.layers))
    changes = error_changes(curve.points, best)
    if best.r2 < LEARNS:
        return DepthVerdict(best.layers, False, None, None, changes)
    deeper = {c.folds.layers: judge_depth(c) for c in changes if c.folds.layers > best.layers}
    breaks = next((layers for layers, judged in deeper.items() if judged in ("deteriorates", "diverges")), None)
    reach = best.layers
    for layers, judged in deeper.items():
        if judged != "holds":
            break
        reach = layers
    broken = next((point for point in curve.points if point.layers == breaks), None)
    return DepthVerdict(best.layers, True, reach, breaks, changes, causes(broken, best) if broken else ())


def causes(broken: Configuration, best: Configuration) -> tuple[str, ...]:
    """Why a depth breaks, by CAUSES; empty where its layers were not seen."""
    seen, good = symptoms(broken), symptoms(best)
    if not layer_reports(broken):
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
