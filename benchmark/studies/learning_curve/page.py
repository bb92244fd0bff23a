"""The report of the learning-curve study: errors by the number of training crystals, exponents, forecasts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from benchmark.rendering.text import escape, in_unit, joined, model_name, percent, seconds, with_unit
from benchmark.results.records import Record
from benchmark.studies.comparison_groups import ComparisonGroup, comparison_groups
from benchmark.studies.configurations import Configuration
from benchmark.studies.figures import Figure, Line, Panel
from benchmark.studies.learning_curve.conclusions import (
    FURTHEST,
    MISFIT,
    RULE,
    WANTED,
    LearningCurve,
    PowerLaw,
    learning_curves,
    lowest_and_level,
    with_fewest,
)
from benchmark.studies.pages import Page, StudyPages, csv, numbered, shown
from benchmark.studies.tables import command_of, mae_cell, opening, provenance, relative, table
from benchmark.studies.trials import Trial, by_task


def page(task: str, found: list[Trial], folder: str) -> Page:
    """The page of a task: its text, figures and table."""
    groups = groups_of(found)
    drawn = [f for place, group in enumerate(groups) for f in numbered(figures(group.members), place)]
    return Page(page_text(task, groups, folder), drawn, csv(_csv_rows(groups), digits=None))


def groups_of(found: Sequence[Trial]) -> list[ComparisonGroup[LearningCurve]]:
    """As other studies have them, with all sizes together."""

    def title(trial: Trial) -> str:
        key = trial.record.key
        protocol = key.protocol.partition(", train 1/")[0]
        protocol += ")" * ("(" in protocol and not protocol.endswith(")"))
        return f"{key.profile}, {protocol}, seed {key.seed}, data {key.dataset_hash[:8]}"

    return comparison_groups(found, learning_curves, title=title)


def page_text(task: str, groups: Sequence[ComparisonGroup[LearningCurve]], folder: str) -> str:
    """The page below its title."""
    parts = opening(groups, [conclusions(task, group.members) for group in groups])
    for place, group in enumerate(groups):
        made = group.members
        # Largest first: what is said of all of them is read from the first.
        records = [record for curve in made for size in reversed(curve.sizes) for record in size.records]
        again = command_of("learning-curve", records[0].key, [curve.model for curve in made], [], group.changes)
        parts += [f"## {escape(group.title)}", *shown(numbered(figures(made), place), folder)]
        parts += ["### Errors", errors_table(made), "### Power laws", laws_table(made)]
        failed = [r for r in records if r.status != "complete"]
        lines = [f"- {_named(r)}: {r.status}: {escape(r.reason or '')}" for r in failed]
        parts += ["Folds without a score:\n\n" + "\n".join(lines)] if lines else []
        parts += ["### How it was run", provenance(records, again)]
    return "\n\n".join([*parts, "## Rules", RULE])


def _named(record: Record) -> str:
    key = record.key
    return f"{model_name(key.model, key.profile)}, {key.protocol}, fold {key.fold + 1}"


def conclusions(task: str, made: Sequence[LearningCurve]) -> Iterator[str]:
    """Sentences from the numbers."""
    scored = [curve for curve in made if curve.complete]
    fitted = [(curve, curve.law) for curve in scored if curve.law]
    unit = escape(made[0].sizes[-1].records[0].key.unit)
    if not scored:
        yield f"No model has a score of every fold with all training crystals of {escape(task)}."
        yield "So no model is the best one."
        yield "Nothing is forecast."
        return
    n, fewest = scored[0].sizes[-1].n_train, with_fewest(scored)
    lowest = _lowest({curve.label: curve.sizes[-1] for curve in scored}, unit)
    yield f"With all {n:,} training crystals of {escape(task)}, {lowest}."
    if len(fewest) > 1 and (few := next(iter(fewest.values())).n_train) < n:
        yield f"With {few:,}, {_lowest(fewest, unit)}."
    if not fitted:
        yield "No power law could be fitted: fewer than three sizes have a score."
        yield "Nothing can be forecast."
        return
    yield _doubled(fitted)
    best, law = fitted[0]
    if law.misfit > MISFIT:
        yield (
            f"How many crystals a lower error of {escape(best.label)} would take is not forecast: its errors are up to "
            f"{percent(law.misfit)} away from a power law."
        )
        return
    half = _needed(law, best.sizes[-1].n_train, 0.5)
    yield f"Half the error of {escape(best.label)} would take {half} training crystals, if this goes on."


def _lowest(sizes: Mapping[str, Configuration], unit: str) -> str:
    """Which of the models has the lowest error, and which are not told apart from it."""
    best, tied = lowest_and_level(sizes)
    doubt = f"; {escape(joined(tied))} {'is' if len(tied) == 1 else 'are'} not told apart from it" if tied else ""
    return f"{escape(best)} has the lowest MAE, {in_unit(mae_cell(sizes[best]), unit)}{doubt}"


def _doubled(fitted: Sequence[tuple[LearningCurve, PowerLaw]]) -> str:
    """What twice the crystals do to the error of the model that gains most, and for which models nothing is shown."""
    steep, law = max(fitted, key=lambda pair: pair[1].b)
    flat = [curve.label for curve, other in fitted if other.interval is None or other.interval[0] <= 0]
    rest = f"for {escape(joined(flat))} it is not shown that more crystals help" if flat else "more crystals help every model"
    change = relative(2**-law.b - 1, (2 ** -law.interval[1] - 1, 2 ** -law.interval[0] - 1) if law.interval else None)
    return f"Twice the training crystals change the MAE of {escape(steep.label)} by {change}, more than of any other; {rest}."


def errors_table(made: Sequence[LearningCurve]) -> str:
    """A row a model, a column a size."""
    sizes = sorted({size.n_train for curve in made for size in curve.sizes})
    rows = []
    for curve in made:
        by_size = {size.n_train: size for size in curve.sizes}
        rows.append([curve.label, *(_cell(by_size[n]) if n in by_size else "" for n in sizes)])
    return table(["model, MAE with training crystals:", *(f"{n:,}" for n in sizes)], rows)


def _cell(size: Configuration) -> str:
    found = "" if size.scored else f" ({len(size.maes)} of {size.wanted} folds)"
    return mae_cell(size) + found if size.maes else size.records[0].status


def laws_table(made: Sequence[LearningCurve]) -> str:
    """Exponents, times and forecasts."""
    lowest = made[0].sizes[-1].mae
    rows = []
    for curve in made:
        last = curve.sizes[-1]
        time = seconds(last.seconds) if last.seconds is not None else ""
        shares = [share * lowest / last.mae for share in WANTED] if curve.complete else []
        fits = curve.law and curve.law.misfit <= MISFIT
        needed = [_needed(curve.law, last.n_train, share) for share in shares] if curve.law and fits else []
        told = [_exponent(curve.law), percent(curve.law.misfit)] if curve.law else ["", ""]
        rows.append([curve.label, *told, time, *(needed or [""] * len(WANTED))])
    wanted = [f"crystals for MAE {share * lowest:.3g}" if made[0].complete else f"{share:g} × the lowest" for share in WANTED]
    header = ["model", "exponent b (95 %)", "largest misfit", "training time / fold, all crystals", *wanted]
    return table(header, rows)


def _exponent(law: PowerLaw) -> str:
    return f"{law.b:.3f}" + (f" ({law.interval[0]:.3f} to {law.interval[1]:.3f})" if law.interval else "")


def _needed(law: PowerLaw, n: int, share: float) -> str:
    middle, low, high = law.needed(n, share)
    told, ends = _crystals(middle, n), f"{_crystals(low, n)} to {_crystals(high, n)}"
    return f"{told} ({ends})" if law.interval and ends != f"{told} to {told}" else told


def _crystals(needed: float | None, n: int) -> str:
    """A forecast to three digits; beyond FURTHEST times the crystals, or where no number is enough, only that."""
    if needed is None or needed > FURTHEST * n:
        return f"> {FURTHEST * n:,}"
    return f"{float(f'{needed:.3g}'):,.0f}"


def figures(made: Sequence[LearningCurve]) -> list[Figure]:
    """MAE by training crystals, both on logarithmic axes, with the power laws (Figure 6 of Omee et al.)."""
    measured, laws = [], []
    for curve in made:
        scored = [size for size in curve.sizes if size.maes]
        x = [float(size.n_train) for size in scored]
        measured.append(Line(curve.label, x, [size.mae for size in scored], [size.mae_std or 0.0 for size in scored]))
        if curve.law and x:
            ends = [x[0], x[-1], 4 * x[-1]]
            laws.append(Line(curve.label, ends, [curve.law.a * n**-curve.law.b for n in ends]))
    y = with_unit("MAE", made[0].sizes[-1].records[0].key.unit)
    panels = [
        Panel("measured", "training crystals", y, measured, log_x=True, log_y=True),
        Panel("power laws, to four times the crystals", "training crystals", y, laws, log_x=True, log_y=True),
    ]
    return [Figure("mae", "Error by the number of training crystals (Figure 6 of Omee et al.)", panels)]


def _csv_rows(groups: Sequence[ComparisonGroup[LearningCurve]]) -> list[dict[str, Any]]:
    return [
        {"comparison_group": group.title, "model": curve.label, "n_train": t.record.split.n_train, "fold": t.record.key.fold,
         "status": t.record.status, "mae": t.scores.mae if t.scores else None}
        for group in groups for curve in group.members for size in curve.sizes for t in size.trials
    ]  # fmt: skip


def json_rows(found: Iterable[Trial]) -> list[dict[str, Any]]:
    """What `--json` prints: a row a model."""
    return [
        {
            "task": task, "comparison_group": group.title, "model": curve.model, "changes": group.changes,
            "exponent": curve.law and curve.law.b, "exponent_interval": curve.law and curve.law.interval,
            "sizes": [{"n_train": s.n_train, "folds": s.fold_rows, "training_s": s.seconds} for s in curve.sizes],
        }
        for task, trials in by_task(found) for group in groups_of(trials) for curve in group.members
    ]  # fmt: skip


PAGES = StudyPages("learning-curve", "Learning curves", page, json_rows, "every fold")
