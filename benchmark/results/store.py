"""Where records live. A fold that ran is a file: `<root>/records/<task>/<model>/<run>/fold-<k>.json`, predictions beside it.

Published, a run is one file of all its seeds, `<root>/records/<task>/<model>/<run>.json`, with the predictions beside it.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import psutil

from benchmark.results.packed import predictions_bytes, read_packed
from benchmark.results.records import JobKey, Record
from benchmark.results.validation import InvalidFile, Predictions, parse_json, read_predictions
from benchmark.tasks.folds import Split
from datasets.errors import BenchmarkError, InputError

Scored = tuple[Record, Predictions | None]

FOLD_FILE = re.compile(r"fold-[0-9]{2,4}\.json")
DAY = 86_400
"""Seconds."""

RUN_FILE = re.compile(r"[^/]+_[0-9a-f]{8}_[0-9a-f]{8}_(cpu|gpu)\.json")


@dataclass(frozen=True)
class Store:
    """A directory of records: a user's `runs`, or the published `leaderboards`."""

    root: Path

    def path(self, key: JobKey) -> Path:
        """The record of a fold that ran here."""
        return self.root / "records" / key.task / key.model / key.run_id / f"fold-{key.fold:02d}.json"

    def run_path(self, key: JobKey) -> Path:
        """The records of all folds of a published run, of all its seeds."""
        return self.root / "records" / key.task / key.model / f"{key.pooled_id}.json"

    def require_writable(self) -> None:
        """Raise InputError now, rather than after the first fold, where nothing can be written."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe = partial_of(self.root / ".probe")
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise InputError(f"cannot write to {self.root} ({error.strerror}); choose another directory with --out") from None

    def checkpoint(self, key: JobKey) -> Path:
        """Where the model of a fold is kept."""
        return self.path(key).with_suffix(".safetensors")

    def unfinished(self, key: JobKey) -> Path:
        """Where the training of a fold is kept until it has ended."""
        return self.path(key).with_suffix(".unfinished")

    def beside(self, key: JobKey, name: str) -> Path:
        """Where a study keeps what it saw in a fold."""
        path = self.path(key)
        return path.with_name(path.name.replace("fold", name))

    def write(self, record: Record, predictions: pd.DataFrame | None, checkpoint: bytes | None = None) -> None:
        """Write predictions and checkpoint, then the record, each atomically: a record has the files that it names.

        A failure does not replace the complete record of the same split and the same model source.

        Raises:
            BenchmarkError: the disk is full or not writable; nothing half-written is left.
        """
        path = self.path(record.key)
        if record.status != "complete" and self.finished(record.key, record.split):
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if predictions is not None:
                write_atomically(path.with_suffix(".parquet"), predictions_bytes(predictions))
            if checkpoint is not None:
                write_atomically(self.checkpoint(record.key), checkpoint)
            write_atomically(path, (record.model_dump_json(indent=1) + "\n").encode())
            # What lies there otherwise is of the record that was replaced.
            if checkpoint is None:
                self.checkpoint(record.key).unlink(missing_ok=True)
            if predictions is None:
                path.with_suffix(".parquet").unlink(missing_ok=True)
        except OSError as error:
            what = f"cannot write {error.filename or path} ({error.strerror})"
            raise BenchmarkError(f"{what}; finished folds are kept, run the same command again to go on") from None

    def read(self, path: Path) -> Record:
        """The validated record of a fold that ran here. Raises InvalidFile naming the file and what is wrong with it."""
        record = parse_json(path, Record)
        if self.path(record.key) != path:
            raise InvalidFile(path, [f"its key belongs at {self.path(record.key)}"])
        return record

    def read_all(self, path: Path) -> list[Record]:
        """The validated records of a file: one of a fold, or those of a published run. Raises InvalidFile."""
        if is_fold(path):
            return [self.read(path)]
        records = read_packed(path)
        for place in {self.run_path(record.key) for record in records} - {path}:
            raise InvalidFile(path, [f"a key in it belongs at {place}"])
        return records

    def scored(self, path: Path) -> list[Scored]:
        """The records of a file with their predictions; None for a fold without.

        Raises:
            InvalidFile: a record is invalid, or its predictions are missing, not those that it names, or wrong in any way.
        """
        records = self.read_all(path)
        complete = [record for record in records if record.status == "complete"]
        found = iter(read_predictions(path.with_suffix(".parquet"), complete) if complete else ())
        return [(record, next(found) if record.status == "complete" else None) for record in records]

    def find(self, key: JobKey) -> Scored | None:
        """The record of a fold and its predictions, from wherever it lies; None where there is none. Raises InvalidFile."""
        for path in (self.path(key), self.run_path(key)):
            if path.exists():
                for record, predictions in self.scored(path):
                    if record.key == key:
                        return record, predictions
        return None

    def predictions(self, record: Record) -> Predictions:
        """Ids, targets and predictions of the test crystals of a complete record. Raises InvalidFile where there are none."""
        found = self.find(record.key)
        if found is None or found[1] is None:
            raise InvalidFile(self.path(record.key).with_suffix(".parquet"), ["missing"])
        return found[1]

    def finished(self, key: JobKey, split: Split, with_checkpoint: bool = False) -> bool:
        """Whether this fold ran here, is complete, intact and of the same split; also its checkpoint, if asked for."""
        path = self.path(key)
        if not path.exists():
            return False
        try:
            ((record, _),) = self.scored(path)
            if (record.status, record.key, record.split) != ("complete", key, split):
                return False
            return not with_checkpoint or _sha256(self.checkpoint(key)) == record.checkpoint_sha256
        except (InputError, OSError):
            return False

    def paths(self) -> list[Path]:
        """Every file of records, in order."""
        return sorted(path for path in (self.root / "records").rglob("*.json") if is_fold(path) or is_run(path))

    def shows_own(self, record: Record) -> bool:
        """Whether a record's run is marked as one's own: no other store's records stand beside those of a store alone."""
        return False

    def tasks(self) -> list[tuple[str, list[Path]]]:
        """(task, its files of records), both in order; the task is what the place of a file says, as it is in its key."""
        found: dict[str, list[Path]] = {}
        for path in self.paths():
            run = path.parent if is_fold(path) else path
            found.setdefault(run.relative_to(self.root / "records").parent.parent.as_posix(), []).append(path)
        return sorted(found.items())

    def study_paths(self) -> list[Path]:
        """Where the store of a study has published folds: a table a task, beside the files of records."""
        own = self.root / "records"
        return sorted(path for path in self.root.rglob("*.json") if not path.is_relative_to(own))

    def records(self) -> Iterator[Record]:
        """Every record, in order of its file. Raises InputError at the first invalid one."""
        return (record for path in self.paths() for record in self.read_all(path))


