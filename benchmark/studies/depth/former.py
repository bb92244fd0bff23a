"""The verdict that earlier pages gave, by a point estimate, beside which the present one is shown. Needs no torch."""

from __future__ import annotations

from benchmark.statistics.comparisons import ALPHA
from benchmark.studies.curves import Curve
from benchmark.studies.error_changes import ErrorChange, error_changes

TOLERANCE = 0.10

FORMER_RULE = (
    f"Former rule: a depth held if its point estimate was at most {TOLERANCE:.0%} above the depth of lowest MAE, however wide "
    "its interval; one beyond deteriorated if p < 0.05 (corrected t, Holm)."
)


def former_verdict(curve: Curve) -> str:
    """In the words of the earlier pages; empty where no depth has a score in every fold."""
    scored = [point for point in curve.points if point.scored]
    if not scored:
        return ""
    best = min(scored, key=lambda point: (point.mae, point.layers))
    deeper = [change for change in error_changes(curve.points, best) if change.folds.layers > best.layers]
    judged = {change.folds.layers: _judged(change) for change in deeper}
    breaks = next((layers for layers, how in judged.items() if how in ("deteriorates", "diverges")), None)
    reach = best.layers
    for layers, how in judged.items():
        if how != "holds":
            break
        reach = layers
    unknown = [str(layers) for layers, how in judged.items() if how == "undecided" and layers < (breaks or layers + 1)]
    parts = [f"scales to {reach}", *([f"{judged[breaks]} at {breaks}"] if breaks else [])]
    return "; ".join([*parts, *([f"undecided at {', '.join(unknown)}"] if unknown else [])])


def _judged(change: ErrorChange) -> str:
    if change.relative is None or not change.folds.scored:
        return "diverges" if change.folds.diverged else "not measured"
    if change.relative <= TOLERANCE:
        return "holds"
    return "deteriorates" if change.p_holm is not None and change.p_holm < ALPHA else "undecided"
