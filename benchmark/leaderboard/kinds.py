"""What boards call the loss and the baseline of a task of numbers, and of a task of classes. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

from benchmark.results.records import JobKey


@dataclass(frozen=True)
class Kind:
    """Tasks that are scored by the same scores."""

    name: str
    """What web pages call it."""
    loss: str
    """The score that models are compared by."""
    field: str
    """What records call that score: the key of its column, and of its field in JSON."""
    error: str
    """The same in a sentence: "the lowest error"."""
    baseline: str
    """What the model named `dummy` is seen doing."""


NUMBERS = Kind("numbers", "MAE", "mae", "error", "predicting the mean")
CLASSES = Kind("classes", "log-loss", "log_loss", "log-loss", "predicting each class's share")
KINDS = (NUMBERS, CLASSES)


def kind_of(key: JobKey) -> Kind:
    """Of the task of a record."""
    return CLASSES if key.classes else NUMBERS


def unit_of_loss(key: JobKey) -> str:
    """That of the task of a record, or 1 for the log-loss of classes, which has none."""
    return "1" if key.classes else key.unit
