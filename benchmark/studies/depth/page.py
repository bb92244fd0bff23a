"""The report of the depth study: what to conclude, a row a depth, why it breaks, and what was published."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from benchmark.rendering.text import escape, joined
from benchmark.studies.comparison_groups import ComparisonGroup, comparison_groups, without_seed
from benchmark.studies.configurations import Configuration
from benchmark.studies.curves import VARIED, Curve, curves
from benchmark.studies.depth.beside_published import published_lines
from benchmark.studies.depth.causes import CAUSES, causes, interventions
from benchmark.studies.depth.commands import commands, missing
from benchmark.studies.depth.conclusions import RULE, judge
from benchmark.studies.depth.figures import figures
from benchmark.studies.depth.judged import JudgedCurve, change_of
from benchmark.studies.depth.parameters import OURS, PUBLISHED
from benchmark.studies.depth.sentences import conclusions
from benchmark.studies.layers import MEASURED, LayerReport, configuration_row, layers_table, state_rows
from benchmark.studies.pages import Page, StudyPages, csv, numbered, shown
from benchmark.studies.tables import (
    COST_COLUMNS,
    costs,
    mae_cell,
    opening,
    own_parameters,
    provenance,
    relative,
    table,
    training_cell,
)
from benchmark.studies.trials import Trial, by_task

COLUMNS = (
    "layers", "MAE", "training MAE", "against the best shallower depth (95 %)", "judged", "repeats that would decide",
    "parameters", "at published sizes", "published", *COST_COLUMNS,
)  # fmt: skip

PARAMETERS = (
    "*Parameters*: of the network that was trained. *At published sizes*: of our model at that depth with its published sizes. "
    "*Published*: of the published code, which allocates a few parameters that it never uses."
)


def groups_of(found: Iterable[Trial]) -> list[ComparisonGroup[JudgedCurve]]:
    """The folds of one task as judged curves; the folds of other seeds are repeats."""
    groups = comparison_groups(found, curves, VARIED, without_seed)
    verdicts = [(curve, judge(curve)) for group in groups for curve in group.members]
    judged = {id(c): JudgedCurve(c, verdict, interventions(c, verdict, verdicts)) for c, verdict in verdicts}
    return [ComparisonGroup(g.title, g.changes, [judged[id(curve)] for curve in g.members]) for g in groups]


def page(task: str, found: list[Trial], folder: str) -> Page:
    """The page of a task: its text, figures and table."""
    groups = groups_of(found)
    rows = [
        {"comparison_group": group.title, **row}
        for group in groups for one in group.members if not one.curve.chosen for point in one.curve.points
        for row in state_rows(one.label, point)
    ]  # fmt: skip
    drawn = [f for place, group in enumerate(groups) for f in numbered(figures(task, _curves(group)), place)]
    return Page(page_text(task, groups, folder), drawn, csv(rows))


def _curves(group: ComparisonGroup[JudgedCurve]) -> list[Curve]:
    return [one.curve for one in group.members]


def page_text(task: str, groups: Sequence[ComparisonGroup[JudgedCurve]], folder: str) -> str:
    """The page below its title."""
    parts = opening(groups, [conclusions(task, g.members, tuple(missing(g)), place == 0) for place, g in enumerate(groups)])
    for place, group in enumerate(groups):
        trained = [one.curve for one in group.members if not one.curve.chosen]
        records = [record for curve in trained for point in curve.points for record in point.records]
        parts += [f"## {escape(group.title)}", _verdicts(group.members), provenance(records, *commands(group))]
        parts += shown(numbered(figures(task, _curves(group)), place), folder)
        parts += ["### Why it breaks", _interventions(group.members)]
        parts += ["### Beside what was published", "\n".join(f"- {line}" for line in published_lines(task, group.members))]
        named = [((curve.label, str(point.layers)), point) for curve in trained for point in curve.points]
        parts += ["### What the layers look like", MEASURED, layers_table(named, ("model", "layers"))]
        parts += [part for one in group.members for part in _curve(one)]
    return "\n\n".join([*parts, "## Rules", RULE, CAUSES, PARAMETERS])


def _verdicts(judged: Sequence[JudgedCurve]) -> str:
    header = [
        "model", "run at layers", "lowest MAE", "at layers", "verdict", "MAE at deepest against best shallower (95 %)",
        "cause of the break",
    ]  # fmt: skip
    rows = []
    named = [(one, next((p for p in one.curve.points if p.layers == one.verdict.best), None)) for one in judged]
    for one, best in sorted(named, key=lambda row: row[1].mae if row[1] else math.inf):
        cause = causes(one.tried) if one.verdict.breaks_at else ""
        told = [mae_cell(best) if best else "", str(one.verdict.best or ""), str(one.verdict), change_of(one.verdict.deepest)]
        rows.append([one.label, ", ".join(map(str, one.run_at)), *told, cause])
    return table(header, rows)


def _interventions(judged: Sequence[JudgedCurve]) -> str:
    """What was changed where a network breaks, and what that shows."""
    header = ["network that breaks", "at layers", "changed", "its error against the changed one's (95 %)", "outcome"]
    rows = []
    for one in judged:
        for tried in one.tried:
            step = tried.step
            limits = step.interval if step else None
            told = relative(step.ratio - 1, (limits[0] - 1, limits[1] - 1) if limits else None) if step else "diverges"
            rows.append([one.label, str(tried.layers), tried.change, told, tried.outcome])
    untried = [one.label for one in judged if one.verdict.breaks_at and not one.tried]
    parts = [table(header, rows)] if rows else []
    if untried:
        parts.append(
            f"Not tried in {escape(joined(untried))}: run the same depths with one thing changed, for example a lower rate "
            "(`--set learning_rate=…`), batch normalisation (`--set norm=batch`) or the single skip (`--set skip=single`)."
        )
    return "\n\n".join(parts) or "No network is shown to break."


def _curve(one: JudgedCurve) -> Iterator[str]:
    yield f"### {escape(one.label)}\n\n{escape(str(one.verdict))}.{_rates(one.curve)}"
    rows = []
    for point in one.curve.points:
        depth = one.verdict.of(point.layers)
        judged = [change_of(depth), depth.judged, depth.would_decide] if depth else ["", "", ""]
        cells = [str(point.layers), mae_cell(point), training_cell(point), *judged]
        rows.append([*cells, *_sizes(one.curve.model, point), *costs(point)])
    yield table(COLUMNS, rows)


def _rates(curve: Curve) -> str:
    """The learning rates that validation chose."""
    if curve.first.key.rates:
        told = [f"{_rates_of(point)} at {point.layers}" for point in curve.points if point.complete]
        return f" Chosen on validation in every fold, from {curve.first.key.rates}: {'; '.join(told)} layers."
    if not curve.chosen:
        return ""
    chosen = [f"{point.records[0].key.settings['learning_rate']:g} at {point.layers}" for point in curve.points]
    return f" Chosen by the mean validation loss, among the rates that were run: {', '.join(chosen)} layers."


def _rates_of(point: Configuration) -> str:
    """The rates that the folds of a depth chose."""
    return joined(sorted({f"{record.rate_choice.learning_rate:.3g}" for record in point.complete if record.rate_choice}))


def _sizes(model: str, point: Configuration) -> list[str]:
    known = (f"{counts[model].at(point.layers):,}" if model in counts else "" for counts in (OURS, PUBLISHED))
    return [own_parameters(point), *known]


def json_rows(found: Iterable[Trial]) -> list[dict[str, Any]]:
    """What `--json` prints: a row a curve, with its verdict and its depths."""
    rows = []
    for task, trials in by_task(found):
        for group in groups_of(trials):
            for one in group.members:
                row: dict[str, Any] = {"task": task, "comparison_group": group.title, "model": one.curve.model}
                row |= {"changes": group.changes | one.curve.changes, "rate_chosen": one.curve.chosen}
                row |= {"verdict": str(one.verdict), "cause": causes(one.tried) if one.verdict.breaks_at else ""}
                row |= {name: getattr(one.verdict, name) for name in ("best", "learns", "not_worse_at", "breaks_at")}
                row["judged"] = {depth.layers: depth.judged for depth in one.verdict.depths}
                rows.append(row | {"depths": [configuration_row(point) for point in one.curve.points]})
    return rows


PAGES = StudyPages("depth", "Depth", page, json_rows, "every layer of every fold", LayerReport)
