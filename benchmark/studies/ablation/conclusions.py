"""What group normalisation, the skip connection and depth each do for a network. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from benchmark.statistics.comparisons import ALPHA
from benchmark.studies.comparison_groups import by_network
from benchmark.studies.configurations import Configuration
from benchmark.studies.curves import depth_of
from benchmark.studies.error_changes import ErrorChange, error_changes, judged
from benchmark.studies.trials import Trial

FAMILIES = {
    "gatgnn-mdl": "deeper-gatgnn", "cgcnn-mdl": "deeper-cgcnn", "schnet": "deeper-schnet", "megnet-mdl": "deeper-megnet",
    "mpnn": "deeper-mpnn",
}  # fmt: skip
"""The plain network and the one that has everything."""

SWITCHES = {"norm": "DGN", "skip": "skip", "n_layers": "deep"}
"""Setting → what the variant that changes it is called."""

RULE = (
    "DGN: differentiable group normalisation for batch normalisation. Skip: the connection of the Deeper network for that of "
    "the plain one (GATGNN and MPNN have none, the others one). Every variant against the plain network: corrected resampled "
    "t-test of the logarithms of the MAE on the common folds (Nadeau & Bengio 2003), told as the geometric mean of the ratio, "
    "p after Holm's correction for the variants of the family; below "
    f"{ALPHA:g} is called better or worse, all else is undecided, which is not equal; "
    "intervals are of each comparison alone. A variant of which a fold diverged is judged by that alone. All other settings "
    "are the plain network's."
)

VARIANTS = ("plain", "+ DGN", "+ skip", "+ DGN + skip", "+ DGN + skip + deep")


@dataclass(frozen=True)
class Variant:
    """A network with some switches turned."""

    name: str
    folds: Configuration
    change: ErrorChange | None
    """Against the plain network; None for that itself, and where it lacks a score."""

    @property
    def judged(self) -> str:
        """ "diverges", "better", "worse", "undecided" or, without a test, nothing."""
        return judged(self.folds, self.change)


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
        configurations = {
            VARIANTS[index] + f" ({depth} layers)" * (indices.count(index) > 1): Configuration(tuple(places[index, depth]))
            for index, depth in sorted(places)
        }
        if configurations:
            made.append(Family(network.model, network.label, _variants(configurations)))
    return sorted(made, key=lambda family: list(FAMILIES).index(family.model))


def _variants(configurations: dict[str, Configuration]) -> tuple[Variant, ...]:
    plain = configurations.get("plain")
    others = {name: one for name, one in configurations.items() if one is not plain}
    if plain is None or not plain.scored:
        return tuple(Variant(name, one, None) for name, one in configurations.items())
    changes = dict(zip(others, error_changes([plain, *others.values()], plain), strict=True))
    return tuple(Variant(name, one, changes.get(name)) for name, one in configurations.items())


def _name(trial: Trial) -> str:
    turned = [text for setting, text in SWITCHES.items() if setting in trial.record.changed]
    return " ".join(f"+ {text}" for text in turned) or "plain"
