"""What the sensitivity study trains: the profile's settings, and each other value of one setting alone."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.studies.planning import ConfiguredModel, Study, changed
from benchmark.studies.sensitivity.conclusions import FACTORS, SEEDS
from models.contract import ModelSpec
from models.graph_model import GraphSettings


def models_to_run(spec: ModelSpec, settings: GraphSettings, layers: Sequence[int]) -> list[ConfiguredModel]:
    """The centre, then every other value of every factor that the model has."""
    others = [
        changed(spec, settings, **{name: value})
        for name, values in FACTORS.items()
        for value in values
        if getattr(settings, name, value) != value
    ]
    return [changed(spec, settings), *others]


STUDY = Study("sensitivity", models_to_run, takes_layers=False, seeds=SEEDS, varies=tuple(FACTORS))
