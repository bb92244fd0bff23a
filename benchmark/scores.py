"""Runs and their scores: folds of one model on one task, scored anew from their predictions. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from benchmark.metrics import score
from benchmark.records import Record, Scores
from benchmark.store import Store
from datasets.errors import InputError


@dataclass(frozen=True)
class Run:
    """The folds of one model with one set of settings on one task, on one machine, in order of their numbers."""

    folds: tuple[Record, ...]

    @property
    def first(self) -> Record:
        """A record to read what all folds share from."""
        return self.folds[0]

    @property
    def complete(self) -> tuple[Record, ...]:
        """The folds with a score."""
        return tuple(record for record in self.folds if record.status == "complete")

    def mean_and_std(self, values: Iterable[float]) -> tuple[float, float | None]:
        """Mean and sample standard deviation over folds; None for a single fold."""
        array = np.fromiter(values, dtype=float)
        return float(array.mean()), float(array.std(ddof=1)) if len(array) > 1 else None


@dataclass(frozen=True)
class ScoredRun:
    """A run and the test scores of its complete folds, computed from the predictions."""

    run: Run
    scores: tuple[Scores, ...]

    @property
    def mae(self) -> tuple[float, float | None]:
        """Mean and standard deviation over folds; infinite where no fold has a score, so that it sorts last."""
        return self.run.mean_and_std(s.mae for s in self.scores) if self.scores else (float("inf"), None)


def refuse(error: InputError) -> None:
    """What `scored_runs` does with an invalid record unless it is told otherwise."""
    raise error


def scored_runs(store: Store, on_invalid: Callable[[InputError], None] = refuse) -> list[ScoredRun]:
    """Every run of the store; a run is never made of folds of different data, settings, model source or machines.

    Args:
        store: where the records are.
        on_invalid: called with the error of a record that is invalid or disagrees with its predictions; the line names the
            file. By default it is raised, otherwise the record is left out.
    """
    scored: list[tuple[Record, Scores | None]] = []
    for path in store.paths():
        try:
            record = store.read(path)
            scored.append((record, _score(store, record) if record.status == "complete" else None))
        except InputError as error:
            on_invalid(error)
    scored.sort(key=lambda pair: _run_key(pair[0]))
    groups = [list(group) for _, group in groupby(scored, key=lambda pair: _run_key(pair[0]))]
    return [ScoredRun(Run(tuple(r for r, _ in group)), tuple(s for _, s in group if s)) for group in groups]


def _score(store: Store, record: Record) -> Scores:
    predictions = store.predictions(record)
    found = score(predictions["target"].to_numpy(), predictions["prediction"].to_numpy())
    stated = record.metrics.test if record.metrics else None
    if stated is None or not np.allclose([found.mae, found.rmse], [stated.mae, stated.rmse], rtol=1e-9):
        raise InputError(f"{store.path(record.key)}: its scores are not those of its predictions")
    return found


def _run_key(record: Record) -> tuple[str, ...]:
    key, where = record.key, record.machine
    return key.task, key.model, key.run_id, record.model_fingerprint, where.processor, where.device
