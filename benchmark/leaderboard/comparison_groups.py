"""Contests: the runs of a task that may be compared, in tiers, with what they cost. Needs no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import numpy as np

from benchmark.results.records import Record
from benchmark.results.scores import FoldResult, OnInvalid, Run, ScoredRun, refuse
from benchmark.results.sources import Sources
from benchmark.statistics.comparisons import TaskErrors, Tiers, rank_tiers
from benchmark.tasks.metrics import Scores
from datasets.errors import InputError
from datasets.parallel import in_another_process

RESAMPLES = 1_000
"""Of the bootstraps of a board: p = 0.05 is known to ± 0.007, which a veto needs no better."""

LARGE = 1e9
"""Errors times resamples, half a second, from which the tiers of a contest come from another process; it serves them all."""

BASELINE = "dummy"


@dataclass(frozen=True)
class Costs:
    """What a fold of a run costs: means over its complete folds; bytes are the largest."""

    training_s: float
    training_device_s: float
    inference_s: float
    """For 1,000 crystals."""
    graphs_s: float
    parameters: tuple[int, int]
    """Fewest and most: they differ where the data decide them."""
    checkpoint_bytes: int
    host_bytes: int | None
    device_bytes: int | None
    epochs: int


@dataclass(frozen=True, eq=False)
class Row:
    """A run on a board."""

    label: str
    """The model's name, and what tells it from other runs of the model in its contest. Unique there. Not escaped."""
    run: Run
    scores: tuple[Scores, ...]
    """Of the complete folds, computed from their predictions."""
    costs: Costs | None
    """None without a complete fold."""
    tier: int | None
    unranked: str | None
    """Why there is no tier."""
    stale: bool | None
    """Whether a newer source of the model gives other numbers; None where no record says so or not."""

    @property
    def model(self) -> str:
        """The model's name alone."""
        return self.run.first.key.model

    def over_folds(self, metric: str) -> tuple[float, float | None] | None:
        """Mean and standard deviation of `mae`, `rmse` or `r2`; None where no fold has it."""
        values = [value for scores in self.scores if (value := getattr(scores, metric)) is not None]
        return self.run.mean_and_std(values) if values else None


@dataclass(frozen=True, eq=False)
class Predictions:
    """What the ranked rows of a contest predicted for the same n test crystals, fold after fold."""

    labels: tuple[str, ...]
    """M labels of rows."""
    ids: np.ndarray
    """(n,) of str; an id tested in several folds is there several times."""
    folds: np.ndarray
    """(n,) number of the fold."""
    targets: np.ndarray
    """(n,) in the task's unit."""
    values: np.ndarray
    """(n, M) in the task's unit."""


@dataclass(frozen=True, eq=False)
class Contest:
    """Runs that may be compared: the same data, profile, protocol and seed. Rows by mean MAE, those without one last."""

    rows: tuple[Row, ...]
    tiers: Tiers | None
    """Of the ranked rows, by label; None where no row is ranked."""
    errors: TaskErrors | None
    """Of the ranked rows, by label, for statistics over tasks."""

    @property
    def first(self) -> Record:
        """A record to read what all rows share from: task, unit, data, profile, protocol, seed."""
        return self.rows[0].run.first

    @property
    def league(self) -> str:
        """Profile, protocol and seed in words: what contests of different tasks can share."""
        return self.first.key.league

    @property
    def title(self) -> str:
        """What tells this contest from others of its task."""
        return self.first.key.contest

    @property
    def baseline_mae(self) -> float | None:
        """Mean MAE of the model that predicts the mean, if it ran."""
        found = [row.over_folds("mae") for row in self.rows if row.label == BASELINE]
        return found[0][0] if found and found[0] else None

    @property
    def folds(self) -> int:
        """How many folds a ranked row has; of the fullest row where none is ranked."""
        return max(len(row.run.complete) for row in self.rows)


def contests(
    runs: Sequence[ScoredRun], sources: Sources, on_invalid: OnInvalid = refuse
) -> list[tuple[Contest, Predictions | None]]:
    """The runs of one task as contests, each with the predictions of its ranked rows.

    Args:
        runs: of one task.
        sources: which sources give the same numbers.
        on_invalid: called where records disagree on the crystals or targets of a fold. By default the error is raised,
            otherwise the run is not ranked.
    """

    def sharing(scored: ScoredRun) -> tuple[str, str, int, str]:
        key = scored.run.first.key
        return key.profile, key.protocol, key.seed, key.dataset_hash

    groups = groupby(sorted(runs, key=lambda r: (sharing(r), r.mae[0])), key=sharing)
    return [_contest(list(group), sources, on_invalid) for _, group in groups]


def _contest(runs: list[ScoredRun], sources: Sources, on_invalid: OnInvalid) -> tuple[Contest, Predictions | None]:
    labels = run_labels([scored.run for scored in runs])
    division = _common_division(runs)
    reasons = {label: _unranked(scored, division) for label, scored in zip(labels, runs, strict=True)}
    values: dict[str, np.ndarray] = {}
    reference: ScoredRun | None = None
    for label, scored in zip(labels, runs, strict=True):
        if reasons[label] is None:
            reference = reference or scored
            try:
                values[label] = aligned(scored, reference)
            except InputError as error:
                on_invalid(error)
                reasons[label] = "its crystals or targets are not those of the other rows"
    predictions = _side_by_side(values, reference) if reference else None
    errors = task_errors(runs[0].run.first, predictions) if predictions else None
    tiers = _tiers(errors) if errors else None
    tier = dict(zip(tiers.models, tiers.tiers, strict=True)) if tiers else {}
    rows = tuple(
        Row(
            label=label,
            run=scored.run,
            scores=scored.scores,
            costs=costs(scored.run),
            tier=tier.get(label),
            unranked=reasons[label],
            stale=sources.outdated(scored.run.first.key.model, scored.run.first.key.source),
        )
        for label, scored in zip(labels, runs, strict=True)
    )
    return Contest(rows, tiers, errors), predictions


