"""The report of the sensitivity study: what every factor does alone, and what was published of that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmark.rendering.text import chance, escape, joined
from benchmark.statistics.comparisons import ALPHA
from benchmark.studies.comparison_groups import Contest, by_contest
from benchmark.studies.figures import Figure, Line, Page, Panel, csv, numbered, shown, write_study_pages
from benchmark.studies.published import SOURCE
from benchmark.studies.sensitivity.study import (
    FACTORS,
    PUBLISHED_BEST,
    PUBLISHED_LAYERS,
    PUBLISHED_MAES,
    PUBLISHED_MODEL,
    PUBLISHED_TASK,
    RULE,
    Model,
    Row,
    against,
    models,
)
from benchmark.studies.study import Trial
from benchmark.studies.tables import (
    COST_COLUMNS,
    by_task,
    command_of,
    comparison_cells,
    costs,
    mae_cell,
    opening,
    provenance,
    relative,
    table,
)

TITLE = "# Sensitivity: "

COLUMNS = ("factor", "value", "MAE", "against the centre (95 %)", "p (Holm)", "judged", *COST_COLUMNS)
LOGARITHMIC = ("learning_rate", "batch_size")


def write_pages(found: Iterable[Trial], reports: Path) -> list[Path]:
    """Write `<reports>/sensitivity/<task>.md` and its folder for every task; returns the paths.

    Raises:
        InputError: something else stands in the way of a page.
    """

    def page(task: str, group: list[Trial], folder: str) -> Page:
        contests = _contests(group)
        if not contests:
            return Page("No model has a record of its centre; run the study again.", [], csv([]))
        drawn = [f for place, contest in enumerate(contests) for f in numbered(figures(task, contest.made), place)]
        return Page(page_text(task, contests, folder), drawn, csv(list(_csv_rows(contests))))

    return write_study_pages("sensitivity", TITLE, found, reports, page)


def _contests(group: Iterable[Trial]) -> list[Contest[Model]]:
    """As other studies have them, with all seeds together."""

    def title(trial: Trial) -> str:
        key = trial.record.key
        return f"{key.profile}, {key.protocol}, data {key.dataset_hash[:8]}"

    return by_contest(group, models, tuple(FACTORS), title)


def page_text(task: str, contests: Sequence[Contest[Model]], folder: str) -> str:
    """The page below its title."""
    parts = opening(contests, [conclusions(task, contest.made) for contest in contests])
    for place, contest in enumerate(contests):
        made = contest.made
        records = [record for model in made for record in model.centre.records]
        again = command_of("sensitivity", records[0].key, [model.model for model in made], [], contest.changes)
        parts += [f"## {escape(contest.title)}", provenance(records, again)]
        for model in made:
            parts += [f"### {escape(model.label)}", table(COLUMNS, list(_cells(model)))]
            if model.missing:
                parts.append(f"It has no setting {joined(model.missing)}; nothing was varied there.")
        parts += shown(numbered(figures(task, made), place), folder, "every fold")
        parts += ["### Beside what was published", "\n".join(f"- {line}" for line in published(task, made))]
    return "\n\n".join([*parts, "## Rules", RULE])


def conclusions(task: str, made: Sequence[Model]) -> Iterator[str]:
    """Three sentences from the numbers: what matters most, what is best, what does nothing measurable."""
    most = [told for model in made if (told := _most(model))]
    yield f"On {task}, {'; '.join(most) or 'no factor has two values with all scores'}."
    best = [told for model in made if (told := _best(model))]
    yield f"The lowest MAE {'; '.join(best)}." if best else "No model has a score in every fold."
    flat = [
        f"{joined(factors)} in {escape(model.label)}"
        for model in made
        if (factors := [factor for factor in model.varied if model.is_flat(factor)])
    ]
    rows = [(model, row) for model in made for row in model.rows if row.judged == "diverges"]
    diverging = [f"{row.factor} {_value(row)} in {escape(model.label)}" for model, row in rows]
    diverges = f"; with {joined(diverging)} it diverges" if diverging else ""
    if flat:
        yield f"No value that was tried is measurably different from the centre's of {'; of '.join(flat)}{diverges}."
    else:
        yield f"Of no factor is every value that was tried shown to be no different{diverges}."


def _most(model: Model) -> str:
    """Which factor of a model has the widest range, in words; empty without any."""
    ranges = {factor: pair for factor in model.varied if (pair := model.spread(factor)) and model.centre.scored}
    if not ranges:
        return ""
    factor, (low, high) = max(ranges.items(), key=lambda item: item[1][1].point.mae - item[1][0].point.mae)
    share = (high.point.mae - low.point.mae) / model.centre.mae
    shown = (
        "" if any(row.judged in ("better", "worse") for row in model.of(factor)) else ", though no value differs significantly"
    )
    return (
        f"{factor} matters most for {escape(model.label)}: from {_value(low)} to {_value(high)} the MAE rises by "
        f"{share:.1%} of the centre's{shown}"
    )


def _best(model: Model) -> str:
    """Which row of a model is best and whether that is more than chance, in words; empty without a score."""
    rows = [Row("", None, model.centre, None), *model.rows]
    scored = [row for row in rows if row.point.scored]
    if not scored:
        return ""
    best = min(scored, key=lambda row: row.point.mae)
    name, mae = escape(model.label), f"{mae_cell(best.point)} {best.point.records[0].key.unit}"
    if best.comparison is None or best.comparison.relative is None:
        return f"of {name} is {mae}, " + (
            "of the centre itself" if best.point is model.centre else f"with {best.factor} {_value(best)}, without a test"
        )
    real = "a real difference" if best.judged == "better" else "not a significant difference"
    change = relative(best.comparison.relative, best.comparison.interval)
    return f"of {name} is {mae}, with {best.factor} {_value(best)}: {change} against the centre, {real}"


def published(task: str, made: Sequence[Model]) -> Iterator[str]:
    """What was found best for DeeperGATGNN, line by line, and whether it is here."""
    maes = ", ".join(f"{name} {mae:.4f}" for name, mae in PUBLISHED_MAES.items())
    yield (
        f"{SOURCE}, Figure 5 and Table S1: {PUBLISHED_MODEL} with {PUBLISHED_LAYERS} layers on {PUBLISHED_TASK}; "
        f"MAE by activation: {maes}."
    )
    ours = [model for model in made if model.model == PUBLISHED_MODEL]
    if not ours:
        yield f"{PUBLISHED_MODEL} was not run here."
    for model in ours:
        yield f"Here: {escape(model.label)} with {model.settings['n_layers']} layers on {task}."
        yield from (
            f"{factor}: best {_shown(value)}; here {_agreement(model, factor)}." for factor, value in PUBLISHED_BEST.items()
        )


def _agreement(model: Model, factor: str) -> str:
    """Whether the value that was published as best is best here; the best one was chosen, so Bonferroni corrects for that."""
    wanted, spread = PUBLISHED_BEST[factor], model.spread(factor)
    theirs = next((row for row in model.of(factor) if row.value == wanted and row.point.scored), None)
    if spread is None or theirs is None:
        return "not measured"
    best = spread[0]
    if best.value == wanted:
        return "best as well (agrees)"
    test = against(theirs, best)
    if test.relative is None or test.p_holm is None:
        return f"{_value(best)} is lower, without a test (undecided)"
    told = f"{_value(best)} is best, and {_shown(wanted)} {relative(test.relative, test.interval)} against it"
    p = min(1.0, test.p_holm * (len(model.of(factor)) - 1))
    return f"{told}, p = {chance(p)} ({'disagrees' if p < ALPHA else 'does not contradict'})"


def figures(task: str, made: Sequence[Model]) -> list[Figure]:
    """MAE by the value of every factor (Figure 5 of Omee et al.)."""
    unit = made[0].centre.records[0].key.unit
    panels = []
    for factor in FACTORS:
        lines = []
        for model in made:
            rows = [row for row in model.of(factor) if row.point.maes] if factor in model.varied else []
            spread = [row.point.mae_std or 0.0 for row in rows]
            lines += [Line(model.label, [row.value for row in rows], [row.point.mae for row in rows], spread)] if rows else []
        if factor == "activation" and task == PUBLISHED_TASK and lines:
            lines.append(Line(PUBLISHED_MODEL, list(PUBLISHED_MAES), list(PUBLISHED_MAES.values()), published=True))
        if lines:
            panels.append(Panel(factor, factor, f"MAE [{unit}]", lines, log_x=factor in LOGARITHMIC))
    return [
        Figure("factors", "Error by the value of each factor, all others as in the centre (Figure 5 of Omee et al.)", panels, 3)
    ]


def _cells(model: Model) -> Iterator[list[str]]:
    centre = ", ".join(f"{factor} {_shown(model.settings[factor])}" for factor in FACTORS if factor in model.settings)
    yield ["centre", centre, mae_cell(model.centre), "", "", "", *costs(model.centre)]
    for row in model.rows:
        yield [row.factor, _value(row), mae_cell(row.point), *comparison_cells(row.comparison), row.judged, *costs(row.point)]


def _value(row: Row) -> str:
    return _shown(row.value)


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _csv_rows(contests: Sequence[Contest[Model]]) -> Iterator[dict[str, Any]]:
    for contest in contests:
        for model in contest.made:
            for row in (Row("centre", "", model.centre, None), *model.rows):
                for trial in row.point.trials:
                    record = trial.record
                    yield {
                        "contest": contest.title, "model": model.label, "factor": row.factor, "value": row.value,
                        "seed": record.key.seed, "fold": record.key.fold, "status": record.status,
                        "mae": trial.scores and trial.scores.mae,
                        "training_s": record.times and record.times.training.wall_s,
                    }  # fmt: skip


def json_rows(found: Iterable[Trial]) -> list[dict[str, Any]]:
    """What `--json` prints: a row for the centre of a model and for each value of each factor."""
    return [
        {
            "task": task, "contest": contest.title, "model": model.model, "changes": contest.changes, "missing": model.missing,
            "factor": row.factor, "value": row.value, "mae": row.point.mae if row.point.maes else None,
            "mae_std": row.point.mae_std, "against_centre": row.comparison and row.comparison.relative,
            "p_holm": row.comparison and row.comparison.p_holm, "judged": row.judged, "training_s": row.point.seconds,
            "folds": [
                {
                    "seed": t.record.key.seed, "fold": t.record.key.fold, "status": t.record.status,
                    "mae": t.scores and t.scores.mae,
                }
                for t in row.point.trials
            ],
        }
        for task, group in by_task(found)
        for contest in _contests(group)
        for model in contest.made
        for row in (Row("centre", None, model.centre, None), *model.rows)
    ]  # fmt: skip
