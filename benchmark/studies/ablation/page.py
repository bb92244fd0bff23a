"""The report of the ablation study: the plain network, each part alone, both, and both with depth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmark.rendering.text import escape, joined
from benchmark.studies.ablation.study import PUBLISHED, RULE, SWITCHES, VARIANTS, Family, families
from benchmark.studies.comparison_groups import Contest, by_contest
from benchmark.studies.figures import Figure, Line, Page, Panel, csv, numbered, shown, write_study_pages
from benchmark.studies.points import state_rows
from benchmark.studies.published import SOURCE
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
    relative,
    table,
    training_cell,
)

TITLE = "# Ablation: "

COLUMNS = (
    "variant", "layers", "MAE", "training MAE", "against plain (95 %)", "p (Holm)", "judged", "parameters", *COST_COLUMNS,
)  # fmt: skip


def write_pages(found: Iterable[Trial], reports: Path) -> list[Path]:
    """Write `<reports>/ablation/<task>.md` and its folder for every task; returns the paths.

    Raises:
        InputError: something else stands in the way of a page.
    """

    def page(task: str, group: list[Trial], folder: str) -> Page:
        contests = by_contest(group, families, tuple(SWITCHES))
        rows = [
            {"contest": contest.title, **row}
            for contest in contests for f in contest.made for v in f.variants
            for row in state_rows(f"{f.label} {v.name}", v.point)
        ]  # fmt: skip
        drawn = [f for place, contest in enumerate(contests) for f in numbered(figures(contest.made), place)]
        return Page(page_text(task, contests, folder), drawn, csv(rows))

    return write_study_pages("ablation", TITLE, found, reports, page)


def page_text(task: str, contests: Sequence[Contest[Family]], folder: str) -> str:
    """The page below its title."""
    parts = opening(contests, [conclusions(task, contest.made) for contest in contests])
    for place, contest in enumerate(contests):
        made = contest.made
        records = [record for family in made for variant in family.variants for record in variant.point.records]
        deepest = max(int(record.key.settings["n_layers"]) for record in records)
        again = command_of("ablation", records[0].key, [family.model for family in made], [deepest], contest.changes)
        parts += [f"## {escape(contest.title)}", provenance(records, again)]
        for family in made:
            parts += [f"### {escape(family.label)}", table(COLUMNS, list(_rows(family)))]
        parts += shown(numbered(figures(made), place), folder)
        parts += ["### Beside what was published", *published(task, made)]
        named = [((family.label, variant.name), variant.point) for family in made for variant in family.variants]
        linked = MEASURED.replace("`table.csv`", f"[table.csv]({folder}/table.csv)")
        parts += ["### Their layers", linked, layers_table(named, ("network", "variant"))]
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
                    by_judgement.setdefault(verb, []).append(family.model)
        if by_judgement:
            told.append(f"{name[2:]} {', '.join(f'{verb} in {joined(models)}' for verb, models in by_judgement.items())}")
    yield f"On {task}, against the plain networks: {'; '.join(told) or 'nothing could be compared'}."
    scored = [(variant.point.mae, family, variant) for family in made for variant in family.variants if variant.point.scored]
    if not scored:
        yield "No variant has a score in every fold."
    else:
        _, family, variant = min(scored, key=lambda row: row[0])
        unit = variant.point.complete[0].key.unit
        yield f"The lowest MAE, {mae_cell(variant.point)} {unit}, is that of {escape(family.label)}, {variant.name}."
    changes = [
        (variant.comparison.relative, family, variant)
        for family in made
        for variant in family.variants
        if variant.point.scored
        and variant.comparison
        and variant.comparison.relative is not None
        and "deep" not in variant.name
    ]
    if not changes:
        yield "No part could be compared with the network without it."
    else:
        change, family, variant = min(changes, key=lambda row: row[0])
        interval = variant.comparison.interval if variant.comparison else None
        gain = "gains most" if change < 0 else "loses least"
        most = relative(change, interval)
        yield f"Without more depth, {escape(family.label)} {gain}, with {variant.name[2:]}: {most} of its MAE."


def published(task: str, made: Sequence[Family]) -> Iterator[str]:
    """Table 4 of the source as it stands, and whether the order is the same here."""
    header = ["set", *VARIANTS]
    yield table(header, [[name, *(f"{value:g}" for value in values)] for name, values in PUBLISHED.items()])
    whole = (f for f in made if len(f.variants) == len(VARIANTS) and all(variant.point.scored for variant in f.variants))
    ours = next((family for family in whole if family.model == "gatgnn-mdl"), None)
    order = [v.name for v in sorted(ours.variants, key=lambda v: v.point.mae)] if ours else []
    agrees = order == list(reversed(VARIANTS))
    here = (
        "gatgnn-mdl has not a score of every fold in all five."
        if not ours
        else (
            f"Here gatgnn-mdl's, best first: {', '.join(order)}; "
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
        scored = [variant for variant in family.variants if variant.point.maes]
        plain = next((variant.point.mae for variant in scored if variant.name == "plain" and variant.point.scored), None)
        names, maes = [variant.name for variant in scored], [variant.point.mae for variant in scored]
        spread = [variant.point.mae_std or 0.0 for variant in scored]
        absolute.append(Line(family.label, names, maes, spread))
        if plain:
            lines.append(Line(family.label, names, [mae / plain for mae in maes], [s / plain for s in spread]))
    unit = made[0].variants[0].point.records[0].key.unit
    panels = [Panel("MAE", "", f"MAE [{unit}]", absolute), Panel("against the plain network", "", "MAE / MAE of plain", lines)]
    return [Figure("mae", "Error by what a network has (Figure 3 of Omee et al.)", panels)]


def _rows(family: Family) -> Iterator[list[str]]:
    for variant in family.variants:
        point = variant.point
        yield [
            variant.name,
            str(point.layers),
            mae_cell(point),
            training_cell(point),
            *comparison_cells(variant.comparison),
            variant.judged,
            own_parameters(point),
            *costs(point),
        ]


def json_rows(found: Iterable[Trial]) -> list[dict[str, Any]]:
    """What `--json` prints: a row a variant."""
    return [
        {
            "task": task, "contest": contest.title, "model": family.model, "changes": contest.changes, "variant": variant.name,
            "against_plain": variant.comparison and variant.comparison.relative, "judged": variant.judged,
            "p_holm": variant.comparison and variant.comparison.p_holm, **point_row(variant.point),
        }
        for task, group in by_task(found)
        for contest in by_contest(group, families, tuple(SWITCHES))
        for family in contest.made
        for variant in family.variants
    ]  # fmt: skip
