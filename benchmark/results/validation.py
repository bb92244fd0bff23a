"""Whether files are what a board may be made of: bounded before they are read, exact in schema, their scores computed anew.

Nothing here trusts what a file says of itself: the size on disk bounds what is read, and the size bounds what is decoded.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections import Counter
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
from benchmark.tasks.metrics import AnyScores, score
from datasets.errors import InputError
from datasets.parquet_footer import SAFE_CODECS, chunks, footer_of

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
MOST_PROBLEMS = 50
"""That are told of one file."""

LONGEST_PROBLEM = 5000
"""A path may have 4096 characters, and what is wrong comes after it."""

LARGEST_VALUE = 1e100
"""Beyond it squares overflow; no property of a crystal comes near in any unit."""

Schema = TypeVar("Schema", bound=BaseModel)

PROBABILITY = "probability_"
UNCERTAIN = 1e-6
"""By which the probabilities of a crystal may miss a sum of 1."""


def schema(n_classes: int = 0) -> dict[str, pa.DataType]:
    """Columns of predictions of one fold, or of all folds of a run, one after the other: a number, or a probability a class."""
    return {"id": pa.string(), "fold": pa.int64(), "target": pa.float64()} | dict.fromkeys(_predicted(n_classes), pa.float64())


def _predicted(n_classes: int) -> list[str]:
    return [f"{PROBABILITY}{number}" for number in range(n_classes)] or ["prediction"]


def predictions_frame(ids: np.ndarray, fold: int, targets: np.ndarray, predictions: np.ndarray) -> pd.DataFrame:
    """The table of (n,) predicted numbers, or (n, K) probabilities, with the columns of `schema`."""
    names = _predicted(predictions.shape[1] if predictions.ndim == 2 else 0)
    columns = dict(zip(names, np.atleast_2d(predictions.T), strict=True))
    return pd.DataFrame({"id": ids, "fold": fold, "target": targets} | columns)


class InvalidFile(InputError):
    """A file that is not what it should be; `problems` are one line each, beginning with its path."""

    def __init__(self, path: Path, problems: Sequence[str]) -> None:
        self.problems = tuple(one_line(f"{path}: {problem}", LONGEST_PROBLEM) for problem in problems)
        more = len(self.problems) - 1
        super().__init__(self.problems[0] + (f" (and {more} more problem{'s' * (more > 1)})" if more else ""))


@dataclass(frozen=True, eq=False)
class Predictions:
    """The test part of a fold: n ids, targets (n,) and predictions (n,) or (n, K), in the order of the file; their scores.

    `ids` is one array for all files with the same ids; it is not writeable.
    """

    ids: np.ndarray
    targets: np.ndarray
    predictions: np.ndarray
    scores: AnyScores


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
    """One line for each field that a schema refuses, at most `MOST_PROBLEMS`."""
    found = error.errors(include_input=False)
    lines = [f"{'.'.join(map(str, e['loc'])) or 'content'}: {e['msg']}" for e in found[:MOST_PROBLEMS]]
    return [*lines, *([f"{len(found) - MOST_PROBLEMS:,} more such problems"] if len(found) > MOST_PROBLEMS else [])]


def parse_json(path: Path, schema: type[Schema], most: int = RECORD_BYTES) -> Schema:
    """A JSON file of at most `most` bytes by its schema, exact in types: "0" and 0.0 are no numbers of folds.

    Raises:
        InvalidFile: everything that is wrong; or a key that is written twice, of which only one value would be seen.
    """
    data = read_bounded(path, most)
    try:
        found = schema.model_validate_json(data, strict=True)
        json.loads(data, object_pairs_hook=_once)
        return found
    except ValidationError as error:
        raise InvalidFile(path, schema_problems(error)) from None
    except ValueError as error:
        raise InvalidFile(path, [str(error)]) from None


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object of a JSON text. Raises ValueError where a key is written twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise ValueError(f"the key '{twice[:40]}' is written twice in one object")
    return found


def predictions_hash(ids: np.ndarray, targets: np.ndarray, predictions: np.ndarray) -> str:
    """sha256 of n ids, targets (n,) and predictions (n,) or (n, K), in this order; the file that holds them has no say."""
    return _values_hash(_order_hash(ids), targets, predictions)


def _order_hash(ids: np.ndarray) -> str:
    return hashlib.sha256("\n".join(map(str, ids)).encode()).hexdigest()


def _values_hash(order: str, *columns: np.ndarray) -> str:
    digest = hashlib.sha256(order.encode())
    for values in columns:
        digest.update(np.ascontiguousarray(values, dtype="<f8").tobytes())
    return digest.hexdigest()


def frame_hash(frame: pd.DataFrame) -> str:
    """`predictions_hash` of a table with the columns of `schema`."""
    return predictions_hash(frame["id"].to_numpy(), frame["target"].to_numpy(), frame[list(frame)[3:]].to_numpy().squeeze())


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
        problems = _declared_problems(file, data, n, schema(_class_count(records)))
        table = None if problems else file.read(use_threads=False)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:  # KeyError: a damaged name of the column of ids
        raise InvalidFile(path, [f"not a readable Parquet file ({str(error).partition(chr(10))[0]})"]) from None
    if table is None:
        raise InvalidFile(path, problems)
    found, first = [], 0
    for record in records:
        found.append(_of_record(path, table.slice(first, record.split.n_test), record))
        first += record.split.n_test
    return found


def _class_count(records: Sequence[Record]) -> int:
    """Of the task that the records of a run share."""
    return len(records[0].key.classes or ())


def _of_record(path: Path, table: pa.Table, record: Record) -> Predictions:
    """The rows of one record, checked."""
    problems = []
    try:
        ids, sha, order = _ids(table.column("id"))
    except (InputError, pa.ArrowException, ValueError) as error:
        raise InvalidFile(path, [str(error)]) from None
    fold, targets, *predicted = (_numbers(table.column(name)) for name in table.column_names[1:])
    predictions = np.column_stack(predicted) if record.key.classes else predicted[0]
    predictions.flags.writeable = False
    if sha != record.split.test_sha256:
        problems.append("its ids are not those of the test part (split.test_sha256 differs)")
    if (fold != record.key.fold).any():
        problems.append(f"column fold is not {record.key.fold} in every row")
    problems += _not_finite("target", targets, ids)
    for name, values in zip(table.column_names[3:], predicted, strict=True):
        problems += _not_finite(name, values, ids)
    if record.key.classes and not problems:
        problems += _no_classes(targets, predictions, ids)
    if not problems and _values_hash(order, targets, predictions) != record.predictions_sha256:
        problems.append("not the predictions that its record names (sha256 differs)")
    if problems:
        raise InvalidFile(path, problems)
    scores = score(targets, predictions)
    stated = record.metrics.test if record.metrics else None
    if stated is None or not _agree(scores, stated):
        raise InvalidFile(path.with_suffix(".json"), ["its scores are not those of its predictions"])
    return Predictions(ids, targets, predictions, scores)


def _no_classes(targets: np.ndarray, probabilities: np.ndarray, ids: np.ndarray) -> list[str]:
    """Targets that are no class's number, and probabilities that are none."""
    foreign = ~np.isin(targets, np.arange(probabilities.shape[1]))
    outside = (probabilities < 0).any(axis=1) | (np.abs(probabilities.sum(axis=1) - 1) > UNCERTAIN)
    said = {"its target is no class's number": foreign, "its probabilities are not from 0 to 1 with a sum of 1": outside}
    return [f"'{ids[wrong.argmax()]}': {what}; {wrong.sum()} such rows" for what, wrong in said.items() if wrong.any()]


