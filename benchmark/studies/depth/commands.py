"""The commands that make the records of a depth study, and those that are missing. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benchmark.studies.comparison_groups import ComparisonGroup
from benchmark.studies.curves import Curve
from benchmark.studies.depth.judged import JudgedCurve
from benchmark.studies.tables import command_of


def commands(group: ComparisonGroup[JudgedCurve]) -> Iterator[str]:
    """The commands that make these records, one for all models with the same depths; the study adds single skips by itself."""
    return _commands([(curve, tuple(point.layers for point in curve.points)) for curve in _trained(group)], group.changes)


def missing(group: ComparisonGroup[JudgedCurve]) -> Iterator[str]:
    """The commands that train networks at the depths between their own at which others of the group ran."""
    depths = tuple(sorted({point.layers for curve in _trained(group) for point in curve.points}))
    return _commands(
        [(one.curve, depths) for one in group.members if not one.curve.chosen and one.not_run(depths)], group.changes
    )


def _trained(group: ComparisonGroup[JudgedCurve]) -> list[Curve]:
    return [one.curve for one in group.members if not one.curve.chosen]


def _commands(asked_for: Sequence[tuple[Curve, tuple[int, ...]]], changes: dict[str, Any]) -> Iterator[str]:
    asked: dict[tuple[tuple[int, ...], str, str, tuple[int, ...]], list[Curve]] = {}
    skips = [(curve, at, curve.changes.get("skip", ""), curve.first.key.settings.get("skip")) for curve, at in asked_for]
    doubled = {curve.model: change for curve, _, change, skip in skips if skip == "double"}
    for curve, depths, change, skip in skips:
        told = doubled.get(curve.model, change) if skip == "single" else change
        seeds = tuple(sorted({record.key.seed for point in curve.points for record in point.records}))
        asked.setdefault((depths, told, str(curve.changes.get("learning_rate", "")), seeds), []).append(curve)
    for (depths, skip, rate, seeds), made in asked.items():
        own = {name: value for name, value in (("skip", skip), ("learning_rate", rate)) if value}
        for seed in seeds:
            key = made[0].first.key.model_copy(update={"seed": seed})
            yield command_of("depth", key, [curve.model for curve in made], depths, changes | own)
