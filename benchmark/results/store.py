"""Where records live: `<root>/records/<task>/<model>/<run>/fold-<k>.json`; predictions and checkpoints lie beside them."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from benchmark.results.records import JobKey, Record
from benchmark.results.validation import SCHEMA, InvalidFile, Predictions, parse_json, read_predictions
from benchmark.tasks.folds import Split
from datasets.errors import BenchmarkError, InputError


@dataclass(frozen=True)
class Store:
    """A directory of records: a user's `runs`, or the published `leaderboards`."""

    root: Path

    def path(self, key: JobKey) -> Path:
        """The record of a fold."""
        return self.root / "records" / key.task / key.model / key.run_id / f"fold-{key.fold:02d}.json"

    def require_writable(self) -> None:
        """Raise InputError now, rather than after the first fold, where nothing can be written."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe = self.root / f".probe-{os.getpid()}"
            probe.write_bytes(b"")
            probe.unlink()
        except OSError as error:
            raise InputError(f"cannot write to {self.root} ({error.strerror}); choose another directory with --out") from None

    def checkpoint(self, key: JobKey) -> Path:
        """Where the model of a fold is kept."""
        return self.path(key).with_suffix(".safetensors")

    def beside(self, key: JobKey, name: str) -> Path:
        """Where a study keeps what it saw in a fold."""
        path = self.path(key)
        return path.with_name(path.name.replace("fold", name))

    def write(self, record: Record, predictions: pd.DataFrame | None, checkpoint: bytes | None = None) -> None:
        """Write predictions and checkpoint, then the record, each atomically: a record has the files that it names.

        A failure does not replace the complete record of the same division and the same model source.

        Raises:
            BenchmarkError: the disk is full or not writable; nothing half-written is left.
        """
        path = self.path(record.key)
        if record.status != "complete" and self.finished(record.key, record.split, record.model_fingerprint):
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
            raise BenchmarkError(
                f"cannot write {path} ({error.strerror}); finished folds are kept, run the same command again to go on"
            ) from None

    def read(self, path: Path) -> Record:
        """A validated record. Raises InvalidFile naming the file and what is wrong with it."""
        record = parse_json(path, Record)
        if self.path(record.key) != path:
            raise InvalidFile(path, [f"its key belongs at {self.path(record.key)}"])
        return record

    def predictions(self, record: Record) -> Predictions:
        """Ids, targets and predictions of the test crystals of a complete record, and their scores.

        Raises:
            InvalidFile: the file is missing, not the one that the record names, or anything in it is wrong.
        """
        return read_predictions(self.path(record.key).with_suffix(".parquet"), record)

    def finished(self, key: JobKey, split: Split, fingerprint: str, with_checkpoint: bool = False) -> bool:
        """Whether this fold is complete, intact, of the same division and model source; also its checkpoint, if asked for."""
        path = self.path(key)
        if not path.exists():
            return False
        try:
            record = self.read(path)
            if (record.status, record.key, record.split, record.model_fingerprint) != ("complete", key, split, fingerprint):
                return False
            self.predictions(record)
            return not with_checkpoint or _sha256(self.checkpoint(key)) == record.checkpoint_sha256
        except (InputError, OSError):
            return False

    def paths(self) -> list[Path]:
        """Every record's file, in order."""
        return sorted((self.root / "records").rglob("fold-*.json"))

    def tasks(self) -> list[tuple[str, list[Path]]]:
        """(task, its records' files), both in order; the task is what the place of a file says, as it is in its key."""
        found: dict[str, list[Path]] = {}
        for path in self.paths():
            task = path.relative_to(self.root / "records").parent.parent.parent.as_posix()
            found.setdefault(task, []).append(path)
        return sorted(found.items())

    def records(self) -> Iterator[Record]:
        """Every record, in order of its path. Raises InputError at the first invalid one."""
        return map(self.read, self.paths())


def predictions_bytes(predictions: pd.DataFrame) -> bytes:
    """The Parquet file of a fold's predictions; the same predictions give the same bytes."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pandas(predictions, pa.schema(SCHEMA), preserve_index=False), buffer)
    return buffer.getvalue()


def copy_together(pairs: Sequence[tuple[Path, Path]]) -> None:
    """Copy files (from, to): all are written beside their places before the first is put there.

    Raises:
        BenchmarkError: a file cannot be written; what stood there stays, and nothing half-written is left.
    """
    partials = [(old, new.with_name(f"{new.name}.{os.getpid()}.partial"), new) for old, new in pairs]
    try:
        for old, partial, _ in partials:
            partial.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(old, partial)
        for _, partial, new in partials:
            os.replace(partial, new)
    except OSError as error:
        raise BenchmarkError(f"cannot write {error.filename2 or error.filename or 'a file'} ({error.strerror})") from None
    finally:
        for _, partial, _ in partials:
            partial.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Write beside the file, then rename over it; a reader sees the old or the new file, never a part."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
