"""What descriptors cost that a plan needs and that are not on this machine yet: a few crystals are timed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmark.harness import machine
from benchmark.harness.job import Job, load_task
from datasets.cache import NotCached, cache_mode
from datasets.crystals import Crystals
from datasets.errors import BenchmarkError
from models import registry
from models.contract import Model
from models.graph_model import GraphModel

SAMPLE = 20
"""Crystals that are timed."""
TIMING_S = 20.0
"""None is timed any more after so many seconds."""


@dataclass(frozen=True)
class Descriptors:
    """Descriptors to compute, each once."""

    seconds: float
    """Of one core."""
    models: tuple[str, ...]


def descriptors_to_compute(jobs: Sequence[Job]) -> Descriptors | None:
    """Of the models without a graph; None where all are in the cache. What several models share is counted once."""
    asked = {(job.task, job.model, job.settings): job for job in jobs}
    ends, found = time.monotonic() + TIMING_S, dict[Path, float]()
    models: list[str] = []
    for job in sorted(asked.values(), key=lambda job: job.task.name):  # each task is loaded once
        kind = registry.get(job.model).model
        if issubclass(kind, GraphModel) or time.monotonic() > ends:
            continue
        crystals = load_task(job.task).crystals
        try:
            missing = _missing(kind(job.settings), crystals)
            if missing and missing not in found:
                found[missing] = _seconds(kind(job.settings), crystals)
            models += [job.model] if missing else []
        except BenchmarkError:  # crystals that it cannot take: the training says so
            continue
    return Descriptors(sum(found.values()), tuple(dict.fromkeys(models))) if found else None


def _missing(model: Model, crystals: Crystals) -> Path | None:
    """What the cache lacks for a model; None where nothing has to be computed."""
    try:
        with cache_mode("look"):
            model.prepare(crystals)
    except NotCached as error:
        return error.path
    return None


def _seconds(model: Model, crystals: Crystals) -> float:
    """Processor time of all crystals, by that of some: it grows with their atoms."""
    rows = np.sort(np.random.default_rng(0).permutation(len(crystals))[:SAMPLE])
    with cache_mode("leave"):
        model.prepare(crystals.take(rows[:1]))  # loads the libraries
        with machine.clock("cpu") as clock:
            model.prepare(crystals.take(rows))
    return float(clock.duration.device_s * crystals.n_atoms.sum() / crystals.n_atoms[rows].sum())
