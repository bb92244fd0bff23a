"""What a result is: one fold of one model on one task, as a validated record. Needs no torch."""

from __future__ import annotations

import hashlib
import json
import math
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from benchmark.results.learning_rate import RateChoice, RateGrid
from benchmark.schema import Count, Duration, Machine, Name, Settings, Sha256, Strict, Text
from benchmark.tasks.folds import HOLDOUT_FOLDS, MOST_FOLDS, PROTOCOL, Split, has_validation, kfolds
from benchmark.tasks.metrics import ClassScores, LeakScores, Metrics, Scores
from datasets.allowed_names import is_path_part
from datasets.cards import MOST_CLASSES

Status = Literal["complete", "failed", "diverged", "out-of-memory", "worker-lost", "timed-out"]
DeviceClass = Literal["cpu", "gpu"]
Backend = Literal["dgl", "torch"]

TRIAL = "smoke"
"""The profile that only tries the program."""


class GraphHealth(Strict):
    """What the graphs of the task's crystals look like; the names are those of `datasets health`."""

    atoms: Count
    edges: Count
    isolated_atoms: Count
    atoms_with_fewer_than_k: Count
    truncated_ties: Count


class Times(Strict):
    """What each phase took. Graph building is the time when it was computed, also where a cache spared it."""

    graphs_wall_s: float = Field(ge=0)
    training: Duration
    inference: Duration
    """On the test part."""


class Memory(Strict):
    """Peak bytes of the process that ran the fold, and of the device."""

    host_bytes: Count | None
    device_bytes: Count | None


