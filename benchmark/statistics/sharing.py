"""How much luck do trainings on overlapping crystals share? Measured by training on disjoint sets. Needs no torch.

One data set cannot show it: what all folds share moves all of them alike. So a large set is cut into disjoint sets of crystals,
each is a benchmark of its own with repeated k-fold, and the log ratio of two models' mean losses varies from set to set by all
that there is: crystals, luck of training, and what the luck has in common within a set.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmark.statistics.comparisons import TaskErrors
from benchmark.statistics.contrasts import Evidence, corrected, crystal_variances, fold_variances
from benchmark.statistics.planted import FOLDS, TEST_TO_TRAIN
from datasets.crystals import Crystals
from datasets.registry import load

REPEATS = 2
ELEMENTS = 95


@dataclass(frozen=True)
class Sharing:
    """What the disjoint sets show; numbers are over pairs of learners."""

    sets: int
    crystals: int
    """In each set."""
    learners: tuple[str, ...]
    unshared: tuple[float, float]
    """With one repeat and with two: variance from set to set / what crystals and luck explain if no luck is shared; sums over
    pairs of learners."""
    shared: float
    """Variance that trainings share / variance of the luck of one fold, with both repeats; below 0 where sets vary less than
    expected. Nadeau & Bengio assume n_test / n_train."""
    interval: tuple[float, float]
    """95 % interval of `shared`, of a bootstrap over sets."""
    taken: float
    """Variance from set to set / what `Evidence` takes, with both repeats; mean over pairs."""
    largest: float
    """The same of the pair where it is largest; of so few sets one pair is known to 24 % (one standard error)."""
    corrected_t: float
    """Variance from set to set / what the corrected t takes, likewise; mean over pairs."""


def learners(seed: int) -> Mapping[str, object]:
    """Learners of composition that differ in kind, some by their start alone; short-trained networks are the unsteady ones."""

    def network(hidden: tuple[int, ...], epochs: int, start: int) -> MLPRegressor:
        return MLPRegressor(hidden_layer_sizes=hidden, max_iter=epochs, learning_rate_init=5e-3, random_state=start)

    return {
        "ridge": Ridge(1.0),
        "nearest neighbours": KNeighborsRegressor(5, weights="distance"),
        "random forest": RandomForestRegressor(20, max_features=0.3, random_state=seed),
        "extremely random trees": ExtraTreesRegressor(20, max_features=0.3, random_state=seed),
        "network": network((64,), 30, seed),
        "deeper network": network((64, 64), 30, seed + 1),
        "network, 8 epochs": network((64,), 8, seed + 2),
    }


def composition_features(crystals: Crystals) -> np.ndarray:
    """(n, 97) shares of elements, log of the volume an atom, log of the number of atoms."""
    atoms = np.diff(crystals.offsets)
    shares = np.zeros((len(atoms), ELEMENTS))
    which = np.repeat(np.arange(len(atoms)), atoms)
    np.add.at(shares, (which, np.minimum(crystals.atomic_numbers, ELEMENTS - 1)), 1)
    volume = np.abs(np.linalg.det(crystals.lattice)) / atoms
    return np.column_stack([shares / atoms[:, None], np.log(volume), np.log(atoms)])


def measured_sharing(features: np.ndarray, targets: np.ndarray, *, sets: int, crystals: int, seed: int = 0) -> Sharing:
    """Train all learners on disjoint sets by repeated k-fold and take the variances apart.

    Args:
        features: (n, f) of all crystals.
        targets: (n,) finite.
        sets: how many; at least two, and sets x crystals at most n.
        crystals: in each.
        seed: of the sets, the folds and the learners.

    Raises:
        ValueError: there are too few crystals for so many sets, or too few sets.
    """
    if sets < 2 or sets * crystals > len(targets):
        raise ValueError(f"{len(targets)} crystals are not {sets} sets of {crystals}")
    order = np.random.default_rng(seed).permutation(len(targets))[: sets * crystals].reshape(sets, crystals)
    tasks = [_trained(features[part], targets[part], (seed, number)) for number, part in enumerate(order)]
    once, twice = (_parts(tasks, repeats) for repeats in (1, REPEATS))
    rng = np.random.default_rng([seed, sets])
    again = [_shared(_drawn(twice, rng.integers(0, sets, sets))) for _ in range(1000)]
    over_sets = twice.estimates.var(axis=0, ddof=1)
    taken = np.mean([Evidence.of(task).after().error ** 2 for task in tasks], axis=0)
    as_assumed = np.mean([corrected(task.fold_losses(), TEST_TO_TRAIN).error ** 2 for task in tasks], axis=0)
    return Sharing(
        sets=sets,
        crystals=crystals,
        learners=tasks[0].models,
        unshared=(_to_unshared(once), _to_unshared(twice)),
        shared=_shared(twice),
        interval=(float(np.quantile(again, 0.025)), float(np.quantile(again, 0.975))),
        taken=float(np.mean(over_sets / taken)),
        largest=float(np.max(over_sets / taken)),
        corrected_t=float(np.mean(over_sets / as_assumed)),
    )


def _trained(features: np.ndarray, targets: np.ndarray, seed: tuple[int, int]) -> TaskErrors:
    n = len(targets)
    errors, folds = np.empty((REPEATS, n, len(learners(0)))), np.empty((REPEATS, n), int)
    for repeat in range(REPEATS):
        folds[repeat] = np.random.default_rng([*seed, repeat]).permutation(n) % FOLDS
        for fold in range(FOLDS):
            tested = folds[repeat] == fold
            train = np.flatnonzero(~tested)
            # A tenth is kept for validation by those who choose an epoch, and lost to all.
            train = train[: len(train) * 9 // 10]
            start = 3 * (FOLDS * (REPEATS * seed[1] + repeat) + fold)
            for column, learner in enumerate(learners(start).values()):
                fitted = make_pipeline(StandardScaler(), learner).fit(features[train], targets[train])
                errors[repeat, tested, column] = np.abs(fitted.predict(features[tested]) - targets[tested])
    return TaskErrors(
        task=f"set {seed[1]}",
        models=tuple(learners(0)),
        ids=np.tile(np.arange(n), REPEATS),
        folds=folds.ravel(),
        errors=errors.reshape(REPEATS * n, -1),
        test_to_train=TEST_TO_TRAIN,
        repeats=np.repeat(np.arange(REPEATS), n),
    )


@dataclass(frozen=True, eq=False)
class _Parts:
    """(D, P) of D sets and P pairs of learners."""

    folds: int
    estimates: np.ndarray
    variances: np.ndarray
    crystals: np.ndarray


def _parts(tasks: Sequence[TaskErrors], repeats: int) -> _Parts:
    found = [fold_variances(task.fold_losses()[: repeats * FOLDS]) for task in tasks]
    crystals = [crystal_variances(task, task.fold_losses().mean(axis=0)) for task in tasks]
    estimates, variances = (np.array(column) for column in zip(*found, strict=True))
    return _Parts(repeats * FOLDS, estimates, variances, np.array(crystals))


def _drawn(parts: _Parts, sets: np.ndarray) -> _Parts:
    return _Parts(parts.folds, parts.estimates[sets], parts.variances[sets], parts.crystals[sets])


def _luck(parts: _Parts) -> np.ndarray:
    """(P,) variance of one fold beyond its crystals."""
    return np.maximum(parts.variances.mean(axis=0) - FOLDS * parts.crystals.mean(axis=0), 0)


def _to_unshared(parts: _Parts) -> float:
    explained = parts.crystals.mean(axis=0) + _luck(parts) / parts.folds
    return float(parts.estimates.var(axis=0, ddof=1).sum() / explained.sum())


def _shared(parts: _Parts) -> float:
    """By sums over pairs, as the luck of one pair may be next to nothing."""
    explained = parts.crystals.mean(axis=0) + _luck(parts) / parts.folds
    return float((parts.estimates.var(axis=0, ddof=1) - explained).sum() / _luck(parts).sum())


def measured_on_cgcnn(sets: int, seed: int) -> Sharing:
    """On sets of 1,000 crystals of cgcnn/formation_energy_per_atom, of which a composition says much.

    Raises:
        InputError: the data set is not on this machine.
    """
    crystals = load("cgcnn")
    targets = crystals.targets["formation_energy_per_atom"].to_numpy()
    known = np.isfinite(targets)
    # The networks are short-trained on purpose.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return measured_sharing(composition_features(crystals)[known], targets[known], sets=sets, crystals=1000, seed=seed)
