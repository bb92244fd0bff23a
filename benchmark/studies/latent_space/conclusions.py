"""Whether crystals that a network represents alike have like targets. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import Field

from benchmark.schema import Strict
from benchmark.studies.comparison_groups import by_network
from benchmark.studies.configurations import Configuration
from benchmark.studies.trials import Observation, Trial

VARIED = ("n_layers",)
"""Settings that differ within a comparison group."""

NEIGHBORS = 5
SHOWN = 1000
"""Test crystals that are drawn at most; the numbers are of these too, but for the k-NN's error, which is of all."""

RULE = (
    "A crystal's representation is the mean over its atoms of the features behind the last layer of the trained network, each "
    "component scaled to the variance of the training crystals. k-NN error: MAE on the test crystals of the mean target of the "
    f"{NEIGHBORS} training crystals nearest in representation; near the network's own error, the representation says what the "
    "head says; near that of the mean of the training targets, it says nothing. Silhouette (−1 to 1): of the quarters of the "
    "targets; at 0 or less they do not form clusters, which targets that grow smoothly through the space need not. "
    f"Trustworthiness (0 to 1): how far the {NEIGHBORS} neighbours in the map are neighbours in the representation; what a map "
    "with a low one shows is not there. Maps: principal components with the variance that they hold, and t-SNE (perplexity 30 "
    "or a third of the crystals, started from the components), where distances between far groups mean nothing. At most "
    f"{SHOWN:,} test crystals of a fold are drawn, the first by row."
)


class MappedCrystal(Strict):
    """A test crystal's place in the maps."""

    id: str
    target: float
    pca: tuple[float, float]
    tsne: tuple[float, float]


class LatentReport(Observation):
    """What a trained network makes of the test crystals of a fold; empty where the fold did not end well."""

    kind: ClassVar[str] = "latent"
    width: int | None = None
    knn_mae: float | None = None
    mean_mae: float | None = None
    """Of the mean of the training targets: what an empty representation gives."""
    silhouette: float | None = Field(default=None, ge=-1, le=1)
    """None where a quarter of the targets is empty."""
    trustworthiness_pca: float | None = None
    trustworthiness_tsne: float | None = None
    explained: float | None = None
    """Share of the variance in the two principal components."""
    crystals: tuple[MappedCrystal, ...] = ()
    reason: str | None = None


@dataclass(frozen=True)
class LatentSpace:
    """A model with its settings, and what was seen of its folds."""

    model: str
    label: str
    folds: Configuration

    @property
    def seen(self) -> tuple[LatentReport, ...]:
        """Of the folds that ended well."""
        return tuple(t.seen for t in self.folds.trials if isinstance(t.seen, LatentReport) and t.seen.crystals)

    def mean(self, name: str) -> float | None:
        """Of a field, over the folds; None where none has it."""
        values = [value for one in self.seen if (value := getattr(one, name)) is not None]
        return float(np.mean(values)) if values else None


def spaces(found: Iterable[Trial]) -> list[LatentSpace]:
    """The networks in folds that may be compared, lowest error of the nearest neighbours first of those with all scores."""
    made = []
    for network in by_network(found, VARIED):
        trials = sorted(network.trials, key=lambda trial: trial.record.key.fold)
        made.append(LatentSpace(network.model, network.label, Configuration(tuple(trials))))

    def place(space: LatentSpace) -> tuple[bool, float, str]:
        mae = space.mean("knn_mae")
        return not space.folds.scored, np.inf if mae is None else mae, space.label

    return sorted(made, key=place)
