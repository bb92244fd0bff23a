"""The report of the depth study: what to conclude, a row a depth, why it breaks, and what was published."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from benchmark.render.depth_conclusions import conclusions, published_lines
from benchmark.render.depth_figures import figures
from benchmark.render.study_page import Figure, Page, csv, shown, write_study_pages
from benchmark.render.study_tables import (
    COST_COLUMNS,
    MEASURED,
    by_contest,
    by_task,
    command_of,
    costs,
    layers_table,
    mae_cell,
    own_parameters,
    point_row,
    provenance,
    relative,
    table,
)
from benchmark.render.text import escape
from benchmark.studies.curves import Curve, comparable, curves
from benchmark.studies.depth import CAUSES, RULE, Verdict, judge
from benchmark.studies.points import Point, state_rows
from benchmark.studies.study import Trial, shared_changes
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
        contests = by_contest(group, curves, comparable)
        rows = [
            row for _, made in contests for curve in made for point in curve.points for row in state_rows(curve.label, point)
        ]
        drawn = [figure for place, (_, made) in enumerate(contests) for figure in figures_of(task, place, made)]
        return Page(page_text(task, contests, folder), drawn, csv(rows))

    return write_study_pages("depth", TITLE, found, reports, page)


def page_text(task: str, contests: Sequence[tuple[str, list[Curve]]], folder: str) -> str:
    """The page below its title; it opens with what to conclude from each contest."""
    verdicts = [[(curve, judge(curve)) for curve in made] for _, made in contests]
    parts = [" ".join(conclusions(task, judged)) for judged in verdicts]
    for place, ((title, made), judged) in enumerate(zip(contests, verdicts, strict=True)):
        records = [record for curve in made for point in curve.points for record in point.records]
        parts += [f"## {escape(title)}", provenance(records, command(made)), _verdicts(judged)]
        parts += shown(figures_of(task, place, made), folder)
        parts += ["### Beside what was published", "\n".join(f"- {line}" for line in published_lines(task, judged))]
        named = [((curve.label, str(point.layers)), point) for curve in made for point in curve.points]
        linked = MEASURED.replace("`table.csv`", f"[table.csv]({folder}/table.csv)")
        parts += ["### Why", linked, layers_table(named, ("model", "layers"))]
        parts += [part for curve, verdict in judged for part in _curve(curve, verdict)]
    return "\n\n".join([*parts, "## Rules", RULE, CAUSES, PARAMETERS])


def figures_of(task: str, place: int, made: Sequence[Curve]) -> list[Figure]:
    """The figures of a contest, named by its place on the page; parameters are the same in all and drawn once."""
    drawn = figures(task, made)
    return [replace(f, name=f"{f.name}_{place + 1}") for f in drawn if f.name != "parameters"] if place else drawn


def command(made: Sequence[Curve]) -> str:
    """The command that makes these records; the study changes the skip by itself."""
    shared = {name: value for name, value in shared_changes([curve.changes for curve in made]).items() if name != "skip"}
    depths = [point.layers for curve in made for point in curve.points]
    return command_of("depth", made[0].first.key, [curve.model for curve in made], depths, shared)


def _verdicts(judged: Sequence[tuple[Curve, Verdict]]) -> str:
    header = ["model", "best depth", "its MAE", "verdict", "deepest against best (95 %)", "cause"]
    rows = []
    for curve, verdict in sorted(judged, key=lambda pair: min(point.mae for point in pair[0].points)):
        best = next((point for point in curve.points if point.layers == verdict.best), None)
        deepest = verdict.deepest
        told = relative(deepest.relative, deepest.interval) if deepest and deepest.relative is not None else ""
        cause = " and ".join(verdict.causes)
        rows.append([curve.label, str(verdict.best or ""), mae_cell(best) if best else "", str(verdict), told, cause])
    return table(header, rows)


def _curve(curve: Curve, verdict: Verdict) -> Iterator[str]:
    yield f"### {escape(curve.label)}\n\n{escape(str(verdict))}."
    against = {c.layers: c for c in verdict.comparisons}
    rows = []
    for point in curve.points:
        c = against.get(point.layers)
        told = (
            "best" if c is None and verdict.best else relative(c.relative, c.interval) if c and c.relative is not None else ""
        )
        p_value = f"{c.p_holm:.2g}" if c and c.p_holm is not None else ""
        training = f"{point.training_mae:.4g}" if point.complete else ""
        rows.append([str(point.layers), mae_cell(point), training, told, p_value, *_sizes(curve.model, point), *costs(point)])
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
        for title, made in by_contest(group, curves, comparable):
            for curve in made:
                verdict = judge(curve)
                row = {"task": task, "contest": title, "model": curve.model, "changes": curve.changes, "verdict": str(verdict)}
                row |= {name: getattr(verdict, name) for name in ("best", "learns", "scales_to", "breaks_at", "causes")}
                rows.append(row | {"depths": [point_row(point) for point in curve.points]})
    return rows
