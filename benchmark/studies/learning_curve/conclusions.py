"""How the error falls with the number of training crystals, and how many a wanted error would take. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np

from benchmark.rendering.text import percent
from benchmark.results.records import Record
from benchmark.statistics.comparisons import CONFIDENCE, corrected_t_test
from benchmark.statistics.decisions import decide
from benchmark.studies.comparison_groups import by_network
from benchmark.studies.configurations import Configuration, Place, place_of, task_errors
from benchmark.studies.trials import Trial

WANTED = (1.0, 0.75, 0.5)
"""Shares of the lowest error with all training crystals: the errors for which each model's crystals are forecast."""

FURTHEST = 100
"""Times the training crystals there are: what lies beyond is not forecast."""

MISFIT = 0.10
"""Largest relative distance of a size's MAE from the power law with which one is used to forecast."""

LEAST = 3
"""Sizes that a fold must have before a power law is fitted."""

RULE = (
    "A power law MAE = a · n^(−b) is fitted by least squares of the logarithms, fold by fold; b is the mean over folds, its "
    "95 % interval that of the corrected resampled t-test of b against 0 (Nadeau & Bengio 2003). The crystals needed for s "
    "times a model's error with all n of them are n · s^(−1/b), with the interval that b's ends give; where b is not above 0 "
    f"no number is enough, and beyond {FURTHEST} times those at hand none is named. Nothing is forecast by a "
    f"law from which the mean MAE of some size is more than {percent(MISFIT)} away. A forecast beyond the data holds only "
    "as long as the power law does, and that is not known. All sizes are trained for the same number of epochs, so fewer "
    "crystals are also fewer steps: with a small budget a curve is steep for that reason as well. A model is told "
    f"apart from the one with the lowest error if the {CONFIDENCE} interval of the ratio of their errors leaves out 1; as on "
    "the boards, the intervals of all pairs hold together (reports/statistics.md)."
)


@dataclass(frozen=True)
class PowerLaw:
    """MAE = a n^(−b); `interval` is b's, None with a single fold."""

    a: float
    b: float
    interval: tuple[float, float] | None
    misfit: float
    """Largest relative distance of the mean MAE of a size from the law."""

    def needed(self, n: int, share: float) -> tuple[float | None, float | None, float | None]:
        """Crystals for `share` of the MAE that n have, and the ends of the interval; None: no number of them, or not known."""
        low, high = self.interval or (0.0, 0.0)
        return tuple(_crystals(n, share, b) for b in (self.b, high, low))  # type: ignore[return-value]


def _crystals(n: int, share: float, b: float) -> float | None:
    if b <= 0:
        return None
    return n * float(np.exp(min(-np.log(share) / b, 100.0)))


@dataclass(frozen=True)
class LearningCurve:
    """A model over sizes, smallest first."""

    model: str
    label: str
    sizes: tuple[Configuration, ...]

    @cached_property
    def law(self) -> PowerLaw | None:
        """The fit; None where no fold has enough sizes."""
        fits = []
        for place in sorted({place for size in self.sizes for place in size.maes}):
            points = [(t.record.split.n_train, t.scores.mae) for t in self._of_fold(place) if t.scores and t.scores.mae > 0]
            if len({n for n, _ in points}) >= LEAST:
                sizes, maes = np.log(np.array(points, dtype=float)).T
                fits.append(np.polyfit(sizes, maes, 1))
        if not fits:
            return None
        slopes, offsets = np.array(fits).T
        split = self.sizes[-1].records[0].split
        test = corrected_t_test(-slopes, np.zeros(len(slopes)), split.n_test / split.n_train)
        a, b = float(np.exp(offsets.mean())), float(-slopes.mean())
        misfit = max(abs(size.mae / (a * size.n_train**-b) - 1) for size in self.sizes if size.maes)
        return PowerLaw(a, b, test.interval, misfit)

    @property
    def complete(self) -> bool:
        """Whether every fold with all crystals has a score."""
        return self.sizes[-1].scored and divisor_of(self.sizes[-1].records[0]) == 1

    def _of_fold(self, place: Place) -> list[Trial]:
        return [trial for size in self.sizes for trial in size.trials if place_of(trial) == place]


def learning_curves(found: Iterable[Trial]) -> list[LearningCurve]:
    """The curves in folds that may be compared, lowest error with all crystals first of those that have all scores."""
    made = []
    for network in by_network(found):
        trials = sorted(network.trials, key=lambda trial: (-divisor_of(trial.record), trial.record.key.fold))
        sizes = [Configuration(tuple(folds)) for _, folds in groupby(trials, key=lambda trial: divisor_of(trial.record))]
        made.append(LearningCurve(network.model, network.label, tuple(sizes)))
    return sorted(made, key=lambda curve: (not curve.complete, curve.sizes[-1].mae, curve.label))


def lowest_and_level(sizes: Mapping[str, Configuration]) -> tuple[str, list[str]]:
    """Of models with all scores of the same folds, the one with the lowest error, and those that are not told apart from it."""
    first, *others = sorted(sizes, key=lambda label: (sizes[label].mae, label))
    errors = task_errors(sizes)
    pairs = decide(errors).pairs if errors else ()
    worse = {pair.worse for pair in pairs if pair.better == first and pair.decided}
    return first, [label for label in others if label not in worse]


def with_fewest(made: Sequence[LearningCurve]) -> dict[str, Configuration]:
    """The models with all scores with the fewest training crystals of any."""
    divisor = max(divisor_of(curve.sizes[0].records[0]) for curve in made)
    return {
        curve.label: curve.sizes[0]
        for curve in made
        if divisor_of(curve.sizes[0].records[0]) == divisor and curve.sizes[0].scored
    }


def divisor_of(record: Record) -> int:
    """Of how many training crystals of the fold one was used."""
    _, _, part = record.key.protocol.partition("train 1/")
    return int(part.rstrip(")") or 1)