def is_fold(path: Path) -> bool:
    """Whether a file's name is that of one fold's record."""
    return FOLD_FILE.fullmatch(path.name) is not None


def is_run(path: Path) -> bool:
    """Whether a file's name is that of a published run."""
    return RUN_FILE.fullmatch(path.name) is not None


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def partial_of(path: Path) -> Path:
    """Where a file or folder is written before it is put in its place; what stopped writers left there of it is removed.

    No two writers on any machines share the name. It says which process of which machine writes: what another machine left
    is of a stopped writer when it is a day old.
    """
    remove_leftovers(path)
    return path.with_name(f"{path.name}.{_host()}.{os.getpid()}.{uuid.uuid4().hex[:8]}.partial")


def remove_leftovers(path: Path) -> None:
    """Remove what stopped writers of a file or folder left beside it."""
    left = re.compile(rf"{re.escape(path.name)}\.(?P<host>[A-Za-z0-9-]*)\.(?P<process>[0-9]{{1,9}})\.[0-9a-f]{{8}}\.partial")
    with suppress(OSError):
        for other in path.parent.iterdir():
            if (found := left.fullmatch(other.name)) and _stopped(other, found["host"] == _host(), int(found["process"])):
                shutil.rmtree(other, ignore_errors=True) if other.is_dir() else other.unlink(missing_ok=True)


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", platform.node())[:40]


def _stopped(leftover: Path, is_local: bool, process: int) -> bool:
    if is_local:
        return process != os.getpid() and not psutil.pid_exists(process)
    return time.time() - leftover.stat().st_mtime > DAY


def write_together(files: Iterable[tuple[Path, bytes]]) -> None:
    """Write files whole: all are written beside their places before the first is put there.

    Raises:
        BenchmarkError: a file cannot be written; what stood there stays, and nothing half-written is left.
    """
    partials: list[tuple[Path, Path]] = []
    try:
        for path, data in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = partial_of(path)
            partials.append((partial, path))
            with naming(path):
                partial.write_bytes(data)
        for partial, path in partials:
            os.replace(partial, path)
    except OSError as error:
        raise BenchmarkError(f"cannot write {error.filename2 or error.filename or 'a file'} ({error.strerror})") from None
    finally:
        for partial, _ in partials:
            partial.unlink(missing_ok=True)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Inside, an OSError names the file: that of a full disk, for example, does not by itself."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        raise


def write_atomically(path: Path, data: bytes) -> None:
    """Write beside the file, then rename over it; a reader sees the old or the new file, never a part.

    Raises:
        OSError: it cannot be written; the error names the file.
    """
    partial = partial_of(path)
    try:
        with naming(path), partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
