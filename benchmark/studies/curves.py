"""Folds of a study as curves: a model with everything but its depth fixed, over depths."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from benchmark.records import Record
from benchmark.studies.points import Point
from benchmark.studies.study import Trial


@dataclass(frozen=True)
class Curve:
    """A model with everything but its depth fixed, over depths."""

    model: str
    changes: dict[str, Any]
    """Settings that differ from the profile's, without the depth."""
    points: tuple[Point, ...]
    source: str = ""
    """Of the model's code, where two curves differ in nothing else."""

    @property
    def label(self) -> str:
        """The model and what was changed."""
        notes = [
            *(f"{name}={value}" for name, value in self.changes.items()),
            *([f"source {self.source}"] if self.source else []),
        ]
        return f"{self.model} ({', '.join(notes)})" if notes else self.model

    @property
    def first(self) -> Record:
        """A record to read what all share from."""
        return self.points[0].records[0]


def curves(found: Iterable[Trial]) -> list[Curve]:
    """The curves in folds of comparable runs: of one task, data, profile, protocol and seed; by name."""

    def key(trial: Trial) -> tuple[Any, ...]:
        record = trial.record
        changes = tuple((name, value) for name, value in record.changed.items() if name != "n_layers")
        return record.key.model, tuple(map(str, changes)), record.model_fingerprint, changes

    made = []
    for (model, _, fingerprint, changes), group in groupby(sorted(found, key=lambda t: key(t)[:3]), key=key):
        by_depth = sorted(group, key=lambda trial: (depth_of(trial), trial.record.key.fold))
        points = tuple(Point(tuple(folds)) for _, folds in groupby(by_depth, key=depth_of))
        made.append(Curve(model, dict(changes), points, fingerprint[:8]))
    names = [(curve.model, str(curve.changes)) for curve in made]
    return [
        curve if names.count((curve.model, str(curve.changes))) > 1 else Curve(curve.model, curve.changes, curve.points)
        for curve in made
    ]


def depth_of(trial: Trial) -> int:
    """The layers that a fold's network had."""
    return int(trial.record.key.settings["n_layers"])
