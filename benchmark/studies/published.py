"""The published form of a study: a task is one table of records with their predictions, and one of observations.

`<root>/<task>.json` and `.parquet` are as a published run is (`results.packed`), with the folds of all models and settings;
`<root>/<task>.<kind>.parquet` has a row for each fold that was looked at. Needs no torch.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from benchmark.results.packed import packed_files, read_packed
from benchmark.results.records import JobKey, Record
from benchmark.results.scores import OnInvalid, refuse
from benchmark.results.store import Store, write_together
from benchmark.results.validation import PREDICTION_BYTES, InvalidFile, read_bounded, read_predictions, schema_problems
from benchmark.studies.trials import Observation, Trial, read_folds
from benchmark.tasks.metrics import of_numbers
from datasets.errors import InputError
from datasets.table_bounds import rows_of

MOST_BYTES = 64 * 2**20
"""Of a table of observations."""


def read_trials(store: Store, kind: type[Observation] | None, on_invalid: OnInvalid = refuse) -> Iterator[Trial]:
    """Every fold of a study's store, published or not; one that lies there in both forms counts once, as it ran here."""
    own = set()
    for trial in read_folds(store, kind, on_invalid):
        own.add(trial.record.key.identity)
        yield trial
    yield from (trial for trial in read_published(store, kind, on_invalid) if trial.record.key.identity not in own)


def read_published(store: Store, kind: type[Observation] | None, on_invalid: OnInvalid = refuse) -> Iterator[Trial]:
    """The published folds of a study's store, task by task; `on_invalid` is called with the error of a task left out."""
    for path in store.study_paths():
        try:
            kept = _read_task(store, path, kind)
        except InvalidFile as error:
            on_invalid(error)
            continue
        yield from kept


def _read_task(store: Store, path: Path, kind: type[Observation] | None) -> list[Trial]:
    records = read_packed(path)
    for record in records:
        if _path(store, record.key.task) != path:
            raise InvalidFile(path, [f"a record in it belongs at {_path(store, record.key.task)}"])
    complete = [record for record in records if record.status == "complete"]
    predictions = iter(read_predictions(path.with_suffix(".parquet"), complete) if complete else ())
    seen = _read_observations(observations_path(path, kind), kind) if kind else {}
    kept: list[Trial] = []
    for row, record in enumerate(records):
        found = next(predictions) if record.status == "complete" else None
        kept.append(Trial(record, of_numbers(found.scores) if found else None, seen.get(row), found))
    return kept


def _path(store: Store, task: str) -> Path:
    return store.root / f"{task}.json"


def observations_path(path: Path, kind: type[Observation]) -> Path:
    """Where the observations of the records in `path` lie."""
    return path.with_suffix(f".{kind.kind}.parquet")


def _read_observations(path: Path, kind: type[Observation]) -> Mapping[int, Observation]:
    if not path.exists():
        return {}
    data = read_bounded(path, MOST_BYTES)
    try:
        return unpack_observations(data, kind)
    except ValidationError as error:
        raise InvalidFile(path, schema_problems(error)) from None
    except (InputError, KeyError) as error:
        raise InvalidFile(path, [f"not a readable table of observations ({error})"]) from None


def pack_observations(observations: Mapping[int, Observation]) -> bytes:
    """A Parquet file of what was seen, a row a fold: the place of its record among the records, and the fields."""
    rows: list[dict[str, Any]] = [{"record": row, **one.model_dump(mode="json")} for row, one in observations.items()]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer, compression="zstd")
    return buffer.getvalue()


def unpack_observations(data: bytes, kind: type[Observation]) -> dict[int, Observation]:
    """What `pack_observations` was given. Raises InputError, KeyError or ValidationError for another file."""
    rows = rows_of("its observations", data)
    return {row.pop("record"): kind.model_validate(row) for row in rows}


def publish_study(
    source: Store, target: Store, kind: type[Observation] | None, tasks: Collection[str], replace: bool = False
) -> list[Path]:
    """Add the folds of some tasks in `source` to what `target` has published of them; returns the files that were written.

    Where source and target are one directory, the files of the single folds make place for those of the task.

    Raises:
        InputError: a fold is invalid, there is none, or another record of the same fold is published and `replace` is False.
    """
    fresh = [trial for trial in read_trials(source, kind) if trial.record.key.task in tasks]
    if not fresh:
        raise InputError(f"nothing to publish: {source.root} has no fold of {', '.join(sorted(tasks)) or 'any task named'}")
    old = [trial for trial in read_trials(target, kind) if trial.record.key.task in tasks]
    standing = {trial.record.key.identity: trial.record for trial in old}
    differing = [t.record for t in fresh if standing.get(t.record.key.identity, t.record) != t.record]
    if differing and not replace:
        raise InputError(f"{len(differing)} published folds differ, the first is {_name(differing[0])}; use --replace")
    kept = {trial.record.key.identity: trial for trial in chain(old, fresh)}
    target.require_writable()
    written: list[Path] = []
    for task in sorted({trial.record.key.task for trial in fresh}):
        own = [trial for trial in kept.values() if trial.record.key.task == task]
        files = _packed(_path(target, task), kind, own)
        if any(len(data) > PREDICTION_BYTES for _, data in files):
            raise InputError(f"{task}: {len(kept):,} folds are too many for one table; publish fewer tasks or models")
        write_together(files)
        written += [path for path, _ in files]
        _remove_single_folds(target, (trial.record.key for trial in own), kind)
    return written


def _remove_single_folds(store: Store, keys: Iterable[JobKey], kind: type[Observation] | None) -> None:
    """Delete the files of folds that a table of their task holds now."""
    for key in keys:
        for path in (
            store.path(key),
            store.path(key).with_suffix(".parquet"),
            *([store.beside(key, kind.kind)] if kind else []),
        ):
            path.unlink(missing_ok=True)


def _packed(path: Path, kind: type[Observation] | None, kept: Sequence[Trial]) -> list[tuple[Path, bytes]]:
    ordered = sorted(kept, key=lambda one: (one.record.key.model, one.record.key.run_id, one.record.key.fold))
    files = packed_files(path, [(trial.record, trial.tested) for trial in ordered])
    seen = {row: trial.seen for row, trial in enumerate(ordered) if trial.seen}
    return [(observations_path(path, kind), pack_observations(seen)), *files] if kind and seen else files


def _name(record: Record) -> str:
    key = record.key
    return f"{key.task} {key.model} {key.run_id}, fold {key.fold + 1}"
