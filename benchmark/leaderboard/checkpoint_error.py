"""How far fitted models were off in their test, beside the error of a constant; from records alone. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmark.leaderboard.cells import labels_below_baseline, labels_not_below_baseline
from benchmark.leaderboard.comparison_groups import ComparisonGroup, GroupPredictions, comparison_groups
from benchmark.leaderboard.kinds import kind_of, unit_of_loss
from benchmark.rendering.text import count, in_unit, plus_minus
from benchmark.results.records import JobKey, Record
from benchmark.results.scores import Run, scored_tasks
from benchmark.results.sources import read_sources
from benchmark.results.store import Store, is_fold
from benchmark.results.validation import parse_json
from benchmark.tasks.metrics import losses
from datasets.errors import InputError


def error_on_test(files: Sequence[Path]) -> str:
    """The test error of the models of checkpoints, its standard deviation and unit, as the records beside them have it.

    Behind it the error of one number for all crystals, where the records say it, and whether the models are shown to be better.
    Empty where a checkpoint has no record.
    """
    records = tuple(record for file in files if (record := _record(file.with_suffix(".json"))))
    found = [record.metrics.test.loss for record in records if record.metrics]
    if not records or len(found) < len(files):
        return ""
    key = records[0].key
    mean, std = Run(records).mean_and_std(found)
    over = f"mean ± SD of {count(len(found), 'fold')}" if std is not None else "1 fold"
    error = in_unit(plus_minus(mean, std), unit_of_loss(key))
    own = f"test {kind_of(key).loss}: {error} ({over}; on crystals that were not in the training of the fold)"
    beside = _beside_a_constant(files[0], records)
    return f"{own}; {beside}" if beside else f"{own}."


def _record(path: Path) -> Record | None:
    """The record of a fold; None where there is none that can be read."""
    try:
        return parse_json(path, Record)
    except (InputError, OSError):
        return None


def _beside_a_constant(file: Path, records: Sequence[Record]) -> str:
    """The error of a constant, and the verdict of the board; empty where the records are of several groups, or in no store."""
    first = records[0].key
    groups = {(record.key.task, record.key.comparison_group) for record in records}
    place = file.with_suffix(".json").resolve()
    root = place.parents[len(first.task.split("/")) + 3]
    if len(groups) > 1 or Store(root).path(first) != place:
        return ""
    runs = next((runs for _, runs in scored_tasks(_SameFolds(root, first), _leave_out, {first.task})), [])
    runs = [scored for scored in runs if (first.task, scored.run.first.key.comparison_group) in groups]
    for group, predictions in comparison_groups(runs, read_sources(root), _leave_out) if runs else ():
        if (first.task, group.title) in groups:
            return _told(group, predictions, records)
    return ""


@dataclass(frozen=True)
class _SameFolds(Store):
    """Of a store, the runs with the profile and protocol of a fold: only these are read."""

    like: JobKey

    def tasks(self) -> list[tuple[str, list[Path]]]:
        """As of a store."""
        start = self.like.pooled_id.rsplit("_", 3)[0] + "_"
        return [(task, [path for path in paths if _run_name(path).startswith(start)]) for task, paths in super().tasks()]


def _run_name(path: Path) -> str:
    """The name of the run whose records a file has."""
    return path.parent.name if is_fold(path) else path.name


def _leave_out(_: InputError) -> None:
    """What cannot be read is not compared with; `run` names it."""


def _told(group: ComparisonGroup, predictions: GroupPredictions | None, records: Sequence[Record]) -> str:
    unit, what = group.unit, group.kind.baseline
    if group.baseline_loss is None:
        if predictions is None:
            return ""
        spread = in_unit(plus_minus(_loss_of_a_constant(predictions), None), unit)
        return f"{what} of the test crystals: {spread}. Train `dummy` on the same folds to test whether the model is better."
    own = {record.key.identity for record in records}
    labels = {row.label for row in group.rows if own & {record.key.identity for record in row.run.folds}}
    constant = f"{what} of the training crystals: {in_unit(plus_minus(group.baseline_loss, None), unit)}."
    if labels & set(labels_not_below_baseline(group)):
        return f"{constant} Not shown to be better than {what}."
    better = labels and labels <= (labels_below_baseline(group) or set())
    return f"{constant} Shown to be better than {what}." if better else constant


def _loss_of_a_constant(predictions: GroupPredictions) -> float:
    """The mean loss of the mean of the test targets, or of each class's share, as the prediction for every test crystal."""
    targets, values = predictions.targets, predictions.values
    if values.ndim == 2:
        constant = np.full(len(targets), targets.mean())
    else:
        shares = np.bincount(targets.astype(int), minlength=values.shape[2]) / len(targets)
        constant = np.tile(shares, (len(targets), 1))
    return float(losses(targets, constant).mean())
