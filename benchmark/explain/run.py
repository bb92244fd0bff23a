"""Answer a question: train the classifier, search round by round, test; every step is kept, and nothing is done twice."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch

from benchmark.explain.analysis import class_result
from benchmark.explain.classifier import PROFILE, Classifier, ClassifierSettings, weights_hash
from benchmark.explain.cross_check import CheckSettings, cross_checks, looked_into, others
from benchmark.explain.findings import verdicts
from benchmark.explain.graphs import RULE, LabelGraphs, graphs_of
from benchmark.explain.node_types import LabelKind
from benchmark.explain.quality import agreement, no_better_than_chance, quality
from benchmark.explain.records import CLASSES, Agreement, ClassifierRecord, ClassName, Explained, Explainer, Question, Round
from benchmark.explain.regressors import (
    News,
    Regressor,
    RegressorSettings,
    Subject,
    given_regressor,
    regressor_for,
    require_said,
    sha256,
)
from benchmark.explain.rounds import Budget, Target, search_rounds
from benchmark.explain.search import SearchSettings
from benchmark.explain.small_graphs import Limits, Rules
from benchmark.explain.store import ExplanationStore
from benchmark.explain.threads import one_thread
from benchmark.harness import machine
from benchmark.harness.fingerprint import fingerprint
from benchmark.harness.job import load_task
from benchmark.tasks.folds import Fold, Protocol, ids_hash
from benchmark.tasks.tasks import Task, TaskData
from datasets.errors import BenchmarkError, InputError, unknown_name
from datasets.neighbors import find_neighbors
from models import registry
from models.checkpoints import load_checkpoint
from models.graph.message_passing import backend

PROTOCOL = Protocol()
"""Fold 0 of it divides the crystals: the division that `run` has by default, so that its regressors can be compared."""

SMOKE: dict[str, Any] = {
    "classifier": ClassifierSettings(epochs=2, most_graphs=500),
    "limits": Limits(max_atoms=4, max_bonds=4),
    "search": SearchSettings(graphs=6, rollouts=1, warm_up=1, updates=3, per_round=3),
}

PROFILES: dict[str, dict[str, Any]] = {"standard": {}, "smoke": SMOKE}
"""Budgets: settings of a request by name; the standard ones are the defaults."""

CHECKS = {"standard": CheckSettings(), "smoke": CheckSettings(30, 2, RegressorSettings("smoke", 20, 5))}
"""Budgets of the comparison with other explainers."""


@dataclass(frozen=True)
class Request:
    """What to explain, and how."""

    task: Task
    model: str = "cgcnn"
    labels: LabelKind = "group"
    seed: int = 0
    min_probability: float = 0.8
    budget: Budget = field(default_factory=Budget)
    classifier: ClassifierSettings = field(default_factory=ClassifierSettings)
    limits: Limits = field(default_factory=Limits)
    search: SearchSettings = field(default_factory=SearchSettings)
    regressor: Path | None = None
    check: CheckSettings | None = None
    """How other explainers are asked; None does not ask them, and reports what they said before."""
    workers: int = 1
    """Questions that are answered side by side, for the record."""

    def question(self, dataset_hash: str) -> Question:
        """What decides the graphs."""
        spec = registry.get(self.model)
        return Question(
            task=self.task.name, unit=self.task.unit, dataset_hash=dataset_hash, model=self.model,
            model_settings=spec.settings(PROFILE).as_dict(), model_fingerprint=fingerprint(spec.model),
            labels=self.labels, protocol=str(PROTOCOL), seed=self.seed, min_probability=self.min_probability,
            classifier=asdict(self.classifier), limits=asdict(self.limits), search=asdict(self.search),
        )  # fmt: skip


def settings_of(profile: str) -> dict[str, Any]:
    """The settings of a budget; InputError where there is none of that name."""
    if profile not in PROFILES:
        raise unknown_name("profile", profile, PROFILES)
    return PROFILES[profile]


@one_thread()
def explain(request: Request, store: ExplanationStore, news: News = lambda line: None) -> Explained:
    """The answer, also kept in the store.

    Raises:
        InputError: the task cannot be loaded or divided, has one class only, the model is no graph network, or the given
            regressor is of another target, division or, where other explainers are asked, model.
        BenchmarkError: something cannot be written.
    """
    require_answerable(request)
    data = load_task(request.task)
    question = request.question(data.dataset_hash)
    fold = data.fold(PROTOCOL, 0, request.seed)
    threshold = float(np.median(data.targets[fold.train]))
    high = data.targets > threshold
    if not high[fold.train].any():
        raise InputError(f"{request.task.name}: no training crystal is above the median, {threshold:g}; there is no class high")
    graphs = graphs_of(data.crystals, request.labels)
    subject = Subject(question, data, fold, threshold)
    regressor = given_regressor(request.regressor) if request.regressor else None
    if request.check and regressor is None:
        regressor = regressor_for(subject, request.model, request.check.regressor, None, store, news)
    record, classifier = _classifier(request, question, store, data, fold, graphs, threshold, regressor, news)
    training = graphs.take(fold.train)
    rules = Rules.of(training, request.limits)
    target = Target(classifier, record.weights_sha256, threshold, request.min_probability)
    rounds = {name: _rounds(request, question, store, target, rules, name, news) for name in CLASSES}
    said = [other for name in get_args(Explainer) if (other := store.other(question, name))]
    if request.check:
        said = others(subject, request.check, request.regressor, store, news)
    started = time.perf_counter()
    untested = no_better_than_chance(record.quality.auc, record.quality.auc_interval)
    results = {
        name: class_result(target, name, rules, training, rounds[name], request.budget, request.seed, untested)
        for name in CLASSES
    }
    kept = {name: request.budget.kept(rounds[name]) for name in CLASSES}
    answer = Explained(
        classifier=record,
        per_class=request.budget.per_class,
        low=results["low"],
        high=results["high"],
        training_labels=tuple(training.label_counts().sum(axis=0).tolist()),
        verdicts=verdicts(request.task.target, request.labels, kept, tested=untested is None),
        analysis_s=time.perf_counter() - started,
        cross_checks=cross_checks(said, results, request.seed),
    )
    store.write(store.explained_path(question), answer)
    return answer


def prepare(requests: Sequence[Request]) -> None:
    """Load each task and find its neighbours once, on every core, so that each question finds them in the cache.

    One that cannot be loaded is left to its questions, which say so.
    """
    for task in {request.task.name: request.task for request in requests}.values():
        with suppress(BenchmarkError):
            find_neighbors(load_task(task).crystals, RULE, allow_isolated=True)


def require_answerable(request: Request) -> None:
    """Raise InputError, before anything is computed, where the request cannot be answered.

    So it is where the model has no graphs, the given regressor is not of the target, the division or the model that are
    explained, or other explainers are asked for on a machine without DGL.
    """
    Classifier(request.model, 1)
    if request.check:
        with backend("dgl"):
            pass
    if request.regressor is None:
        return
    wanted = {
        "target": [request.task.target],
        "unit": [request.task.unit],
        "protocol": [str(PROTOCOL)],
        "fold": ["0"],
        "seed": [str(request.seed)],
    }
    if request.check:
        wanted = {"model": list(dict.fromkeys(looked_into(request.model).values())), **wanted}
    require_said(request.regressor, wanted)


def _classifier(
    request: Request, question: Question, store: ExplanationStore, data: TaskData, fold: Fold, graphs: LabelGraphs,
    threshold: float, regressor: Regressor | None, news: News,
) -> tuple[ClassifierRecord, Classifier]:  # fmt: skip
    """The one in the store, or a fresh one, trained and stored; the agreement with a regressor is computed where it is new."""
    known = store.classifier(question)
    if known:
        record, classifier = known[0], Classifier.from_bytes(known[1], request.model, graphs.n_labels)
        if regressor and not (record.agreement and record.agreement.regressor_sha256 == sha256(regressor.path)):
            agrees = _agreement(regressor, data, fold, threshold, classifier.predict(graphs, fold.test) > 0.5)
            record = record.model_copy(update={"agreement": agrees})
            store.write(store.classifier_path(question), record)
        return record, classifier
    high = data.targets > threshold
    torch.manual_seed(request.seed)
    classifier = Classifier(request.model, graphs.n_labels)
    started = time.perf_counter()
    classifier.fit(
        graphs, high, fold.train, fold.validation, request.classifier, request.seed,
        lambda number, loss: news(f"classifier: epoch {number}/{request.classifier.epochs}, validation loss {loss:.4f}"),
    )  # fmt: skip
    seconds = time.perf_counter() - started
    probabilities = classifier.predict(graphs, fold.test)
    weights = classifier.to_bytes()
    record = ClassifierRecord(
        question=question,
        threshold=threshold,
        n_train=len(fold.train),
        n_fitted=min(len(fold.train), request.classifier.most_graphs),
        train_sha256=ids_hash(data.crystals.ids[fold.train]),
        test_sha256=ids_hash(data.crystals.ids[fold.test]),
        quality=quality(high[fold.test], probabilities),
        agreement=_agreement(regressor, data, fold, threshold, probabilities > 0.5) if regressor else None,
        graphs_s=find_neighbors(data.crystals, RULE, allow_isolated=True).seconds,
        fit_s=seconds,
        weights_sha256=weights_hash(weights),
        machine=machine.machine("cpu", torch.get_num_threads(), request.workers),
        versions=machine.versions(),
        git_commit=machine.git_commit(),
    )
    store.write_bytes(store.weights(question), weights)
    store.write(store.classifier_path(question), record)
    return record, classifier


def _agreement(known: Regressor, data: TaskData, fold: Fold, threshold: float, classifier_high: np.ndarray) -> Agreement:
    """With a fitted regressor of the same target, on the test crystals."""
    regressor = load_checkpoint(known.path)
    crystals = data.crystals.take(fold.test)
    values = regressor.predict(regressor.prepare(crystals), np.arange(len(crystals)))
    found = agreement(classifier_high, values > threshold)
    return Agreement(**asdict(found), regressor=f"{known.model} ({known.source})", regressor_sha256=sha256(known.path))


def _rounds(
    request: Request, question: Question, store: ExplanationStore, target: Target, rules: Rules, name: ClassName, news: News
) -> list[Round]:
    """The rounds of a class, those in the store first."""
    rounds = store.rounds(question, name)
    if any(r.weights_sha256 != target.weights_sha256 for r in rounds):
        store.drop_rounds(question, name)
        rounds = []
    budget = request.budget
    for found in search_rounds(target, name, rules, request.search, budget, request.seed, rounds):
        store.write(store.round_path(question, name, found.number), found)
        rounds.append(found)
        total = sum(len(r.explanations) for r in rounds)
        news(f"{name}: round {len(rounds)}, {min(total, budget.per_class)}/{budget.per_class} explanations")
    return rounds
