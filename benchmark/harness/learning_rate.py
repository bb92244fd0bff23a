"""The learning rate of a network, chosen on the validation part before the training itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from benchmark.harness import machine
from benchmark.results.learning_rate import GRIDS, RateChoice, RateGrid, TriedRate
from models.contract import Epoch, Fitted, OnEpoch, Settings, TrainingDiverged
from models.resume import Keeper
from models.training import Recipe

Fit = Callable[[Settings, OnEpoch], Fitted]
"""Trains a fresh model with these settings on the training part of a fold; the validation part chooses its best epoch."""


def grid_of(profile: str, settings: Settings) -> RateGrid | None:
    """What the profile tries; None for a model without a learning rate."""
    return GRIDS.get(profile) if isinstance(settings, Recipe) else None


def fit_with_chosen_rate(
    grid: RateGrid | None, settings: Settings, device: str, fit: Fit, keeper: Keeper
) -> tuple[Fitted, RateChoice | None]:
    """Train with the rate of the grid whose short training has the lowest validation error; the test part is never seen.

    The last call of `fit` is the training itself. Epochs are told as those of one training, the trials first. A trial that
    had ended when the fold was stopped is not tried again.

    Raises:
        TrainingDiverged: with every rate of the grid, or the training itself.
    """
    if grid is None:
        return fit(settings, keeper), None
    assert isinstance(settings, Recipe)
    short = grid.epochs(settings.epochs)
    total = grid.epochs_in_all(settings.epochs) + settings.epochs
    tell = keeper.tell
    tried: list[TriedRate] = []
    with machine.clock(device) as clock:
        for number, factor in enumerate(grid.factors):
            changed = replace(settings, learning_rate=factor * settings.learning_rate, epochs=short, keep="best")
            keeper.tell = _Shifted(tell, number * short, total)
            if number == len(keeper.trials):
                keeper.trials.append(_validation_loss(fit, changed, keeper))
            tried.append(TriedRate(learning_rate=changed.learning_rate, validation_loss=keeper.trials[number]))
    if all(one.validation_loss is None for one in tried):
        rates = ", ".join(f"{one.learning_rate:.3g}" for one in tried)
        raise TrainingDiverged(f"the training diverged with every learning rate that was tried: {rates}")
    cost = clock.duration.plus(*(keeper.trials_cost or keeper.earlier))
    keeper.trials_cost = cost.wall_s, cost.device_s
    choice = RateChoice(tried=tuple(tried), epochs=short, cost=cost)
    chosen = replace(settings, learning_rate=choice.learning_rate)
    keeper.tell = _Shifted(tell, total - settings.epochs, total)
    return fit(chosen, keeper), choice


def _validation_loss(fit: Fit, settings: Settings, on_epoch: OnEpoch) -> float | None:
    """Of the best epoch; None where the training diverged."""
    try:
        fitted = fit(settings, on_epoch)
    except TrainingDiverged:
        return None
    return fitted.history[fitted.best_epoch - 1].validation_error


@dataclass(frozen=True)
class _Shifted:
    """Tells an epoch as one of several trainings that follow one another."""

    on_epoch: OnEpoch
    before: int
    total: int

    def __call__(self, epoch: Epoch) -> None:
        self.on_epoch(replace(epoch, number=self.before + epoch.number, of=self.total))
