"""The report of the depth study: what to conclude, a row a depth, why it breaks, and what was published."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from benchmark.rendering.text import escape
from benchmark.studies.comparison_groups import ComparisonGroup, comparison_groups
from benchmark.studies.configurations import Configuration
from benchmark.studies.curves import VARIED, Curve, curves
from benchmark.studies.depth.conclusions import CAUSES, RULE, DepthVerdict, judge
from benchmark.studies.depth.figures import figures
from benchmark.studies.depth.parameters import OURS, PUBLISHED
from benchmark.studies.depth.sentences import conclusions, published_lines
from benchmark.studies.layers import MEASURED, LayerReport, configuration_row, layers_table, state_rows
from benchmark.studies.pages import Page, StudyPages, csv, numbered, shown
from benchmark.studies.tables import (
    COST_COLUMNS,
    change_cells,
    command_of,
    costs,
    mae_cell,
    opening,
    own_parameters,
    provenance,
    table,
    training_cell,
)
from benchmark.studies.trials import Trial, by_task

COLUMNS = (
    "layers", "MAE", "training MAE", "against the best depth", "p (Holm)", "parameters", "at published sizes", "published",
    *COST_COLUMNS,
)  # fmt: skip

PARAMETERS = (
    "Parameters are those of the network that was trained; beside them what the model has at that depth with its published "
    "sizes, ours and the published code's, which allocates a few that it never uses."
)


def page(task: str, found: list[Trial], folder: str) -> Page:
    """The page of a task: its text, figures and table."""
    groups = comparison_groups(found, curves, VARIED)
    rows = [
        {"comparison_group": group.title, **row}
        for group in groups for curve in group.members for point in curve.points
        for row in state_rows(curve.label, point)
    ]  # fmt: skip
    drawn = [f for place, group in enumerate(groups) for f in numbered(figures(task, group.members), place)]
    return Page(page_text(task, groups, folder), drawn, csv(rows))


def page_text(task: str, groups: Sequence[ComparisonGroup[Curve]], folder: str) -> str:
    """The page below its title."""
    verdicts = [[(curve, judge(curve)) for curve in group.members] for group in groups]
    parts = opening(groups, [conclusions(task, judged) for judged in verdicts])
    for place, (group, judged) in enumerate(zip(groups, verdicts, strict=True)):
        records = [record for curve in group.members for point in curve.points for record in point.records]
        parts += [f"## {escape(group.title)}", provenance(records, *commands(group)), _verdicts(judged)]
        parts += shown(numbered(figures(task, group.members), place), folder)
        parts += ["### Beside what was published", "\n".join(f"- {line}" for line in published_lines(task, judged))]
        named = [((curve.label, str(point.layers)), point) for curve in group.members for point in curve.points]
        parts += ["### Why", MEASURED, layers_table(named, ("model", "layers"))]
        parts += [part for curve, verdict in judged for part in _curve(curve, verdict)]
    return "\n\n".join([*parts, "## Rules", RULE, CAUSES, PARAMETERS])


def commands(group: ComparisonGroup[Curve]) -> Iterator[str]:
    """The commands that make these records, one for all models with the same depths; the study adds single skips by itself."""
    asked: dict[tuple[tuple[int, ...], str], list[Curve]] = {}
    skips = [(curve, curve.changes.get("skip", ""), curve.first.key.settings.get("skip")) for curve in group.members]
    doubled = {curve.model: change for curve, change, skip in skips if skip == "double"}
    for curve, change, skip in skips:
        depths = tuple(point.layers for point in curve.points)
        asked.setdefault((depths, doubled.get(curve.model, change) if skip == "single" else change), []).append(curve)
    for (depths, skip), made in asked.items():
        changes = group.changes | ({"skip": skip} if skip else {})
        yield command_of("depth", made[0].first.key, [curve.model for curve in made], depths, changes)


def _verdicts(judged: Sequence[tuple[Curve, DepthVerdict]]) -> str:
    header = ["model", "best depth", "its MAE", "verdict", "deepest against best (95 %)", "cause"]
    rows = []
    named = [(curve, verdict, next((p for p in curve.points if p.layers == verdict.best), None)) for curve, verdict in judged]
    for curve, verdict, best in sorted(named, key=lambda row: row[2].mae if row[2] else math.inf):
        told, _ = change_cells(verdict.deepest)
        cause = " and ".join(verdict.causes)
        rows.append([curve.label, str(verdict.best or ""), mae_cell(best) if best else "", str(verdict), told, cause])
    return table(header, rows)


def _curve(curve: Curve, verdict: DepthVerdict) -> Iterator[str]:
    yield f"### {escape(curve.label)}\n\n{escape(str(verdict))}."
    against = {change.folds.layers: change for change in verdict.changes}
    rows = []
    for point in curve.points:
        told, p = ["best", ""] if point.layers == verdict.best else change_cells(against.get(point.layers))
        rows.append(
            [str(point.layers), mae_cell(point), training_cell(point), told, p, *_sizes(curve.model, point), *costs(point)]
        )
    yield table(COLUMNS, rows)


def _sizes(model: str, point: Configuration) -> list[str]:
    known = (f"{counts[model].at(point.layers):,}" if model in counts else "" for counts in (OURS, PUBLISHED))
    return [own_parameters(point), *known]


def json_rows(found: Iterable[Trial]) -> list[dict[str, Any]]:
    """What `--json` prints: a row a curve, with its verdict and its depths."""
    rows = []
    for task, trials in by_task(found):
        for group in comparison_groups(trials, curves, VARIED):
            for curve in group.members:
                verdict = judge(curve)
                row: dict[str, Any] = {"task": task, "comparison_group": group.title, "model": curve.model}
                row |= {"changes": group.changes | curve.changes, "verdict": str(verdict)}
                row |= {name: getattr(verdict, name) for name in ("best", "learns", "scales_to", "breaks_at", "causes")}
                rows.append(row | {"depths": [configuration_row(point) for point in curve.points]})
    return rows


PAGES = StudyPages("depth", "Depth", page, json_rows, "every layer of every fold", LayerReport)
