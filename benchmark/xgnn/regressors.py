"""The full regressors that other explainers look into: a given checkpoint, that of a run, or a small one trained here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.fingerprint import fingerprint
from benchmark.folds import Fold, Protocol
from benchmark.job import Job, checkpoint_bytes
from benchmark.store import Store
from benchmark.tasks import TaskData, split_of
from benchmark.xgnn.records import Question
from benchmark.xgnn.store import ExplanationStore
from datasets.errors import InputError
from models import registry
from models.checkpoints import load_checkpoint
from models.graph_model import GraphModel
from models.training import ScaledNetwork

News = Callable[[str], None]


@dataclass(frozen=True)
class RegressorSettings:
    """A regressor's profile, and how many training and validation crystals it is fitted to where no run has left one."""

    profile: str = "quick"
    training: int = 2000
    validation: int = 400


@dataclass(frozen=True, eq=False)
class Subject:
    """What a question is about: crystals, targets, their division, and the target above which a crystal is high."""

    question: Question
    data: TaskData
    fold: Fold
    threshold: float

    def drawn(self, rows: np.ndarray, n: int, purpose: int) -> np.ndarray:
        """At most `n` of the rows, in random order."""
        return np.random.default_rng([self.question.seed, purpose]).permutation(rows)[:n]


def checkpoint_of(
    subject: Subject, model: str, settings: RegressorSettings, given: Path | None, store: ExplanationStore, news: News
) -> Path:
    """The file of a fitted regressor: the given one if it is of that model, the one of a run in the store, or one trained here.

    A run's is that of fold 0 by the default protocol, as `run --save-checkpoints` leaves it.
    """
    spec = registry.get(model)
    if given is not None and isinstance(load_checkpoint(given), spec.model):
        return given
    question, data = subject.question, subject.data
    protocol = Protocol.named(question.protocol)
    job = Job(data.task, model, spec.settings(settings.profile), settings.profile, protocol, 0, question.seed)
    key, runs = job.key(data.dataset_hash), Store(store.root)
    if runs.finished(key, split_of(data, subject.fold), job.fingerprint, with_checkpoint=True):
        return runs.checkpoint(key)
    path = store.regressor_path(question, model)
    about = {"fingerprint": fingerprint(spec.model), "settings": str(settings), "target": data.task.target}
    if not _is(path, about):
        fitted = _fitted(subject, model, settings, news)
        fitted.about = about
        store.write_bytes(path, checkpoint_bytes(fitted))
    return path


def sha256(path: Path) -> str:
    """Of a checkpoint."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _is(path: Path, about: dict[str, str]) -> bool:
    try:
        return load_checkpoint(path).about == about
    except InputError:
        return False


def _fitted(subject: Subject, name: str, settings: RegressorSettings, news: News) -> GraphModel[Any]:
    spec, fold = registry.get(name), subject.fold
    parts = subject.drawn(fold.train, settings.training, 0), subject.drawn(fold.validation, settings.validation, 1)
    rows, n = np.concatenate(parts), len(parts[0])
    model: GraphModel[Any] = spec.model(spec.settings(settings.profile))  # type: ignore[assignment]
    model.fit(
        model.prepare(subject.data.crystals.take(rows)), subject.data.targets[rows], np.arange(n), np.arange(n, len(rows)),
        subject.question.seed,
        lambda epoch: news(f"regressor {name}: epoch {epoch.number}/{epoch.of}, validation MAE {epoch.validation_mae:.4g}"),
    )  # fmt: skip
    return model


def frozen(model: GraphModel[Any]) -> ScaledNetwork:
    """The network of a graph model in eval mode, its weights without gradients."""
    return model.network.eval().requires_grad_(False)
