"""Folds of a study as curves: a model with everything but its depth fixed, over depths. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from benchmark.rendering.text import model_name
from benchmark.results.records import Record
from benchmark.studies.comparison_groups import by_network
from benchmark.studies.configurations import Configuration, place_of
from benchmark.studies.trials import Trial

TELLING = ("skip", "learning_rate")
"""Settings that tell the curves of one model apart."""
VARIED = ("n_layers", *TELLING)
"""Settings that differ within a comparison group of curves."""


@dataclass(frozen=True)
class Curve:
    """A model with everything but its depth fixed, over depths."""

    model: str
    label: str
    """The model and what tells its curve from others."""
    changes: dict[str, Any]
    """The skip and the learning rate, where they are not the profile's."""
    points: tuple[Configuration, ...]
    chosen: bool = False
    """Whether the learning rate of each depth was chosen on validation, among those of other curves."""

    @property
    def first(self) -> Record:
        """A record to read what all share from."""
        return self.points[0].records[0]


def curves(found: Iterable[Trial]) -> list[Curve]:
    """The curves in folds that may be compared, by name; those whose rates are chosen on validation after those they are of."""
    made = []
    for network in by_network(found, TELLING):
        by_depth = sorted(network.trials, key=lambda trial: (depth_of(trial), *place_of(trial)))
        points = tuple(Configuration(tuple(folds)) for _, folds in groupby(by_depth, key=depth_of))
        made.append(Curve(network.model, network.label, network.changes, points))
    return sorted([*made, *_chosen_on_validation(made)], key=lambda curve: curve.model)


def _chosen_on_validation(made: Sequence[Curve]) -> Iterator[Curve]:
    """A curve for each network that ran with several learning rates: at every depth the rate of lowest validation loss."""

    def network(curve: Curve) -> tuple[str, str, str]:
        others = {name: value for name, value in curve.changes.items() if name != "learning_rate"}
        return curve.model, str(others), curve.first.key.source

    fixed = [curve for curve in made if curve.first.key.rates is None]
    for _, group in groupby(sorted(fixed, key=network), key=network):
        rates = list(group)
        depths = set.intersection(*({point.layers for point in curve.points} for curve in rates))
        if len(rates) < 2 or not depths:
            continue
        points = []
        for depth in sorted(depths):
            tried = [point for curve in rates for point in curve.points if point.layers == depth]
            points.append(min(tried, key=lambda point: (not point.scored, point.validation_loss)))
        changes = {name: value for name, value in rates[0].changes.items() if name != "learning_rate"}
        notes = ", ".join([*(f"{name}={value}" for name, value in changes.items()), "rate chosen on validation"])
        name = model_name(rates[0].model, rates[0].first.key.profile)
        yield Curve(rates[0].model, f"{name} ({notes})", changes, tuple(points), chosen=True)


def depth_of(trial: Trial) -> int:
    """The layers that a fold's network had."""
    return int(trial.record.key.settings["n_layers"])
