"""Records of many folds in one JSON file, their predictions in one Parquet file: the published form. Needs no torch."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, JsonValue, ValidationError

from benchmark.results.packing import pack, unpack
from benchmark.results.records import Record
from benchmark.results.validation import (
    PROBABILITY,
    RECORD_BYTES,
    InvalidFile,
    parse_json,
    predictions_frame,
    schema,
    schema_problems,
)
from benchmark.schema import Strict
from benchmark.tasks.folds import MOST_FOLDS

PACKED_BYTES = 32 * RECORD_BYTES
UNPACKED_BYTES = 256 * RECORD_BYTES


class Columns(Protocol):
    """Ids (n,), targets (n,) and predictions (n,) or (n, K) of the test crystals of a fold."""

    @property
    def ids(self) -> np.ndarray:
        """Of str."""

    @property
    def targets(self) -> np.ndarray:
        """In the task's unit."""

    @property
    def predictions(self) -> np.ndarray:
        """In the task's unit; of classes, probabilities."""


class PackedRecords(Strict):
    """What the records share, and what is left of each."""

    schema_version: Literal[1] = 1
    shared: dict[str, JsonValue]
    records: Annotated[list[dict[str, JsonValue]], Field(min_length=1, max_length=MOST_FOLDS)]


def packed_json(records: Sequence[Record]) -> bytes:
    """The JSON file of records, a line each; `read_packed` gives them back, equal in every field."""
    shared, rest = pack([record.model_dump(mode="json") for record in records])
    lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in rest)
    head = json.dumps(shared, ensure_ascii=False, indent=1)
    return f'{{"schema_version": 1,\n"shared": {head},\n"records": [\n{lines}\n]}}\n'.encode()


def packed_files(path: Path, scored: Sequence[tuple[Record, Columns | None]]) -> list[tuple[Path, bytes]]:
    """The JSON file `path` of records and, where one has predictions, the Parquet file beside it: (path, content) of each."""
    frames = [
        predictions_frame(found.ids, record.key.fold, found.targets, found.predictions)
        for record, found in scored
        if found is not None
    ]
    files = [(path.with_suffix(".parquet"), predictions_bytes(pd.concat(frames)))] if frames else []
    return [*files, (path, packed_json([record for record, _ in scored]))]


def predictions_bytes(predictions: pd.DataFrame) -> bytes:
    """The Parquet file of predictions with the columns of `validation.schema`."""
    buffer, columns = io.BytesIO(), schema(sum(str(name).startswith(PROBABILITY) for name in predictions))
    table = pa.Table.from_pandas(predictions, pa.schema(columns), preserve_index=False)
    # Ids are written out: what a file decodes to is bounded by its size.
    pq.write_table(table, buffer, use_dictionary=[name for name in columns if name != "id"])
    return buffer.getvalue()


def read_packed(path: Path) -> list[Record]:
    """The records of a packed file, in its order, each validated.

    Raises:
        InvalidFile: too large, not such a file, a record that is invalid, or one that is there twice.
    """
    packed = parse_json(path, PackedRecords, PACKED_BYTES)
    # What is shared is written once and read for each: the size of the file alone would bound nothing.
    if len(json.dumps(packed.shared)) * len(packed.records) > UNPACKED_BYTES:
        raise InvalidFile(path, [f"{len(packed.records):,} records share more than can belong to them"])
    try:
        documents = unpack(packed.shared, packed.records)
    except ValueError as error:
        raise InvalidFile(path, [str(error)]) from None
    records = [_record(path, number, document) for number, document in enumerate(documents)]
    places = {(record.key.task, record.key.model, record.key.run_id, record.key.fold) for record in records}
    if len(places) < len(records):
        raise InvalidFile(path, [f"{len(records) - len(places)} records are there twice"])
    return records


def _record(path: Path, number: int, document: Mapping[str, Any]) -> Record:
    try:
        return Record.model_validate_json(json.dumps(document), strict=True)
    except ValidationError as error:
        raise InvalidFile(path, [f"record {number}: {problem}" for problem in schema_problems(error)]) from None
