"""Comparison groups: the runs of a task that may be compared, and what is decided about them. Needs no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from benchmark.leaderboard.kinds import Kind, kind_of, unit_of_loss
from benchmark.leaderboard.parity import Parity, parity
from benchmark.leaderboard.rows import OWN, BoardRow, costs, representatives, run_labels
from benchmark.rendering.synthetic import is_synthetic
from benchmark.results.records import Record
from benchmark.results.scores import FoldResult, OnInvalid, ScoredRun, refuse
from benchmark.results.sources import Sources
from benchmark.statistics.comparisons import TaskErrors
from benchmark.statistics.decisions import Decisions, Verdict, decide
from benchmark.tasks.metrics import losses
from datasets.errors import InputError
from datasets.registry import built_in

OLDER = "an older run"
"""Why a run is not compared where another one stands for its model: a model is no rival of itself."""


@dataclass(frozen=True, eq=False)
class GroupPredictions:
    """What the ranked rows of a comparison group predicted for the same n test crystals, fold after fold."""

    labels: tuple[str, ...]
    """M labels of rows."""
    ids: np.ndarray
    """(n,) of str; an id tested in several folds is there several times."""
    folds: np.ndarray
    """(n,) number of the fold."""
    repeats: np.ndarray
    """(n,) seed of the repeat."""
    targets: np.ndarray
    """(n,) in the task's unit; of classes their numbers."""
    values: np.ndarray
    """(n, M) in the task's unit; of K classes (n, M, K) probabilities."""

    @property
    def losses(self) -> np.ndarray:
        """(n, M) |error|, or -ln p(true class)."""
        return np.column_stack([losses(self.targets, self.values[:, m]) for m in range(len(self.labels))])


@dataclass(frozen=True, eq=False)
class ComparisonGroup:
    """Runs that may be compared: the same data, classes, profile and protocol. Rows by mean loss, then those without."""

    rows: tuple[BoardRow, ...]
    decisions: Decisions | None
    """About the ranked rows, by label; None where no row is ranked."""
    errors: TaskErrors | None
    """Of the ranked rows, by label, for statistics over tasks."""
    class_counts: tuple[int, ...] | None = None
    """Test crystals of each class; None without a ranked row, and of a target that is a number."""
    parity: Parity | None = None
    """Predictions of the ranked rows beside true values; None without a ranked row, and of classes."""

    @property
    def first(self) -> Record:
        """A record to read what all rows share from: task, unit, data, profile, protocol."""
        return self.rows[0].run.first

    @property
    def kind(self) -> Kind:
        """Whether numbers or classes are predicted."""
        return kind_of(self.first.key)

    @property
    def unit(self) -> str:
        """Of the loss."""
        return unit_of_loss(self.first.key)

    @property
    def synthetic(self) -> bool:
        """Whether the labels are those of a toy model."""
        return is_synthetic(self.first.key.dataset)

    @property
    def crystal_set(self) -> str:
        """Name of the set whose crystals are tested: tasks of one set are not independent."""
        known = built_in().get(self.first.key.dataset)
        return (known and known.card.crystals_of) or self.first.key.dataset

    @property
    def track(self) -> str:
        """Profile and protocol in words: what comparison groups of different tasks of one kind can share; synthetic sets are
        apart."""
        key = self.first.key
        # A protocol that is stratified names classes by that; a published split does not.
        classes = ", classes" if key.classes and "stratified" not in key.protocol else ""
        return key.track + classes + (", synthetic" if self.synthetic else "")

    @property
    def title(self) -> str:
        """What tells this comparison group from others of its task."""
        return self.first.key.comparison_group

    @property
    def baseline_loss(self) -> float | None:
        """Mean loss of the model that predicts the mean, or each class's share, if it ran."""
        found = [row.over_folds("loss") for row in self.rows if row.is_baseline]
        return found[0][0] if found and found[0] else None

    @property
    def folds(self) -> int:
        """How many folds a ranked row has; of the fullest row where none is ranked."""
        return max(len(row.run.complete) for row in self.rows)

    @property
    def in_order(self) -> list[BoardRow]:
        """Ranked rows by mean loss, then the others."""
        return [*self.ranked, *(row for row in self.rows if not row.standing)]

    @property
    def ranked(self) -> list[BoardRow]:
        """The rows that are compared, by mean loss."""
        return sorted((row for row in self.rows if row.standing), key=lambda row: row.standing.mean_loss if row.standing else 0)

    def with_verdict(self, verdict: Verdict) -> list[BoardRow]:
        """The rows about which that is decided, by mean loss."""
        return [row for row in self.ranked if row.standing and row.standing.verdict == verdict]

    @property
    def has_rivals(self) -> bool:
        """Whether there are two ranked rows to compare."""
        return len(self.ranked) > 1

    @property
    def compares_models(self) -> bool:
        """Whether two of the ranked rows are of models that are more than a number."""
        return sum(row.learns for row in self.ranked) > 1


def comparison_groups(
    runs: Sequence[ScoredRun],
    sources: Sources,
    on_invalid: OnInvalid = refuse,
    is_own: Callable[[Record], bool] = lambda _: False,
) -> list[tuple[ComparisonGroup, GroupPredictions | None]]:
    """The runs of one task as comparison groups, each with the predictions of its ranked rows.

    Args:
        runs: of one task.
        sources: which sources give the same numbers.
        on_invalid: called where records disagree on the crystals or targets of a fold. By default the error is raised,
            otherwise the run is not ranked.
        is_own: of a record, whether its row is marked as one's own.
    """

    def sharing(scored: ScoredRun) -> tuple[str, str, str, tuple[str, ...]]:
        key = scored.run.first.key
        return key.profile, key.protocol, key.dataset_hash, key.classes or ()

    together = groupby(sorted(runs, key=lambda r: (sharing(r), r.loss[0])), key=sharing)
    return [_comparison_group(list(shared), sources, on_invalid, is_own) for _, shared in together]


