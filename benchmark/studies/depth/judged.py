"""Curves of the depth study with what is judged of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benchmark.rendering.commands import code
from benchmark.rendering.text import plain_name
from benchmark.studies.curves import Curve
from benchmark.studies.depth.causes import Tried
from benchmark.studies.depth.conclusions import DepthVerdict, JudgedDepth
from benchmark.studies.omee_et_al import BY_DEPTH
from benchmark.studies.tables import relative

FROM_MATDEEPLEARN = "-mdl"
"""How the names of networks end of which a board has another version too."""


@dataclass(frozen=True)
class JudgedCurve:
    """A curve with its verdict, and the interventions where it breaks."""

    curve: Curve
    verdict: DepthVerdict
    tried: tuple[Tried, ...] = ()

    @property
    def label(self) -> str:
        """The curve's."""
        return self.curve.label

    @property
    def run_at(self) -> list[int]:
        """The depths that were run."""
        return [point.layers for point in self.curve.points]

    @property
    def code(self) -> str:
        """Its label as code in a sentence, below a heading that names the profile."""
        return code(plain_name(self.label))

    @property
    def named(self) -> str:
        """The name that papers give it, if it has one, and its label."""
        published = BY_DEPTH.get(self.curve.model)
        if published is None:
            return self.code
        source = " of MatDeepLearn" if self.curve.model.endswith(FROM_MATDEEPLEARN) else ""
        return f"{published.label}{source} ({self.code})"

    def not_run(self, depths: Iterable[int]) -> list[int]:
        """Of these depths, those between its shallowest and its deepest that it was not given."""
        return [depth for depth in depths if self.run_at[0] < depth < self.run_at[-1] and depth not in self.run_at]


def change_of(depth: JudgedDepth | None) -> str:
    """The relative change of the mean loss against the best shallower depth, with its interval; empty without a comparison."""
    if depth is None or depth.step is None:
        return ""
    limits = depth.step.interval
    return relative(depth.step.ratio - 1, (limits[0] - 1, limits[1] - 1) if limits else None)
