"""The contract between a model and everything that trains, scores or stores it."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar, get_args, get_type_hints

import numpy as np

from datasets.cards import MOST_CLASSES
from datasets.crystals import Crystals
from datasets.errors import BenchmarkError, InputError, unknown_name
from models.declared import opened, restored


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training crystals showed; the error is the MAE in the target's unit, of classes the log-loss.

    It is NaN without validation crystals.
    """

    number: int
    of: int
    training_loss: float
    validation_error: float
    seconds: float


@dataclass(frozen=True)
class Fitted:
    """The outcome of `fit`: every epoch in order, and the number of the one whose weights were kept."""

    history: tuple[Epoch, ...] = ()
    best_epoch: int = 0
    last_state: Mapping[str, np.ndarray] = field(default_factory=dict)
    """What `state` would hold with the weights of the last epoch, as far as it differs; empty where those were kept."""
    imputed: int | None = None
    """Crystals of the inputs that lack a descriptor, which the model then made up; None of a model that makes none up."""


OnEpoch = Callable[[Epoch], None]


class TrainingDiverged(BenchmarkError):
    """The loss stopped being a number."""


@dataclass(frozen=True)
class Settings:
    """Hyperparameters of a model; each model extends this with its own frozen fields."""

    def changed(self, changes: Mapping[str, str]) -> Settings:
        """A copy with fields set from text, as given on the command line.

        Raises:
            InputError: no such field, or the text is not of the field's type.
        """
        hints = _hints(type(self))  # type: ignore[arg-type]  # a class has a hash, whatever that of its objects
        known = {field.name: hints[field.name] for field in fields(self)}
        values: dict[str, Any] = {}
        every = f"settings of the model (`models NAME --settings` explains them): {', '.join(known) or 'none'}"
        for name, text in changes.items():
            if name not in known:
                raise unknown_name("setting", name, known, every)
            values[name] = _parsed(name, text, known[name])
        return replace(self, **values)

    @property
    def needs_validation(self) -> bool:
        """Whether `fit` chooses anything by the validation part, which then cannot be missing."""
        return False

    def as_dict(self) -> dict[str, Any]:
        """The fields as plain JSON values."""
        return asdict(self)


_hints = cache(get_type_hints)
"""Types of the fields of a class of settings; to look them up takes as long as to read a small checkpoint."""


def require(settings: Settings, name: str, range_: str, holds: bool) -> None:
    """Raise InputError saying which values a setting may have, unless it holds."""
    if not holds:
        raise InputError(f"setting {name}={getattr(settings, name)}: it must be {range_}")


def _parsed(name: str, text: str, hint: Any) -> Any:
    choices = get_args(hint)
    if choices:
        if text not in choices:
            raise InputError(f"setting {name}='{text}': choose one of {', '.join(map(str, choices))}")
        return text
    try:
        return _truth(text) if hint is bool else hint(text)
    except ValueError:
        kind = {bool: "true or false", int: "a whole number", float: "a number"}[hint]
        raise InputError(f"setting {name}='{text}': it must be {kind}") from None


def _truth(text: str) -> bool:
    """Of the words true and false. Raises ValueError for any other."""
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


S = TypeVar("S", bound=Settings)
Inputs = TypeVar("Inputs")


