"""Folds of a study as curves: a model with everything but its depth fixed, over depths."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from benchmark.records import Record
from benchmark.studies.points import Point
from benchmark.studies.study import Trial, shared_changes


@dataclass(frozen=True)
class Curve:
    """A model with everything but its depth fixed, over depths."""

    model: str
    changes: dict[str, Any]
    """Settings that differ from the profile's, without the depth."""
    points: tuple[Point, ...]
    source: str = ""
    """Of the model's code, where two curves differ in nothing else."""
    own: tuple[str, ...] = ()
    """Names of the changes that not all curves beside it have."""

    @property
    def label(self) -> str:
        """The model and what tells its curve from others."""
        notes = [
            *(f"{name}={self.changes[name]}" for name in self.own),
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
    shared = shared_changes([curve.changes for curve in made]) if made else {}
    return [
        replace(
            curve,
            source=curve.source if names.count(name) > 1 else "",
            own=tuple(change for change in curve.changes if change not in shared),
        )
        for curve, name in zip(made, names, strict=True)
    ]


def depth_of(trial: Trial) -> int:
    """The layers that a fold's network had."""
    return int(trial.record.key.settings["n_layers"])


def comparable(trial: Trial) -> str:
    """What tells folds that may be compared from others of their task: as a run's, and what was changed in all networks."""
    changes = {name: value for name, value in trial.record.changed.items() if name not in ("n_layers", "skip")}
    notes = ", ".join(f"{name}={value}" for name, value in changes.items())
    return f"{trial.record.key.contest}, with {notes}" if notes else trial.record.key.contest
