"""The report of the depth study: what to conclude, a row a depth, why it breaks, and what was published."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from benchmark.rendering.text import escape
from benchmark.studies.comparison_groups import Contest, by_contest
from benchmark.studies.curves import VARIED, Curve, curves
from benchmark.studies.depth.figures import figures
from benchmark.studies.depth.sentences import conclusions, published_lines
from benchmark.studies.depth.study import CAUSES, RULE, Verdict, judge
from benchmark.studies.figures import Page, csv, numbered, shown, write_study_pages
from benchmark.studies.points import Point, state_rows
from benchmark.studies.study import Trial
from benchmark.studies.tables import (
    COST_COLUMNS,
    MEASURED,
    by_task,
    command_of,
    comparison_cells,
    costs,
    layers_table,
    mae_cell,
    opening,
    own_parameters,
    point_row,
    provenance,
    table,
    training_cell,
)
from models import registry

TITLE = "# Depth: "

COLUMNS = (
    "layers", "MAE", "training MAE", "against the best depth", "p (Holm)", "parameters", "at published sizes", "published",
    *COST_COLUMNS,
)  # fmt: skip

PARAMETERS = (
    "Parameters are those of the network that was trained; beside them what the model has at that depth with its published "
    "sizes, ours and the published code's, which allocates a few that it never uses."
)


def write_pages(found: Iterable[Trial], reports: Path) -> list[Path]:
    """Write `<reports>/depth/<task>.md` and its folder for every task; returns the paths.

    Raises:
        InputError: something else stands in the way of a page.
    """

    def page(task: str, group: list[Trial], folder: str) -> Page:
        contests = by_contest(group, curves, VARIED)
        rows = [
            {"contest": contest.title, **row}
            for contest in contests for curve in contest.made for point in curve.points
            for row in state_rows(curve.label, point)
        ]  # fmt: skip
        drawn = [f for place, contest in enumerate(contests) for f in numbered(figures(task, contest.made), place)]
        return Page(page_text(task, contests, folder), drawn, csv(rows))

    return write_study_pages("depth", TITLE, found, reports, page)


def page_text(task: str, contests: Sequence[Contest[Curve]], folder: str) -> str:
    """The page below its title."""
    verdicts = [[(curve, judge(curve)) for curve in contest.made] for contest in contests]
    parts = opening(contests, [conclusions(task, judged) for judged in verdicts])
    for place, (contest, judged) in enumerate(zip(contests, verdicts, strict=True)):
        records = [record for curve in contest.made for point in curve.points for record in point.records]
        parts += [f"## {escape(contest.title)}", provenance(records, *commands(contest)), _verdicts(judged)]
        parts += shown(numbered(figures(task, contest.made), place), folder)
        parts += ["### Beside what was published", "\n".join(f"- {line}" for line in published_lines(task, judged))]
        named = [((curve.label, str(point.layers)), point) for curve in contest.made for point in curve.points]
        linked = MEASURED.replace("`table.csv`", f"[table.csv]({folder}/table.csv)")
        parts += ["### Why", linked, layers_table(named, ("model", "layers"))]
        parts += [part for curve, verdict in judged for part in _curve(curve, verdict)]
    return "\n\n".join([*parts, "## Rules", RULE, CAUSES, PARAMETERS])


def commands(contest: Contest[Curve]) -> Iterator[str]:
    """The commands that make these records, one for all models with the same depths; the study adds single skips by itself."""
    asked: dict[tuple[tuple[int, ...], str], list[Curve]] = {}
    skips = [(curve, curve.changes.get("skip", ""), curve.first.key.settings.get("skip")) for curve in contest.made]
    doubled = {curve.model: change for curve, change, skip in skips if skip == "double"}
    for curve, change, skip in skips:
        depths = tuple(point.layers for point in curve.points)
        asked.setdefault((depths, doubled.get(curve.model, change) if skip == "single" else change), []).append(curve)
    for (depths, skip), made in asked.items():
        changes = contest.changes | ({"skip": skip} if skip else {})
        yield command_of("depth", made[0].first.key, [curve.model for curve in made], depths, changes)


def _verdicts(judged: Sequence[tuple[Curve, Verdict]]) -> str:
    header = ["model", "best depth", "its MAE", "verdict", "deepest against best (95 %)", "cause"]
    rows = []
    named = [(curve, verdict, next((p for p in curve.points if p.layers == verdict.best), None)) for curve, verdict in judged]
    for curve, verdict, best in sorted(named, key=lambda row: row[2].mae if row[2] else math.inf):
        told, _ = comparison_cells(verdict.deepest)
        cause = " and ".join(verdict.causes)
        rows.append([curve.label, str(verdict.best or ""), mae_cell(best) if best else "", str(verdict), told, cause])
    return table(header, rows)


def _curve(curve: Curve, verdict: Verdict) -> Iterator[str]:
    yield f"### {escape(curve.label)}\n\n{escape(str(verdict))}."
    against = {c.layers: c for c in verdict.comparisons}
    rows = []
    for point in curve.points:
        told, p = ["best", ""] if point.layers == verdict.best else comparison_cells(against.get(point.layers))
        rows.append(
            [str(point.layers), mae_cell(point), training_cell(point), told, p, *_sizes(curve.model, point), *costs(point)]
        )
    yield table(COLUMNS, rows)


def _sizes(model: str, point: Point) -> list[str]:
    published = registry.get(model).published_parameters
    known = f"{published(point.layers):,}" if published else ""
    return [own_parameters(point), f"{parameters(model, point.layers):,}", known]


@cache
def parameters(model: str, layers: int) -> int:
    """Of the model at its published sizes; every layer after the second has as many as the second."""
    one, two = (int(registry.get(model).describe(depth)["parameters"]) for depth in (1, 2))
    return one + (layers - 1) * (two - one)


def json_rows(found: Iterable[Trial]) -> list[dict[str, Any]]:
    """What `--json` prints: a row a curve, with its verdict and its depths."""
    rows = []
    for task, group in by_task(found):
        for contest in by_contest(group, curves, VARIED):
            for curve in contest.made:
                verdict = judge(curve)
                row: dict[str, Any] = {"task": task, "contest": contest.title, "model": curve.model}
                row |= {"changes": contest.changes | curve.changes, "verdict": str(verdict)}
                row |= {name: getattr(verdict, name) for name in ("best", "learns", "scales_to", "breaks_at", "causes")}
                rows.append(row | {"depths": [point_row(point) for point in curve.points]})
    return rows
