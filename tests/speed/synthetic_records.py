"""A store of records nobody trained: as many models, tasks and crystals as a full board has, with plausible errors."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from benchmark.results.packed import predictions_bytes
from benchmark.results.records import Record
from benchmark.results.store import Store
from benchmark.tasks.folds import Protocol, Split, ids_hash, make_fold
from benchmark.tasks.metrics import Metrics, score
from tests.benchmark.results.test_store import make


def synthetic_store(root: Path, n_models: int, n_tasks: int, n_crystals: int, n_folds: int = 5) -> Store:
    """The records of `n_models` on `n_tasks`, in `n_folds` folds of `n_crystals` each; the first model is the dummy.

    The errors of two models on a crystal correlate, as they do where a crystal is unusual; the numbers are rounded, so that
    the files are small.
    """
    store = Store(root)
    for task in range(n_tasks):
        rng = np.random.default_rng(task)
        ids = np.array([f"mp-{number}" for number in rng.permutation(10**6)[:n_crystals]])
        targets = np.round(rng.normal(size=n_crystals), 3)
        unusual = rng.exponential(size=n_crystals) * rng.choice([-1.0, 1.0], n_crystals)
        for number in range(n_folds):
            fold = make_fold(ids, Protocol("kfold", n_folds), number, seed=0)
            parts = dict(train=fold.train, validation=fold.validation, test=fold.test)
            split = Split.model_validate(
                {f"n_{name}": len(part) for name, part in parts.items()}
                | {f"{name}_sha256": ids_hash(ids[part]) for name, part in parts.items()}
            )
            for model in range(n_models):
                own = rng.normal(size=len(fold.test)) + 0.1 * rng.normal()
                error = (0.3 + 0.01 * model) * (unusual[fold.test] + own) if model else -targets[fold.test]
                _write(store, task, model, number, split, ids[fold.test], targets[fold.test], np.round(error, 3))
    return store


def _write(
    store: Store, task: int, model: int, fold: int, split: Split, ids: np.ndarray, targets: np.ndarray, errors: np.ndarray
) -> None:
    name = f"model-{model:02d}" if model else "dummy"
    predictions = pd.DataFrame({"id": ids, "fold": fold, "target": targets, "prediction": targets + errors})
    data = predictions_bytes(predictions)
    found = score(targets, predictions["prediction"].to_numpy())
    template, _ = make(fold, name)
    key = template.key.model_copy(update={"task": f"set-{task}/energy", "dataset": f"set-{task}", "target": "energy"})
    record = template.model_copy(
        update=dict(
            key=key,
            split=split,
            metrics=Metrics(train=found, validation=found, test=found),
            predictions_sha256=hashlib.sha256(data).hexdigest(),
        )
    )
    _write_unsynced(store.path(record.key), record, data)


def _write_unsynced(path: Path, record: Record, data: bytes) -> None:
    """As the store does, without waiting for the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".parquet").write_bytes(data)
    path.write_text(record.model_dump_json(indent=1) + "\n")
