"""Answers to one question with several seeds, read together."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from benchmark.explain.records import CLASSES, ClassName, Explained, Explanation
from benchmark.explain.store import ExplanationStore


@dataclass(frozen=True)
class Contest:
    """The answers to one question with several seeds, and the explanations of each, by class."""

    answers: tuple[Explained, ...]
    explanations: dict[ClassName, tuple[tuple[Explanation, ...], ...]]

    @property
    def first(self) -> Explained:
        """Of the answers; all but the seed is the same in the others."""
        return self.answers[0]

    @property
    def title(self) -> str:
        """Model, labels and seeds."""
        question = self.first.question
        seeds = ", ".join(str(answer.question.seed) for answer in self.answers)
        return f"{question.model} by {question.labels}, seed{'s' * (len(self.answers) > 1)} {seeds}"

    @property
    def good(self) -> bool:
        """Whether every classifier tells the classes apart well enough to be worth explaining."""
        return all(answer.classifier.quality.good for answer in self.answers)


def contests(store: ExplanationStore, task: str) -> list[Contest]:
    """The answers for a task, those that differ in their seed alone together. Raises InputError at an invalid record."""

    def of(answer: Explained) -> tuple[str, str, int]:
        return answer.question.model, answer.question.contest, answer.per_class

    found = []
    for _, group in groupby(sorted(store.explained(task), key=of), key=of):
        answers = tuple(sorted(group, key=lambda answer: answer.question.seed))
        kept = {name: tuple(_kept(store, answer, name) for answer in answers) for name in CLASSES}
        found.append(Contest(answers, kept))
    return found


def _kept(store: ExplanationStore, answer: Explained, name: ClassName) -> tuple[Explanation, ...]:
    every = [one for found in store.rounds(answer.question, name) for one in found.explanations]
    return tuple(every[: answer.of(name).found])
