"""What each setting does alone, while all others stay as the profile has them. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from benchmark.statistics.comparisons import ALPHA
from benchmark.studies.comparison_groups import by_network
from benchmark.studies.configurations import Configuration
from benchmark.studies.error_changes import ErrorChange, error_changes, judged
from benchmark.studies.trials import Trial

FACTORS: dict[str, tuple[Any, ...]] = {
    "dropout": (0.0, 0.1, 0.2, 0.5),
    "learning_rate": (0.0005, 0.001, 0.002, 0.005, 0.01),
    "batch_size": (32, 64, 100, 256),
    "activation": ("softplus", "relu", "leaky-relu"),
    "cutoff": (4.0, 6.0, 8.0, 10.0),
    "k": (8, 12, 16),
}
"""Setting → the values that it is given; a model without the setting is left as it is."""

SEEDS = 3
"""Splits of the crystals into folds, each with its own initial weights."""

RULE = (
    "The centre has the settings of the profile; every other row changes one of them. For each seed the crystals are split "
    "into folds anew (a published split stays what it is, and the test is then one of seeds), and all rows train on the same "
    "folds from the same initial weights, as far as they have the same "
    "parameters. MAE: mean ± standard deviation over folds of all seeds. Every row against the centre: corrected resampled "
    "t-test of the logarithms of the MAE on the common folds (Nadeau & Bengio 2003), told as the geometric mean of the ratio, "
    "p after Holm's correction for the rows of the model; below "
    f"{ALPHA:g} is called better or worse, all else is undecided, which is not equal; "
    "intervals are of each comparison alone. A row of which a fold diverged is judged by that alone."
)


@dataclass(frozen=True)
class RepeatedConfiguration(Configuration):
    """The folds of several seeds with one set of settings."""

    @property
    def wanted(self) -> int:
        """How many folds all seeds have together; of independent shuffles, how many were run."""
        n, seeds = self.records[0].key.n_folds, {record.key.seed for record in self.records}
        return n * max(SEEDS, len(seeds)) if n else len(self.trials)


@dataclass(frozen=True)
class FactorLevel:
    """A factor at one value, all else as in the centre."""

    factor: str
    value: Any
    folds: RepeatedConfiguration
    change: ErrorChange | None
    """Against the centre; None for the centre itself, and where it lacks a score."""

    @property
    def judged(self) -> str:
        """ "diverges", "better", "worse", "undecided" or, without a test, nothing."""
        return judged(self.folds, self.change)


@dataclass(frozen=True)
class ModelSensitivity:
    """A model's centre and the levels around it, in the order of FACTORS and of their values."""

    model: str
    label: str
    centre: RepeatedConfiguration
    levels: tuple[FactorLevel, ...]

    @property
    def settings(self) -> dict[str, Any]:
        """Of the centre."""
        return dict(self.centre.records[0].key.settings)

    @property
    def missing(self) -> list[str]:
        """The factors that the model has no setting for."""
        return [factor for factor in FACTORS if factor not in self.settings]

    @property
    def varied(self) -> list[str]:
        """The factors that were varied."""
        return list(dict.fromkeys(level.factor for level in self.levels))

    def of(self, factor: str) -> list[FactorLevel]:
        """The levels of a factor, with the centre among them, in the order of their values."""
        centre = FactorLevel(factor, self.settings[factor], self.centre, None)
        return sorted([centre, *(level for level in self.levels if level.factor == factor)], key=_place)

    def spread(self, factor: str) -> tuple[FactorLevel, FactorLevel] | None:
        """The levels of lowest and of highest MAE; None with fewer than two of them that have all scores."""
        scored = [level for level in self.of(factor) if level.folds.scored]
        return (min(scored, key=_mae), max(scored, key=_mae)) if len(scored) > 1 else None

    def is_undecided(self, factor: str) -> bool:
        """Whether no value is shown to be better or worse than the centre."""
        return {level.judged for level in self.levels if level.factor == factor} == {"undecided"}


def models(found: Iterable[Trial]) -> list[ModelSensitivity]:
    """The models in folds that may be compared, lowest error of the centre first."""
    made = []
    for network in by_network(found):
        configurations = _configurations(network.trials)
        # Without a centre are what is left of an older source, where a newer one has begun to replace it.
        if centre := configurations.pop((), None):
            made.append(ModelSensitivity(network.model, network.label, centre, _levels(configurations, centre)))
    return sorted(made, key=lambda model: (not model.centre.scored, model.centre.mae, model.label))


def against(level: FactorLevel, other: FactorLevel) -> ErrorChange:
    """A level compared with another one."""
    return error_changes([level.folds, other.folds], other.folds)[0]


def _configurations(trials: Iterable[Trial]) -> dict[tuple[tuple[str, Any], ...], RepeatedConfiguration]:
    """What is turned away from the centre → its folds, by seed."""
    ordered = sorted(trials, key=lambda trial: (trial.record.key.seed, trial.record.key.fold))
    turned: dict[tuple[tuple[str, Any], ...], list[Trial]] = {}
    for trial in ordered:
        changes = tuple((name, value) for name, value in sorted(trial.record.changed.items()) if name in FACTORS)
        turned.setdefault(changes, []).append(trial)
    return {changes: RepeatedConfiguration(tuple(folds)) for changes, folds in turned.items()}


def _levels(
    configurations: dict[tuple[tuple[str, Any], ...], RepeatedConfiguration], centre: RepeatedConfiguration
) -> tuple[FactorLevel, ...]:
    alone = {changes[0]: one for changes, one in configurations.items() if len(changes) == 1}
    changes = error_changes([centre, *alone.values()], centre) if centre.scored else [None] * len(alone)
    levels = [FactorLevel(*named, one, change) for (named, one), change in zip(alone.items(), changes, strict=True)]
    return tuple(sorted(levels, key=_place))


def _place(level: FactorLevel) -> tuple[int, float]:
    known = FACTORS[level.factor]
    return list(FACTORS).index(level.factor), known.index(level.value) if isinstance(level.value, str) else level.value


def _mae(level: FactorLevel) -> float:
    return level.folds.mae
