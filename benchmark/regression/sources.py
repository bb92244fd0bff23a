"""Train what today's source of each model gives on the regression sets, and keep it beside the records it is compared with."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from benchmark.harness.fingerprint import fingerprint
from benchmark.harness.job import Job
from benchmark.harness.machine import default_workers
from benchmark.harness.run import run_jobs
from benchmark.regression.trainings import PROFILE, REGRESSION_SETS, REPEATED, regression_sets
from benchmark.results.packed import packed_files
from benchmark.results.records import Record
from benchmark.results.sources import Sources, Trained, by_source, read_sources, read_trainings, sources_path
from benchmark.results.store import Store, write_together
from datasets.errors import BenchmarkError
from models import registry


@dataclass(frozen=True)
class SourceState:
    """What is known of a source that published records name."""

    model: str
    source: str
    records: int
    """How many name it."""
    today: bool
    """Whether it is today's."""
    difference: float | None
    """Of its predictions from those of the newest source; None where one of them was not trained."""
    outdated: bool | None
    """Whether the newest source gives other numbers; None where nobody knows."""


def train_sources(root: Path, models: Sequence[str], on_done: Callable[[], None] = lambda: None) -> list[Trained]:
    """Train today's source of these models (empty: all) on each regression set, where it is not the newest, and keep it.

    Args:
        root: of the store whose records name sources.
        models: their names.
        on_done: called after each training.

    Raises:
        InputError: an unknown model, or a damaged file of trainings.
        BenchmarkError: a training failed, or the file cannot be written.
    """
    names = [registry.get(name).name for name in models] or list(registry.registered())
    kept = read_trainings(root)
    jobs = tuple(
        Job(task, name, registry.get(name).settings(PROFILE), PROFILE, REPEATED, fold=0, seed=0, workers=default_workers())
        for name, task in product(names, regression_sets(REGRESSION_SETS))
    )
    sources = by_source(kept)
    jobs = tuple(job for job in jobs if not _is_newest(sources, job))
    fresh = _train(jobs, on_done) if jobs else []
    if fresh:
        again = {_place(record) for record, _ in fresh}
        kept = [(record, found) for record, found in kept if _place(record) not in again]
        root.mkdir(parents=True, exist_ok=True)
        together = sorted([*kept, *fresh], key=lambda one: (one[0].key.model, one[0].started_at))
        write_together(packed_files(sources_path(root), together))
    return fresh


def _is_newest(sources: Sources, job: Job) -> bool:
    """Whether this training was done, and no other source of the model was trained since: else a revert would not be seen."""
    newest = sources.newest(job.model)
    if newest is None or newest.key.source != job.fingerprint:
        return False
    done = [record.key for record, _ in sources.trained[job.model][job.fingerprint]]
    return any((key.task, key.settings) == (job.task.name, job.settings.as_dict()) for key in done)


def _place(record: Record) -> tuple[str, str, str]:
    return record.key.model, record.key.source, record.key.task


def _train(jobs: tuple[Job, ...], on_done: Callable[[], None]) -> list[Trained]:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        found = []
        for record in run_jobs(jobs, store, lambda news: None, lambda job, record: on_done()):
            if record.status != "complete":
                raise BenchmarkError(f"{record.key.model} on {record.key.task}: {record.status}: {record.reason}")
            found.append((record, store.predictions(record)))
        return found


def source_states(store: Store, trained: Sources) -> list[SourceState]:
    """What is known of every source that the records of a store name, by model."""
    named: dict[tuple[str, str], int] = {}
    for record in store.records():
        place = record.key.model, record.key.source
        named[place] = named.get(place, 0) + 1
    today = {name: fingerprint(spec.model) for name, spec in registry.registered().items()}
    states = []
    for (model, source), count in sorted(named.items()):
        compared = trained.comparison(model, source)
        difference = compared.difference if compared else None
        outdated = trained.outdated(model, source)
        states.append(SourceState(model, source, count, today.get(model) == source, difference, outdated))
    return states


GONE = "Today's code lacks the model."
NOT_COMPARED = "Nobody has tested whether today's code gives the same numbers."
OUTDATED = "Today's code gives other numbers."
"""What today's code says of published records of earlier code."""


@dataclass(frozen=True)
class StaleSource:
    """A source that published records name and that is not known to give today's numbers."""

    model: str
    source: str
    records: int
    why: str
    """A sentence about what today's code says of them."""

    def __str__(self) -> str:
        return f"{self.model}: {self.records} published records of source {self.source[:8]}. {self.why}"


def stale_records(store: Store, models: Sequence[str] = ()) -> list[StaleSource]:
    """Every source that published records of `models` name and that is not known to give today's numbers.

    Args:
        store: with the records.
        models: names; all where empty.
    """
    trained = read_sources(store.root)
    found = []
    for state in source_states(store, trained):
        newest = trained.newest(state.model)
        known = registry.registered().get(state.model)
        up_to_date = newest is not None and known is not None and newest.key.source == fingerprint(known.model)
        if (models and state.model not in models) or state.today or (up_to_date and state.outdated is False):
            continue
        why = GONE if known is None else NOT_COMPARED
        if up_to_date and state.outdated:
            why = OUTDATED
        found.append(StaleSource(state.model, state.source, state.records, why))
    return found
