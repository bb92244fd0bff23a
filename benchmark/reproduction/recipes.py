"""What the cells' models give on the same task with another recipe: it shows how much a recipe can move. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
    "epochs, neighbours. Where another recipe moves the error by more than ours differs from the publication, a detail "
    "that the publication does not state may be the reason."
)


def recipes_section(cells: Sequence[Cell], results: Sequence[CellResult | None], board: Store) -> str:
    """The section of a page, "" where no board has such a run.

    Args:
        cells: of a table.
        results: of the cells, in their order.
        board: whose runs are shown.
    """
    ran = {(cell.task, cell.model): result for cell, result in zip(cells, results, strict=True) if result and result.maes}
    found = scored_tasks(board, names={task for task, _ in ran})
    rows = [row for task, runs in found for run in runs for row in _row(ran.get((task, run.run.first.key.model)), run)]
    return f"## Other recipes\n\n{RULE}\n\n{table(HEADER, rows, text=HEADER[:4])}" if rows else ""


def _row(ours: CellResult | None, run: ScoredRun) -> Iterator[list[str]]:
    """Of a run that differs from the cell's by its recipe."""
    key = run.run.first.key
    differs = _differences(ours.records[0].key, key) if ours and run.results else ""
    if ours and differs and key.dataset_hash == ours.records[0].key.dataset_hash:
        mean, std = run.loss
        shown = significant(mean, 4) + (f" ± {significant(std, 2)}" if std is not None else "")
        recipe = f"{key.profile}: {differs}"
        yield [
            escape(key.task), escape(key.model), escape(recipe), key.protocol, str(len(run.results)), shown,
            significant(ours.mae, 4), f"{mean / ours.mae:.2f}",
        ]  # fmt: skip


def _differences(published: JobKey, other: JobKey) -> str:
    """Settings of both that differ, whether the rate is chosen on validation, and how many settings one record alone states."""
    ours, theirs = published.settings, other.settings
    parts = [f"{name} {theirs[name]}, not {ours[name]}" for name in ours if name in theirs and theirs[name] != ours[name]]
    parts += ["learning_rate chosen on validation"] if other.rates and not published.rates else []
    alone = len(ours.keys() ^ theirs.keys())
    return ", ".join([*parts, *([f"{count(alone, 'setting')} not in both records"] if alone and parts else [])])
