"""Constructed submissions, good and broken."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from benchmark.results.records import Record
from benchmark.results.store import Store
from benchmark.results.submission import Report
from benchmark.results.validation import frame_hash
from benchmark.tasks.folds import Protocol
from benchmark.tasks.metrics import score
from benchmark.tasks.tasks import Task, split_of
from datasets.cards import Card
from tests.benchmark.conftest import every_run
from tests.benchmark.results.test_store import make

CARD = Card(
    name="toy", description="alloys", targets={"energy": "eV/atom"}, licence="CC0", citation="none", source="made here",
    version="1", how_to_get="it is here",
)  # fmt: skip
LICENCE = {
    "name": "theirs",
    "licence": "Apache-2.0",
    "citation": "A. Author, A journal 1, 1 (2026)",
    "source": "https://example.org/theirs",
}


def submission(root: Path, alloys, model: str = "theirs", seed: int = 0, divisor: int = 1, repeat: int = 0) -> Store:
    """Both folds of a repeat of a two-fold protocol on `toy`, with the licence of its model; `seed` draws the errors."""
    protocol = Protocol("kfold", 2, train_divisor=divisor)
    store, data = Store(root), Task("toy", "toy", "energy", "eV/atom").load()
    for fold in range(2):
        parts = data.fold(protocol, fold, repeat)
        targets = data.targets[parts.test]
        predicted = targets + np.random.default_rng([seed, fold]).normal(0, 0.1, len(targets))
        ids = data.crystals.ids[parts.test].astype(str)
        frame = pd.DataFrame({"id": ids, "fold": fold, "target": targets, "prediction": predicted})
        record = make(fold, model)[0]
        key = record.key.model_copy(
            update={"task": "toy/energy", "dataset": "toy", "target": "energy", "unit": "eV/atom",
                    "dataset_hash": alloys.content_hash, "protocol": str(protocol), "seed": repeat}
        )  # fmt: skip
        write(store, record.model_copy(update={"key": key, "split": split_of(data, parts)}), frame)
    (root / "models").mkdir(exist_ok=True)
    (root / "models" / f"{model}.json").write_text(json.dumps({**LICENCE, "name": model}))
    return store


def write(store: Store, record: Record, frame: pd.DataFrame, scored: bool = True, hashed: bool = True) -> None:
    """A record and its predictions, with scores and hash that fit them unless told otherwise."""
    if scored:
        test = score(frame["target"].to_numpy(), frame["prediction"].to_numpy())
        record = record.model_copy(update={"metrics": record.metrics.model_copy(update={"test": test})})
    if hashed:
        record = record.model_copy(update={"predictions_sha256": frame_hash(frame)})
    store.write(record, frame)


def rewrite(store: Store, changes: dict[str, object] | None = None, **key: object) -> None:
    """The same submission with other fields of every record, and of its key."""
    kept = [(store.read(path), table(store, store.read(path))) for path in store.paths()]
    shutil.rmtree(store.root / "records")
    for record, frame in kept:
        store.write(record.model_copy(update={**(changes or {}), "key": record.key.model_copy(update=key)}), frame)


def table(store: Store, record: Record) -> pd.DataFrame:
    return pd.read_parquet(store.path(record.key).with_suffix(".parquet"))


def only_problem(report: Report) -> str:
    assert len(report.problems) == 1, report.problems
    assert "\n" not in report.problems[0]
    return report.problems[0]


def changed_rows(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Store, Record], None]:
    return lambda store, record: write(store, record, change(table(store, record)), scored=False)


def changed_json(*keys: str, value: object) -> Callable[[Store, Record], None]:
    def change(store: Store, record: Record) -> None:
        path = store.path(record.key)
        content = json.loads(path.read_text())
        place = content
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value
        path.write_text(json.dumps(content))

    return change


def sparse(suffix: str) -> Callable[[Store, Record], None]:
    def change(store: Store, record: Record) -> None:
        os.truncate(store.path(record.key).with_suffix(suffix), 2**30)

    return change


def replaced(data: Callable[[], bytes]) -> Callable[[Store, Record], None]:
    """Other predictions, whose hash the record names."""

    def change(store: Store, record: Record) -> None:
        content = data()
        store.path(record.key).with_suffix(".parquet").write_bytes(content)
        changed_json("predictions_sha256", value=hashlib.sha256(content).hexdigest())(store, record)

    return change


def figures(store: Store) -> list[tuple[str, float, float]]:
    """In an order of their own: a fold that names another machine is a run of its own, and runs are sorted."""
    runs = every_run(store)
    return sorted((r.key.task, s.mae, s.rmse) for run in runs for r, s in zip(run.run.complete, run.scores, strict=True))
