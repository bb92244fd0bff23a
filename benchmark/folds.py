"""Protocols and folds: a pure function of (ids, protocol, seed), hashed so that anybody can check them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from sklearn.model_selection import KFold, train_test_split

from datasets.errors import InputError

ProtocolName = Literal["kfold", "shuffle", "published"]


@dataclass(frozen=True)
class Protocol:
    """How a dataset is divided, and how often.

    "kfold": every crystal is tested once; a tenth of the rest is the validation part (5 folds: 72:8:20).
    "shuffle": independent 80:10:10 divisions.
    "published": the split that came with the dataset; one fold.
    """

    name: ProtocolName = "kfold"
    n_folds: int = 5

    def __post_init__(self) -> None:
        if self.name == "kfold" and self.n_folds < 2:
            raise InputError(f"kfold needs at least 2 folds, not {self.n_folds}; or use --protocol shuffle")
        if self.n_folds < 1 or (self.name == "published" and self.n_folds != 1):
            raise InputError(f"{self.name} with {self.n_folds} folds is impossible")

    def __str__(self) -> str:
        """What identifies a fold: the number of shuffles does not, as each is independent."""
        return {"kfold": f"kfold({self.n_folds})", "shuffle": "shuffle(80:10:10)", "published": "published split"}[self.name]


@dataclass(frozen=True, eq=False)
class Fold:
    """Row numbers, ascending, of the three parts; together they are all rows, without overlap."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def make_fold(ids: np.ndarray, protocol: Protocol, number: int, seed: int, published: np.ndarray | None = None) -> Fold:
    """Fold `number` (from 0) of the crystals `ids`.

    The ids are sorted first, so that the order of the rows in a file has no say.

    Args:
        ids: (n,) unique strings.
        protocol: how to divide.
        number: which fold.
        seed: of every random choice.
        published: (n,) 0 train, 1 validation, 2 test; needed by the "published" protocol only.

    Raises:
        InputError: there are too few crystals for it, or no published split.
    """
    if protocol.name == "published":
        if published is None:
            raise InputError("this dataset came without a published split; use --protocol kfold or shuffle")
        train, validation, test = (np.flatnonzero(published == part) for part in (0, 1, 2))
    else:
        least = protocol.n_folds if protocol.name == "kfold" else 10
        if len(ids) < max(least, 5):
            raise InputError(
                f"{len(ids)} crystals with a value are too few for {protocol}; at least {max(least, 5)} are needed"
            )
        order = np.argsort(ids.astype(str), kind="stable")
        if protocol.name == "kfold":
            folds = KFold(protocol.n_folds, shuffle=True, random_state=seed).split(order)
            rest, test = list(folds)[number]
            fraction = 0.1
        else:
            rest, test = train_test_split(np.arange(len(ids)), test_size=0.1, random_state=_state(seed, number, 0))
            fraction = 1 / 9
        train, validation = train_test_split(rest, test_size=fraction, random_state=_state(seed, number, 1))
        train, validation, test = (np.sort(order[part]) for part in (train, validation, test))
    if min(len(train), len(validation), len(test)) == 0:
        raise InputError(f"{protocol} of {len(ids)} crystals leaves a part empty; more crystals are needed")
    return Fold(train, validation, test)


def ids_hash(ids: Iterable[str]) -> str:
    """sha256 of the sorted ids, one a line."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()


def _state(seed: int, number: int, stage: int) -> int:
    return int(np.random.SeedSequence([seed, number, stage]).generate_state(1)[0])
