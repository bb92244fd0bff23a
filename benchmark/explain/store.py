"""Records while experiments run, a file a step: `<root>/explanations/<task>/<model>/<node types>_<settings>/seed-<k>/`.

Needs no torch. `benchmark.explain.publish` packs them into tables.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from benchmark.explain.records import (
    CLASSES,
    ClassifierRecord,
    ClassName,
    Experiment,
    Explainer,
    Explanation,
    OtherExplanation,
    Result,
    Round,
)
from benchmark.results.store import write_atomically
from benchmark.results.validation import InvalidFile, parse_json
from datasets.errors import BenchmarkError, InputError

R = TypeVar("R", bound=BaseModel)

RESULT_BYTES = 4_000_000
"""A result that tests every motif of 18 node types, for both classes, takes 0.7 MB."""


@dataclass(frozen=True)
class ExperimentRecords:
    """All that is kept of an experiment: its result, its rounds by class, and the classifier's weights (safetensors)."""

    result: Result
    rounds: dict[ClassName, tuple[Round, ...]]
    weights: bytes

    def explanations(self, class_name: ClassName) -> tuple[Explanation, ...]:
        """Those that the result is of: the first of all rounds."""
        every = [one for found in self.rounds[class_name] for one in found.explanations]
        return tuple(every[: self.result.of(class_name).found])


@dataclass(frozen=True)
class ExplanationStore:
    """A directory of explanations."""

    root: Path

    def folder(self, experiment: Experiment) -> Path:
        """Of an experiment."""
        return self.root / "explanations" / experiment.task / experiment.model / experiment.group / f"seed-{experiment.seed}"

    def weights(self, experiment: Experiment) -> Path:
        """The classifier's."""
        return self.folder(experiment) / "classifier.safetensors"

    def classifier_path(self, experiment: Experiment) -> Path:
        """Of the classifier's record."""
        return self.folder(experiment) / "classifier.json"

    def round_path(self, experiment: Experiment, class_name: ClassName, number: int) -> Path:
        """Of a round."""
        return self.folder(experiment) / f"{class_name}-{number:03d}.json"

    def result_path(self, experiment: Experiment) -> Path:
        """Of the result."""
        return self.folder(experiment) / "result.json"

    def trial_path(self, planted: str, seed: int) -> Path:
        """Of what a synthetic set showed."""
        return self.root / "ground-truth" / f"{planted.replace(' ', '-')}-{seed}.json"

    def regressor_path(self, experiment: Experiment, model: str) -> Path:
        """Of a full regressor that was trained to be looked at by other explainers."""
        return self.folder(experiment) / f"regressor-{model}.safetensors"

    def other_path(self, experiment: Experiment, explainer: Explainer) -> Path:
        """Of what another explainer says."""
        return self.folder(experiment) / f"{explainer.replace(' ', '-')}.json"

    def other(self, experiment: Experiment, explainer: Explainer) -> OtherExplanation | None:
        """What another explainer says, where it was asked. Raises InputError where the record is invalid."""
        path = self.other_path(experiment, explainer)
        return read(path, OtherExplanation) if path.is_file() else None

    def write(self, path: Path, record: BaseModel) -> None:
        """Write a record atomically. Raises BenchmarkError where the disk is full or not writable."""
        self.write_bytes(path, (record.model_dump_json() + "\n").encode())

    def write_bytes(self, path: Path, data: bytes) -> None:
        """Write a file atomically, likewise."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, data)
        except OSError as error:
            again = "what was found is kept, run the same command again to go on"
            raise BenchmarkError(f"cannot write {path} ({error.strerror}); {again}") from None

    def experiments(self, task: str) -> Iterator[ExperimentRecords]:
        """Every experiment on a task that has a result, in order of model, settings and seed.

        Raises:
            InputError: a record is invalid, or the weights are not there.
        """
        for path in sorted((self.root / "explanations" / task).glob("*/*/seed-*/result.json")):
            result = read(path, Result)
            if self.result_path(result.experiment) != path:
                raise InvalidFile(path, [f"its experiment belongs at {self.result_path(result.experiment)}"])
            known = self.classifier(result.experiment)
            if known is None:
                raise InputError(f"{path.parent}: the classifier is missing or damaged; run the same command again")
            rounds = {name: tuple(self.rounds(result.experiment, name)) for name in CLASSES}
            yield ExperimentRecords(result, rounds, known[1])

    def rounds(self, experiment: Experiment, class_name: ClassName) -> list[Round]:
        """The rounds of a class, from the first to the last before one is missing. Raises InputError at an invalid one."""
        found: list[Round] = []
        while (path := self.round_path(experiment, class_name, len(found))).is_file():
            found.append(read(path, Round))
        return found

    def drop_rounds(self, experiment: Experiment, class_name: ClassName) -> None:
        """Delete the rounds of a class, those of a classifier that is gone."""
        for path in self.folder(experiment).glob(f"{class_name}-*.json"):
            path.unlink()

    def classifier(self, experiment: Experiment) -> tuple[ClassifierRecord, bytes] | None:
        """The classifier's record and weights; None where they are missing, damaged or of another experiment."""
        try:
            record = read(self.classifier_path(experiment), ClassifierRecord)
            data = self.weights(experiment).read_bytes()
        except (InputError, OSError):
            return None
        return (record, data) if record.experiment == experiment and weights_hash(data) == record.weights_sha256 else None


def weights_hash(data: bytes) -> str:
    """sha256 of a classifier's file."""
    return hashlib.sha256(data).hexdigest()


def read(path: Path, kind: type[R]) -> R:
    """A validated record. Raises InputError naming the file and what is wrong with it."""
    try:
        return parse_json(path, kind, RESULT_BYTES)
    except InvalidFile as error:
        raise InputError(f"{error}; delete the file to have it made again") from None
