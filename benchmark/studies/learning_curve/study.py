"""What the learning-curve study trains: every model on ever more training crystals."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.studies.planning import ConfiguredModel, Study
from models.contract import ModelSpec, Settings

DIVISORS = (16, 8, 4, 2, 1)
"""One in so many of a fold's training crystals; the fewer are among the more, validation and test stay the same."""


def models_to_run(spec: ModelSpec, settings: Settings, layers: Sequence[int]) -> list[ConfiguredModel]:
    """The model on every size."""
    return [ConfiguredModel(spec, settings, divisor) for divisor in DIVISORS]


# Rates and folds as `run` has them: forecasts read these records beside the boards'.
STUDY = Study(
    "learning-curve", models_to_run, unfit=lambda spec: "", takes_layers=False, choose_rates=True, keep_duplicates=True
)