def _declared_problems(file: pq.ParquetFile, data: bytes, n_test: int, expected: dict[str, pa.DataType]) -> list[str]:
    """What the footer says that cannot be; after it, reading takes memory in proportion to the size of the file."""
    footer = file.metadata
    found = {field.name: field.type for field in file.schema_arrow.remove_metadata()}
    if found.get("id") in (pa.dictionary(pa.int32(), pa.string()), pa.dictionary(pa.int32(), pa.large_string())):
        found["id"] = pa.string()  # as it is asked for, and as newer releases of pandas write text
    if list(found.items()) != list(expected.items()) or footer.num_columns != len(expected):
        shown, wanted = (", ".join(f"{name} {kind}" for name, kind in columns.items()) for columns in (found, expected))
        return [f"columns {shown}; expected {wanted}"]
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    if footer.num_rows != n_test or sum(group.num_rows for group in groups) != n_test:
        return [f"{footer.num_rows:,} rows, split.n_test says {n_test:,}"]
    columns = [column for group in chunks(footer_of(data)) for column in group]
    if not {column.codec for column in columns} <= {*SAFE_CODECS}:
        return ["compressed otherwise than by snappy"]
    ids = sum(column.n_bytes for column in columns if column.path == ("id",))
    decoded = sum(column.n_bytes for column in columns)
    if ids < LEAST_ID_BYTES * n_test or decoded > MOST_COMPRESSED * len(data):
        return [f"{n_test:,} different ids cannot lie in a file of {len(data):,} bytes"]
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


def _agree(found: AnyScores, stated: AnyScores) -> bool:
    """Equal but for the rounding of sums; R² and the scores of classes are differences of numbers near one."""
    ours, theirs = found.model_dump(), stated.model_dump()
    if ours.keys() != theirs.keys() or any((ours[name] is None) != (theirs[name] is None) for name in ours):
        return False
    return all(
        abs(value - theirs[name]) <= 1e-9 * (abs(value) if name in ("mae", "rmse") else max(1.0, abs(value)))
        for name, value in ours.items()
        if value is not None
    )
