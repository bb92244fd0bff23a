"""The report of the epochs study: errors by epoch, when each model stagnates, rankings by budget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from benchmark.rendering.text import escape, joined, percent, with_unit
from benchmark.statistics.comparisons import ALPHA
from benchmark.studies.comparison_groups import ComparisonGroup, comparison_groups
from benchmark.studies.epochs.conclusions import (
    RULE,
    STAGNATES,
    VARIED,
    Budgets,
    History,
    agreement,
    budgets,
    epochs_of,
    gains,
    largest_shared,
)
from benchmark.studies.figures import Figure, Line, Panel
from benchmark.studies.pages import Page, StudyPages, csv, numbered, shown
from benchmark.studies.tables import (
    COST_COLUMNS,
    command_of,
    costs,
    mae_cell,
    opening,
    provenance,
    table,
    training_cell,
)
from benchmark.studies.trials import Trial, by_task


def page(task: str, found: list[Trial], folder: str) -> Page:
    """The page of a task: its text, figures and table."""
    groups = comparison_groups(found, budgets, VARIED)
    drawn = [f for place, group in enumerate(groups) for f in numbered(figures(group.members), place)]
    return Page(page_text(task, groups, folder), drawn, csv(_csv_rows(groups)))


def page_text(task: str, groups: Sequence[ComparisonGroup[Budgets]], folder: str) -> str:
    """The page below its title."""
    parts = opening(groups, [conclusions(task, group.members) for group in groups])
    for place, group in enumerate(groups):
        made = group.members
        records = [record for one in made for point in one.points for record in point.records]
        largest = {epochs_of(one.points[-1]) for one in made}
        changes = group.changes | ({"epochs": largest.pop()} if len(largest) == 1 else {})
        again = command_of("epochs", records[0].key, [one.model for one in made], [], changes)
        parts += [f"## {escape(group.title)}", provenance(records, again)]
        parts += shown(numbered(figures(made), place), folder)
        parts += ["### Rankings", rankings(made), "### Every budget", every_budget(made)]
    return "\n\n".join([*parts, "## Rules", RULE])


def conclusions(task: str, made: Sequence[Budgets]) -> Iterator[str]:
    """Three sentences from the numbers."""
    known = [one for one in made if one.stagnates_at]
    going = [one.label for one in known if (one.stagnates_at or 0) > 0.9 * epochs_of(one.points[-1])]
    settled = [f"{one.label} (epoch {one.stagnates_at})" for one in known if one.label not in going]
    near = f"came within {percent(STAGNATES)} of the best"
    told = [f"{joined(settled)} {near} before the last tenth of the epochs"] if settled else []
    told += [f"{joined(going)} {near} only in the last tenth"] if going else []
    yield escape(f"On {task}, {' and '.join(told) or 'no model was trained to its end'}.")
    numbers = sorted({epochs_of(point) for one in made for point in one.points})
    taus = [(n, agreement(made, n)) for n in numbers if n != largest_shared(made)]
    ordered = [f"{tau:.2f} at {n} epochs" for n, tau in taus if tau is not None]
    best = {n: winner for n in numbers if (winner := _best(made, n))}
    winners = ", ".join(f"{winner} at {n}" for n, winner in best.items())
    same = "the ranking cannot be compared" if not ordered else f"Kendall's τ with the last ranking is {', '.join(ordered)}"
    yield escape(f"Best by the number of epochs, where two or more have it: {winners or 'none'}; {same}.")
    tests = gains(made)
    better = {label for (label, _), (test, p) in tests.items() if p < ALPHA and test.difference > 0}
    rest = len({label for label, _ in tests}) - len(better)
    if better:
        helped = escape(joined(sorted(better)))
        more = f"for {rest} more this is not shown"
        yield f"The largest budget has a significantly lower error than a smaller one for {helped}; {more}."
    else:
        yield "No model has a significantly lower error with the largest budget than with a smaller one."


def _best(made: Sequence[Budgets], epochs: int) -> str | None:
    scored = [(p.mae, one.label) for one in made for p in one.points if epochs_of(p) == epochs and p.scored]
    return min(scored)[1] if len(scored) > 1 else None


def rankings(made: Sequence[Budgets]) -> str:
    """A row a model, a column a budget: MAE and rank."""
    numbers = sorted({epochs_of(point) for one in made for point in one.points})
    ranked = {n: sorted(p.mae for one in made for p in one.points if epochs_of(p) == n and p.scored) for n in numbers}
    rows = []
    for one in made:
        by_number = {epochs_of(point): point for point in one.points}
        ranks = {n: f" ({ranked[n].index(point.mae) + 1})" for n, point in by_number.items() if point.scored}
        cells = [mae_cell(by_number[n]) + ranks.get(n, "") if n in by_number else "" for n in numbers]
        rows.append([one.label, *cells, str(one.stagnates_at or "")])
    cells = ["" if (tau := agreement(made, n)) is None else f"{tau:.2f}" for n in numbers]
    rows.append([f"Kendall's τ with that at {largest_shared(made) or 'none'}", *cells, ""])
    return table(["model: MAE (rank) after", *(f"{n} epochs" for n in numbers), "stagnates at epoch"], rows)


def every_budget(made: Sequence[Budgets]) -> str:
    """A row a model and budget, with the test against the largest, and costs."""
    tests, rows = gains(made), []
    for one in made:
        for point in one.points:
            test, p = tests.get((one.label, epochs_of(point)), (None, None))
            told = f"{test.difference:+.3g}" if test else ""
            p_value = "" if p is None else f"{p:.2g}"
            rows.append([one.label, str(epochs_of(point)), mae_cell(point), training_cell(point), told, p_value, *costs(point)])
    return table(["model", "epochs", "MAE", "training MAE", "above the largest budget", "p (Holm)", *COST_COLUMNS], rows)


def figures(made: Sequence[Budgets]) -> list[Figure]:
    """Training loss and validation MAE by epoch (Figure 2 of Omee et al.), and test MAE by budget."""
    loss, validation, test = [], [], []
    for one in made:
        epochs = list(range(1, len(one.history) + 1))
        loss.append(Line(one.label, epochs, one.history[:, 0].tolist()))
        validation.append(Line(one.label, epochs, one.history[:, 1].tolist()))
        scored = [point for point in one.points if point.maes]
        spread = [point.mae_std or 0.0 for point in scored]
        test.append(Line(one.label, [epochs_of(point) for point in scored], [point.mae for point in scored], spread))
    unit = made[0].points[0].records[0].key.unit
    panels = [
        Panel("training", "epoch", "loss [scaled target]", loss, log_y=True),
        Panel("validation", "epoch", with_unit("MAE", unit), validation, log_y=True),
        Panel("test, by budget", "epochs", with_unit("MAE", unit), test, log_x=True, log_y=True),
    ]
    caption = "Training and validation error by epoch of the largest budget (Figure 2 of Omee et al.), and test error by budget"
    return [Figure("epochs", caption, panels, 3)]


def _csv_rows(groups: Sequence[ComparisonGroup[Budgets]]) -> list[dict[str, Any]]:
    return [
        {"comparison_group": group.title, "model": one.label, "epochs": epochs_of(point), "fold": t.record.key.fold,
         "epoch": e.number,
         "training_loss": e.training_loss, "validation_mae": e.validation_mae}
        for group in groups for one in group.members for point in one.points for t in point.trials
        if isinstance(t.seen, History) for e in t.seen.epochs
    ]  # fmt: skip


def json_rows(found: Iterable[Trial]) -> list[dict[str, Any]]:
    """What `--json` prints: a row a model."""
    return [
        {
            "task": task, "comparison_group": group.title, "model": one.model, "changes": group.changes,
            "stagnates_at": one.stagnates_at,
            "budgets": [{"epochs": epochs_of(p), "folds": p.fold_rows, "training_s": p.seconds} for p in one.points],
        }
        for task, trials in by_task(found) for group in comparison_groups(trials, budgets, VARIED) for one in group.members
    ]  # fmt: skip


PAGES = StudyPages("epochs", "Epochs", page, json_rows, "every epoch", History)
