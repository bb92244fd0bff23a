"""Folds of a study as curves: a model with everything but its depth fixed, over depths. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from benchmark.results.records import Record
from benchmark.studies.comparison_groups import by_network
from benchmark.studies.configurations import Configuration
from benchmark.studies.trials import Trial

VARIED = ("n_layers", "skip")
"""Settings that differ within a comparison group of curves."""


@dataclass(frozen=True)
class Curve:
    """A model with everything but its depth fixed, over depths."""

    model: str
    label: str
    """The model and what tells its curve from others."""
    changes: dict[str, Any]
    """The skip, if it is not the profile's."""
    points: tuple[Configuration, ...]

    @property
    def first(self) -> Record:
        """A record to read what all share from."""
        return self.points[0].records[0]


def curves(found: Iterable[Trial]) -> list[Curve]:
    """The curves in folds that may be compared, by name."""
    made = []
    for network in by_network(found, ("skip",)):
        by_depth = sorted(network.trials, key=lambda trial: (depth_of(trial), trial.record.key.fold))
        points = tuple(Configuration(tuple(folds)) for _, folds in groupby(by_depth, key=depth_of))
        made.append(Curve(network.model, network.label, network.changes, points))
    return made


def depth_of(trial: Trial) -> int:
    """The layers that a fold's network had."""
    return int(trial.record.key.settings["n_layers"])
