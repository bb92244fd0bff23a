"""Why a depth breaks, as far as interventions show it: the same network with one thing changed. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from benchmark.rendering.text import percent
from benchmark.statistics.comparisons import ALPHA
from benchmark.statistics.decisions import MARGIN
from benchmark.statistics.successive import Step, decide_in_order
from benchmark.studies.configurations import Configuration, task_errors
from benchmark.studies.curves import Curve
from benchmark.studies.depth.conclusions import DepthVerdict

NOT_ESTABLISHED, NOT_TRIED = "not established", "not tried"
"""Of a cause: runs with one thing changed do not show it; there is no such run."""

CAUSES = (
    "A cause is named only where an intervention shows it: the same network at the same depth on the same folds, with one "
    "thing changed (the single skip for the doubled one, batch for group normalisation, a lower learning rate). It is shown "
    "if two things are true. First, the changed network does not break at that depth. Second, the error of the broken "
    f"network is shown to be more than {percent(MARGIN)} above the error of the changed network: the lower limit of the ratio "
    "decides. Where several interventions were tried at a depth, the limit is corrected for their number (Bonferroni). "
    f"Otherwise the cause is {NOT_ESTABLISHED}; it is {NOT_TRIED} where no run has one thing changed. Measurements in the "
    "layers do not establish it: they change with depth, and may be a symptom."
)


@dataclass(frozen=True)
class Intervention:
    """One thing to change, and what it is the cause of if the change helps."""

    cause: str
    setting: str
    broken: Any = None
    """Its value in the broken network."""
    changed: Any = None
    """Its value in the changed one; None: any lower number."""

    def fits(self, broken: Any, changed: Any) -> bool:
        """Whether it leads from one value of the setting to the other."""
        if self.changed is None:
            return isinstance(broken, float) and isinstance(changed, float) and changed < broken
        return bool((broken, changed) == (self.broken, self.changed))


INTERVENTIONS = (
    Intervention("the doubled skip", "skip", "double", "single"),
    Intervention("group normalisation", "norm", "group", "batch"),
    Intervention("the learning rate", "learning_rate"),
)


@dataclass(frozen=True)
class Tried:
    """An intervention at a depth that breaks."""

    cause: str
    change: str
    layers: int
    step: Step | None
    """The broken network against the changed one; None where the broken one has no score in every fold."""
    helps: bool
    breaks: bool
    """Whether the changed network breaks there itself."""

    @property
    def shown(self) -> bool:
        """Whether it shows its cause."""
        return self.helps and not self.breaks

    @property
    def outcome(self) -> str:
        """In words."""
        if self.shown:
            return f"shows {self.cause}"
        return f"helps, but it breaks there too: {NOT_ESTABLISHED}" if self.helps else NOT_ESTABLISHED


def interventions(curve: Curve, verdict: DepthVerdict, others: Sequence[tuple[Curve, DepthVerdict]]) -> tuple[Tried, ...]:
    """What was tried where a curve first breaks, among all curves of the task; empty where it does not break."""
    point = next((point for point in curve.points if point.layers == verdict.breaks_at), None)
    if point is None:
        return ()
    found = [
        (kind, changed, judged.of(point.layers))
        for other, judged in others
        if not other.chosen
        for changed in other.points
        if changed.scored and changed is not point
        for kind in _between(point, changed)
    ]
    return tuple(
        _tried(kind, point, changed, how is not None and how.judged in ("breaks", "diverges"), len(found))
        for kind, changed, how in found
    )


def _between(broken: Configuration, changed: Configuration) -> Iterator[Intervention]:
    """The intervention that leads from one configuration to another, if all else is the same."""
    one, other = broken.records[0].key, changed.records[0].key
    everything_else = {"settings": {}, "fold": 0, "seed": 0}
    if one.model_copy(update=everything_else) != other.model_copy(update=everything_else):
        return
    differing = {n for n in one.settings.keys() | other.settings.keys() if one.settings.get(n) != other.settings.get(n)}
    for kind in INTERVENTIONS:
        if differing == {kind.setting} and kind.fits(one.settings.get(kind.setting), other.settings.get(kind.setting)):
            yield kind


def _tried(kind: Intervention, broken: Configuration, changed: Configuration, breaks: bool, n: int) -> Tried:
    change = f"{kind.setting}={changed.records[0].key.settings[kind.setting]}"
    if not broken.scored:
        return Tried(kind.cause, change, broken.layers, None, broken.diverged, breaks)
    errors = task_errors({change: changed, "broken": broken})
    step = decide_in_order(errors, alpha=ALPHA / n)[0] if errors else None
    return Tried(kind.cause, change, broken.layers, step, step is not None and step.verdict == "worse", breaks)


def causes(tried: Sequence[Tried]) -> str:
    """The causes shown, in words; that there was no intervention, where nothing was tried."""
    if not tried:
        return NOT_TRIED
    return " and ".join(dict.fromkeys(one.cause for one in tried if one.shown)) or NOT_ESTABLISHED
