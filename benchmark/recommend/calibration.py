"""How this machine compares with those of the records: short trainings that are on record."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmark.harness.execution import execute
from benchmark.harness.job import Job
from benchmark.results.records import Record
from benchmark.results.store import Store
from benchmark.tasks.folds import Protocol
from benchmark.tasks.tasks import find_tasks
from models import registry

TASK, MODEL, PROFILE = "emt/alloys/formation_energy_per_atom", "cgcnn", "mini"
TRAININGS = 3
"""The shortest counts: other programs on the machine only make one longer."""


@dataclass(frozen=True)
class Calibration:
    """Processor times of the same training, here and in the records.

    Attributes:
        here: seconds on this machine, of the shortest of some trainings.
        there: median seconds of the records.
        processors: those of the records.
    """

    here: float
    there: float
    processors: tuple[str, ...]

    @property
    def slower(self) -> float:
        """How many times longer a training takes here."""
        return self.here / self.there


def calibrate(records: Iterable[Record], device: str) -> Calibration | None:
    """Train a miniature CGCNN on embedded crystals with one thread, `TRAININGS` times; None where no such record exists."""
    kind = "cpu" if device == "cpu" else "gpu"
    known = [
        record
        for record in records
        if (record.key.task, record.key.model, record.key.profile, record.key.device) == (TASK, MODEL, PROFILE, kind)
        and record.times
        and not record.changed
    ]
    if not known:
        return None
    (task,) = find_tasks(TASK)
    job = Job(task, MODEL, registry.get(MODEL).settings(PROFILE), PROFILE, Protocol(), fold=0, seed=0, device=device)
    torch.set_num_threads(1)
    here = min(_seconds(job) for _ in range(TRAININGS))
    there = float(np.median([found.times.training.device_s for found in known if found.times]))
    return Calibration(here, there, tuple(sorted({found.machine.processor for found in known})))


def _seconds(job: Job) -> float:
    with tempfile.TemporaryDirectory() as folder:
        record = execute(job, Store(Path(folder)))
    assert record.times, record.reason
    return record.times.training.device_s
