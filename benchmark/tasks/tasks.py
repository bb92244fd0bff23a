"""Tasks: one target of one dataset, with its unit and the crystals that have a value."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from benchmark.tasks.folds import Fold, Protocol, Split, ids_hash, make_fold
from datasets import registry
from datasets.allowed_names import is_path_part
from datasets.cards import target_values
from datasets.crystals import Crystals
from datasets.duplicates import find_duplicates
from datasets.errors import InputError, TargetMissing, unknown_name


@dataclass(frozen=True)
class Task:
    """`source` is what `datasets.registry.get` takes: a dataset's name or a folder's path.

    `without` are the ids of crystals that a run leaves out, as if the dataset did not have them.
    """

    source: str
    dataset: str
    target: str
    unit: str
    classes: tuple[str, ...] | None = None
    """Names of the classes; None of a target that is a number."""
    without: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """`dataset/target`."""
        return f"{self.dataset}/{self.target}"

    def whole(self) -> Crystals:
        """The crystals of the dataset but for those left out."""
        return registry.load(self.source, self.without) if self.without else registry.load(self.source)

    def load(self) -> TaskData:
        """The crystals that have a value of the target. Raises what loading the dataset raises."""
        crystals, dataset = self.whole(), registry.get(self.source)
        values = target_values(dataset, crystals, self.target)
        present = ~np.isnan(values)
        if not present.any():
            raise TargetMissing(f"{self.name}: no crystal has a value in this release of the data")
        column = dataset.card.split_column
        published = crystals.targets[column].to_numpy()[present] if column else None
        kept = crystals if present.all() else crystals.take(present)
        return TaskData(self, kept, values[present], published, crystals, present)


@dataclass(frozen=True, eq=False)
class TaskData:
    """n crystals that have a value, their targets (n,), and the whole dataset that they are the rows `present` of."""

    task: Task
    crystals: Crystals
    targets: np.ndarray
    published: np.ndarray | None
    whole: Crystals
    present: np.ndarray

    @property
    def dataset_hash(self) -> str:
        """Of the whole dataset."""
        return self.whole.content_hash

    @cached_property
    def groups(self) -> np.ndarray:
        """(n,) equal for duplicates; searched in the whole dataset, so that all its targets share one search."""
        return find_duplicates(self.whole).labels[self.present]

    def fold(self, protocol: Protocol, number: int, seed: int) -> Fold:
        """Row numbers of fold `number`; an InputError names the task."""
        groups = self.groups if protocol.grouped else None
        classes = self.targets.astype(int) if protocol.stratified else None
        try:
            return make_fold(self.crystals.ids, protocol, number, seed, self.published, groups, classes)
        except InputError as error:
            raise InputError(f"{self.task.name}: {error}") from None


def split_of(data: TaskData, fold: Fold) -> Split:
    """Sizes and hashes of the parts of a fold."""
    parts = {"train": fold.train, "validation": fold.validation, "test": fold.test}
    counts: dict[str, Any] = {f"n_{name}": len(rows) for name, rows in parts.items()}
    hashes: dict[str, Any] = {f"{name}_sha256": ids_hash(data.crystals.ids[rows]) for name, rows in parts.items()}
    return Split(**counts, **hashes)


def tasks_of(source: str) -> list[Task]:
    """Every task of a dataset (a name, or a folder's path); nothing is loaded but the card."""
    card = registry.get(source).card
    taken = {name.split("/")[0] for name in registry.registered()}
    if source not in registry.registered() and (card.name in taken or not is_path_part(card.name)):
        why = "which is a dataset's name" if card.name in taken else "as pages are called after it"
        raise InputError(
            f"{source}: a folder cannot be called '{card.name}', {why}; rename it, or name the data set with --task"
        )
    return [Task(source, card.name, target, unit, card.classes.get(target)) for target, unit in card.targets.items()]


def find_tasks(text: str) -> list[Task]:
    """The tasks that `dataset/target`, a dataset's name or a folder's path stands for.

    Raises:
        InputError: nothing has that name (the nearest are suggested), or the folder's table cannot be read.
    """
    every = [task for name in registry.registered() for task in tasks_of(name)]
    exact = [task for task in every if text in (task.name, task.dataset)]
    if exact:
        return exact
    if registry.is_folder(text):
        return tasks_of(text)
    raise unknown_name("task", text, {task.name for task in every} | {task.dataset for task in every})
