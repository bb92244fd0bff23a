"""The full regressors that other explainers look into: a given checkpoint, that of a run, or a small one trained here."""

from __future__ import annotations

import hashlib
import math
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.explain.records import Experiment
from benchmark.explain.settings import RegressorSettings
from benchmark.explain.store import ExplanationStore
from benchmark.harness.fingerprint import fingerprint
from benchmark.results.records import Record
from benchmark.results.store import Store
from benchmark.schema import one_line
from benchmark.tasks.folds import Fold, Protocol
from benchmark.tasks.tasks import TaskData, split_of
from datasets import registry as datasets_registry
from datasets.errors import InputError
from models import registry
from models.checkpoints import load_checkpoint
from models.contract import Model
from models.graph_model import GraphModel
from models.training import ScaledNetwork

News = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Subject:
    """What an experiment is about: crystals, targets, their split, and the target above which a crystal is high."""

    experiment: Experiment
    data: TaskData
    fold: Fold
    threshold: float

    def drawn(self, rows: np.ndarray, n: int, purpose: int) -> np.ndarray:
        """At most `n` of the rows, in random order."""
        return np.random.default_rng([self.experiment.seed, purpose]).permutation(rows)[:n]


@dataclass(frozen=True)
class Regressor:
    """A checkpoint to look into: the registered name of the model that it holds, and in words where it is from."""

    model: str
    path: Path
    source: str


def regressor_for(
    subject: Subject, model: str, settings: RegressorSettings, given: Path | None, store: ExplanationStore, news: News
) -> Regressor:
    """The first that there is of these:

    1. the given file, where it holds that model;
    2. the best checkpoint that `run --save-checkpoints` left in the store, of any profile and settings: that with the lowest
       validation MAE of those of the same crystals, the same split (so the same seed) and the model's present source;
    3. a small one that is fitted here, once; the news say which command makes a better one.

    Raises:
        InputError: the given file is no checkpoint.
        BenchmarkError: a fitted one cannot be written.
    """
    experiment, data = subject.experiment, subject.data
    if given is not None and (said := said_by(given))["model"] == model:
        known = said.get("dataset_hash") == data.dataset_hash
        return Regressor(model, given, f"given: {one_line(given.name)}{'' if known else ', may know the test crystals'}")
    runs = Store(store.root)
    best = _best_run(subject, model, runs)
    if best:
        return Regressor(model, runs.checkpoint(best.key), f"run {best.key.run_id}")
    news(f"no {model} of a run is here, a small one is looked into; for a better one: {_command(subject, model, runs)}")
    path = store.regressor_path(experiment, model)
    about = {
        "fingerprint": fingerprint(registry.get(model).model), "settings": str(settings), "target": data.task.target,
        "model": model, "dataset_hash": data.dataset_hash, "protocol": experiment.protocol, "fold": "0",
        "seed": str(experiment.seed),
    }  # fmt: skip
    if not _is(path, about):
        fitted = _fitted(subject, model, settings, news)
        fitted.about = about
        store.write_bytes(path, fitted.to_bytes())
    return Regressor(model, path, f"fitted to {min(settings.training, len(subject.fold.train)):,} crystals")


def _best_run(subject: Subject, model: str, runs: Store) -> Record | None:
    split, source = split_of(subject.data, subject.fold), fingerprint(registry.get(model).model)
    found: list[Record] = []
    for path in sorted((runs.root / "records" / subject.experiment.task / model).glob("*/fold-00.json")):
        try:
            record = runs.read(path)
        except InputError:
            continue
        same = (record.key.dataset_hash, record.key.source) == (subject.data.dataset_hash, source)
        if same and record.metrics and runs.finished(record.key, split, with_checkpoint=True):
            found.append(record)
    return min(found, key=_validation_loss, default=None)


def _validation_loss(record: Record) -> float:
    """Infinite without a validation part."""
    scores = record.metrics.validation if record.metrics else None
    return scores.loss if scores else math.inf


def _command(subject: Subject, model: str, runs: Store) -> str:
    experiment, task = subject.experiment, subject.data.task
    name = task.name if task.source in datasets_registry.registered() else task.source
    return shlex.join([
        "python", "-m", "benchmark", "run", "--task", name, "--model", model, "--protocol",
        Protocol.named(experiment.protocol).name, "--seed", str(experiment.seed), "--save-checkpoints", "--out", str(runs.root),
    ])  # fmt: skip


def given_regressor(given: Path) -> Regressor:
    """A file as a regressor to compare with. Raises InputError where it is no checkpoint."""
    return Regressor(said_by(given)["model"], given, f"given: {one_line(given.name)}")


def said_by(given: Path) -> dict[str, str]:
    """What a checkpoint says that it is, with the registered name of its "model" as `name_of` tells it.

    Raises:
        InputError: there is no such file, or it is no checkpoint.
    """
    if not given.is_file():
        raise InputError(f"{given}: no such checkpoint; --regressor takes one file")
    held = load_checkpoint(given)
    return {**held.about, "model": name_of(held)}


def name_of(held: Model[Any, Any]) -> str:
    """The registered name that a fitted model says; where it says none, those of its class."""
    names = [name for name, spec in registry.registered().items() if spec.model is type(held)]
    own = held.about.get("model", "")
    unsaid = " or ".join(names) + " (it does not say which)" * (len(names) > 1)
    return own if own in names else unsaid


def require_said(given: Path, wanted: Mapping[str, Sequence[str]]) -> None:
    """Raise InputError where a checkpoint says something else than what is wanted; what it does not say may be anything."""
    said = said_by(given)
    for what, choices in wanted.items():
        if what in said and said[what] not in choices:
            choice = " or ".join(choices)
            raise InputError(f"{given}: holds a regressor of {what} {said[what]}; one of {what} {choice} is wanted")


def by_seed(given: Path | None, seeds: Iterable[int]) -> dict[int, Path | None]:
    """Seed → the checkpoint where it is of that seed, as other seeds test crystals that it was fitted to; else None.

    One that does not say its seed is for all of them; so is one of none of them, which `require_said` then refuses.
    """
    seeds = list(seeds)
    own = said_by(given).get("seed") if given else None
    fits = [seed for seed in seeds if str(seed) == own] or seeds
    return {seed: given if seed in fits else None for seed in seeds}


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
        subject.experiment.seed,
        lambda epoch: news(f"regressor {name}: epoch {epoch.number}/{epoch.of}, validation MAE {epoch.validation_error:.4g}"),
    )  # fmt: skip
    return model


def frozen(model: GraphModel[Any]) -> ScaledNetwork:
    """The network of a graph model in eval mode, its weights without gradients."""
    return model.network.eval().requires_grad_(False)
