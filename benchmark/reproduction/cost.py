"""What jobs would cost on this machine: from records of the same run, or from one timed step on crystals of the task."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from benchmark.harness import machine
from benchmark.harness.job import Job, fresh_model, load_task
from benchmark.reproduction.cells import Cell
from benchmark.reproduction.planning import CellJob
from benchmark.reproduction.results import CellResult
from datasets.crystals import Crystals
from models import registry
from models.contract import Settings
from models.graph_model import GraphModel
from models.training import Recipe

STEPS = 2
"""Batches of an epoch of the timed training."""
LEAST_S, MOST_EPOCHS = 0.5, 20
"""The timed training takes about so many seconds of the processor, and at most so many epochs."""
UNBATCHED = 400
"""Crystals that a model without batches is timed on."""


@dataclass(frozen=True)
class Estimate:
    """Seconds of one round of a cell: of one processor core, or of the device."""

    seconds: float
    source: str
    """What it is from."""


def estimates(todo: Iterable[CellJob], results: Sequence[tuple[Cell, CellResult | None]]) -> dict[int, Estimate]:
    """The estimate of every cell with an open job, by the cell's `id`."""
    ran = {id(cell): result for cell, result in results if result and result.records}
    found: dict[int, Estimate] = {}
    for one in sorted(todo, key=lambda one: one.job.task.name):
        if id(one.cell) not in found:
            found[id(one.cell)] = _from_records(ran.get(id(one.cell)), one.job) or timed(one.job)
    return found


def _from_records(result: CellResult | None, job: Job) -> Estimate | None:
    """Of rounds that ran on this kind of processor or device; None where none did."""
    here = machine.machine(job.device, job.threads, job.workers)
    same = [
        record.times.training.device_s
        for record in (result.records if result else ())
        if record.times and (record.machine.processor, record.machine.device) == (here.processor, here.device)
    ]
    return Estimate(float(np.mean(same)), "a round that ran here") if same else None


def timed(job: Job) -> Estimate:
    """Train on crystals drawn from the training part, and count up to the whole job, in processor time on a CPU.

    A network grows with the atoms of its crystals. A model without epochs is taken to grow with the square of its crystals,
    as the kernel of a support vector machine does.
    """
    data = load_task(job.task)
    train = data.fold(job.protocol, job.fold, job.seed).train
    settings = job.settings
    size = STEPS * settings.batch_size if isinstance(settings, Recipe) else UNBATCHED
    rows = np.sort(np.random.default_rng(0).permutation(train)[:size])
    torch.set_num_threads(job.threads)
    trained = _Trained(job, data.crystals.take(rows), data.targets[rows])
    grown = len(train) / len(rows)
    if not isinstance(settings, Recipe):
        return Estimate(trained.seconds(settings) * grown**2, f"{len(rows)} crystals, as the square")
    once = trained.seconds(replace(settings, epochs=1))
    epochs = max(1, min(MOST_EPOCHS, round(LEAST_S / once)))
    an_epoch = trained.seconds(replace(settings, epochs=epochs)) / epochs if epochs > 1 else once
    if issubclass(registry.get(job.model).model, GraphModel):
        grown = data.crystals.n_atoms[train].sum() / data.crystals.n_atoms[rows].sum()
    short = sum(job.rates.epochs(settings.epochs) for _ in job.rates.factors) if job.rates else 0
    return Estimate(float(an_epoch * grown * (settings.epochs + short)), f"{STEPS} batches, timed")


class _Trained:
    """A few crystals of a task as a model takes them, to train it on for a moment."""

    def __init__(self, job: Job, sample: Crystals, targets: np.ndarray) -> None:
        self.job, self.targets, self.rows = job, targets, np.arange(len(sample))
        model = fresh_model(job, job.settings)
        self.inputs = model.prepare(sample)
        model.warm_up(self.inputs, targets, self.rows)

    def seconds(self, settings: Settings) -> float:
        """What a training with these settings takes."""
        model = fresh_model(self.job, settings)
        with machine.clock(self.job.device) as clock:
            model.fit(self.inputs, self.targets, self.rows, self.rows[: max(1, len(self.rows) // 10)], seed=0)
        return clock.duration.device_s
