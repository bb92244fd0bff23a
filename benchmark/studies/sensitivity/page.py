"""The report of the sensitivity study: what every factor does alone, and what was published of that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from benchmark.rendering.text import chance, escape, in_unit, joined, percent, with_unit
from benchmark.statistics.comparisons import ALPHA
from benchmark.studies.comparison_groups import ComparisonGroup, comparison_groups, without_seed
from benchmark.studies.figures import Figure, Line, Panel
from benchmark.studies.omee_et_al import (
    BEST_SETTINGS,
    BY_ACTIVATION,
    SETTINGS_LAYERS,
    SETTINGS_MODEL,
    SETTINGS_TASK,
    SOURCE,
)
from benchmark.studies.pages import Page, StudyPages, csv, numbered, shown
from benchmark.studies.sensitivity.conclusions import FACTORS, RULE, FactorLevel, ModelSensitivity, against, models
from benchmark.studies.tables import (
    COST_COLUMNS,
    change_cells,
    command_of,
    costs,
    mae_cell,
    opening,
    provenance,
    relative,
    table,
)
from benchmark.studies.trials import Trial, by_task

COLUMNS = ("factor", "value", "MAE", "against the centre (95 %)", "p (Holm)", "judged", *COST_COLUMNS)
LOGARITHMIC = ("learning_rate", "batch_size")


def page(task: str, found: list[Trial], folder: str) -> Page:
    """The page of a task: its text, figures and table."""
    groups = _groups(found)
    if not groups:
        return Page("No model has a record of its centre; run the study again.", [], csv([]))
    drawn = [f for place, group in enumerate(groups) for f in numbered(figures(task, group.members), place)]
    return Page(page_text(task, groups, folder), drawn, csv(list(_csv_rows(groups))))


def _groups(found: Iterable[Trial]) -> list[ComparisonGroup[ModelSensitivity]]:
    """As other studies have them, with all seeds together."""
    return comparison_groups(found, models, tuple(FACTORS), without_seed)


def page_text(task: str, groups: Sequence[ComparisonGroup[ModelSensitivity]], folder: str) -> str:
    """The page below its title."""
    parts = opening(groups, [conclusions(task, group.members) for group in groups])
    for place, group in enumerate(groups):
        made = group.members
        records = [record for model in made for record in model.centre.records]
        again = command_of("sensitivity", records[0].key, [model.model for model in made], [], group.changes)
        parts += [f"## {escape(group.title)}", provenance(records, again)]
        for model in made:
            parts += [f"### {escape(model.label)}", table(COLUMNS, list(_cells(model)))]
            if model.missing:
                parts.append(f"It has no setting {joined(model.missing)}; nothing was varied there.")
        parts += shown(numbered(figures(task, made), place), folder)
        parts += ["### Beside what was published", "\n".join(f"- {line}" for line in published(task, made))]
    return "\n\n".join([*parts, "## Rules", RULE])


def conclusions(task: str, made: Sequence[ModelSensitivity]) -> Iterator[str]:
    """Three sentences from the numbers: what matters most, what is best, what does nothing measurable."""
    most = [told for model in made if (told := _most(model))]
    yield f"On {escape(task)}, {'; '.join(most) or 'no factor has two values with all scores'}."
    best = [told for model in made if (told := _best(model))]
    yield f"The lowest MAE {'; '.join(best)}." if best else "No model has a score in every fold."
    flat = [
        f"{joined(factors)} in {escape(model.label)}"
        for model in made
        if (factors := [factor for factor in model.varied if model.is_undecided(factor)])
    ]
    levels = [(model, level) for model in made for level in model.levels if level.judged == "diverges"]
    diverging = [f"{level.factor} {_value(level)} in {escape(model.label)}" for model, level in levels]
    diverges = f"; with {joined(diverging)} it diverges" if diverging else ""
    if flat:
        yield f"No value is shown to be better or worse of {'; '.join(flat)}{diverges}."
    else:
        yield f"Of every factor a value is shown to be better or worse{diverges}."


def _most(model: ModelSensitivity) -> str:
    """Which factor of a model has the widest range, in words; empty without any."""
    ranges = {factor: pair for factor in model.varied if (pair := model.spread(factor)) and model.centre.scored}
    if not ranges:
        return ""
    factor, (low, high) = max(ranges.items(), key=lambda item: item[1][1].folds.mae - item[1][0].folds.mae)
    share = (high.folds.mae - low.folds.mae) / model.centre.mae
    shown = (
        ""
        if any(level.judged in ("better", "worse") for level in model.of(factor))
        else ", though no value differs significantly"
    )
    return (
        f"{factor} matters most for {escape(model.label)}: the MAE with {_value(high)} is higher than with {_value(low)} by "
        f"{percent(share, 1)} of the MAE with the profile's settings{shown}"
    )


def _best(model: ModelSensitivity) -> str:
    """Which level of a model is best and whether that is more than chance, in words; empty without a score."""
    levels = [FactorLevel("", None, model.centre, None), *model.levels]
    scored = [level for level in levels if level.folds.scored]
    if not scored:
        return ""
    best = min(scored, key=lambda level: level.folds.mae)
    name, mae = escape(model.label), in_unit(mae_cell(best.folds), escape(best.folds.records[0].key.unit))
    if best.change is None or best.change.relative is None:
        return f"of {name} is {mae}, " + (
            "with the profile's settings"
            if best.folds is model.centre
            else f"with {best.factor} {_value(best)}, without a test"
        )
    real = "shown to be better" if best.judged == "better" else "not shown to be better"
    change = relative(best.change.relative, best.change.interval)
    return f"of {name} is {mae}, with {best.factor} {_value(best)}: {change} against the profile's settings, {real}"


def published(task: str, made: Sequence[ModelSensitivity]) -> Iterator[str]:
    """What was found best for DeeperGATGNN, line by line, and whether it is here."""
    maes = ", ".join(f"{name} {mae:.4f}" for name, mae in BY_ACTIVATION.items())
    yield (
        f"{SOURCE}, Figure 5 and Table S1: {SETTINGS_MODEL} with {SETTINGS_LAYERS} layers on {SETTINGS_TASK}; "
        f"MAE by activation: {maes}."
    )
    ours = [model for model in made if model.model == SETTINGS_MODEL]
    if not ours:
        yield f"{SETTINGS_MODEL} was not run here."
    for model in ours:
        yield f"Here: {escape(model.label)} with {model.settings['n_layers']} layers on {escape(task)}."
        yield from (
            f"{factor}: best {_shown(value)}; here {_agreement(model, factor)}." for factor, value in BEST_SETTINGS.items()
        )


def _agreement(model: ModelSensitivity, factor: str) -> str:
    """Whether the value that was published as best is best here; the best one was chosen, so Bonferroni corrects for that."""
    wanted, spread = BEST_SETTINGS[factor], model.spread(factor)
    theirs = next((level for level in model.of(factor) if level.value == wanted and level.folds.scored), None)
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


def figures(task: str, made: Sequence[ModelSensitivity]) -> list[Figure]:
    """MAE by the value of every factor (Figure 5 of Omee et al.)."""
    unit = made[0].centre.records[0].key.unit
    panels = []
    for factor in FACTORS:
        lines = []
        for model in made:
            levels = [level for level in model.of(factor) if level.folds.maes] if factor in model.varied else []
            spread = [level.folds.mae_std or 0.0 for level in levels]
            lines += (
                [Line(model.label, [level.value for level in levels], [level.folds.mae for level in levels], spread)]
                if levels
                else []
            )
        if factor == "activation" and task == SETTINGS_TASK and lines:
            lines.append(Line(SETTINGS_MODEL, list(BY_ACTIVATION), list(BY_ACTIVATION.values()), published=True))
        if lines:
            panels.append(Panel(factor, factor, with_unit("MAE", unit), lines, log_x=factor in LOGARITHMIC))
    return [
        Figure("factors", "Error by the value of each factor, all others as in the centre (Figure 5 of Omee et al.)", panels, 3)
    ]


def _cells(model: ModelSensitivity) -> Iterator[list[str]]:
    centre = ", ".join(f"{factor} {_shown(model.settings[factor])}" for factor in FACTORS if factor in model.settings)
    yield ["centre", centre, mae_cell(model.centre), "", "", "", *costs(model.centre)]
    for level in model.levels:
        yield [
            level.factor,
            _value(level),
            mae_cell(level.folds),
            *change_cells(level.change),
            level.judged,
            *costs(level.folds),
        ]


def _value(level: FactorLevel) -> str:
    return _shown(level.value)


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _csv_rows(groups: Sequence[ComparisonGroup[ModelSensitivity]]) -> Iterator[dict[str, Any]]:
    for group in groups:
        for model in group.members:
            for level in (FactorLevel("centre", "", model.centre, None), *model.levels):
                for trial in level.folds.trials:
                    record = trial.record
                    yield {
                        "comparison_group": group.title, "model": model.label, "factor": level.factor, "value": level.value,
                        "seed": record.key.seed, "fold": record.key.fold, "status": record.status,
                        "mae": trial.scores and trial.scores.mae,
                        "training_s": record.times and record.times.training.wall_s,
                    }  # fmt: skip


def json_rows(found: Iterable[Trial]) -> list[dict[str, Any]]:
    """What `--json` prints: a row for the centre of a model and for each value of each factor."""
    return [
        {
            "task": task, "comparison_group": group.title, "model": model.model, "changes": group.changes,
            "missing": model.missing, "factor": level.factor, "value": level.value,
            "mae": level.folds.mae if level.folds.maes else None,
            "mae_std": level.folds.mae_std, "against_centre": level.change and level.change.relative,
            "p_holm": level.change and level.change.p_holm, "judged": level.judged, "training_s": level.folds.seconds,
            "folds": [
                {
                    "seed": t.record.key.seed, "fold": t.record.key.fold, "status": t.record.status,
                    "mae": t.scores and t.scores.mae,
                }
                for t in level.folds.trials
            ],
        }
        for task, trials in by_task(found)
        for group in _groups(trials)
        for model in group.members
        for level in (FactorLevel("centre", None, model.centre, None), *model.levels)
    ]  # fmt: skip


PAGES = StudyPages("sensitivity", "Sensitivity", page, json_rows, "every fold")
