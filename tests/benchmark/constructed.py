"""Records with the errors that a test wants."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from benchmark.results.packed import packed_files
from benchmark.results.sources import sources_path
from benchmark.results.store import Store, write_together
from benchmark.results.validation import frame_hash, predictions_frame
from benchmark.tasks.folds import Split, has_validation, ids_hash
from benchmark.tasks.metrics import Metrics, score
from tests.benchmark.results import test_store

PER_FOLD = 8

make = partial(test_store.make, profile="standard")
failed = partial(test_store.failed, profile="standard")


def write_fold(
    store: Store,
    model: str,
    fold: int,
    errors: Sequence[float],
    *,
    task: str = "set/target",
    order: Sequence[int] | None = None,
    targets: Sequence[float] | None = None,
    key: dict | None = None,
    **changes,
) -> None:
    """A complete record of one fold whose predictions are off by `errors`; `order` permutes the rows of the file."""
    wanted = np.arange(len(errors), dtype=float) if targets is None else np.asarray(targets, dtype=float)
    order = np.arange(len(errors)) if order is None else np.asarray(order)
    _write(store, model, fold, task, order, wanted, wanted + errors, key, changes)


def write_class_fold(
    store: Store,
    model: str,
    fold: int,
    classes: Sequence[int],
    probabilities: Sequence[Sequence[float]],
    *,
    names: tuple[str, ...] = ("insulator", "metal"),
    task: str = "set/is_metal",
    protocol: str = "kfold(5, stratified)",
    key: dict | None = None,
    **changes,
) -> None:
    """A complete record of one fold that gave `probabilities` (n, K) to crystals of `classes` (n,)."""
    key = {"unit": "class", "classes": names, "protocol": protocol} | (key or {})
    order, targets = np.arange(len(classes)), np.asarray(classes, dtype=float)
    _write(store, model, fold, task, order, targets, np.asarray(probabilities), key, changes)


def _write(
    store: Store,
    model: str,
    fold: int,
    task: str,
    order: np.ndarray,
    targets: np.ndarray,
    predictions: np.ndarray,
    key: dict | None,
    changes: dict,
) -> None:
    n = len(targets)
    ids = np.array([f"{task}-{fold}-{row}" for row in range(n)])
    frame = predictions_frame(ids[order], fold, targets[order], predictions[order])
    found = score(targets[order], predictions[order])
    template, _ = make(fold, model)
    dataset, _, target = task.rpartition("/")
    changed_key = template.key.model_copy(update={"task": task, "dataset": dataset, "target": target, **(key or {})})
    validated = has_validation(changed_key.protocol)
    hashes = {"train_sha256": "a" * 64, "validation_sha256": "b" * 64, "test_sha256": ids_hash(ids)}
    fields = dict(
        key=changed_key,
        split=Split(n_train=4 * n, n_validation=n * validated, n_test=n, **hashes),
        metrics=Metrics(train=found, validation=found if validated else None, test=found),
        predictions_sha256=frame_hash(frame),
    )
    store.write(make(fold, model, **{**fields, **changes})[0], frame)


def write_sources(root: Path, *, outdated: Sequence[str] = (), unchanged: Sequence[str] = ()) -> None:
    """Trainings by source: a newer source of some models gives other predictions, of others it gives the same."""
    trained = []
    for model in (*outdated, *unchanged):
        for source, month in (("f", 1), ("a", 2)):
            shift = 0.2 if source == "a" and model in outdated else 0.1
            started = datetime(2026, month, 1, tzinfo=timezone.utc)
            record, frame = make(0, model, shift, source * 64, started_at=started)
            columns = SimpleNamespace(ids=frame["id"], targets=frame["target"], predictions=frame["prediction"])
            trained.append((record, columns))
    root.mkdir(parents=True, exist_ok=True)
    write_together(packed_files(sources_path(root), trained))


def write_run(store: Store, model: str, mae: float, folds: int = 5, seed: int = 0, **changes) -> None:
    """Complete records whose MAE is about `mae` in every fold, with a little luck of the model's own."""
    rng = np.random.default_rng([seed, sum(map(ord, model))])
    for fold in range(folds):
        write_fold(store, model, fold, mae * rng.uniform(0.98, 1.02, PER_FOLD), **changes)
