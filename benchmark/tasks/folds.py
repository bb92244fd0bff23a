"""Protocols and folds: a pure function of (ids, protocol, seed), hashed so that anybody can check them."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field
from sklearn.model_selection import KFold, StratifiedGroupKFold, StratifiedKFold, train_test_split

from benchmark.schema import Sha256, Strict
from datasets.errors import InputError

ProtocolName = Literal["kfold", "shuffle", "holdout", "published"]

VALIDATION_SHARE = 0.1
"""Of the crystals that a fold of `kfold` does not test."""

HOLDOUT_FOLDS = 5
"""Of the protocol without a validation part: each fold tests a fifth of the crystals."""

MOST_FOLDS = 10_000
"""Of a protocol; every fold has a number below."""

NO_PUBLISHED_SPLIT = "this dataset came without a published split; use --protocol kfold or shuffle"

MOST_TEST_CRYSTALS = 2_000_000
"""No fold of a published set comes near; a record that claims more is refused before its predictions are read."""

TRAIN_PART = r"(, train 1/([2-9]|[1-9][0-9]{1,3}))?"
DIVIDED = r"(kfold\([1-9][0-9]{0,3}|shuffle\(80:10:10|holdout\(80:20)(, grouped)?(, stratified)?"
PROTOCOL = rf"^({DIVIDED}{TRAIN_PART}\)|published split{TRAIN_PART})$"
"""What `folds.Protocol` is called in a record."""


def kfolds(protocol: str) -> int | None:
    """How many folds a record's k-fold protocol has, `kfold(5)` or `kfold(5, grouped)`; None of another protocol."""
    found = re.match(r"kfold\((\d+)", protocol)
    return int(found[1]) if found else None


def has_validation(protocol: str) -> bool:
    """Whether a record's protocol has a validation part."""
    return not protocol.startswith("holdout")


@dataclass(frozen=True)
class Protocol:
    """How a data set is split, and how often.

    "kfold": every crystal is tested once; a tenth of the rest is the validation part (5 folds: 72:8:20).
    "shuffle": independent 80:10:10 splits.
    "holdout": 80:20 without a validation part; the test parts are those of 5 folds, of which `n_folds` are run.
    "published": the split that came with the dataset; one fold.

    `grouped`: crystals of one group, the duplicates of a structure, are never in two parts; the shares are then of groups.
    `stratified`: each class has the same share of every part, as far as its crystals and groups allow.
    `train_divisor`: only one in so many crystals of the training part is used; of one fold, the fewer are among the more.
    """

    name: ProtocolName = "kfold"
    n_folds: int = 5
    grouped: bool = False
    stratified: bool = False
    train_divisor: int = 1

    def __post_init__(self) -> None:
        if self.name == "kfold" and self.n_folds < 2:
            raise InputError(f"kfold needs at least 2 folds, not {self.n_folds}; or run --protocol shuffle")
        if self.n_folds < 1 or (self.name == "published" and self.n_folds != 1):
            raise InputError(f"{self.name} with {self.n_folds} folds is impossible")
        if self.n_folds >= MOST_FOLDS:
            raise InputError(f"{self.name} with {self.n_folds} folds is impossible; at most {MOST_FOLDS - 1} are")
        if self.name == "holdout" and self.n_folds > HOLDOUT_FOLDS:
            raise InputError(f"holdout has {HOLDOUT_FOLDS} folds, not {self.n_folds}; each tests a fifth of the crystals")
        if self.name == "published" and self.grouped:
            raise InputError("a published split cannot be grouped by duplicates; use --protocol kfold or shuffle")
        if self.name == "published" and self.stratified:
            raise InputError("a published split cannot be stratified by class; use --protocol kfold or shuffle")

    def __str__(self) -> str:
        """What identifies a fold: the number of shuffles does not, as each is independent."""
        part = f", train 1/{self.train_divisor}" if self.train_divisor > 1 else ""
        if self.name == "published":
            return f"published split{part}"
        divided = {"kfold": str(self.n_folds), "shuffle": "80:10:10", "holdout": "80:20"}[self.name]
        return f"{self.name}({divided}{', grouped' if self.grouped else ''}{', stratified' if self.stratified else ''}{part})"

    @property
    def test_parts(self) -> int:
        """One in so many crystals is tested in a fold."""
        return {"kfold": self.n_folds, "shuffle": 10, "holdout": HOLDOUT_FOLDS, "published": 1}[self.name]

    @classmethod
    def named(cls, text: str) -> Protocol:
        """The protocol that a record calls `text`. Raises InputError where there is none of that name."""
        part = re.search(r", train 1/([1-9][0-9]{0,3})\)?$", text)
        divisor = int(part[1]) if part else 1
        kfold = re.match(r"kfold\(([1-9][0-9]{0,3})[,)]", text)
        names: list[tuple[ProtocolName, int]] = [("kfold", int(kfold[1]))] if kfold else [
            ("published", 1), ("shuffle", 10), ("holdout", HOLDOUT_FOLDS),
        ]  # fmt: skip
        kinds = ", grouped" in text, ", stratified" in text
        for name, n_folds in names:
            protocol = cls(name, n_folds, *((False, False) if name == "published" else kinds), divisor)
            if str(protocol) == text:
                return protocol
        raise InputError(f"unknown protocol '{text}'")


class Split(Strict):
    """How many crystals each part has, and sha256 of their sorted ids, one a line; a validation part may be missing."""

    n_train: int = Field(ge=1, lt=2**40)
    n_validation: int = Field(ge=0, lt=2**40)
    n_test: int = Field(ge=1, le=MOST_TEST_CRYSTALS)
    train_sha256: Sha256
    validation_sha256: Sha256
    test_sha256: Sha256


