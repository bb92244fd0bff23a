"""Crystals that a run cannot use: left out for all its models, or named all at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from benchmark.results.learning_rate import RateGrid
from benchmark.tasks.tasks import Task, TaskData
from datasets import registry
from datasets.contents import doubts
from datasets.errors import InputError, listed_reasons, require_none, several
from models.contract import ModelSpec, Settings


@dataclass(frozen=True)
class ConfiguredModel:
    """A model with the settings that it is run with, on one in `train_divisor` training crystals."""

    spec: ModelSpec
    settings: Settings
    train_divisor: int = 1
    by_task: Mapping[str, Settings] = field(default_factory=dict)
    """The settings for tasks for which the preset has its own."""
    rates: RateGrid | None = None
    """What the learning rate is chosen from; None: it is that of the settings."""

    def on(self, task: str) -> ConfiguredModel:
        """The model with its settings for a task."""
        return replace(self, settings=self.by_task.get(task, self.settings))


@dataclass(frozen=True)
class BadCrystals:
    """Finds the crystals that cannot be read, and those that one of the models cannot take."""

    models: Sequence[ConfiguredModel]
    _found: dict[str, dict[str, str]] = field(default_factory=dict)
    """Source → id → why."""

    def left_out_of(self, task: Task) -> Task:
        """The task without the bad crystals of its dataset, so that all its models are compared on the same crystals."""
        if task.source not in self._found:
            self._found[task.source] = self._search(task.source)
        return replace(task, without=tuple(self._found[task.source]))

    def _search(self, source: str) -> dict[str, str]:
        crystals, found = registry.load_readable(source)
        for model in self.models:
            refused = model.spec.model.refused(model.settings, crystals)
            found |= {str(crystals.ids[row]): f"crystal '{crystals.ids[row]}': {why}" for row, why in refused.items()}
        if len(found) and all(name in found for name in crystals.ids):
            raise InputError(f"{source}: no crystal can be used: {several(list(found.values()))}")
        return found

    def require_none(self, data: TaskData, models: Sequence[ConfiguredModel]) -> None:
        """Raise InputError before anything runs where a model cannot take a crystal; all such crystals are counted."""
        for model in models:
            refused = model.spec.model.refused(model.settings, data.crystals)
            try:
                require_none(data.crystals.ids, refused, "remove")
            except InputError as error:
                hint = f"leave {'them' if len(refused) > 1 else 'it'} out with --skip-bad, or the model with --model"
                raise InputError(f"{data.task.dataset}: {model.spec.name}: {error}, or {hint}") from None

    def warnings(self, data: TaskData) -> list[str]:
        """The crystals left out of the dataset, a line each; what its folder has besides; a doubtful target."""
        task, lines = data.task, list[str]()
        if task.without:
            reasons = listed_reasons([self._found[task.source][name] for name in task.without], task.source)
            lines = ["\n  ".join([f"{task.dataset}: without {len(task.without)} of its crystals:", *reasons])]
        if registry.is_folder(task.source):
            lines += [f"{task.dataset}: {problem}" for problem in registry.get(task.source).card.known_problems]
        doubtful = [] if task.classes else doubts(data.crystals, task.target)
        return lines + [f"{task.dataset}/{line}" for line in doubtful]
