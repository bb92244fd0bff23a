"""What the depth study trains: every model at every depth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmark.studies.depth.conclusions import DEPTHS
from benchmark.studies.layer_observer import LAYERS
from benchmark.studies.planning import ConfiguredModel, Study, changed
from models.contract import ModelSpec
from models.graph_model import GraphSettings


def models_to_run(spec: ModelSpec, settings: GraphSettings, layers: Sequence[int]) -> list[ConfiguredModel]:
    """The model at every depth; one whose skip is doubled also with the single one."""
    skips: list[dict[str, Any]] = [{}, {"skip": "single"}] if getattr(settings, "skip", None) == "double" else [{}]
    return [changed(spec, settings, n_layers=depth, **skip) for skip in skips for depth in dict.fromkeys(layers or DEPTHS)]


STUDY = Study("depth", models_to_run, LAYERS, choose_rates=True, varies=("n_layers",))
