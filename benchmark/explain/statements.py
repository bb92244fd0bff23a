"""Tested statements about explanations, as they are recorded: of motifs, and of published findings. Needs no torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from benchmark.explain.node_types import N_NODE_TYPES
from benchmark.schema import Strict, Text

MotifKind = Literal["node type", "pair", "triangle"]
Against = Literal["random graphs", "size and composition", "training crystals", "the other class's crystals"]
"""What explanations are held against; the last is of crystals of the class, without a network."""

NodeType = Annotated[int, Field(ge=1, le=max(N_NODE_TYPES.values()))]


class Enrichment(Strict):
    """Whether a motif is more frequent in the explanations of a class than in what they are held against.

    Against "size and composition", of random graphs of the same sizes with node types as frequent as in the crystals of the
    class: p is the larger one of this and of "random graphs", which are as the search draws them, and 1 where they disagree in
    sign. So neither the data's composition nor how the search begins can explain what is significant. Against "the other
    class's crystals", both counts are of training crystals that hold the motif, and no network has a say.
    """

    kind: MotifKind
    node_types: tuple[NodeType, ...] = Field(min_length=1, max_length=3)
    against: Against
    count: int
    total: int
    other_count: int
    other_total: int
    log_odds: float
    interval: tuple[float, float]
    """95 %, of this motif alone."""
    p: float
    p_holm: float
    """After Holm's correction for all motifs of the class that are tested against the same."""


class Contrast(Strict):
    """Log-odds of a statement, 95 % interval of it alone, and p."""

    log_odds: float
    interval: tuple[float, float]
    p: float

    @property
    def holds(self) -> bool:
        """Whether the interval lies above 0."""
        return self.interval[0] > 0


class FindingTest(Strict):
    """A published finding, of atoms or bonds of one class against those of the other; what is None could not be tested, or is
    of a record older than the field."""

    finding: Text
    log_odds: float | None
    """Of the explanations."""
    interval: tuple[float, float] | None
    p: float | None
    crystals: Contrast | None = None
    """The same statement of the training crystals, without a network."""
    random: Contrast | None = None
    """The same of random graphs with the sizes of the explanations of either class."""
    beyond: Contrast | None = None
    """Explanations of the finding's class against random graphs of the same sizes with that class's composition; its p is the
    larger one of this and of random graphs as the search draws them, as in `Enrichment`."""
    beyond_p_holm: float | None = None
    """After Holm's correction for the findings on the target and kind of node types."""

    @property
    def explanations(self) -> Contrast | None:
        """The statement of the explanations."""
        if self.log_odds is None or self.interval is None or self.p is None:
            return None
        return Contrast(log_odds=self.log_odds, interval=self.interval, p=self.p)
