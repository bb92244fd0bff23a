"""How much luck do trainings on overlapping crystals share? Measured by training on disjoint sets. Needs no torch.

One data set cannot show it: what all folds share moves all of them alike. So a large set is cut into disjoint sets of crystals,
each is a benchmark of its own with repeated k-fold, and the log ratio of two models' mean losses varies from set to set by all
that there is: crystals, luck of training, and what the luck has in common within a set. The mean over the other sets is next to
the truth for each set: so it is also seen how often a set's intervals and claims are wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from benchmark.statistics.comparisons import ALPHA, TaskErrors
from benchmark.statistics.contrasts import Evidence, crystal_variances, fold_variances, pairs_of
from benchmark.statistics.decisions import LARGE_RATIO
from benchmark.statistics.families import all_pairs
from benchmark.statistics.planted import FOLDS, TEST_TO_TRAIN
from datasets.errors import InputError

CRYSTALS = 500
"""In a set."""
LARGEST = 12
"""Atoms of a cell; larger crystals would cost most of the time and make the sets no better."""
REPEATS = 2
SHARES = (1.0, 0.75, 0.5, 0.25, 0.0)
"""Of what Nadeau & Bengio assume, which are tried."""
COVERAGE = 0.93
"""Of single intervals of 95 %, that is still accepted."""
PUBLISHED_SIZE = "(standard)"
"""Ends the names of models of published size."""
RESAMPLES = 1000
ABOUT = ("set", "repeat", "fold", "id", "seed")


@dataclass(frozen=True)
class Taken:
    """What becomes of the sets' claims where this share of Nadeau & Bengio's n_test / n_train is taken as shared luck."""

    share: float
    variance: float
    """Variance from set to set / what is taken; mean over pairs of models."""
    largest: float
    """The same of the pair where it is largest."""
    coverage: tuple[float, float]
    """Share of the pairs' own 95 % intervals that hold the mean over the other sets, and the lower 95 % limit of that share,
    of a bootstrap over sets."""
    published: tuple[float, float]
    """The same of pairs with a model of published size."""
    false: int
    """Sets in which any pair is decided against the mean over the other sets."""
    power: float
    """Share of pairs that are decided, of those whose ratio exceeds 1.10 over all sets."""


@dataclass(frozen=True)
class Sharing:
    """What the disjoint sets show."""

    sets: int
    crystals: int
    """In each set."""
    models: tuple[str, ...]
    unshared: tuple[float, float]
    """With one repeat and with two: variance from set to set / what crystals and luck explain if no luck is shared; sums over
    pairs of models."""
    shared: float
    """Variance that trainings share / variance of the luck of one fold, with both repeats; below 0 where sets vary less than
    expected. Nadeau & Bengio assume n_test / n_train."""
    interval: tuple[float, float]
    """95 % interval of `shared`, of a bootstrap over sets."""
    taken: tuple[Taken, ...]
    """One a share of `SHARES`."""

    @property
    def least_share(self) -> float:
        """The least share tried that is not below what the interval allows, and with which coverage is shown to be 93 % or
        more, of all pairs and of those with a model of published size."""
        least = self.interval[1] / TEST_TO_TRAIN
        safe = [t.share for t in self.taken if t.share >= least and min(t.coverage[1], t.published[1]) >= COVERAGE]
        return min(safe, default=max(SHARES))


def read_errors(path: Path) -> pd.DataFrame:
    """The trainings on disjoint sets: columns set, repeat, fold, id, seed, and for each model its absolute errors.

    Raises:
        InputError: there is no such file, or it is damaged.
    """
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read ({error}); `python -m benchmark statistics` makes it anew") from None
    lacking = [name for name in ABOUT if name not in frame.columns]
    if lacking or frame.isna().any(axis=None):
        told = f"the column {lacking[0]}" if lacking else "values"
        raise InputError(f"{path} lacks {told}; move it away, then `python -m benchmark statistics` makes it anew")
    return frame


def model_columns(frame: pd.DataFrame) -> list[str]:
    """Names of the models of `read_errors`."""
    return [name for name in frame.columns if name not in ABOUT]


def tasks_of(frame: pd.DataFrame) -> list[TaskErrors]:
    """One benchmark a set, in their order."""
    models = model_columns(frame)
    return [
        TaskErrors(
            task=f"set {number}",
            models=tuple(models),
            ids=part["id"].to_numpy(str),
            folds=part["fold"].to_numpy(int),
            errors=part[models].to_numpy(float),
            test_to_train=TEST_TO_TRAIN,
            repeats=part["repeat"].to_numpy(int),
        )
        for number, part in frame.groupby("set")
    ]


def measured_sharing(tasks: Sequence[TaskErrors], seed: int = 0) -> Sharing:
    """Take the variances of all sets apart.

    Args:
        tasks: the same models on at least three disjoint sets, each with `REPEATS` repeats of five folds.
        seed: of the bootstrap over sets.

    Raises:
        ValueError: there are too few sets.
    """
    if len(tasks) < 3:
        raise ValueError(f"{len(tasks)} sets do not show how results vary from set to set")
    once, twice = (_parts(tasks, repeats) for repeats in (1, REPEATS))
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, len(tasks), (RESAMPLES, len(tasks)))
    again = [_shared(_drawn(twice, sets)) for sets in draws]
    return Sharing(
        sets=len(tasks),
        crystals=len(np.unique(tasks[0].ids)),
        models=tasks[0].models,
        unshared=(_to_unshared(once), _to_unshared(twice)),
        shared=_shared(twice),
        interval=(float(np.quantile(again, 0.025)), float(np.quantile(again, 0.975))),
        taken=tuple(_taken(tasks[0].models, [Evidence.of(task) for task in tasks], share, draws) for share in SHARES),
    )


def _taken(models: Sequence[str], sets: Sequence[Evidence], share: float, draws: np.ndarray) -> Taken:
    contrasts = [replace(evidence, shared=share * TEST_TO_TRAIN).after() for evidence in sets]
    estimates = np.array([one.estimate for one in contrasts])
    over_sets = estimates.var(axis=0, ddof=1) / np.mean([one.error**2 for one in contrasts], axis=0)
    others = (estimates.sum(axis=0) - estimates) / (len(sets) - 1)
    held = np.abs(estimates - others) <= np.array([one.half_widths(1 - ALPHA) for one in contrasts])
    decided = np.abs(estimates) > np.array([all_pairs(one, len(models), 1 - ALPHA) for one in contrasts])
    large = np.abs(estimates.mean(axis=0)) > np.log(LARGE_RATIO)
    of_size = np.array([name.endswith(PUBLISHED_SIZE) for name in models])
    first, second = pairs_of(len(models))
    chosen = of_size[first] | of_size[second] if of_size.any() else slice(None)
    return Taken(
        share=share,
        variance=float(over_sets.mean()),
        largest=float(over_sets.max()),
        coverage=_with_limit(held, draws),
        published=_with_limit(held[:, chosen], draws),
        false=int((decided & (estimates * others < 0)).any(axis=1).sum()),
        power=float(decided[:, large].mean()) if large.any() else 0.0,
    )


def _with_limit(held: np.ndarray, draws: np.ndarray) -> tuple[float, float]:
    """Mean of (D, P), and its lower limit over draws of sets."""
    by_set = held.mean(axis=1)
    return float(by_set.mean()), float(np.quantile(by_set[draws].mean(axis=1), 0.025))


@dataclass(frozen=True, eq=False)
class _Parts:
    """(D, P) of D sets and P pairs of learners."""

    folds: int
    estimates: np.ndarray
    variances: np.ndarray
    """Over folds."""
    crystals: np.ndarray
    """Of the mean over all repeats, from the choice of crystals."""
    crystals_once: np.ndarray
    """Of one repeat alone. It is larger: what a training makes of a crystal by chance is averaged over repeats."""


def _parts(tasks: Sequence[TaskErrors], repeats: int) -> _Parts:
    columns = zip(*(_parts_of(task, repeats) for task in tasks), strict=True)
    return _Parts(repeats * FOLDS, *(np.array(column) for column in columns))


def _parts_of(task: TaskErrors, repeats: int) -> tuple[np.ndarray, ...]:
    """(P,) each: log ratio, variance over folds, crystals of all repeats, and of one."""
    own = task.of_repeats(range(repeats))
    once = [_crystals(task.of_repeats([repeat])) for repeat in range(repeats)]
    return *fold_variances(own.fold_losses()), _crystals(own), np.mean(once, axis=0)


def _crystals(task: TaskErrors) -> np.ndarray:
    return crystal_variances(task, task.fold_losses().mean(axis=0))


def _drawn(parts: _Parts, sets: np.ndarray) -> _Parts:
    return _Parts(
        parts.folds, parts.estimates[sets], parts.variances[sets], parts.crystals[sets], parts.crystals_once[sets]
    )  # fmt: skip


def _luck(parts: _Parts) -> np.ndarray:
    """(P,) variance of one fold beyond its crystals."""
    return np.maximum(parts.variances.mean(axis=0) - FOLDS * parts.crystals_once.mean(axis=0), 0)


def _to_unshared(parts: _Parts) -> float:
    explained = parts.crystals.mean(axis=0) + _luck(parts) / parts.folds
    return float(parts.estimates.var(axis=0, ddof=1).sum() / explained.sum())


def _shared(parts: _Parts) -> float:
    """By sums over pairs, as the luck of one pair may be next to nothing."""
    explained = parts.crystals.mean(axis=0) + _luck(parts) / parts.folds
    return float((parts.estimates.var(axis=0, ddof=1) - explained).sum() / _luck(parts).sum())
