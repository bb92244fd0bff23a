"""How a run divides labelled crystals: only a part of them is trained on. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from benchmark.tasks.folds import VALIDATION_SHARE, Protocol


@dataclass(frozen=True)
class Parts:
    """How many crystals a fold trains on, chooses the epoch on, and tests on."""

    train: int
    validation: int
    test: int


def divided(crystals: int) -> Parts:
    """The parts of a fold of `run`, as it divides without another protocol and without duplicates."""
    test = ceil(crystals / Protocol().test_parts)
    validation = ceil(VALIDATION_SHARE * (crystals - test))
    return Parts(crystals - test - validation, validation, test)


def labelled(train: float) -> float:
    """About how many crystals there are where a fold trains on so many."""
    return train / ((1 - VALIDATION_SHARE) * (1 - 1 / Protocol().test_parts))