class JobKey(Strict):
    """What decides the result of a fold, and where its record lies: two with one key give the same numbers."""

    task: str
    dataset: str
    target: str
    unit: Text
    dataset_hash: Sha256
    model: str
    settings: Settings
    profile: Name
    protocol: Annotated[str, StringConstraints(pattern=PROTOCOL)]
    fold: int = Field(ge=0, lt=MOST_FOLDS)
    seed: int = Field(ge=0, lt=2**31)
    rates: RateGrid | None = None
    """What the learning rate was chosen from, around that of the settings; None: it is that of the settings."""
    source: Sha256
    """Hash of the source that defines the model (`harness.fingerprint`)."""
    classes: Annotated[tuple[Text, ...], Field(min_length=2, max_length=MOST_CLASSES)] | None = None
    """Names of the classes; None of a target that is a number."""
    device: DeviceClass
    """On which kind of device it was trained; the record's machine names the device."""

    @model_validator(mode="after")
    def _names_are_paths(self) -> JobKey:
        for part in (*self.task.split("/"), self.model):
            if not is_path_part(part):
                raise ValueError(f"'{part[:40]}' cannot be part of a name: no '/', not '.' or '..', at most 100 characters")
        if self.task != f"{self.dataset}/{self.target}":
            raise ValueError("task is not dataset/target")
        if self.classes and len(set(self.classes)) < len(self.classes):
            raise ValueError("two classes have one name")
        if self.n_folds is not None and self.fold >= self.n_folds:
            raise ValueError(f"{self.protocol} has no fold {self.fold}")
        return self

    @property
    def identity(self) -> str:
        """The key as text, to compare keys by; the order of its settings, which packing changes, has no say."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)

    @property
    def n_folds(self) -> int | None:
        """How many folds the protocol has; None where that is open, as with independent shuffles."""
        if not has_validation(self.protocol):
            return HOLDOUT_FOLDS
        return 1 if self.protocol.startswith("published split") else kfolds(self.protocol)

    @property
    def track(self) -> str:
        """Profile and protocol in words: what folds of different tasks can share."""
        return f"{self.profile}, {self.protocol}"

    @property
    def comparison_group(self) -> str:
        """What tells folds that may be compared from others of their task."""
        return f"{self.track}, data {self.dataset_hash[:8]}"

    @property
    def run_id(self) -> str:
        """Name of the repeat that this fold belongs to, and of its file."""
        return self._named(f"_seed{self.seed}")

    @property
    def pooled_id(self) -> str:
        """Name of the run that this fold belongs to, of whatever seed: profile, protocol, a hash of data and settings, source,
        device."""
        return self._named("")

    def _named(self, seed: str) -> str:
        decided = [self.dataset_hash, self.settings, *([self.rates.model_dump()] if self.rates else [])]
        digest = hashlib.sha256(json.dumps(decided, sort_keys=True).encode()).hexdigest()
        protocol = "".join(c if c.isalnum() else "-" for c in self.protocol).strip("-")
        return f"{self.profile}_{protocol}{seed}_{digest[:8]}_{self.source[:8]}_{self.device}"


class Record(Strict):
    """One fold, done or failed."""

    schema_version: Literal[2] = 2
    key: JobKey
    status: Status
    reason: Text | None = None
    training_seed: int = Field(ge=0, lt=2**63)
    """Of the network's first weights and the order of its batches; seed and fold decide it."""
    changed: Settings = Field(default_factory=dict)
    """Settings that differ from the profile's."""
    graph_rule: Text
    graph_health: GraphHealth | None
    """None for a model without graphs."""
    imputed: Count | None = None
    """Crystals of the task that lack a descriptor, which the model made up; None of a model that makes none up."""
    left_out: Count | None = None
    """Crystals that `--skip-bad` left out of the data; None of none, and in records older than this field."""
    rate_choice: RateChoice | None = None
    """How the learning rate was chosen; None where it was not."""
    backend: Backend | None = None
    """Whose kernels sent messages along the edges of the graphs; None of a model without graphs or a fold without a score, and
    in records older than this field."""
    paper: Text
    split: Split
    parameters: Count | None
    checkpoint_bytes: Count | None
    epochs_run: Count | None
    best_epoch: Count | None
    metrics: Metrics | None
    """With the weights of the epoch that the model keeps: the best on validation, or the last where its settings say so."""
    last_epoch: Metrics | None = None
    """With those of the last epoch; None of a model without epochs, and in records older than this field."""
    leak: LeakScores | None = None
    """Of `metrics.test`, on the test crystals that have a duplicate in training or validation and on the others; None where
    duplicates could not be searched, and in records older than this field."""
    times: Times | None
    memory: Memory
    machine: Machine
    versions: Annotated[dict[Text, Text], Field(max_length=100)]
    git_commit: Text | None
    resumed: Count | None = None
    """How often training went on from a checkpoint, after a stop or a death; None in records older than this field."""
    started_at: datetime
    predictions_sha256: Sha256 | None
    """Of what is predicted (`validation.predictions_hash`), not of the file that holds it."""
    checkpoint_sha256: Sha256 | None = None
    """Of the model that `--save-checkpoints` keeps beside the record; a published record names it without holding it."""

    @property
    def model_fingerprint(self) -> str:
        """Hash of the source that defines the model."""
        return self.key.source

    @model_validator(mode="after")
    def _complete_means_complete(self) -> Record:
        needed = ("metrics", "times", "parameters", "checkpoint_bytes", "epochs_run", "predictions_sha256")
        missing = [name for name in needed if getattr(self, name) is None]
        if self.status == "complete" and missing:
            raise ValueError(f"a complete record needs {', '.join(missing)}")
        if bool(self.rate_choice) != bool(self.key.rates and self.status == "complete"):
            raise ValueError("a complete record says how its learning rate was chosen exactly where key.rates has a grid")
        if self.status != "complete" and not self.reason:
            raise ValueError(f"a record with status '{self.status}' needs a reason")
        if self.status != "complete" and (self.metrics or self.last_epoch or self.leak or self.predictions_sha256):
            raise ValueError(f"a record with status '{self.status}' has no metrics and no predictions")
        if (self.key.device == "cpu") != (self.machine.device == "cpu"):
            raise ValueError(f"key.device is {self.key.device}, machine.device is {self.machine.device}")
        kind = ClassScores if self.key.classes else Scores
        both = [found for found in (self.metrics, self.last_epoch) if found]
        if not all(isinstance(scores, kind) for found in both for _, scores in found if scores):
            raise ValueError("the metrics are not those of the target, which is a number or a class")
        validated = has_validation(self.key.protocol)
        if any(bool(found.validation) != validated for found in both) or bool(self.split.n_validation) != validated:
            raise ValueError(f"{self.key.protocol} has {'a' if validated else 'no'} validation part")
        if self.leak and self.metrics and not _parts_of(self.leak, self.metrics.test.loss, self.split.n_test):
            raise ValueError("leak is not of the test crystals: its counts or its losses do not add up to theirs")
        if any(name not in self.key.settings or self.key.settings[name] != value for name, value in self.changed.items()):
            raise ValueError("changed is not a part of the settings")
        return self


def _parts_of(leak: LeakScores, loss: float, n_test: int) -> bool:
    """Whether two parts of the test crystals can be those of all, but for the rounding of sums."""
    return leak.n_seen + leak.n_new == n_test and math.isclose(leak.loss, loss, rel_tol=1e-9, abs_tol=1e-12)
