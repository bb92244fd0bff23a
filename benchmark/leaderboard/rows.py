"""Rows of a board: a run with its scores, its costs and its place in the comparison group. Needs no torch."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from benchmark.rendering.text import changes, marks_note, model_name
from benchmark.results.learning_rate import GRIDS
from benchmark.results.records import JobKey, Record
from benchmark.results.scores import Run
from benchmark.statistics.decisions import Standing
from benchmark.tasks.metrics import AnyScores, LeakScores

BASELINE = "dummy"
"""Predicts the mean of the training targets, or each class's share of them; losses are shown relative to its loss."""
CONSTANTS = (BASELINE, "dummy-median")
"""They predict one number for every crystal, and learn nothing else."""
RATE_NOT_CHOSEN = "rate not chosen"
"""Marks a row of a profile that searches the learning rate, where the rate was set instead."""
RATE_NOTE = f"({RATE_NOT_CHOSEN}) marks rows whose learning rate was set. In the profile standard a run tries three otherwise."


OWN = " (yours)"
"""Marks a row of one's own records, where rows of other records stand beside them."""
OWN_NOTE = "(yours) marks your own runs. The other rows are those of --beside, such as the published ones."


def without_mark(label: str) -> str:
    """A row's label without the mark of one's own rows."""
    return label.removesuffix(OWN)


@dataclass(frozen=True)
class Costs:
    """What a fold of a run costs: means over its complete folds; bytes are the largest."""

    training_s: float
    training_device_s: float
    inference_s: float
    """For 1,000 crystals."""
    inference_device_s: float
    graphs_s: float
    parameters: tuple[int, int]
    """Fewest and most: they differ where the data decide them."""
    checkpoint_bytes: int
    host_bytes: int | None
    device_bytes: int | None
    epochs: int


@dataclass(frozen=True, eq=False)
class BoardRow:
    """A run on a board."""

    label: str
    """The model's name as shown, and what tells it from the run that stands for the model. Unique in its comparison group."""
    run: Run
    scores: tuple[AnyScores, ...]
    """Of the complete folds, computed from their predictions."""
    costs: Costs | None
    """None without a complete fold."""
    standing: Standing | None
    """Beside the best of its comparison group."""
    unranked: str | None
    """Why there is no standing."""
    stands: bool
    """Whether it stands for its model with these settings."""
    stale: bool | None
    """Whether a newer source of the model gives other numbers; None where no record says so or not."""

    @property
    def model(self) -> str:
        """The model's name alone."""
        return self.run.first.key.model

    @property
    def unchanged(self) -> bool:
        """Whether it stands for its model with the profile's own settings."""
        return self.stands and not self.run.first.changed

    @property
    def learns(self) -> bool:
        """Whether the model is more than a number."""
        return self.model not in CONSTANTS

    @property
    def is_baseline(self) -> bool:
        """Whether errors are shown relative to that of this run."""
        return self.model == BASELINE and not self.run.first.changed

    def over_folds(self, metric: str) -> tuple[float, float | None] | None:
        """Mean and standard deviation of a score by its name, as `mae` or `roc_auc`; None where no fold has it."""
        values = [value for scores in self.scores if (value := getattr(scores, metric, None)) is not None]
        return self.run.mean_and_std(values) if values else None


def leak(run: Run, part: str) -> tuple[float, float | None] | None:
    """Mean and standard deviation over folds of the loss on a part of the test crystals, `seen` or `new` (`LeakScores`).

    None where no test crystal has a duplicate in training or validation, or a record does not say.
    """
    leaks = leaks_of(run)
    values = [value for leak in leaks if (value := getattr(leak, part)) is not None]
    return run.mean_and_std(values) if values and any(leak.n_seen for leak in leaks) else None


def leaks_of(run: Run) -> list[LeakScores]:
    """Of the complete folds; none where one of them does not say."""
    leaks = [record.leak for record in run.complete if record.leak]
    return leaks if len(leaks) == len(run.complete) else []


