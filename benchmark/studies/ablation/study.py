"""Ablation: what do group normalisation, the skip connection and depth each do for a network?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmark.statistics.comparisons import ALPHA
from benchmark.studies.comparison_groups import by_network
from benchmark.studies.curves import depth_of
from benchmark.studies.depth.study import Comparison, compare, told
from benchmark.studies.layers import LAYERS
from benchmark.studies.points import Point
from benchmark.studies.study import ConfiguredModel, Study, Trial, changed
from datasets.errors import InputError
from models import registry
from models.contract import ModelSpec
from models.graph_model import GraphSettings

FAMILIES = {
    "gatgnn-mdl": "deeper-gatgnn", "cgcnn-mdl": "deeper-cgcnn", "schnet": "deeper-schnet", "megnet-mdl": "deeper-megnet",
    "mpnn": "deeper-mpnn",
}  # fmt: skip
"""The plain network and the one that has everything."""

DEEP = 20
"""Layers of the last variant: DeeperGATGNN's default."""

SWITCHES = {"norm": "DGN", "skip": "skip", "n_layers": "deep"}
"""Setting → what the variant that changes it is called."""

RULE = (
    "DGN: differentiable group normalisation for batch normalisation. Skip: the connection of the Deeper network for that of "
    "the plain one (GATGNN and MPNN have none, the others one). Every variant against the plain network: corrected resampled "
    "t-test of the logarithms of the MAE on the common folds (Nadeau & Bengio 2003), told as the geometric mean of the ratio, "
    "p after Holm's correction for the variants of the family; below "
    f"{ALPHA:g} is called better or worse, all else no different; "
    "intervals are of each comparison alone. A variant of which a fold diverged is judged by that alone. All other settings "
    "are the plain network's."
)

PUBLISHED = {
    "fung/bulk/formation_energy_per_atom": (0.04544, 0.03934, 0.0344, 0.03332, 0.02955),
    "fung/surface/adsorption_energy": (0.08063, 0.06924, 0.05525, 0.0507, 0.04086),
}
"""Table 4 of Omee et al. (2022): MAE of GATGNN with 5 layers, + DGN, + skip, + both, + both and deep."""

VARIANTS = ("plain", "+ DGN", "+ skip", "+ DGN + skip", "+ DGN + skip + deep")


def entries(spec: ModelSpec, settings: GraphSettings, layers: Sequence[int]) -> list[ConfiguredModel]:
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


ABLATION = Study(
    "ablation", "What does each part of a Deeper network do?", entries, LAYERS,
    require_models=require_families, varies=tuple(SWITCHES),
)  # fmt: skip


@dataclass(frozen=True)
class Variant:
    """A network with some switches turned."""

    name: str
    point: Point
    comparison: Comparison | None
    """With the plain network; None for that itself, and where it lacks a score."""

    @property
    def judged(self) -> str:
        """ "diverges", "better", "worse", "no different" or, without a test, nothing."""
        return told(self.point, self.comparison)


@dataclass(frozen=True)
class Family:
    """The variants of a plain network, in the order of VARIANTS."""

    model: str
    label: str
    variants: tuple[Variant, ...]


def families(found: Iterable[Trial]) -> list[Family]:
    """The families in folds that may be compared."""
    made = []
    for network in by_network(found):
        places: dict[tuple[int, int], list[Trial]] = {}
        for trial in sorted(network.trials, key=lambda trial: trial.record.key.fold):
            if (name := _name(trial)) in VARIANTS:
                places.setdefault((VARIANTS.index(name), depth_of(trial)), []).append(trial)
        indices = [index for index, _ in places]
        points = {
            VARIANTS[index] + f" ({depth} layers)" * (indices.count(index) > 1): Point(tuple(places[index, depth]))
            for index, depth in sorted(places)
        }
        if points:
            made.append(Family(network.model, network.label, _variants(points)))
    return sorted(made, key=lambda family: list(FAMILIES).index(family.model))


def _variants(points: dict[str, Point]) -> tuple[Variant, ...]:
    plain = points.get("plain")
    others = {name: point for name, point in points.items() if point is not plain}
    if plain is None or not plain.scored:
        return tuple(Variant(name, point, None) for name, point in points.items())
    tested = compare([plain, *others.values()], plain)
    comparisons = dict(zip(others, tested, strict=True))
    return tuple(Variant(name, point, comparisons.get(name)) for name, point in points.items())


def _name(trial: Trial) -> str:
    turned = [text for setting, text in SWITCHES.items() if setting in trial.record.changed]
    return " ".join(f"+ {text}" for text in turned) or "plain"
