"""Leakage between the parts of a fold: test crystals whose structure was also in training or validation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmark.tasks.folds import Fold, Protocol
from benchmark.tasks.tasks import TaskData
from datasets.errors import InputError

SEED = 0


@dataclass(frozen=True)
class FoldLeakage:
    """Test crystals of a fold, and how many of them have a duplicate in its training or validation part."""

    fold: int
    test: int
    leaked: int


@dataclass(frozen=True)
class Leakage:
    """The folds of a protocol; `reason` says why there are none where the crystals cannot be split."""

    task: str
    protocol: str
    seed: int
    folds: tuple[FoldLeakage, ...]
    reason: str | None = None

    @property
    def share(self) -> float:
        """Of all test crystals, those with a duplicate in training or validation."""
        return sum(f.leaked for f in self.folds) / max(1, sum(f.test for f in self.folds))


def leakage(data: TaskData) -> list[Leakage]:
    """Count the leaked test crystals of a task: five folds with seed 0, and the published split where there is one."""
    protocols = [Protocol("kfold", 5)] + [Protocol("published", 1)] * (data.published is not None)
    return [_leakage(data, protocol) for protocol in protocols]


def _leakage(data: TaskData, protocol: Protocol) -> Leakage:
    try:
        folds = [data.fold(protocol, number, SEED) for number in range(protocol.n_folds)]
    except InputError as error:
        return Leakage(data.task.name, str(protocol), SEED, (), str(error))
    counted = [FoldLeakage(n, len(fold.test), len(leaked(fold, data.groups))) for n, fold in enumerate(folds)]
    return Leakage(data.task.name, str(protocol), SEED, tuple(counted))


def leaked(fold: Fold, groups: np.ndarray) -> np.ndarray:
    """The test rows whose group also has a crystal in the training or validation part."""
    seen = groups[np.concatenate([fold.train, fold.validation])]
    return fold.test[np.isin(groups[fold.test], seen)]
