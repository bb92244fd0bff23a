"""What the cells' models give on the same task with another recipe: it shows how much a recipe can move. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmark.rendering.text import count, escape, significant, table
from benchmark.reproduction.cells import Cell
from benchmark.reproduction.results import CellResult
from benchmark.results.records import JobKey
from benchmark.results.scores import ScoredRun, scored_tasks
from benchmark.results.store import Store

HEADER = (
    "task", "model", "what differs from the published recipe", "protocol", "folds", "MAE", "with the published recipe", "ratio",
)  # fmt: skip
RULE = (
    "These rows do not say whether a number was reproduced: the tables above do. Here is the same model on the same task with "
    "another recipe, as the boards have it. A recipe is how a model is built and trained: optimiser, rate, batch, "
    "epochs, neighbours. Where the folds are rounds of ours, the same rounds are compared. A publication may not state every "
    "detail of its recipe. If another recipe changes our error by more than the distance between our error and the published "
    "one, such a detail may be the reason for the distance."
)


def recipes_section(cells: Sequence[Cell], results: Sequence[CellResult | None], board: Store) -> str:
    """The section of a page, "" where no board has such a run.

    Args:
        cells: of a table.
        results: of the cells, in their order.
        board: whose runs are shown.
    """
    ran: dict[tuple[str, str], CellResult] = {}
    for cell, result in zip(cells, results, strict=True):
        if result and result.maes:
            ran.setdefault((cell.task, cell.model), result)  # a changed setting, such as gamma=auto, stands after its model
    found = scored_tasks(board, names={task for task, _ in ran})
    beside = [
        (ours, run, _on_its_folds(ours, run))
        for task, runs in found
        for run in runs
        if (ours := ran.get((task, run.run.first.key.model))) and run.results and _is_other(ours, run)
    ]
    if not beside:
        return ""
    rows = table(HEADER, [_row(*one) for one in beside], text=HEADER[:4])
    return "\n\n".join(["## Other recipes", RULE, _conclusions(beside), rows])


def _is_other(ours: CellResult, run: ScoredRun) -> bool:
    """Whether a run of the same release of the data differs from the cell's by its recipe."""
    own, key = ours.records[0].key, run.run.first.key
    return key.dataset_hash == own.dataset_hash and bool(_differences(own, key))


def _conclusions(beside: Sequence[tuple[CellResult, ScoredRun, float]]) -> str:
    """For each task and model by how much each recipe moves the error, a line each."""
    ratios: dict[tuple[str, str], dict[str, list[float]]] = {}
    for _, run, own in beside:
        key = run.run.first.key
        ratios.setdefault((key.model, key.task), {}).setdefault(key.profile, []).append(run.loss[0] / own)
    return "\n".join(
        f"- {escape(model)}, {escape(task)}: "
        + "; ".join(f"the recipe `{name}` gives {_span(found)} times" for name, found in recipes.items())
        + " the error of the published recipe."
        for (model, task), recipes in ratios.items()
    )


def _on_its_folds(ours: CellResult, run: ScoredRun) -> float:
    """Our error with the published recipe: on the test crystals of the run's folds, where all of them are rounds of ours."""
    folds = {record.split.test_sha256 for record in run.run.complete}
    by_round = {record.split.test_sha256: mae for record, mae in zip(ours.records, ours.maes, strict=True)}
    return float(np.mean([by_round[fold] for fold in folds])) if folds <= by_round.keys() else ours.mae


def _span(ratios: Sequence[float]) -> str:
    """Their range."""
    low, high = f"{min(ratios):.2f}", f"{max(ratios):.2f}"
    return low if low == high else f"{low} to {high}"


def _row(ours: CellResult, run: ScoredRun, own: float) -> list[str]:
    """Of the table."""
    key = run.run.first.key
    mean, std = run.loss
    shown = significant(mean, 4) + (f" ± {significant(std, 2)}" if std is not None else "")
    recipe = f"{key.profile}: {_differences(ours.records[0].key, key)}"
    return [
        escape(key.task), escape(key.model), escape(recipe), key.protocol, str(len(run.results)), shown,
        significant(own, 4), f"{mean / own:.2f}",
    ]  # fmt: skip


def _differences(published: JobKey, other: JobKey) -> str:
    """Settings of both that differ, whether the rate is chosen on validation, and how many settings one record alone states."""
    ours, theirs = published.settings, other.settings
    parts = [f"{name} {theirs[name]}, not {ours[name]}" for name in ours if name in theirs and theirs[name] != ours[name]]
    parts += ["learning_rate chosen on validation"] if other.rates and not published.rates else []
    alone = len(ours.keys() ^ theirs.keys())
    return ", ".join([*parts, *([f"{count(alone, 'setting')} not in both records"] if alone and parts else [])])
