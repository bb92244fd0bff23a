"""What the epochs study trains: every model with several budgets; it keeps the history of each fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmark.harness.execution import Observer
from benchmark.harness.job import Job
from benchmark.harness.outcome import Outcome
from benchmark.studies.epochs.conclusions import EpochState, History
from benchmark.studies.planning import ConfiguredModel, Study
from benchmark.tasks.folds import Fold
from benchmark.tasks.tasks import TaskData
from models.contract import ModelSpec
from models.training import Recipe

SHARES = (0.25, 0.5, 1.0)
"""Of the profile's epochs; each is trained on its own, as a schedule of the learning rate that is cut short is another."""


def look(job: Job, data: TaskData, fold: Fold, outcome: Outcome | None) -> History:
    """The history of a fold; empty where it did not end well."""
    epochs = tuple(
        EpochState(
            number=epoch.number,
            training_loss=epoch.training_loss,
            validation_mae=epoch.validation_error if np.isfinite(epoch.validation_error) else None,
            seconds=epoch.seconds,
        )
        for epoch in (outcome.history if outcome else ())
    )
    return History(epochs=epochs)


def models_to_run(spec: ModelSpec, settings: Recipe, layers: Sequence[int]) -> list[ConfiguredModel]:
    """The model with every budget."""
    budgets = sorted({max(1, round(settings.epochs * share)) for share in SHARES})
    return [ConfiguredModel(spec, replace(settings, epochs=budget)) for budget in budgets]


def without_epochs(spec: ModelSpec) -> str:
    """Why it has no budget of epochs; empty: it has."""
    trained = all(isinstance(settings, Recipe) for settings in spec.profiles.values())
    return "" if trained else "is not trained in epochs by the shared recipe"


STUDY = Study(
    "epochs",
    models_to_run,
    Observer(History.kind, look),
    unfit=without_epochs,
    takes_layers=False,
)
