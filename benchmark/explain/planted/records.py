"""What a synthetic set with a planted motif showed, on disk. Needs no torch."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from benchmark.explain.statements import Enrichment
from benchmark.schema import Machine, Sha256, Strict, Text
from benchmark.statistics.comparisons import ALPHA

Planted = Literal["node type", "pair", "triangle", "shuffled"]

PlantedKind = Planted | Literal["chance"]

PLANTED_KINDS: tuple[PlantedKind, ...] = (*get_args(Planted), "chance")
"""What is tried; "chance": probabilities are drawn, whatever the graph, which no gate before the tests keeps out."""

CONTROLS: tuple[PlantedKind, ...] = ("shuffled", "chance")
"""Where there is nothing to find."""


class PlantedTrial(Strict):
    """What one synthetic set showed."""

    planted: PlantedKind
    seed: int
    settings: dict[str, Any]
    source_sha256: Sha256
    """Of the classifier's network, of this package and of `benchmark.statistics.comparisons`."""
    auc: float
    """Of the classifier, on test graphs."""
    found: int
    """Explanations; of the class high, where nothing is planted of both."""
    rank: int | None
    """Of the planted motif among those of its kind, enriched in the explanations of high against random graphs; None where it
    was not tested."""
    planted_test: Enrichment | None
    untested: bool
    """Whether the classifier may be no better than chance, and nothing was tested."""
    significant: int
    """Tests, against random graphs and against the training graphs, with p below 5 % after Holm's correction."""
    tests: int
    seconds: float
    machine: Machine
    versions: Annotated[dict[Text, Text], Field(max_length=100)]
    git_commit: Text | None

    @property
    def floor(self) -> float:
        """Lowest probability that a reward of the search counts."""
        return float(self.settings.get("search", {}).get("floor", 0.0))

    @property
    def first(self) -> bool:
        """Whether the planted motif is the most surely enriched of its kind: its interval is the highest, and above 0."""
        return self.rank == 1 and self.planted_test is not None and self.planted_test.interval[0] > 0

    @property
    def sure(self) -> bool:
        """Whether it is significant after the correction for all tests too."""
        return self.first and self.planted_test is not None and self.planted_test.p_holm < ALPHA
