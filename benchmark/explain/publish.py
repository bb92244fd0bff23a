"""Experiments as they are published: one JSON and one Parquet a task and kind of node types, and one JSON of planted trials.

`<root>/explanations/<dataset>/<target>/<kind>.json` holds every result but the tests of its motifs; row n of `<kind>.parquet`
holds what is many of the n-th result: the rounds with their graphs, the tests, and the classifier's weights (safetensors).
Nothing is rounded: what is read is what was packed. Needs no torch.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from benchmark.explain.node_types import N_NODE_TYPES
from benchmark.explain.planted.records import PLANTED_KINDS, PlantedTrial
from benchmark.explain.records import CLASSES, Result, Round
from benchmark.explain.store import ExperimentRecords, weights_hash
from benchmark.results.store import write_atomically
from benchmark.results.validation import InvalidFile, parse_json, read_bounded, schema_problems
from benchmark.schema import Sha256, Strict
from datasets.errors import BenchmarkError, InputError
from datasets.table_bounds import rows_of

MOST_BYTES = 100_000_000
"""Of a file; five seeds of 18 node types take 0.7 MB."""

NUMBERS = pa.list_(pa.uint8())
"""Node types and places of atoms: there are at most `MOST_ATOMS` in a graph."""

GRAPH = {
    "node_types": NUMBERS, "bonds": pa.list_(NUMBERS), "probability": pa.float64(), "update": pa.int64(), "hash": pa.string(),
}  # fmt: skip
ROUND = {
    "class_name": pa.string(), "number": pa.int64(), "seed": pa.int64(), "min_probability": pa.float64(),
    "threshold": pa.float64(), "weights_sha256": pa.string(), "attempts": pa.int64(), "reached": pa.int64(),
    "explanations": pa.list_(pa.struct(GRAPH)), "updates": pa.int64(), "seconds": pa.float64(),
}  # fmt: skip
TEST = {
    "kind": pa.string(), "node_types": NUMBERS, "against": pa.string(), "count": pa.int64(), "total": pa.int64(),
    "other_count": pa.int64(), "other_total": pa.int64(), "log_odds": pa.float64(), "interval": pa.list_(pa.float64()),
    "p": pa.float64(), "p_holm": pa.float64(),
}  # fmt: skip
ROUNDS, TESTS = pa.list_(pa.struct(ROUND)), pa.list_(pa.struct(TEST))
SCHEMA = pa.schema(
    {"low_rounds": ROUNDS, "low_tests": TESTS, "high_rounds": ROUNDS, "high_tests": TESTS, "weights": pa.binary()}
)


class PackedResults(Strict):
    """The JSON of a table: results without the tests of their motifs, and the hash of the Parquet that has these."""

    schema_version: Literal[1] = 1
    parquet_sha256: Sha256
    results: tuple[dict[str, Any], ...]


class PlantedTrials(Strict):
    """Every trial of a planted motif."""

    schema_version: Literal[1] = 1
    trials: tuple[PlantedTrial, ...]


def pack(experiments: Sequence[ExperimentRecords]) -> tuple[bytes, bytes]:
    """The JSON and the Parquet of experiments on one task and kind of node types."""
    results, rows = [], []
    for one in experiments:
        result: dict[str, Any] = one.result.model_dump(mode="json")
        row: dict[str, Any] = {"weights": one.weights}
        for name in CLASSES:
            row[f"{name}_tests"] = result[name].pop("enrichments")
            row[f"{name}_rounds"] = [found.model_dump(mode="json") for found in one.rounds[name]]
        results.append(result)
        rows.append(row)
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), sink, compression="zstd", compression_level=19)
    table = sink.getvalue()
    packed = PackedResults(parquet_sha256=hashlib.sha256(table).hexdigest(), results=tuple(results))
    return _lines(packed.model_dump(mode="json"), "results"), table


def unpack(path: Path) -> list[ExperimentRecords]:
    """The experiments in `path`, a JSON, and the Parquet beside it; InvalidFile where one is not what it should be."""
    packed, beside = parse_json(path, PackedResults, MOST_BYTES), path.with_suffix(".parquet")
    table = read_bounded(beside, MOST_BYTES)
    if hashlib.sha256(table).hexdigest() != packed.parquet_sha256:
        raise InvalidFile(beside, [f"not the table that {path.name} names (sha256 differs)"])
    rows = rows_of(beside, table, SCHEMA)
    if len(rows) != len(packed.results):
        raise InvalidFile(beside, [f"{len(rows)} rows, {path.name} has {len(packed.results)} results"])
    try:
        found = [_unpacked(result, row) for result, row in zip(packed.results, rows, strict=True)]
    except ValidationError as error:
        raise InvalidFile(path, schema_problems(error)) from None
    if any(weights_hash(one.weights) != one.result.classifier.weights_sha256 for one in found):
        raise InvalidFile(beside, ["not the weights of the classifiers (sha256 differs)"])
    return found


def _unpacked(result: dict[str, Any], row: dict[str, Any]) -> ExperimentRecords:
    whole = dict(result)
    for name in CLASSES:
        whole[name] = {**result[name], "enrichments": row[f"{name}_tests"]}
    rounds = {name: tuple(map(Round.model_validate, row[f"{name}_rounds"])) for name in CLASSES}
    return ExperimentRecords(Result.model_validate(whole), rounds, row["weights"])


def _lines(content: dict[str, Any], rows: str) -> bytes:
    """JSON with a line for each of the rows, so that a change shows the record that changed."""
    items = ",\n".join(json.dumps(item, ensure_ascii=False, separators=(",", ":")) for item in content.pop(rows))
    head = json.dumps(content, separators=(",", ":"))[:-1]
    return f'{head},"{rows}":[\n{items}\n]}}\n'.encode()


# -- the published directory ------------------------------------------------------------------------


def published_tasks(root: Path) -> list[str]:
    """The tasks that have published explanations."""
    folder = root / "explanations"
    return sorted({path.parent.relative_to(folder).as_posix() for path in folder.rglob("*.json")})


def published(root: Path, task: str) -> list[ExperimentRecords]:
    """The published experiments on a task, in order of kind, model, settings and seed. Raises InvalidFile."""
    paths = [_path(root, task, kind) for kind in N_NODE_TYPES]
    return [one for path in paths if path.is_file() for one in unpack(path)]


def publish(experiments: Iterable[ExperimentRecords], root: Path) -> list[Path]:
    """Add experiments to the published tables; returns the paths of their JSON.

    Raises:
        InputError: a published experiment was searched anew and found something else, or a published file is invalid.
        BenchmarkError: a table cannot be written.
    """
    tables: dict[Path, dict[tuple[str, str, int, int], ExperimentRecords]] = {}
    for one in experiments:
        experiment = one.result.experiment
        path = _path(root, experiment.task, experiment.node_types)
        if path not in tables:
            tables[path] = {_place(known): known for known in (unpack(path) if path.is_file() else [])}
        known = tables[path].get(_place(one))
        if known and (known.rounds, known.weights) != (one.rounds, one.weights):
            raise InputError(f"{path} has another search of {experiment.model} with seed {experiment.seed}; move it away first")
        tables[path][_place(one)] = one
    for path, table in tables.items():
        data, parquet = pack([table[place] for place in sorted(table)])
        _write(path.with_suffix(".parquet"), parquet)
        _write(path, data)
    return list(tables)


def published_trials(root: Path) -> list[PlantedTrial]:
    """The published trials of planted motifs; none where there are none. Raises InvalidFile."""
    path = root / "ground-truth.json"
    return list(parse_json(path, PlantedTrials, MOST_BYTES).trials) if path.is_file() else []


def publish_trials(trials: Sequence[PlantedTrial], root: Path) -> Path:
    """Write every trial into one file, beside those of other floors of the reward; returns its path.

    Raises:
        InputError: other trials of the same floor are published there.
        BenchmarkError: it cannot be written.
    """
    path, floors = root / "ground-truth.json", {one.floor for one in trials}
    known = published_trials(root)
    others = [one for one in known if one.floor not in floors]
    ordered = sorted([*others, *trials], key=lambda one: (one.floor, PLANTED_KINDS.index(one.planted), one.seed))
    if len(others) < len(known) and known != ordered:
        raise InputError(f"{path} has other trials; move it away first")
    _write(path, _lines(PlantedTrials(trials=tuple(ordered)).model_dump(mode="json"), "trials"))
    return path


def _path(root: Path, task: str, kind: str) -> Path:
    return root / "explanations" / task / f"{kind}.json"


def _place(one: ExperimentRecords) -> tuple[str, str, int, int]:
    experiment = one.result.experiment
    return experiment.model, experiment.group, one.result.per_class, experiment.seed


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)
    except OSError as error:
        raise BenchmarkError(f"cannot write {path} ({error.strerror})") from None