class Model(ABC, Generic[S, Inputs]):
    """A model of crystals that predicts one number each or, of `n_classes` classes, a probability each.

    A model is built from its settings and the number of classes alone; what depends on data (the target scaler, the elements
    it knows) is learnt by `fit` from training rows only and saved with the weights.

    Raises:
        InputError: classes are asked of a model that only predicts numbers.
    """

    settings_class: ClassVar[type[Settings]]
    classifies: ClassVar[bool] = False
    """Whether it can be trained on classes."""

    def __init__(self, settings: S, device: str = "cpu", n_classes: int = 0) -> None:
        if n_classes and not self.classifies:
            raise InputError(f"a {type(self).__name__} predicts numbers, not classes")
        self.settings = settings
        self.device = device
        self.n_classes = n_classes
        """0: a regression."""
        self.about: dict[str, str] = {}
        """What the weights predict, where it is known: "task", "target", "unit" and what else a user may ask."""

    @classmethod
    def refused(cls, settings: S, crystals: Crystals) -> dict[int, str]:
        """Row → why, of the crystals that a model with these settings cannot take; found without training."""
        return {}

    @property
    @abstractmethod
    def n_parameters(self) -> int | None:
        """Trainable numbers; None before `fit` where the data decide it."""

    @abstractmethod
    def prepare(self, crystals: Crystals) -> Inputs:
        """Turn crystals into what `fit` and `predict` read (a graph table, a matrix of descriptors).

        Raises:
            InputError: a crystal cannot be represented; the line names it.
        """

    @abstractmethod
    def preparation_seconds(self, inputs: Inputs) -> float:
        """Wall-clock seconds that `prepare` took when these inputs were computed, not read from the cache."""

    def warm_up(self, inputs: Inputs, targets: np.ndarray, train: np.ndarray) -> None:
        """One step of training that leaves no trace in `fit`: the first one in a process pays for what libraries load."""

    @abstractmethod
    def fit(
        self,
        inputs: Inputs,
        targets: np.ndarray,
        train: np.ndarray,
        validation: np.ndarray,
        seed: int,
        on_epoch: OnEpoch = lambda epoch: None,
    ) -> Fitted:
        """Fit to `targets` (n,) at rows `train`; choose between epochs by rows `validation`. Classes are 0, 1, ….

        Raises:
            TrainingDiverged: the loss is not finite.
        """

    @abstractmethod
    def predict(self, inputs: Inputs, rows: np.ndarray) -> np.ndarray:
        """(len(rows),) float64 predictions in the target's unit, or (len(rows), n_classes) probabilities."""

    @abstractmethod
    def state(self) -> dict[str, np.ndarray]:
        """Everything learnt, as arrays by name."""

    @abstractmethod
    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` returned."""

    def save(self, path: str | Path) -> None:
        """Write settings, learnt arrays and `about` as one safetensors file."""
        Path(path).write_bytes(self.to_bytes())

    def to_bytes(self) -> bytes:
        """The content of the file that `save` writes."""
        from safetensors.numpy import save

        arrays = {name: np.ascontiguousarray(array) for name, array in self.state().items()}
        # One entry: safetensors writes several in random order, and the same model should give the same bytes.
        header: dict[str, Any] = {"model": type(self).__name__, "settings": self.settings.as_dict(), "about": self.about}
        header |= {"n_classes": self.n_classes} if self.n_classes else {}
        return save(arrays, {"header": json.dumps(header)})

    @classmethod
    def load(cls, path: str | Path, device: str = "cpu") -> Model[S, Inputs]:
        """Read a file written by `save`.

        Raises:
            InputError: the file is damaged or holds another kind of model.
        """
        try:
            with opened(Path(path)) as (header, file):
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            if header.model != cls.__name__:
                raise InputError(f"it holds a {header.model}")
            settings = cls.settings_class().changed({name: str(value) for name, value in header.settings.items()})
            n_classes = _class_count(header.n_classes)
            model = restored(lambda: cls(settings, device, n_classes), settings, arrays)  # type: ignore[arg-type]
            model.about = header.about
        except Exception as error:  # whatever a foreign file makes of its header and its arrays
            detail = " ".join(str(error).split())[:200]
            raise InputError(f"{path}: not a readable checkpoint of a {cls.__name__} ({detail})") from error
        return model


def _class_count(stated: object) -> int:
    """Of a checkpoint's header. Raises ValueError where it is no number of classes."""
    if not isinstance(stated, int) or not (stated == 0 or 2 <= stated <= MOST_CLASSES):
        raise ValueError(f"{str(stated)[:40]} classes")
    return stated


@dataclass(frozen=True)
class ModelSpec:
    """A model on the board: how to build it, what it costs by the paper, where it was published.

    Attributes:
        name: unique, lower case.
        paper: citation.
        model: the class that implements the contract.
        profiles: settings by budget: "smoke" (seconds), "mini" (the default: miniature networks, few epochs), "standard"
            (published sizes, one recipe for all), "paper" (as published).
        presets: settings of other published studies by name, for example "thesis".
        by_task: preset → task → the settings that the study changed for this task.
        graph_rule: the inputs in words, from the settings.
        published_parameters: layers → parameters of the published code, with those that it allocates and never uses; None
            where nothing was published.
    """

    name: str
    paper: str
    model: type[Model[Any, Any]]
    profiles: Mapping[str, Settings]
    graph_rule: Callable[[Any], str]
    published_parameters: Callable[[int], int] | None = None
    presets: Mapping[str, Settings] = field(default_factory=dict)
    by_task: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)

    @property
    def named_settings(self) -> Mapping[str, Settings]:
        """Profiles and presets."""
        return {**self.profiles, **self.presets}

    @property
    def studies(self) -> Mapping[str, Settings]:
        """What may be asked for as a preset: those of other studies, and the model's own paper."""
        return {**self.presets, "paper": self.profiles["paper"]}

    def settings(self, profile: str, changes: Mapping[str, str] | None = None) -> Settings:
        """The settings of a profile with changes from the command line; InputError names what is unknown."""
        if profile not in self.profiles:
            raise unknown_name("profile", profile, self.profiles)
        return self.profiles[profile].changed(changes or {})

    def preset(self, name: str, changes: Mapping[str, str] | None = None, task: str = "") -> Settings:
        """The settings of a published study for a task, likewise."""
        if name not in self.studies:
            raise unknown_name(f"preset of {self.name}", name, self.studies)
        return self.published(name, task).changed(changes or {})

    def published(self, name: str, task: str = "") -> Settings:
        """The settings of a profile or preset for a task; any other task than those of `by_task` has those of the name."""
        return replace(self.named_settings[name], **self.by_task.get(name, {}).get(task, {}))

    def describe(self, layers: int | None = None) -> dict[str, Any]:
        """Name, paper, graph rule, layers and parameters (ours, published) of the published network at that depth.

        Layers and parameters are None where a model has no layers, or where its size depends on the data.
        """
        settings = self.profiles["paper"]
        if layers is not None and hasattr(settings, "n_layers"):
            settings = settings.changed({"n_layers": str(layers)})
        depth = getattr(settings, "n_layers", None)
        published = self.published_parameters
        return {
            "name": self.name,
            "paper": self.paper,
            "graph_rule": self.graph_rule(settings),
            "n_layers": depth,
            "parameters": self.model(settings).n_parameters,
            "published_parameters": published(depth) if published and depth else None,
        }
