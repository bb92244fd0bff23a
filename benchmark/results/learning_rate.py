"""A learning rate that was chosen on the validation part: from which grid, by which errors, at which cost. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, model_validator

from benchmark.schema import Count, Duration, Strict

Factor = Annotated[float, Field(gt=0, lt=1e6)]


class RateGrid(Strict):
    """What a profile tries before the training itself."""

    factors: Annotated[tuple[Factor, ...], Field(min_length=2, max_length=20)]
    """Multiples of the settings' learning rate."""
    share: float = Field(gt=0, le=1)
    """Of the settings' epochs, for which each rate is tried, its schedule run to its end."""

    def epochs(self, of: int) -> int:
        """For how many epochs a rate is tried where the training itself has `of`; at least one."""
        return max(1, round(self.share * of))

    def epochs_in_all(self, of: int) -> int:
        """How many epochs the trials of all rates take together where the training itself has `of`."""
        return len(self.factors) * self.epochs(of)

    def __str__(self) -> str:
        factors = ", ".join(f"{factor:.3g}" for factor in self.factors)
        return f"{factors} times the setting, each tried for {self.share:.3g} of the epochs"


GRIDS: Mapping[str, RateGrid] = {"standard": RateGrid(factors=(1 / 3, 1.0, 3.0), share=0.1)}
"""What each profile tries; a profile that is not named takes the rate of its settings."""


class TriedRate(Strict):
    """One rate of the grid."""

    learning_rate: float = Field(gt=0)
    validation_loss: float | None = Field(ge=0)
    """Of its best epoch, in the unit of the task; None: the training diverged."""


class RateChoice(Strict):
    """What was tried, and what it cost; the cost is a part of the record's training time."""

    tried: Annotated[tuple[TriedRate, ...], Field(min_length=2, max_length=20)]
    epochs: Count
    """Of each trial."""
    cost: Duration

    @model_validator(mode="after")
    def _one_converged(self) -> RateChoice:
        if all(one.validation_loss is None for one in self.tried):
            raise ValueError("no rate that was tried has a validation loss")
        return self

    @property
    def learning_rate(self) -> float:
        """The rate with the lowest validation loss; of several, the lowest rate."""
        known = [(one.validation_loss, one.learning_rate) for one in self.tried if one.validation_loss is not None]
        return min(known)[1]