def _comparison_group(
    runs: list[ScoredRun], sources: Sources, on_invalid: OnInvalid, is_own: Callable[[Record], bool]
) -> tuple[ComparisonGroup, GroupPredictions | None]:
    plain = [scored.run for scored in runs]
    labels = [label + OWN * is_own(run.first) for label, run in zip(run_labels(plain), plain, strict=True)]
    newest = representatives(plain)
    splits = _common_splits(runs)
    reasons = {
        label: _unranked(scored, splits) or (None if scored.run is stands else OLDER)
        for label, scored, stands in zip(labels, runs, newest, strict=True)
    }
    values: dict[str, np.ndarray] = {}
    like: ScoredRun | None = None
    for label, scored in zip(labels, runs, strict=True):
        if reasons[label] is None:
            like = like or scored
            try:
                values[label] = aligned(scored, like)
            except InputError as error:
                on_invalid(error)
                reasons[label] = "its crystals or targets are not those of the other rows"
    predictions = _side_by_side(values, like) if like else None
    errors = task_errors(runs[0].run.first, predictions) if predictions else None
    decisions = decide(errors) if errors else None
    standings = {standing.model: standing for standing in decisions.standings} if decisions else {}
    rows = tuple(
        BoardRow(
            label=label,
            run=scored.run,
            scores=scored.scores,
            costs=costs(scored.run),
            standing=standings.get(label),
            unranked=reasons[label],
            stands=scored.run is stands,
            stale=sources.outdated(scored.run.first.key.model, scored.run.first.key.source),
        )
        for label, scored, stands in zip(labels, runs, newest, strict=True)
    )
    classes = runs[0].run.first.key.classes
    counts = np.bincount(predictions.targets.astype(int), minlength=len(classes)) if predictions and classes else None
    beside = None if classes or not predictions else parity(predictions.targets, values)
    return ComparisonGroup(rows, decisions, errors, None if counts is None else tuple(counts.tolist()), beside), predictions


Splits = tuple[tuple[int, int, str], ...]


def _splits(scored: ScoredRun) -> Splits:
    """Seed and number of the complete folds of a run, and how each splits the crystals."""
    return tuple((r.record.key.seed, r.record.key.fold, r.record.split.model_dump_json()) for r in scored.results)


def _common_splits(runs: Sequence[ScoredRun]) -> Splits:
    """Of the most folds; among these of most runs; among these of the run that was started first."""
    splits = {id(scored): _splits(scored) for scored in runs}
    count = Counter(splits.values())

    def fullest(scored: ScoredRun) -> tuple[int, int, float]:
        own = splits[id(scored)]
        return len(own), count[own], -scored.run.first.started_at.timestamp()

    return splits[id(max(runs, key=fullest))]


def _unranked(scored: ScoredRun, splits: Splits) -> str | None:
    """Why a run cannot be compared: only runs of the same folds can be compared."""
    n = len(scored.results)
    if not n:
        return scored.run.first.status
    if n < len(splits):
        return f"{n} of {len(splits)} folds"
    return None if _splits(scored) == splits else "its folds are not those of the other rows"


def aligned(scored: ScoredRun, like: ScoredRun) -> np.ndarray:
    """(n,) or (n, K) predictions of a run, crystal by crystal in the order of another run of the same folds.

    Raises:
        InputError: the records disagree on the crystals of a fold, or on the target of one.
    """
    return np.concatenate([_in_order_of(r, other) for r, other in zip(scored.results, like.results, strict=True)])


def _in_order_of(result: FoldResult, like: FoldResult) -> np.ndarray:
    """(n,) or (n, K) predictions of a fold in the order of another run's crystals."""
    order: slice | np.ndarray = slice(None)
    key, other = result.record.key, like.record.key
    place = f"{key.task}, fold {key.fold + 1}"
    if result.ids is not like.ids and not np.array_equal(result.ids, like.ids):
        if len(result.ids) != len(like.ids) or not np.array_equal(np.sort(result.ids), np.sort(like.ids)):
            raise InputError(f"{place}: {key.model} and {other.model} were not tested on the same crystals")
        order = np.argsort(result.ids)[np.argsort(np.argsort(like.ids))]
    if not np.allclose(result.targets[order], like.targets, rtol=1e-9, atol=1e-12 * np.abs(like.targets).max()):
        raise InputError(f"{place}: {key.model} and {other.model} have different targets for a crystal")
    return result.predictions[order]


def _side_by_side(values: Mapping[str, np.ndarray], like: ScoredRun) -> GroupPredictions:
    """The aligned predictions of ranked rows by label, with the crystals of the run that they were aligned to."""
    results = like.results
    n = [len(result.ids) for result in results]
    return GroupPredictions(
        labels=tuple(values),
        ids=np.concatenate([result.ids for result in results]).astype(str),
        folds=np.repeat([result.record.key.fold for result in results], n),
        repeats=np.repeat([result.record.key.seed for result in results], n),
        targets=np.concatenate([result.targets for result in results]),
        values=np.stack(list(values.values()), axis=1),
    )


def task_errors(record: Record, predictions: GroupPredictions) -> TaskErrors:
    """Losses of a comparison group's ranked rows; `record` is any of them."""
    return TaskErrors(
        task=record.key.task,
        models=predictions.labels,
        ids=predictions.ids,
        folds=predictions.folds,
        repeats=predictions.repeats,
        errors=predictions.losses,
        test_to_train=record.split.n_test / record.split.n_train,
    )
