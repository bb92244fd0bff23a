"""Leakage between the parts of a fold: test crystals whose structure was also in training or validation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmark.schema import one_line
from benchmark.tasks.folds import Fold, Protocol
from benchmark.tasks.tasks import TaskData
from datasets.errors import InputError

SEED = 0

GROUPED_FROM = 0.01
"""`run` keeps duplicates together where a larger share of the crystals has one, unless it is told otherwise."""

UNSEARCHABLE = (InputError, ValueError)
"""What the search for duplicates raises of crystals that it cannot compare: nobody loses a run for them."""


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


def duplicate_share(groups: np.ndarray) -> float:
    """Of crystals with `groups` (n,), those whose group holds another one."""
    counts = np.unique(groups, return_counts=True)[1]
    return float(counts[counts > 1].sum() / len(groups))


def grouping(data: TaskData) -> tuple[bool, str]:
    """Whether the folds of a task keep duplicates together where nobody says, and in one line why."""
    try:
        share = duplicate_share(data.groups)
    except UNSEARCHABLE as error:
        why = one_line(str(error))
        return False, f"{data.task.name}: duplicates cannot be searched: crystals are divided at random ({why})"
    if not share:
        return False, f"{data.task.name}: no duplicates found: crystals are divided at random"
    have = f"{data.task.name}: {100 * share:.2f} % of the crystals have a duplicate"
    if share > GROUPED_FROM:
        return True, f"{have}: duplicates stay in one part of each fold"
    return False, f"{have}, not more than {100 * GROUPED_FROM:.0f} %: crystals are divided at random"


def seen_before(data: TaskData, fold: Fold) -> np.ndarray | None:
    """(n_test,) whether each test crystal has a duplicate in training or validation; None where these cannot be searched."""
    try:
        return np.isin(fold.test, leaked(fold, data.groups))
    except UNSEARCHABLE:
        return None


def leaked(fold: Fold, groups: np.ndarray) -> np.ndarray:
    """The test rows whose group also has a crystal in the training or validation part."""
    seen = groups[np.concatenate([fold.train, fold.validation])]
    return fold.test[np.isin(groups[fold.test], seen)]
