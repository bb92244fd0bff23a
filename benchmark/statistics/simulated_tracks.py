"""How often comparisons over several tasks are wrong, on planted tracks of crystal sets and targets. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.statistics.across_tasks import nested_contrasts, nested_mean
from benchmark.statistics.contrasts import Evidence
from benchmark.statistics.families import all_pairs
from benchmark.statistics.planted import Structure, Truth, planted
from benchmark.statistics.simulation import CONFIDENCE, Rates, by_pairs, one_best, outcome, summary

SETS = (2, 4)
TARGETS = (1, 3)
"""Of every crystal set."""
MODELS = (2, 16)
REPEATS = (1, 5)
RATIO = 1.1
"""Of the loss of all models but one to that one's, on average over sets."""
CORRELATIONS = (0.1, 0.2)
"""Of the luck in trainings on one set, as planted: as measured at most, and as Nadeau & Bengio assume."""
SHARE = 0.2
"""Simulated tracks of a cell, in those groups that `simulate` draws: a track is several groups."""
SPREAD = 0.15
"""Standard deviation from task to task of the log of a model's loss beside the others'."""


@dataclass(frozen=True)
class TrackCell:
    """One planted kind of track."""

    sets: int
    targets: int
    models: int
    repeats: int
    correlation: float


def simulate_tracks(
    structures: Sequence[Structure], groups: int, seed: int, progress: Callable[[str], None] = lambda line: None
) -> dict[TrackCell, Rates]:
    """Simulate every cell; half of its tracks have equal models, half have one that is best by `RATIO`.

    Args:
        structures: of real groups, as many models as the largest cell has.
        groups: how many `simulate` draws for a cell; tracks are fewer.
        seed: of the first cell; every cell has its own.
        progress: called with a line as each cell begins.
    """
    cells = [
        TrackCell(sets, targets, models, repeats, correlation)
        for sets in SETS
        for targets in TARGETS
        for models in MODELS
        for repeats in REPEATS
        for correlation in CORRELATIONS
    ]
    tracks, found = max(2, round(SHARE * groups)), {}
    for number, cell in enumerate(cells):
        progress(f"over tasks: {cell}")
        outcomes = []
        for track in range(tracks):
            rng = np.random.default_rng([seed, number, track])
            outcomes.append(_one_track(rng, structures, cell, one_best(cell.models, RATIO if track % 2 else 1.0)))
        found[cell] = summary(np.array(outcomes))
    return found


def _one_track(
    rng: np.random.Generator, structures: Sequence[Structure], cell: TrackCell, ratios: Sequence[float]
) -> tuple[float, float, float, float]:
    """The outcome of one planted track, as `outcome` has it.

    Models differ from task to task, but their mean over sets is as planted. The targets of a set have the same crystals with
    the same relative losses and the same luck: the worst case, as then a second target says nothing new.
    """
    sets = [f"set-{number}" for number in range(cell.sets) for _ in range(cell.targets)]
    deviations = SPREAD * rng.normal(size=(len(sets), cell.models))
    logs = np.log(ratios) + deviations - nested_mean(deviations, sets)
    draws = {name: int(rng.integers(2**63)) for name in dict.fromkeys(sets)}
    found = []
    for name, row in zip(sets, logs, strict=True):
        truth = Truth(tuple(np.exp(row).tolist()), cell.repeats, cell.correlation)
        found.append(Evidence.of(planted(np.random.default_rng(draws[name]), structures, truth)).after())
    contrasts = nested_contrasts(found, sets)
    return outcome(by_pairs(contrasts, all_pairs(contrasts, cell.models, CONFIDENCE), cell.models), np.log(ratios))
