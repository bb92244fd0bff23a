"""What the ablation study trains: a plain network, and with each part of the Deeper one."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.studies.ablation.conclusions import FAMILIES, SWITCHES
from benchmark.studies.layer_observer import LAYERS
from benchmark.studies.planning import ConfiguredModel, Study, changed
from datasets.errors import InputError
from models import registry
from models.contract import ModelSpec
from models.graph_model import GraphSettings

DEEP = 20
"""Layers of the last variant: DeeperGATGNN's default."""


def models_to_run(spec: ModelSpec, settings: GraphSettings, layers: Sequence[int]) -> list[ConfiguredModel]:
    """The five variants of a plain network; nothing for the others, unless one is asked for by name (`require_families`)."""
    if spec.name not in FAMILIES:
        return []
    if len(layers) > 1:
        raise InputError("the ablation study has one deep variant; name one depth with --layers")
    everything = registry.get(FAMILIES[spec.name]).profiles["paper"]
    norm, skip = {"norm": vars(everything)["norm"]}, {"skip": vars(everything)["skip"]}
    deep = {"n_layers": max(layers, default=DEEP)}
    variants = [changed(spec, settings, **changes) for changes in ({}, norm, skip, norm | skip, norm | skip | deep)]
    return [entry for n, entry in enumerate(variants) if entry.settings not in [other.settings for other in variants[:n]]]


def require_families(names: Sequence[str]) -> None:
    """Raise InputError for a model that has no switches to turn."""
    for name in names:
        if name not in FAMILIES:
            raise InputError(f"{name} has nothing to take away; choose among {', '.join(FAMILIES)}")


STUDY = Study(
    "ablation", models_to_run, LAYERS,
    require_models=require_families, varies=tuple(SWITCHES),
)  # fmt: skip
