"""A user's records with those of another directory beside them: of a run that both have, one stands. Needs no torch."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import fmean

from benchmark.results.records import Record
from benchmark.results.store import Scored, Store
from datasets.errors import InputError

RunName = tuple[str, str, str]
"""Task, model, and what else decides a run: profile, protocol, data, settings, source, kind of device."""


@dataclass(frozen=True)
class LeftOut:
    """A run that is left out, because the other directory has it too, with as many complete folds or more."""

    record: Record
    """One of its folds."""
    stands: Record
    """One of the folds of the run that stands."""
    is_own: bool
    folds: int
    """Complete ones."""
    folds_that_stand: int
    losses: tuple[float, float] | None
    """Mean test losses of it and of the run that stands, over the folds that both have; None without such folds."""


@dataclass
class _FoldsOfRun:
    record: Record
    losses: dict[tuple[int, int], float] = field(default_factory=dict)
    """Of complete folds: seed and fold → test loss."""

    @property
    def complete(self) -> int:
        return len(self.losses)


@dataclass(frozen=True)
class StoreBeside(Store):
    """A store to read, with another one's records of the same tasks beside its own.

    Of a run that both have, the one with more complete folds stands, of equally many its own: folds are never pooled.
    """

    other: Store

    def tasks(self) -> list[tuple[str, list[Path]]]:
        """As of a store, of the tasks that this one has."""
        others = dict(self.other.tasks())
        return [(task, [*paths, *others.get(task, [])]) for task, paths in super().tasks()]

    def read_all(self, path: Path) -> list[Record]:
        """As of a store; a file is read once."""
        if path not in self._read:
            self._read[path] = super().read_all(path) if self._is_own(path) else self.other.read_all(path)
        return self._read[path]

    def scored(self, path: Path) -> list[Scored]:
        """As of a store."""
        own = self._is_own(path)
        return [one for one in super().scored(path) if (own, _run_of(one[0])) not in self._left_out]

    def shows_own(self, record: Record) -> bool:
        """Whether the run of a record that is shown is this store's own."""
        run = _run_of(record)
        return run in self._folds[True] and (True, run) not in self._left_out

    @property
    def left_out(self) -> list[LeftOut]:
        """The runs that both have, each with the one of the two that is left out."""
        folds = self._folds
        pairs = [(own, folds[own][run], folds[not own][run]) for own, run in sorted(self._left_out)]
        return [
            LeftOut(one.record, stands.record, own, one.complete, stands.complete, _shared(one, stands))
            for own, one, stands in pairs
        ]

    @cached_property
    def _read(self) -> dict[Path, list[Record]]:
        return {}

    @cached_property
    def _left_out(self) -> set[tuple[bool, RunName]]:
        """Whether it is this store's own, and which run."""
        own, others = self._folds[True], self._folds[False]
        return {(others[run].complete > own[run].complete, run) for run in own.keys() & others.keys()}

    @cached_property
    def _folds(self) -> dict[bool, dict[RunName, _FoldsOfRun]]:
        """The runs of the tasks, this store's own (True) and the other's (False)."""
        found: dict[bool, dict[RunName, _FoldsOfRun]] = {True: {}, False: {}}
        for path in (path for _, of_task in self.tasks() for path in of_task):
            runs = found[self._is_own(path)]
            with suppress(InputError):  # who scores the file is told
                for record in self.read_all(path):
                    losses = runs.setdefault(_run_of(record), _FoldsOfRun(record)).losses
                    if record.status == "complete" and record.metrics:
                        losses[record.key.seed, record.key.fold] = record.metrics.test.loss
        return found

    def _is_own(self, path: Path) -> bool:
        return path.is_relative_to(self.root / "records")


def left_out_of(store: Store) -> list[LeftOut]:
    """The runs that a store and the one beside it both have; none of a store alone."""
    return store.left_out if isinstance(store, StoreBeside) else []


def _shared(one: _FoldsOfRun, other: _FoldsOfRun) -> tuple[float, float] | None:
    folds = one.losses.keys() & other.losses.keys()
    return (fmean(one.losses[fold] for fold in folds), fmean(other.losses[fold] for fold in folds)) if folds else None


def _run_of(record: Record) -> RunName:
    return record.key.task, record.key.model, record.key.pooled_id
