"""Records with the errors that a test wants."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd

from benchmark.results.packed import packed_files
from benchmark.results.sources import sources_path
from benchmark.results.store import Store, write_together
from benchmark.results.validation import frame_hash
from benchmark.tasks.folds import Split, ids_hash
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
    n = len(errors)
    ids = np.array([f"{task}-{fold}-{row}" for row in range(n)])
    wanted = np.arange(n, dtype=float) if targets is None else np.asarray(targets, dtype=float)
    order = np.arange(n) if order is None else np.asarray(order)
    frame = pd.DataFrame({"id": ids, "fold": fold, "target": wanted, "prediction": wanted + errors}).iloc[order]
    found = score(frame["target"].to_numpy(), frame["prediction"].to_numpy())
    rest = {"train_sha256": "a" * 64, "validation_sha256": "b" * 64, "n_train": 4 * n, "n_validation": n}
    template, _ = make(fold, model)
    dataset, _, target = task.rpartition("/")
    changed_key = template.key.model_copy(update={"task": task, "dataset": dataset, "target": target, **(key or {})})
    fields = dict(
        key=changed_key,
        split=Split(n_test=n, test_sha256=ids_hash(ids), **rest),
        metrics=Metrics(train=found, validation=found, test=found),
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
