"""Comparison groups with a planted truth, whose errors vary as those of real groups do. Needs no torch.

From every real group of many models two things are taken: the losses of its crystals relative to each model's mean, and for
each model how much a fold's mean loss varies beyond what its crystals explain, the luck of training. A planted group draws
models, draws crystals with all their losses (so tails, and what models find hard together, are real), gives every model the
mean loss that was planted, and multiplies every fold by new luck. In all repeats a crystal keeps its relative loss: what
crystals leave open is then never averaged away, the worst case, as one repeat on record cannot say how much of it would be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.statistics.comparisons import TaskErrors
from benchmark.statistics.contrasts import relative
from datasets.errors import InputError

FOLDS = 5
TEST_TO_TRAIN = 0.2 / 0.72
"""Of five folds with a tenth of the training part kept for validation."""
HEAVY = 4
"""Degrees of freedom of Student's t where luck has heavy tails."""


@dataclass(frozen=True, eq=False)
class Structure:
    """How the errors of one real comparison group vary."""

    task: str
    losses: np.ndarray
    """(n, M) losses of crystals divided by each model's mean."""
    luck: np.ndarray
    """(M,) standard deviation over trainings of the log of a fold's mean loss, beyond what crystals explain."""
    fold_deviation: float
    """Median over pairs of models: standard deviation over folds of the relative difference."""
    crystal_share: float
    """Median over pairs: the share of that variance that crystals explain."""


@dataclass(frozen=True)
class Truth:
    """What is planted."""

    ratios: tuple[float, ...]
    """Of the M models' expected losses to the best's."""
    repeats: int
    correlation: float
    """Of the luck of a model in any two trainings, because they share training crystals."""
    heavy_tails: bool = False


def structure_of(task: TaskErrors) -> Structure:
    """Variances by moments: those of relative losses over folds and over the crystals of a fold, both without what is common.

    Args:
        task: of at least two models and folds, none with a mean loss of 0; one repeat.
    """
    means = task.fold_losses()
    scaled = relative(means)
    # In each fold the mean is one, so that no luck of training is left in the losses of crystals.
    losses = task.errors / means[task.fold_numbers]
    tested = len(losses) / len(means)
    first, second = np.triu_indices(len(task.models), 1)
    over_folds = (scaled[:, first] - scaled[:, second]).var(axis=0, ddof=1)
    over_crystals = np.array([(losses[:, a] - losses[:, b]).var() for a, b in zip(first, second, strict=True)]) / tested
    common = scaled.mean(axis=1, keepdims=True), losses.mean(axis=1, keepdims=True)
    luck = (scaled - common[0]).var(axis=0, ddof=1) - (losses - common[1]).var(axis=0) / tested
    return Structure(
        task=task.task,
        losses=losses / losses.mean(axis=0),
        luck=np.sqrt(np.maximum(luck, 0)),
        fold_deviation=float(np.sqrt(np.median(over_folds))),
        crystal_share=float(np.median(np.minimum(over_crystals / over_folds, 1))),
    )


def planted(rng: np.random.Generator, structures: Sequence[Structure], truth: Truth) -> TaskErrors:
    """One comparison group: a structure and models of it at random, new crystals, new luck; mean losses as planted."""
    structure = structures[int(rng.integers(len(structures)))]
    n = len(structure.losses) // FOLDS * FOLDS
    models = rng.permutation(len(structure.luck))[: len(truth.ratios)]
    losses = structure.losses[rng.integers(0, len(structure.losses), n)][:, models] * truth.ratios
    spread, lasting = structure.luck[models], rng.normal(size=len(models))
    folds = np.concatenate([rng.permutation(n) % FOLDS for _ in range(truth.repeats)])
    repeats = np.repeat(np.arange(truth.repeats), n)
    new = _luck(rng, truth, (truth.repeats, FOLDS, len(models)))
    luck = spread * (np.sqrt(truth.correlation) * lasting + np.sqrt(1 - truth.correlation) * new) - spread**2 / 2
    return TaskErrors(
        task=structure.task,
        models=tuple(f"model-{m:02d}" for m in range(len(models))),
        ids=np.tile(np.arange(n), truth.repeats),
        folds=folds,
        errors=np.tile(losses, (truth.repeats, 1)) * np.exp(luck)[repeats, folds],
        test_to_train=TEST_TO_TRAIN,
        repeats=repeats,
    )


def _luck(rng: np.random.Generator, truth: Truth, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of mean 0 and variance 1, cut off at five standard deviations where tails are heavy."""
    if not truth.heavy_tails:
        return rng.normal(size=shape)
    return np.clip(rng.standard_t(HEAVY, size=shape) / np.sqrt(HEAVY / (HEAVY - 2)), -5, 5)


def structures_of(groups: Sequence[TaskErrors]) -> tuple[Structure, ...]:
    """Of the groups with most models, if these have more than one fold and repeat nothing.

    Raises:
        InputError: there is no group of two models or more.
    """
    usable = [task for task in groups if len(task.models) > 1 and task.fold_numbers.max() and task.fold_losses().all()]
    most = max((len(task.models) for task in usable), default=0)
    if not most:
        raise InputError("no comparison group has two models and two folds, so nothing says how errors vary")
    return tuple(structure_of(task) for task in usable if len(task.models) == most)
