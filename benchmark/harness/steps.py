"""Trainings of so few optimiser steps that a network can hardly learn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil

from benchmark.harness.job import Job
from benchmark.rendering.text import joined
from benchmark.results.records import TRIAL

FEWEST = 100
"""Steps; with fewer, networks of small folders ended no better than the mean."""
ENOUGH = 500
SMALL_BATCH = 8


def few_steps(n_train: Mapping[Job, int]) -> Iterator[str]:
    """One line where trainings have few steps: how many, and what makes more. Trials of the program are meant to be short.

    Args:
        n_train: training crystals of each job.
    """
    found: dict[tuple[str, str], tuple[int, str]] = {}
    for job, crystals in n_train.items():
        settings = job.settings.as_dict()
        if job.profile == TRIAL or not {"epochs", "batch_size"} <= settings.keys():
            continue
        epochs, batch = int(settings["epochs"]), int(settings["batch_size"])
        steps = epochs * ceil(crystals / batch)
        if steps < FEWEST:
            smaller = min(batch, SMALL_BATCH)
            wanted = {"epochs": max(epochs, ceil(ENOUGH / ceil(crystals / smaller))), "batch_size": smaller}
            longer = " ".join(f"--set {name}={value}" for name, value in wanted.items() if settings[name] != value)
            longer += " --save-checkpoints" if job.save_checkpoints else ""
            found.setdefault((job.task.name, job.model), (steps, longer))
    if not found:
        return
    counted = [number for number, _ in found.values()]
    span = " to ".join(map(str, dict.fromkeys((min(counted), max(counted)))))
    models = joined(list(dict.fromkeys(model for _, model in found)))
    yield (
        f"only {span} optimiser steps a training ({models}): a network may end no better than the mean. Take more epochs or "
        f"smaller batches, one model at a time, for example {next(iter(found.values()))[1]}"
    )
