"""Sensitivity: what does each setting do alone, while all others stay as the profile has them?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from benchmark.statistics.comparisons import ALPHA
from benchmark.studies.comparison_groups import by_network
from benchmark.studies.depth.study import Comparison, compare, told
from benchmark.studies.points import Point
from benchmark.studies.study import ConfiguredModel, Study, Trial, changed
from models.contract import ModelSpec
from models.graph_model import GraphSettings

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
"""Divisions of the crystals into folds, each with its own initial weights."""

RULE = (
    "The centre has the settings of the profile; every other row changes one of them. For each seed the crystals are divided "
    "into folds anew (a published split stays what it is, and the test is then one of seeds), and all rows train on the same "
    "folds from the same initial weights, as far as they have the same "
    "parameters. MAE: mean ± standard deviation over folds of all seeds. Every row against the centre: corrected resampled "
    "t-test of the logarithms of the MAE on the common folds (Nadeau & Bengio 2003), told as the geometric mean of the ratio, "
    "p after Holm's correction for the rows of the model; below "
    f"{ALPHA:g} is called better or worse, all else no different; "
    "intervals are of each comparison alone. A row of which a fold diverged is judged by that alone."
)

PUBLISHED_MODEL, PUBLISHED_TASK, PUBLISHED_LAYERS = "deeper-gatgnn", "fung/pt/total_energy", 10
PUBLISHED_BEST = {"dropout": 0.0, "learning_rate": 0.005, "batch_size": 100, "activation": "softplus", "cutoff": 8.0}
"""Figure 5 and Table S1 of Omee et al. (2022)."""
PUBLISHED_MAES = {"softplus": 0.1298, "relu": 0.1514, "leaky-relu": 0.1511}
"""By activation, in the unit of the task."""


def entries(spec: ModelSpec, settings: GraphSettings, layers: Sequence[int]) -> list[ConfiguredModel]:
    """The centre, then every other value of every factor that the model has."""
    others = [
        changed(spec, settings, **{name: value})
        for name, values in FACTORS.items()
        for value in values
        if getattr(settings, name, value) != value
    ]
    return [changed(spec, settings), *others]


SENSITIVITY = Study(
    "sensitivity", "Which setting matters?", entries, takes_layers=False, seeds=SEEDS, varies=tuple(FACTORS)
)  # fmt: skip


@dataclass(frozen=True)
class Repeated(Point):
    """The folds of several seeds with one set of settings."""

    @cached_property
    def maes(self) -> dict[int, float]:
        """Fold → test MAE; folds are counted on from seed to seed, 10,000 each, which is more than a record can have."""
        keyed = ((trial.record.key, trial.scores) for trial in self.trials)
        return {10_000 * key.seed + key.fold: scores.mae for key, scores in keyed if scores}

    @property
    def wanted(self) -> int:
        """How many folds all seeds have together; of independent shuffles, how many were run."""
        n, seeds = self.records[0].key.n_folds, {record.key.seed for record in self.records}
        return n * max(SEEDS, len(seeds)) if n else len(self.trials)


@dataclass(frozen=True)
class Row:
    """A factor at one value, all else as in the centre."""

    factor: str
    value: Any
    point: Repeated
    comparison: Comparison | None
    """With the centre; None for the centre itself, and where it lacks a score."""

    @property
    def judged(self) -> str:
        """ "diverges", "better", "worse", "no different" or, without a test, nothing."""
        return told(self.point, self.comparison)


@dataclass(frozen=True)
class Model:
    """A model's centre and the rows around it, in the order of FACTORS and of their values."""

    model: str
    label: str
    centre: Repeated
    rows: tuple[Row, ...]

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
        """The factors with a row."""
        return list(dict.fromkeys(row.factor for row in self.rows))

    def of(self, factor: str) -> list[Row]:
        """The rows of a factor, with the centre among them, in the order of their values."""
        centre = Row(factor, self.settings[factor], self.centre, None)
        return sorted([centre, *(row for row in self.rows if row.factor == factor)], key=_place)

    def spread(self, factor: str) -> tuple[Row, Row] | None:
        """The rows of lowest and of highest MAE; None with fewer than two of them that have all scores."""
        scored = [row for row in self.of(factor) if row.point.scored]
        return (min(scored, key=_mae), max(scored, key=_mae)) if len(scored) > 1 else None

    def is_flat(self, factor: str) -> bool:
        """Whether every value was compared with the centre and is no different from it."""
        return {row.judged for row in self.rows if row.factor == factor} == {"no different"}


def models(found: Iterable[Trial]) -> list[Model]:
    """The models in folds that may be compared, lowest error of the centre first."""
    made = []
    for network in by_network(found):
        points = _points(network.trials)
        # Without a centre are what is left of an older source, where a newer one has begun to replace it.
        if centre := points.pop((), None):
            made.append(Model(network.model, network.label, centre, _rows(points, centre)))
    return sorted(made, key=lambda model: (not model.centre.scored, model.centre.mae, model.label))


def against(row: Row, other: Row) -> Comparison:
    """The row compared with another one."""
    return compare([row.point, other.point], other.point)[0]


def _points(trials: Iterable[Trial]) -> dict[tuple[tuple[str, Any], ...], Repeated]:
    """What is turned away from the centre → its folds, by seed."""
    ordered = sorted(trials, key=lambda trial: (trial.record.key.seed, trial.record.key.fold))
    turned: dict[tuple[tuple[str, Any], ...], list[Trial]] = {}
    for trial in ordered:
        changes = tuple((name, value) for name, value in trial.record.changed.items() if name in FACTORS)
        turned.setdefault(changes, []).append(trial)
    return {changes: Repeated(tuple(folds)) for changes, folds in turned.items()}


def _rows(points: dict[tuple[tuple[str, Any], ...], Repeated], centre: Repeated) -> tuple[Row, ...]:
    alone = {changes[0]: point for changes, point in points.items() if len(changes) == 1}
    tested = compare([centre, *alone.values()], centre) if centre.scored else [None] * len(alone)
    rows = [Row(*named, point, test) for (named, point), test in zip(alone.items(), tested, strict=True)]
    return tuple(sorted(rows, key=_place))


def _place(row: Row) -> tuple[int, float]:
    known = FACTORS[row.factor]
    return list(FACTORS).index(row.factor), known.index(row.value) if isinstance(row.value, str) else row.value


def _mae(row: Row) -> float:
    return row.point.mae
