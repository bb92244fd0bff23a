"""The report of the ablation study: the plain network, each part alone, both, and both with depth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from benchmark.rendering.text import escape, in_unit, joined, with_unit
from benchmark.studies.ablation.conclusions import RULE, SWITCHES, VARIANTS, Family, families
from benchmark.studies.comparison_groups import ComparisonGroup, comparison_groups
from benchmark.studies.figures import Figure, Line, Panel
from benchmark.studies.layers import MEASURED, LayerReport, configuration_row, layers_table, state_rows
from benchmark.studies.omee_et_al import ABLATION, SOURCE
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
    relative,
    table,
    training_cell,
)
from benchmark.studies.trials import Trial, by_task

COLUMNS = (
    "variant", "layers", "MAE", "training MAE", "against plain (95 %)", "p (Holm)", "judged", "parameters", *COST_COLUMNS,
)  # fmt: skip


def page(task: str, found: list[Trial], folder: str) -> Page:
    """The page of a task: its text, figures and table."""
    groups = comparison_groups(found, families, tuple(SWITCHES))
    rows = [
        {"comparison_group": group.title, **row}
        for group in groups for f in group.members for v in f.variants
        for row in state_rows(f"{f.label} {v.name}", v.folds)
    ]  # fmt: skip
    drawn = [f for place, group in enumerate(groups) for f in numbered(figures(group.members), place)]
    return Page(page_text(task, groups, folder), drawn, csv(rows))


def page_text(task: str, groups: Sequence[ComparisonGroup[Family]], folder: str) -> str:
    """The page below its title."""
    parts = opening(groups, [conclusions(task, group.members) for group in groups])
    for place, group in enumerate(groups):
        made = group.members
        records = [record for family in made for variant in family.variants for record in variant.folds.records]
        deepest = max(int(record.key.settings["n_layers"]) for record in records)
        again = command_of("ablation", records[0].key, [family.model for family in made], [deepest], group.changes)
        parts += [f"## {escape(group.title)}", provenance(records, again)]
        for family in made:
            parts += [f"### {escape(family.label)}", table(COLUMNS, list(_rows(family)))]
        parts += shown(numbered(figures(made), place), folder)
        parts += ["### Beside what was published", *published(task, made)]
        named = [((family.label, variant.name), variant.folds) for family in made for variant in family.variants]
        parts += ["### Their layers", MEASURED, layers_table(named, ("network", "variant"))]
    return "\n\n".join([*parts, "## Rules", RULE])


def conclusions(task: str, made: Sequence[Family]) -> Iterator[str]:
    """Three sentences from the numbers."""
    told = []
    for name in VARIANTS[1:]:
        by_judgement: dict[str, list[str]] = {}
        for family in made:
            for variant in family.variants:
                if variant.name == name and variant.judged:
                    verb = variant.judged if variant.judged == "diverges" else f"is {variant.judged}"
                    by_judgement.setdefault(verb, []).append(escape(family.label))
        if by_judgement:
            told.append(f"{name[2:]} {', '.join(f'{verb} in {joined(labels)}' for verb, labels in by_judgement.items())}")
    yield f"On {escape(task)}, against the plain networks: {'; '.join(told) or 'nothing could be compared'}."
    scored = [(variant.folds.mae, family, variant) for family in made for variant in family.variants if variant.folds.scored]
    if not scored:
        yield "No variant has a score in every fold."
    else:
        _, family, variant = min(scored, key=lambda row: row[0])
        unit = escape(variant.folds.complete[0].key.unit)
        yield f"The lowest MAE, {in_unit(mae_cell(variant.folds), unit)}, is that of {escape(family.label)}, {variant.name}."
    changes = [
        (variant.change.relative, family, variant)
        for family in made
        for variant in family.variants
        if variant.folds.scored and variant.change and variant.change.relative is not None and "deep" not in variant.name
    ]
    if not changes:
        yield "No part could be compared with the network without it."
    else:
        change, family, variant = min(changes, key=lambda row: row[0])
        interval = variant.change.interval if variant.change else None
        gain = "gains most" if change < 0 else "loses least"
        most = relative(change, interval)
        yield f"Without more depth, {escape(family.label)} {gain}, with {variant.name[2:]}: {most} of its MAE."


def published(task: str, made: Sequence[Family]) -> Iterator[str]:
    """Table 4 of the source as it stands, and whether the order is the same here."""
    header = ["set", *VARIANTS]
    yield table(header, [[name, *(f"{value:g}" for value in values)] for name, values in ABLATION.items()])
    whole = (f for f in made if len(f.variants) == len(VARIANTS) and all(variant.folds.scored for variant in f.variants))
    ours = next((family for family in whole if family.model == "gatgnn-mdl"), None)
    order = [v.name for v in sorted(ours.variants, key=lambda v: v.folds.mae)] if ours else []
    agrees = order == list(reversed(VARIANTS))
    here = (
        "gatgnn-mdl has not a score of every fold in all five."
        if not ours
        else (
            f"Here {escape(ours.label)}, best first: {', '.join(order)}; "
            + (
                "the published order."
                if agrees
                else "not the published order, which is plain last and each further one better."
            )
        )
    )
    yield f"MAE in eV/atom and eV of GATGNN with 5 layers, {SOURCE}, Table 4: 500 epochs, without a validation part. {here}"


def figures(made: Sequence[Family]) -> list[Figure]:
    """MAE of every variant, relative to the plain network of its family (Figure 3 of Omee et al.)."""
    lines, absolute = [], []
    for family in made:
        scored = [variant for variant in family.variants if variant.folds.maes]
        plain = next((variant.folds.mae for variant in scored if variant.name == "plain" and variant.folds.scored), None)
        names, maes = [variant.name for variant in scored], [variant.folds.mae for variant in scored]
        spread = [variant.folds.mae_std or 0.0 for variant in scored]
        absolute.append(Line(family.label, names, maes, spread))
        if plain:
            lines.append(Line(family.label, names, [mae / plain for mae in maes], [s / plain for s in spread]))
    unit = made[0].variants[0].folds.records[0].key.unit
    panels = [
        Panel("MAE", "", with_unit("MAE", unit), absolute),
        Panel("against the plain network", "", "MAE / MAE of plain", lines),
    ]
    return [Figure("mae", "Error by what a network has (Figure 3 of Omee et al.)", panels)]


def _rows(family: Family) -> Iterator[list[str]]:
    for variant in family.variants:
        folds = variant.folds
        yield [
            variant.name,
            str(folds.layers),
            mae_cell(folds),
            training_cell(folds),
            *change_cells(variant.change),
            variant.judged,
            own_parameters(folds),
            *costs(folds),
        ]


def json_rows(found: Iterable[Trial]) -> list[dict[str, Any]]:
    """What `--json` prints: a row a variant."""
    return [
        {
            "task": task, "comparison_group": group.title, "model": family.model, "changes": group.changes,
            "variant": variant.name, "against_plain": variant.change and variant.change.relative, "judged": variant.judged,
            "p_holm": variant.change and variant.change.p_holm, **configuration_row(variant.folds),
        }
        for task, trials in by_task(found)
        for group in comparison_groups(trials, families, tuple(SWITCHES))
        for family in group.members
        for variant in family.variants
    ]  # fmt: skip


PAGES = StudyPages("ablation", "Ablation", page, json_rows, "every layer of every fold", LayerReport)
