"""How a fold under way is kept: a checkpoint every few minutes, and one more when the run is asked to end."""

from __future__ import annotations

import hashlib
import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmark.harness.kept import Kept, kept_of, marked, read_kept, unmarked
from benchmark.results.records import JobKey
from benchmark.results.store import Store, write_atomically
from benchmark.schema import Settings
from benchmark.tasks.folds import Split
from models.contract import Epoch, OnEpoch
from models.resume import Keeper

CHECKPOINT_S = 300.0
"""Seconds between two checkpoints of a fold."""


@dataclass(frozen=True)
class Stopping:
    """When training is kept, and whether it is to end now."""

    every_s: float = CHECKPOINT_S
    ends: Callable[[], bool] = lambda: False
    limit_s: float = math.inf
    """Of one fold: training that takes longer is kept and gets a record saying so."""
    begins: Callable[[Kept | None], None] = lambda kept: None
    """Called as training begins, with what it goes on from."""
    prepares: Callable[[int, int], None] = lambda done, of: None
    """Called while descriptors are computed, with the number of crystals that have theirs, and of all."""


NEVER = Stopping(math.inf)


def keeper_of(
    store: Store, key: JobKey, split: Split, on_epoch: OnEpoch, stopping: Stopping, changed: Settings | None = None
) -> Keeper:
    """Keeps the training of a fold beside its record; what was kept of another split or by another torch is not used."""
    path, identity = store.unfinished(key), identity_of(key, split)
    kept = kept_of(key, identity, changed)
    until = time.monotonic() + stopping.limit_s

    def ends() -> bool:
        return stopping.ends() or time.monotonic() >= until

    def tell(epoch: Epoch) -> None:
        nonlocal kept
        kept = kept.model_copy(update={"epoch": epoch.number, "epochs": epoch.of})
        on_epoch(epoch)

    def read() -> bytes | None:
        nonlocal kept
        earlier = goes_on_from(store, key, split)
        kept = earlier or kept
        stopping.begins(earlier)
        return _read(path)

    return Keeper(tell, read, lambda data: _write(path, marked(kept, data)), identity, stopping.every_s, ends)


def identity_of(key: JobKey, split: Split) -> str:
    """Of a training: only the same job on the same split, by the same torch, goes on from its checkpoint."""
    import torch

    said = [key.model_dump(mode="json"), split.model_dump(mode="json"), torch.__version__]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def goes_on_from(store: Store, key: JobKey, split: Split) -> Kept | None:
    """What is kept of this training; None where it begins anew."""
    kept = read_kept(store.unfinished(key))
    return kept if kept and kept.identity == identity_of(key, split) else None


def _read(path: Path) -> bytes | None:
    try:
        return unmarked(path.read_bytes())
    except OSError:
        return None


def _write(path: Path, data: bytes) -> None:
    """Write a checkpoint; where that fails the fold goes on, and has to begin again if it is killed."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)
    except OSError as error:
        logging.getLogger(__name__).warning("cannot write %s (%s); the fold goes on without a checkpoint", path, error.strerror)
