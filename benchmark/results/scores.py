"""Runs and their scores: folds of one model on one task, scored anew from their predictions. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from benchmark.results.records import Record
from benchmark.results.store import Store
from benchmark.tasks.metrics import AnyScores
from datasets.errors import InputError


@dataclass(frozen=True)
class Run:
    """The folds of one model with one set of settings on one task, on one machine, in order of their seeds and numbers.

    A seed divides the crystals and draws the weights: the folds of another seed are a repeat.
    """

    folds: tuple[Record, ...]

    @property
    def first(self) -> Record:
        """A record to read what all folds share from."""
        return self.folds[0]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of the repeats, ascending."""
        return tuple(sorted({record.key.seed for record in self.folds}))

    @property
    def complete(self) -> tuple[Record, ...]:
        """The folds with a score."""
        return tuple(record for record in self.folds if record.status == "complete")

    def mean_and_std(self, values: Iterable[float]) -> tuple[float, float | None]:
        """Mean and sample standard deviation over folds; None for a single fold."""
        array = np.fromiter(values, dtype=float)
        return float(array.mean()), float(array.std(ddof=1)) if len(array) > 1 else None


@dataclass(frozen=True, eq=False)
class FoldResult:
    """A complete fold: its record, its test scores, and the n test crystals that they are computed from.

    `ids` (n,) str, in the order of the file; one array for all folds with the same ids. `targets` (n,) and
    `predictions` (n,) in the target's unit; of K classes their numbers, and (n, K) probabilities. The arrays are not writeable.
    """

    record: Record
    scores: AnyScores
    ids: np.ndarray
    targets: np.ndarray
    predictions: np.ndarray


@dataclass(frozen=True)
class ScoredRun:
    """A run and the results of its complete folds, computed from the predictions."""

    run: Run
    results: tuple[FoldResult, ...]

    @property
    def scores(self) -> tuple[AnyScores, ...]:
        """The test scores of the complete folds."""
        return tuple(result.scores for result in self.results)

    @property
    def loss(self) -> tuple[float, float | None]:
        """Mean and standard deviation over folds of what models are compared by; infinite where no fold has a score."""
        return self.run.mean_and_std(s.loss for s in self.scores) if self.results else (float("inf"), None)


OnInvalid = Callable[[InputError], None]


def refuse(error: InputError) -> None:
    """What is done with an invalid record unless it is told otherwise."""
    raise error


def scored_tasks(
    store: Store, on_invalid: OnInvalid = refuse, names: Collection[str] | None = None
) -> Iterator[tuple[str, list[ScoredRun]]]:
    """Task by task in order of their names: the task's name and its runs, with all their predictions.

    One task is read at a time: who drops it before the next keeps the memory of a large board to its largest task. A run is
    never made of folds of different data, settings, model source or machines; those of several seeds are pooled.

    Args:
        store: where the records are.
        on_invalid: called with the error of a record that is invalid or disagrees with its predictions; the line names the
            file. By default it is raised, otherwise all records of the file are left out.
        names: only these tasks; None for all.
    """
    for task, paths in store.tasks():
        if names is not None and task not in names:
            continue
        runs = [ScoredRun(Run(records), results) for records, results in _grouped(_read(store, paths, on_invalid))]
        if runs:
            yield task, runs


def _read(store: Store, paths: Iterable[Path], on_invalid: OnInvalid) -> Iterator[tuple[Record, FoldResult | None]]:
    for path in paths:
        try:
            contents = store.scored(path)
        except InputError as error:
            on_invalid(error)
            continue
        for record, found in contents:
            result = FoldResult(record, found.scores, found.ids, found.targets, found.predictions) if found else None
            yield record, result


def _grouped(
    read: Iterable[tuple[Record, FoldResult | None]],
) -> Iterator[tuple[tuple[Record, ...], tuple[FoldResult, ...]]]:
    ordered = sorted(read, key=lambda pair: (*_run_key(pair[0]), pair[0].key.seed, pair[0].key.fold))
    for _, group in groupby(ordered, key=lambda pair: _run_key(pair[0])):
        records, results = zip(*group, strict=True)
        yield records, tuple(result for result in results if result)


def _run_key(record: Record) -> tuple[str, ...]:
    key, where = record.key, record.machine
    return key.task, key.model, key.pooled_id, where.processor, where.device
