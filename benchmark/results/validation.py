"""Whether files are what a board may be made of: bounded before they are read, exact in schema, their scores computed anew.

Nothing here trusts what a file says of itself: the size on disk bounds what is read, and the size bounds what is decoded.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ValidationError

from benchmark.results.records import Record
from benchmark.schema import one_line
from benchmark.tasks.folds import ids_hash
from benchmark.tasks.metrics import Scores, score
from datasets.errors import InputError

RECORD_BYTES = 1_000_000
"""A record is about 3 kB of JSON."""

PREDICTION_BYTES = 32 * 2**20
BYTES_A_ROW = 1024
"""An id, a fold and two numbers; what is left is for ids that are long."""

FOOTER_BYTES = 64 * 1024

MOST_COMPRESSED = 22
"""Snappy, the only compression accepted, makes nothing smaller than that: a small file stays small in memory."""

LEAST_ID_BYTES = 5
"""Of a string in Parquet: four of its length and one of its own."""

LONGEST_ID = 1000
LONGEST_PROBLEM = 5000
"""A path may have 4096 characters, and what is wrong comes after it."""

LARGEST_VALUE = 1e100
"""Beyond it squares overflow; no property of a crystal comes near in any unit."""

Schema = TypeVar("Schema", bound=BaseModel)

SCHEMA = {"id": pa.string(), "fold": pa.int64(), "target": pa.float64(), "prediction": pa.float64()}
"""Columns of predictions: of one fold, or of all folds of a run, one after the other."""


class InvalidFile(InputError):
    """A file that is not what it should be; `problems` are one line each, beginning with its path."""

    def __init__(self, path: Path, problems: Sequence[str]) -> None:
        self.problems = tuple(one_line(f"{path}: {problem}", LONGEST_PROBLEM) for problem in problems)
        more = len(self.problems) - 1
        super().__init__(self.problems[0] + (f" (and {more} more problem{'s' * (more > 1)})" if more else ""))


@dataclass(frozen=True, eq=False)
class Predictions:
    """The test part of a fold: n ids, targets and predictions (n,), in the order of the file, and their scores.

    `ids` is one array for all files with the same ids; it is not writeable.
    """

    ids: np.ndarray
    targets: np.ndarray
    predictions: np.ndarray
    scores: Scores


def read_bounded(path: Path, most: int) -> bytes:
    """The content of a regular file of at most `most` bytes; nothing else is opened. Raises InvalidFile."""
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            raise InvalidFile(path, ["not a file"])
        if found.st_size > most:
            raise InvalidFile(path, [f"{found.st_size:,} bytes, at most {most:,} can belong here"])
        with path.open("rb") as file:
            return file.read(most)
    except OSError as error:
        raise InvalidFile(path, [f"cannot be read ({error.strerror})"]) from None


def schema_problems(error: ValidationError) -> list[str]:
    """One line for each field that a schema refuses."""
    return [f"{'.'.join(map(str, e['loc'])) or 'content'}: {e['msg']}" for e in error.errors(include_input=False)]


def parse_json(path: Path, schema: type[Schema], most: int = RECORD_BYTES) -> Schema:
    """A JSON file of at most `most` bytes by its schema. Raises InvalidFile with everything that is wrong."""
    data = read_bounded(path, most)
    try:
        return schema.model_validate_json(data)
    except ValidationError as error:
        raise InvalidFile(path, schema_problems(error)) from None


def predictions_hash(ids: np.ndarray, targets: np.ndarray, predictions: np.ndarray) -> str:
    """sha256 of n ids, targets and predictions (n,), in this order; the file that holds them has no say."""
    return _values_hash(_order_hash(ids), targets, predictions)


def _order_hash(ids: np.ndarray) -> str:
    return hashlib.sha256("\n".join(map(str, ids)).encode()).hexdigest()


def _values_hash(order: str, *columns: np.ndarray) -> str:
    digest = hashlib.sha256(order.encode())
    for values in columns:
        digest.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
    return digest.hexdigest()


def frame_hash(frame: pd.DataFrame) -> str:
    """`predictions_hash` of a table with the columns of SCHEMA."""
    return predictions_hash(frame["id"].to_numpy(), frame["target"].to_numpy(), frame["prediction"].to_numpy())


def read_predictions(path: Path, records: Sequence[Record]) -> list[Predictions]:
    """What complete records predicted, from the file that holds them one after the other; every check needs no other file.

    Raises:
        InvalidFile: too large, not of the schema, a row that is missing, double or not finite, another fold's, other
            predictions than a record names, or scores that are not those which it states.
    """
    n = sum(record.split.n_test for record in records)
    data = read_bounded(path, min(PREDICTION_BYTES, FOOTER_BYTES + BYTES_A_ROW * n))
    try:
        file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=["id"])
        problems = _declared_problems(file, len(data), n)
        table = None if problems else file.read(use_threads=False)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InvalidFile(path, [f"not a readable Parquet file ({str(error).partition(chr(10))[0]})"]) from None
    if table is None:
        raise InvalidFile(path, problems)
    found, first = [], 0
    for record in records:
        found.append(_of_record(path, table.slice(first, record.split.n_test), record))
        first += record.split.n_test
    return found


def _of_record(path: Path, table: pa.Table, record: Record) -> Predictions:
    """The rows of one record, checked."""
    problems = []
    try:
        ids, sha, order = _ids(table.column("id"))
    except (InputError, pa.ArrowException, ValueError) as error:
        raise InvalidFile(path, [str(error)]) from None
    fold, targets, predictions = (_numbers(table.column(name)) for name in ("fold", "target", "prediction"))
    if sha != record.split.test_sha256:
        problems.append("its ids are not those of the test part (split.test_sha256 differs)")
    if (fold != record.key.fold).any():
        problems.append(f"column fold is not {record.key.fold} in every row")
    problems += _not_finite("target", targets, ids) + _not_finite("prediction", predictions, ids)
    if not problems and _values_hash(order, targets, predictions) != record.predictions_sha256:
        problems.append("not the predictions that its record names (sha256 differs)")
    if problems:
        raise InvalidFile(path, problems)
    scores = score(targets, predictions)
    stated = record.metrics.test if record.metrics else None
    if stated is None or not _agree(scores, stated):
        raise InvalidFile(path.with_suffix(".json"), ["its scores are not those of its predictions"])
    return Predictions(ids, targets, predictions, scores)


def _declared_problems(file: pq.ParquetFile, size: int, n_test: int) -> list[str]:
    """What the footer says that cannot be; after it, reading takes memory in proportion to the size of the file."""
    footer = file.metadata
    found = {field.name: field.type for field in file.schema_arrow.remove_metadata()}
    if found.get("id") in (pa.dictionary(pa.int32(), pa.string()), pa.dictionary(pa.int32(), pa.large_string())):
        found["id"] = pa.string()  # as it is asked for, and as newer releases of pandas write text
    if list(found.items()) != list(SCHEMA.items()) or footer.num_columns != len(SCHEMA):
        shown, expected = (", ".join(f"{name} {kind}" for name, kind in columns.items()) for columns in (found, SCHEMA))
        return [f"columns {shown}; expected {expected}"]
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    if footer.num_rows != n_test or sum(group.num_rows for group in groups) != n_test:
        return [f"{footer.num_rows:,} rows, split.n_test says {n_test:,}"]
    columns = [group.column(number) for group in groups for number in range(len(SCHEMA))]
    if not {column.compression for column in columns} <= {"SNAPPY", "UNCOMPRESSED"}:
        return ["compressed otherwise than by snappy"]
    ids = sum(column.total_uncompressed_size for column in columns if column.path_in_schema == "id")
    decoded = sum(column.total_uncompressed_size for column in columns)
    if ids < LEAST_ID_BYTES * n_test or decoded > MOST_COMPRESSED * size:
        return [f"{n_test:,} different ids cannot lie in a file of {size:,} bytes"]
    return []


def _ids(column: pa.ChunkedArray) -> tuple[np.ndarray, str, str]:
    """The ids as objects of str, the sha256 of the sorted ids, and of the ids in their order.

    Raises:
        InputError: one is missing, double or unfit.
    """
    if column.null_count:
        raise InputError(f"{column.null_count} rows without an id")
    merged = column.unify_dictionaries()
    codes = np.concatenate([chunk.indices.to_numpy() for chunk in merged.chunks])
    values = merged.chunk(0).dictionary
    if not np.array_equal(codes, np.arange(len(values))):
        times = np.bincount(codes, minlength=len(values))
        if times.max() > 1:
            raise InputError(f"id '{values[int(times.argmax())].as_py()[:40]}' appears {times.max()} times")
        values = values.take(pa.array(codes))
    offsets, text = pa.concat_arrays([values.cast(pa.string())]).buffers()[1:]
    return _interned(bytes(offsets), bytes(text), len(values))


@lru_cache(maxsize=32)
def _interned(offsets: bytes, text: bytes, n: int) -> tuple[np.ndarray, str, str]:
    """Ids from Arrow's buffers; every model of a fold has the same, so that they are decoded, sorted and kept once."""
    values = pa.StringArray.from_buffers(n, pa.py_buffer(offsets), pa.py_buffer(text))
    values.validate(full=True)
    ids = values.to_numpy(zero_copy_only=False)
    for name in ids:
        if not name.isprintable() or not 0 < len(name) <= LONGEST_ID:
            raise InputError(f"id '{one_line(name)[:40]}' has control characters, or not 1 to {LONGEST_ID} characters")
    ids.flags.writeable = False
    return ids, ids_hash(ids), _order_hash(ids)


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    """A column of numbers; a null becomes NaN."""
    values: np.ndarray = column.to_numpy()
    values.flags.writeable = False
    return values


def _not_finite(name: str, values: np.ndarray, ids: np.ndarray) -> list[str]:
    wrong = ~(np.abs(values) < LARGEST_VALUE)  # the negation also catches what is no number
    first = wrong.argmax()
    shown = f"{name} of '{ids[first]}' is {values[first]}; {wrong.sum()} of {len(ids)} are not finite"
    return [shown] if wrong.any() else []


def _agree(found: Scores, stated: Scores) -> bool:
    """Equal but for the rounding of sums; R² is a difference of numbers near one."""
    if (found.r2 is None) != (stated.r2 is None):
        return False
    errors = np.isclose([found.mae, found.rmse], [stated.mae, stated.rmse], rtol=1e-9, atol=0.0)
    return bool(errors.all()) and abs((found.r2 or 0.0) - (stated.r2 or 0.0)) <= 1e-9 * max(1.0, abs(found.r2 or 0.0))