@dataclass(frozen=True, eq=False)
class Fold:
    """Row numbers, ascending, of the three parts, without overlap; `validation` is empty where the protocol has none."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


def make_fold(
    ids: np.ndarray,
    protocol: Protocol,
    number: int,
    seed: int,
    published: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    classes: np.ndarray | None = None,
) -> Fold:
    """Fold `number` (from 0) of the crystals `ids`.

    The ids are sorted first, so that the order of the rows in a file has no say. A grouped protocol divides groups as it
    would crystals, in the order of their first ids: where every crystal is alone, the fold is that without groups.

    Args:
        ids: (n,) unique strings.
        protocol: how to split.
        number: which fold.
        seed: of every random choice.
        published: (n,) 0 train, 1 validation, 2 test; needed by the "published" protocol only.
        groups: (n,) integers, equal for the crystals to keep together; needed by a grouped protocol only.
        classes: (n,) numbers of classes; needed by a stratified protocol only.

    Raises:
        InputError: there are too few crystals or groups for it, or no published split.
        ValueError: a grouped protocol without groups, or a stratified one without classes.
    """
    if protocol.name == "published":
        if published is None:
            raise InputError(NO_PUBLISHED_SPLIT)
        train, validation, test = (np.flatnonzero(published == part) for part in (0, 1, 2))
    else:
        order = np.argsort(ids.astype(str), kind="stable")
        unit = np.arange(len(ids))
        if protocol.grouped:
            if groups is None:
                raise ValueError(f"{protocol} needs groups")
            unit = _by_appearance(groups[order])
        _require_enough(int(unit.max(initial=-1)) + 1, protocol)
        if protocol.stratified:
            if classes is None:
                raise ValueError(f"{protocol} needs classes")
            parts = _stratified(classes[order], unit, protocol, number, seed)
        else:
            parts = _split(unit, protocol, number, seed)
        train, validation, test = (np.sort(order[part]) for part in parts)
    if protocol.train_divisor > 1:
        train = _part(train, ids, protocol.train_divisor, _state(seed, number, 2))
    needed = (train, validation, test) if has_validation(str(protocol)) else (train, test)
    if min(map(len, needed)) == 0:
        raise InputError(f"{protocol} of {len(ids)} crystals leaves a part empty; more crystals are needed")
    return Fold(train, validation, test)


def _require_enough(n: int, protocol: Protocol) -> None:
    """Raise InputError where n crystals, or n groups, are too few."""
    least = max(protocol.test_parts, 5)
    if n < least:
        what = "groups of crystals" if protocol.grouped else "crystals"
        hint = "; or split duplicates with --no-group-duplicates" if protocol.grouped else ""
        raise InputError(f"{n} {what} with a value are too few for {protocol}; at least {least} are needed{hint}")


def _stratified(
    classes: np.ndarray, unit: np.ndarray, protocol: Protocol, number: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of the train, validation and test part, with each class's share alike; a unit is never divided."""
    if protocol.name == "shuffle":
        rest, test = _dealt(classes, unit, 10, _state(seed, number, 0))[0]
    else:
        if (most := int(np.bincount(classes).max())) < protocol.test_parts:
            raise InputError(f"no class has more than {most} crystals, too few for {protocol}")
        rest, test = _dealt(classes, unit, protocol.test_parts, seed)[number]
    if protocol.name == "holdout":
        return rest, rest[:0], test
    tenth = 10 if protocol.name == "kfold" else 9
    train, validation = _dealt(classes[rest], unit[rest], tenth, _state(seed, number, 1))[0]
    return rest[train], rest[validation], test


def _dealt(classes: np.ndarray, unit: np.ndarray, parts: int, state: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows outside and inside of each of so many parts; of fewer where no class has as many crystals."""
    n_units = len(np.unique(unit))
    most, grouped = min(parts, int(np.bincount(classes).max()), n_units), n_units < len(unit)
    kind = StratifiedGroupKFold if grouped else StratifiedKFold
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        return list(kind(most, shuffle=True, random_state=state).split(classes, classes, unit if grouped else None))


def _split(unit: np.ndarray, protocol: Protocol, number: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of the train, validation and test part; the shares are of units, which are never divided."""
    n = int(unit.max()) + 1
    if protocol.name == "shuffle":
        rest, test = train_test_split(np.arange(n), test_size=0.1, random_state=_state(seed, number, 0))
        fraction = 1 / 9
    else:
        folds = KFold(protocol.test_parts, shuffle=True, random_state=seed).split(np.arange(n))
        rest, test = list(folds)[number]
        fraction = VALIDATION_SHARE
    train, validation = rest, rest[:0]
    if protocol.name != "holdout":
        train, validation = train_test_split(rest, test_size=fraction, random_state=_state(seed, number, 1))
    train, validation, test = (np.flatnonzero(np.isin(unit, part)) for part in (train, validation, test))
    return train, validation, test


def _part(train: np.ndarray, ids: np.ndarray, divisor: int, state: int) -> np.ndarray:
    """One in `divisor` of the rows, ascending; of the same state, those of a larger divisor are among those of a smaller."""
    by_id = train[np.argsort(ids[train].astype(str), kind="stable")]
    drawn = np.random.default_rng(state).permutation(by_id)
    return np.sort(drawn[: -(-len(train) // divisor)])


def _by_appearance(groups: np.ndarray) -> np.ndarray:
    """(n,) the groups numbered from 0 in the order in which they first occur: their labels have no say."""
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse]


def ids_hash(ids: Iterable[str]) -> str:
    """sha256 of the sorted ids, one a line."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()


def _state(seed: int, number: int, stage: int) -> int:
    return int(np.random.SeedSequence([seed, number, stage]).generate_state(1)[0])
