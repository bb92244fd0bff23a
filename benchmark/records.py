"""What a result is: one fold of one model on one task, as a validated record. Needs no torch."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from datasets.names import is_path_part

Sha256 = str
Status = Literal["complete", "failed", "diverged", "out-of-memory"]
SettingValue = bool | int | float | str


class Strict(BaseModel):
    """Unknown fields are refused, numbers must be finite, nothing changes after creation."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Scores(Strict):
    """Errors in the target's unit."""

    mae: float = Field(ge=0)
    rmse: float = Field(ge=0)
    r2: float | None


class Metrics(Strict):
    """Scores of the three parts."""

    train: Scores
    validation: Scores
    test: Scores


class Split(Strict):
    """How many crystals each part has, and sha256 of their sorted ids, one a line."""

    n_train: int = Field(ge=1)
    n_validation: int = Field(ge=1)
    n_test: int = Field(ge=1)
    train_sha256: Sha256
    validation_sha256: Sha256
    test_sha256: Sha256


class GraphHealth(Strict):
    """What the graphs of the task's crystals look like; the names are those of `datasets health`."""

    atoms: int
    edges: int
    isolated_atoms: int
    atoms_with_fewer_than_k: int
    truncated_ties: int


class Duration(Strict):
    """Seconds by the clock on the wall, and of the device: processor time, or a GPU's synchronised time."""

    wall_s: float = Field(ge=0)
    device_s: float = Field(ge=0)


class Times(Strict):
    """What each phase took. Graph building is the time when it was computed, also where a cache spared it."""

    graphs_wall_s: float = Field(ge=0)
    training: Duration
    inference: Duration
    """On the test part."""


class Memory(Strict):
    """Peak bytes of the process that ran the fold, and of the device."""

    host_bytes: int | None
    device_bytes: int | None


class Machine(Strict):
    """Where it ran."""

    processor: str
    cores: int
    memory_bytes: int
    system: str
    device: str
    """"cpu", or the name of the GPU."""
    threads: int
    workers: int


class JobKey(Strict):
    """What decides the result of a fold: the same key and the same model source give the same numbers."""

    task: str
    dataset: str
    target: str
    unit: str
    dataset_hash: Sha256
    model: str
    settings: dict[str, SettingValue]
    profile: str
    protocol: str
    fold: int = Field(ge=0)
    seed: int

    @model_validator(mode="after")
    def _names_are_paths(self) -> JobKey:
        for part in (*self.task.split("/"), self.model, self.profile):
            if not is_path_part(part):
                raise ValueError(f"'{part[:40]}' cannot be part of a name: no '/', not '.' or '..', at most 100 characters")
        if self.task != f"{self.dataset}/{self.target}":
            raise ValueError(f"task '{self.task}' is not dataset/target")
        return self

    @property
    def run_id(self) -> str:
        """Short name of the run that this fold belongs to: profile, protocol, seed and a hash of the rest."""
        digest = hashlib.sha256(json.dumps([self.dataset_hash, self.settings], sort_keys=True).encode()).hexdigest()
        protocol = "".join(c if c.isalnum() else "-" for c in self.protocol).strip("-")
        return f"{self.profile}_{protocol}_seed{self.seed}_{digest[:8]}"


class Record(Strict):
    """One fold, done or failed."""

    schema_version: Literal[1] = 1
    key: JobKey
    status: Status
    reason: str | None = None
    model_fingerprint: Sha256
    changed: dict[str, SettingValue] = {}
    """Settings that differ from the profile's."""
    graph_rule: str
    graph_health: GraphHealth | None
    """None for a model without graphs."""
    paper: str
    split: Split
    parameters: int | None
    checkpoint_bytes: int | None
    epochs_run: int | None
    best_epoch: int | None
    metrics: Metrics | None
    times: Times | None
    memory: Memory
    machine: Machine
    versions: dict[str, str]
    git_commit: str | None
    started_at: datetime
    predictions_sha256: Sha256 | None
    checkpoint_sha256: Sha256 | None = None
    """Of the model that `--save-checkpoints` keeps beside the record; a published record names it without holding it."""

    @model_validator(mode="after")
    def _complete_means_complete(self) -> Record:
        needed = ("metrics", "times", "parameters", "checkpoint_bytes", "epochs_run", "predictions_sha256")
        missing = [name for name in needed if getattr(self, name) is None]
        if self.status == "complete" and missing:
            raise ValueError(f"a complete record needs {', '.join(missing)}")
        if self.status != "complete" and not self.reason:
            raise ValueError(f"a record with status '{self.status}' needs a reason")
        return self
