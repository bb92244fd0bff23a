"""The regression baseline, `leaderboards/baseline.json`: the results that later checks are compared with. Needs no torch."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, ValidationError, model_validator

from benchmark.results.store import write_atomically
from benchmark.schema import Machine, SettingValue, Sha256, Strict
from benchmark.tasks.folds import Split
from datasets.errors import BenchmarkError, InputError

CREATE = 'create it with `python -m benchmark check --update-baseline "reason"`'


class Provenance(Strict):
    """Where a model's baseline comes from: the reason that was given, and the code and the machine that it was made with."""

    reason: str = Field(min_length=1)
    updated_at: datetime
    git_commit: str | None
    machine: Machine
    versions: dict[str, str]


class TaskBaseline(Strict):
    """Which crystals a regression set has and how they are split."""

    dataset_hash: Sha256
    scale: float = Field(gt=0)
    """MAE of the mean of the training targets, in the target's unit: what an error is relative to."""
    splits: dict[str, Split]
    """By protocol, fold and seed."""


class Series(Strict):
    """What the trainings of one model on one task gave: one value a seed, from seed 0 on."""

    mae: tuple[float, ...] = Field(min_length=2)
    """In the target's unit."""
    training_s: tuple[float, ...]
    """Processor time."""
    peak_bytes: tuple[int | None, ...]

    @model_validator(mode="after")
    def _one_value_a_seed(self) -> Series:
        if not len(self.mae) == len(self.training_s) == len(self.peak_bytes) or min(self.mae) <= 0:
            raise ValueError("it needs a positive error, a time and a memory for every seed")
        return self


class ModelBaseline(Strict):
    """Settings, size and results of a model."""

    provenance: Provenance
    model_fingerprint: Sha256
    changed: dict[str, str]
    """Settings that differ from the profile's for this model: a quieter training needs fewer seeds."""
    settings: dict[str, SettingValue]
    parameters: int | None
    """Trainable, with these settings; None where the data decide it."""
    paper_parameters: int | None
    tasks: dict[str, Series]

    @model_validator(mode="after")
    def _same_seeds_for_all_tasks(self) -> ModelBaseline:
        if len({len(series.mae) for series in self.tasks.values()}) != 1:
            raise ValueError("every task needs the same number of seeds")
        return self

    @property
    def n_seeds(self) -> int:
        """How often it was trained, and how often a check trains it where its numbers changed."""
        return len(self.log_mae())

    def log_mae(self) -> np.ndarray:
        """(seeds, tasks) natural logarithm of the MAE, in order of `tasks`."""
        return np.log([series.mae for series in self.tasks.values()]).T


class Baseline(Strict):
    """Regression sets with their splits, and models with their results on them."""

    schema_version: Literal[2] = 2
    folds: dict[str, TaskBaseline]
    models: dict[str, ModelBaseline]

    @model_validator(mode="after")
    def _models_know_the_tasks(self) -> Baseline:
        for name, model in self.models.items():
            if not model.tasks or not model.tasks.keys() <= self.folds.keys():
                raise ValueError(f"{name} has results of other tasks than {', '.join(self.folds)}")
        return self


def read_baseline(path: Path) -> Baseline:
    """The baseline in a file. Raises InputError in one line where there is none or it is damaged."""
    try:
        return Baseline.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"{path.resolve()}: no baseline to compare with; {CREATE}") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "baseline"
        raise InputError(f"{path}: damaged: {where}: {first['msg']}; restore it, or delete it and {CREATE}") from None


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Replace the file whole. Raises BenchmarkError where it cannot be written."""
    # A series is one line, so that a difference of two baselines can be read.
    text = re.sub(
        r"\[\s+([-+.,\deE\s]+)\s\]", lambda found: f"[{' '.join(found[1].split())}]", baseline.model_dump_json(indent=1)
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, (text + "\n").encode())
    except OSError as error:
        raise BenchmarkError(f"cannot write {path} ({error.strerror}); the old baseline stands") from None
