"""Where explanations live: `<root>/explanations/<task>/<model>/<labels>_<settings>/seed-<k>/`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from benchmark.explain.records import ClassifierRecord, ClassName, Explained, Explainer, OtherExplanation, Question, Round
from benchmark.results.store import write_atomically
from benchmark.results.validation import InvalidFile, parse_json
from datasets.errors import BenchmarkError, InputError

R = TypeVar("R", bound=BaseModel)

EXPLAINED_BYTES = 4_000_000
"""An answer that tests every motif of 18 labels, for both classes, takes 0.7 MB."""


@dataclass(frozen=True)
class ExplanationStore:
    """A directory of explanations."""

    root: Path

    def folder(self, question: Question) -> Path:
        """Of a question."""
        return self.root / "explanations" / question.task / question.model / question.contest / f"seed-{question.seed}"

    def weights(self, question: Question) -> Path:
        """The classifier's."""
        return self.folder(question) / "classifier.safetensors"

    def classifier_path(self, question: Question) -> Path:
        """Of the classifier's record."""
        return self.folder(question) / "classifier.json"

    def round_path(self, question: Question, class_name: ClassName, number: int) -> Path:
        """Of a round."""
        return self.folder(question) / f"{class_name}-{number:03d}.json"

    def explained_path(self, question: Question) -> Path:
        """Of the answer."""
        return self.folder(question) / "explained.json"

    def trial_path(self, planted: str, seed: int) -> Path:
        """Of what a synthetic set showed."""
        return self.root / "ground-truth" / f"{planted}-{seed}.json"

    def regressor_path(self, question: Question, model: str) -> Path:
        """Of a full regressor that was trained to be looked at by other explainers."""
        return self.folder(question) / f"regressor-{model}.safetensors"

    def other_path(self, question: Question, explainer: Explainer) -> Path:
        """Of what another explainer says."""
        return self.folder(question) / f"{explainer.replace(' ', '-')}.json"

    def other(self, question: Question, explainer: Explainer) -> OtherExplanation | None:
        """What another explainer says, where it was asked. Raises InputError where the record is invalid."""
        path = self.other_path(question, explainer)
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

    def explained(self, task: str) -> Iterator[Explained]:
        """Every answer for a task, in order of model, settings and seed. Raises InputError at an invalid one."""
        for path in sorted((self.root / "explanations" / task).glob("*/*/seed-*/explained.json")):
            answer = read(path, Explained)
            if self.explained_path(answer.question) != path:
                raise InvalidFile(path, [f"its question belongs at {self.explained_path(answer.question)}"])
            yield answer

    def rounds(self, question: Question, class_name: ClassName) -> list[Round]:
        """The rounds of a class, from the first to the last before one is missing. Raises InputError at an invalid one."""
        found: list[Round] = []
        while (path := self.round_path(question, class_name, len(found))).is_file():
            found.append(read(path, Round))
        return found

    def drop_rounds(self, question: Question, class_name: ClassName) -> None:
        """Delete the rounds of a class, those of a classifier that is gone."""
        for path in self.folder(question).glob(f"{class_name}-*.json"):
            path.unlink()

    def classifier(self, question: Question) -> tuple[ClassifierRecord, bytes] | None:
        """The classifier's record and weights; None where they are missing, damaged or of another question."""
        from benchmark.explain.classifier import weights_hash

        try:
            record = read(self.classifier_path(question), ClassifierRecord)
            data = self.weights(question).read_bytes()
        except (InputError, OSError):
            return None
        return (record, data) if record.question == question and weights_hash(data) == record.weights_sha256 else None


def read(path: Path, kind: type[R]) -> R:
    """A validated record. Raises InputError naming the file and what is wrong with it."""
    try:
        return parse_json(path, kind, EXPLAINED_BYTES)
    except InvalidFile as error:
        raise InputError(f"{error}; delete the file to have it made again") from None