def _tiers(errors: TaskErrors) -> Tiers:
    """Those of `rank_tiers`, large ones from another process: a thread here that reads the next task is not held up."""
    work = partial(rank_tiers, errors, resamples=RESAMPLES)
    return in_another_process(work) if errors.errors.size * RESAMPLES > LARGE else work()


def _division(scored: ScoredRun) -> tuple[tuple[int, str], ...]:
    """Which complete folds a run has, and how each divides the crystals."""
    return tuple((r.record.key.fold, r.record.split.model_dump_json()) for r in scored.results)


def _common_division(runs: Sequence[ScoredRun]) -> tuple[tuple[int, str], ...]:
    """Of the most folds; among these of most runs; among these of the run that was started first."""
    divisions = {id(scored): _division(scored) for scored in runs}
    count = Counter(divisions.values())

    def fullest(scored: ScoredRun) -> tuple[int, int, float]:
        division = divisions[id(scored)]
        return len(division), count[division], -scored.run.first.started_at.timestamp()

    return divisions[id(max(runs, key=fullest))]


def _unranked(scored: ScoredRun, division: tuple[tuple[int, str], ...]) -> str | None:
    """Why a run cannot be in the tiers: only runs of the same folds can be compared."""
    n = len(scored.results)
    if not n:
        return scored.run.first.status
    if n < len(division):
        return f"{n} of {len(division)} folds"
    return None if _division(scored) == division else "its folds are not those of the other rows"


def aligned(scored: ScoredRun, reference: ScoredRun) -> np.ndarray:
    """(n,) predictions of a run, crystal by crystal in the order of another run of the same folds.

    Raises:
        InputError: the records disagree on the crystals of a fold, or on the target of one.
    """
    return np.concatenate([_in_order_of(r, like) for r, like in zip(scored.results, reference.results, strict=True)])


def _in_order_of(result: FoldResult, like: FoldResult) -> np.ndarray:
    """(n,) predictions of a fold in the order of another run's crystals."""
    order: slice | np.ndarray = slice(None)
    key, other = result.record.key, like.record.key
    if result.ids is not like.ids and not np.array_equal(result.ids, like.ids):
        if len(result.ids) != len(like.ids) or not np.array_equal(np.sort(result.ids), np.sort(like.ids)):
            raise InputError(f"{key.task}, fold {key.fold}: {key.model} and {other.model} were not tested on the same crystals")
        order = np.argsort(result.ids)[np.argsort(np.argsort(like.ids))]
    if not np.allclose(result.targets[order], like.targets, rtol=1e-9, atol=1e-12):
        raise InputError(f"{key.task}, fold {key.fold}: {key.model} and {other.model} have different targets for a crystal")
    return result.predictions[order]


def _side_by_side(values: Mapping[str, np.ndarray], reference: ScoredRun) -> Predictions:
    """The aligned predictions of ranked rows by label, with the crystals of the run that they were aligned to."""
    results = reference.results
    return Predictions(
        labels=tuple(values),
        ids=np.concatenate([result.ids for result in results]).astype(str),
        folds=np.repeat([result.record.key.fold for result in results], [len(result.ids) for result in results]),
        targets=np.concatenate([result.targets for result in results]),
        values=np.column_stack(list(values.values())),
    )


def task_errors(record: Record, predictions: Predictions) -> TaskErrors:
    """Absolute errors of a contest's ranked rows; `record` is any of them."""
    return TaskErrors(
        task=record.key.task,
        models=predictions.labels,
        ids=predictions.ids,
        folds=predictions.folds,
        errors=np.abs(predictions.values - predictions.targets[:, None]),
        test_to_train=record.split.n_test / record.split.n_train,
    )


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
        graphs_s=mean(t.graphs_wall_s for t, _ in times),
        parameters=(min(parameters), max(parameters)),
        checkpoint_bytes=largest(record.checkpoint_bytes for record in complete) or 0,
        host_bytes=largest(record.memory.host_bytes for record in complete),
        device_bytes=largest(record.memory.device_bytes for record in complete),
        epochs=max(record.epochs_run or 0 for record in complete),
    )


def run_labels(runs: Sequence[Run]) -> list[str]:
    """The model's name, the settings changed from the profile's, and what else tells apart runs that share both."""
    labels = []
    for run in runs:
        first = run.first
        notes = [f"{name}={value}" for name, value in first.changed.items()]
        same = [r.first for r in runs if (r.first.key.model, r.first.changed) == (first.key.model, first.changed)]
        if len({r.model_fingerprint for r in same}) > 1:
            notes.append(f"source {first.model_fingerprint[:8]}")
        if len({(r.machine.processor, r.machine.device) for r in same}) > 1:
            notes.append(f"{first.machine.processor}, {first.machine.device}")
        labels.append(f"{first.key.model} ({', '.join(notes)})" if notes else first.key.model)
    while len(set(labels)) < len(labels):
        count = Counter(labels)
        labels = [label if count[label] == 1 else f"{label} [{n}]" for n, label in enumerate(labels, 1)]
    return labels