def costs(run: Run) -> Costs | None:
    """What a fold costs; None without a complete one."""
    complete = run.complete
    if not complete:
        return None

    def mean(values: Iterable[float]) -> float:
        return run.mean_and_std(values)[0]

    def largest(values: Iterable[int | None]) -> int | None:
        return max((value for value in values if value is not None), default=None)

    times = [(record.times, record.split.n_test) for record in complete if record.times]
    parameters = [record.parameters or 0 for record in complete]
    return Costs(
        training_s=mean(t.training.wall_s for t, _ in times),
        training_device_s=mean(t.training.device_s for t, _ in times),
        inference_s=mean(1000 * t.inference.wall_s / n for t, n in times),
        inference_device_s=mean(1000 * t.inference.device_s / n for t, n in times),
        graphs_s=mean(t.graphs_wall_s for t, _ in times),
        parameters=(min(parameters), max(parameters)),
        checkpoint_bytes=largest(record.checkpoint_bytes for record in complete) or 0,
        host_bytes=largest(record.memory.host_bytes for record in complete),
        device_bytes=largest(record.memory.device_bytes for record in complete),
        epochs=max(record.epochs_run or 0 for record in complete),
    )


def representatives(runs: Sequence[Run]) -> list[Run]:
    """For each run, the one that stands for its model with these settings: the newest of those with the most complete folds."""

    def worth(run: Run) -> tuple[int, datetime]:
        return len(run.complete), run.first.started_at

    chosen: dict[str, Run] = {}
    for run in runs:
        known = chosen.setdefault(_recipe(run), run)
        if worth(run) > worth(known):
            chosen[_recipe(run)] = run
    return [chosen[_recipe(run)] for run in runs]


def _recipe(run: Run) -> str:
    return json.dumps([run.first.key.model, run.first.changed], sort_keys=True)


def run_labels(runs: Sequence[Run]) -> list[str]:
    """The model's name as shown, the settings changed from the profile's, and what else tells a run from the one that stands
    for its model (`representatives`)."""
    labels = []
    for run, newest in zip(runs, representatives(runs), strict=True):
        notes = changes(run.first.changed)
        if rate_was_set(run.first.key) and "learning_rate" not in run.first.changed:
            notes.append(RATE_NOT_CHOSEN)
        notes += [] if run is newest else _older(run.first, newest.first)
        name = model_name(run.first.key.model, run.first.key.profile)
        labels.append(f"{name} ({', '.join(notes)})" if notes else name)
    while len(set(labels)) < len(labels):
        count = Counter(labels)
        labels = [label if count[label] == 1 else f"{label} [{n}]" for n, label in enumerate(labels, 1)]
    return labels


def marks_of(rows: Sequence[BoardRow]) -> str:
    """What the marks beside the names of rows mean; empty where no row has one."""
    rate = RATE_NOTE if any(RATE_NOT_CHOSEN in row.label for row in rows) else ""
    own = OWN_NOTE if any(row.label.endswith(OWN) for row in rows) else ""
    return " ".join(filter(None, (own, marks_note(row.run.first.key.profile for row in rows), rate)))


def rate_was_set(key: JobKey) -> bool:
    """Whether a run took the learning rate of its settings, where the profile would have searched one."""
    return key.rates is None and key.profile in GRIDS and "learning_rate" in key.settings


def _older(record: Record, newest: Record) -> list[str]:
    """What tells a record from the newest one of its model, beside a rate that was not chosen."""
    notes = []
    if record.model_fingerprint != newest.model_fingerprint:
        notes.append(f"source {record.model_fingerprint[:8]}")
    if record.machine.device != newest.machine.device:
        notes.append(record.machine.device)
    elif record.machine.processor != newest.machine.processor:
        notes.append(record.machine.processor)
    return notes if notes or rate_was_set(record.key) != rate_was_set(newest.key) else ["older"]
