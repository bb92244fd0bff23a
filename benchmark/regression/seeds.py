"""Under how many seeds a check trains each model, and how long that takes by the times of the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.harness.fingerprint import fingerprint
from benchmark.harness.machine import slower_now
from benchmark.regression import loss_test
from benchmark.regression.baseline import Baseline, ModelBaseline
from benchmark.regression.trainings import this_machine
from models import registry

FIRST_SEEDS = 2
"""How many trainings tell whether anything changed at all."""

QUICK_S = 100.0
"""Seconds that the quick form trains models whose numbers changed, if that is enough for loss_test.FEWEST_SEEDS of each."""


START_S = 10.0
"""Seconds, roughly, until workers have loaded the program."""


@dataclass(frozen=True)
class CheckCost:
    """What a check is going to train."""

    models: tuple[str, ...]
    """Those that the baseline has."""
    changed: tuple[str, ...]
    """Those of them whose source is not that of the baseline."""
    most_seeds: int
    """Of a model whose numbers differ."""
    first_s: float
    """Seconds of the first seeds of every model, on the clock with `workers` and their start."""
    most_s: float
    """Seconds of all trainings, where the numbers of all changed models differ."""
    workers: int
    slower: float
    """How many times longer these workers take now than on an idle machine; both times count it."""
    processors: tuple[str, ...]
    """Those that the times were measured on: of the baselines of the models."""
    elsewhere: tuple[str, ...]
    """Models whose baseline is of another processor than this one, which rounds otherwise, so that the numbers differ."""


def check_cost(baseline: Baseline, models: Sequence[str], quick: bool) -> CheckCost:
    """What a check of these models (empty: all) trains. Raises InputError for an unknown model."""
    chosen = [registry.get(name).name for name in models] or list(registry.registered())
    known = {name: baseline.models[name] for name in chosen if name in baseline.models}
    changed = [name for name, expected in known.items() if not has_its_source(expected, name)]
    most = most_seeds(baseline, changed if quick else list(known), quick)
    workers, here = this_machine().workers, this_machine().processor
    slower = slower_now(workers)
    first_s = slower * (START_S + sum(FIRST_SEEDS * _seed_s(expected) for expected in known.values()) / workers)
    more_s = slower * (START_S + sum((seeds - FIRST_SEEDS) * _seed_s(known[name]) for name, seeds in most.items()) / workers)
    processors = {name: expected.provenance.machine.processor for name, expected in known.items()}
    return CheckCost(
        models=tuple(known),
        changed=tuple(changed),
        most_seeds=max(most.values(), default=FIRST_SEEDS),
        first_s=first_s,
        most_s=first_s + more_s,
        workers=workers,
        slower=slower,
        processors=tuple(dict.fromkeys(processors.values())),
        elsewhere=tuple(name for name, processor in processors.items() if processor != here),
    )


def trainings_ahead(baseline: Baseline, models: Sequence[str]) -> tuple[int, bool]:
    """How many trainings the noise of these models asks for, and whether the baseline has all of them; else it is the least."""
    known = [baseline.models[name].n_seeds for name in models if name in baseline.models]
    return sum(known) + loss_test.FEWEST_SEEDS * (len(models) - len(known)), len(known) == len(models)


def most_seeds(baseline: Baseline, models: Sequence[str], quick: bool) -> dict[str, int]:
    """Seeds of each model whose numbers changed: those of the baseline; fewer in the quick form of many or slow models."""
    seeds = {name: baseline.models[name].n_seeds for name in models}
    if not quick:
        return seeds
    a_seed = sum(_seed_s(baseline.models[name]) for name in models)
    most = max(loss_test.FEWEST_SEEDS, int(QUICK_S * this_machine().workers / (a_seed or 1)))
    return {name: min(number, most) for name, number in seeds.items()}


def has_its_source(expected: ModelBaseline, name: str) -> bool:
    """Whether today's source of a model is that of its baseline."""
    return expected.model_fingerprint == fingerprint(registry.get(name).model)


def _seed_s(expected: ModelBaseline) -> float:
    """Processor seconds of one seed on all tasks."""
    return float(sum(np.mean(series.training_s) for series in expected.tasks.values()))
