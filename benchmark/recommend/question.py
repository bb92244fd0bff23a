"""What a person asks `recommend`. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmark.recommend.forecast import Forecast
from benchmark.recommend.measured import Trained
from benchmark.results.records import DeviceClass


@dataclass(frozen=True)
class Question:
    """What was asked.

    Attributes:
        crystals: with a label, all parts together.
        seconds: there are.
        device: to train on.
        workers: trainings that a run does at the same time on this machine.
        like: a task, or None.
        tasks: all that have records.
        others: models without records that allow a forecast.
        over_sets: the models by all crystal sets, where one alone learns on the task named: `rivals_over_sets`.
    """

    crystals: int
    seconds: float
    device: DeviceClass
    workers: int
    like: str | None
    tasks: Mapping[str, Sequence[Trained]]
    others: tuple[str, ...]
    over_sets: tuple[Forecast, ...] = ()

    def ran(self, model: str) -> Trained | None:
        """The trainings of a model on the task named; None without such a task, or of a model that did not run there."""
        return next((one for one in self.tasks[self.like] if one.model == model), None) if self.like else None

    @property
    def unit(self) -> str:
        """Of the errors."""
        return self.tasks[self.like][0].unit if self.like else "1"
