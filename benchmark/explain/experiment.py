"""Do an experiment: train the classifier, search round by round, test; every step is kept, and nothing is done twice."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import get_args

import numpy as np
import torch

from benchmark.explain.analysis import TrainingGraphs, analyse
from benchmark.explain.classifier.classifier import Classifier
from benchmark.explain.classifier.graphs import RULE, TypedGraphs, graphs_of
from benchmark.explain.classifier.quality import agreement, no_better_than_chance, quality
from benchmark.explain.node_types import NodeTypeKind
from benchmark.explain.other_explainers.cross_check import cross_checks, looked_into, others
from benchmark.explain.other_explainers.regressors import (
    News,
    Regressor,
    Subject,
    given_regressor,
    regressor_for,
    require_said,
    sha256,
)
from benchmark.explain.records import (
    CLASSES,
    ClassifierRecord,
    ClassName,
    Experiment,
    Explainer,
    RegressorAgreement,
    Result,
    Round,
)
from benchmark.explain.search.one_thread import one_thread
from benchmark.explain.search.rounds import ExplainedClassifier, search_rounds
from benchmark.explain.search.small_graphs import Rules
from benchmark.explain.settings import PROFILES, Budget, Profile
from benchmark.explain.store import ExplanationStore, weights_hash
from benchmark.harness import machine
from benchmark.harness.fingerprint import fingerprint
from benchmark.harness.job import load_task
from benchmark.tasks.folds import Fold, Protocol, ids_hash
from benchmark.tasks.tasks import Task, TaskData
from datasets.errors import BenchmarkError, InputError
from datasets.neighbors import find_neighbors
from models import registry
from models.checkpoints import load_checkpoint
from models.graph.message_passing import backend

PROTOCOL = Protocol()
"""Fold 0 of it divides the crystals: the split that `run` has by default, so that its regressors can be compared."""


@dataclass(frozen=True)
class ExperimentPlan:
    """What to explain, and how."""

    task: Task
    model: str = "cgcnn"
    node_types: NodeTypeKind = "group"
    seed: int = 0
    min_probability: float = 0.8
    budget: Budget = field(default_factory=Budget)
    profile: Profile = PROFILES["standard"]
    regressor: Path | None = None
    cross_check: bool = False
    """Whether other explainers are asked; if not, what they said before is reported."""
    workers: int = 1
    """Experiments side by side, for the record."""

    def experiment(self, dataset_hash: str) -> Experiment:
        """What decides the graphs."""
        spec = registry.get(self.model)
        return Experiment(
            task=self.task.name, unit=self.task.unit, dataset_hash=dataset_hash, model=self.model,
            model_settings=spec.settings(self.profile.classifier.network).as_dict(), model_fingerprint=fingerprint(spec.model),
            node_types=self.node_types, protocol=str(PROTOCOL), seed=self.seed, min_probability=self.min_probability,
            classifier=asdict(self.profile.classifier), limits=asdict(self.profile.limits),
            search=asdict(self.profile.search),
        )  # fmt: skip


@one_thread()
def explain(plan: ExperimentPlan, store: ExplanationStore, news: News = lambda line: None) -> Result:
    """The result, also kept in the store.

    Raises:
        InputError: the task cannot be loaded or divided, has one class only, the model is no graph network, or the given
            regressor is of another target, split or, where other explainers are asked, model.
        BenchmarkError: something cannot be written.
    """
    require_possible(plan)
    data = load_task(plan.task)
    experiment = plan.experiment(data.dataset_hash)
    fold = data.fold(PROTOCOL, 0, plan.seed)
    threshold = float(np.median(data.targets[fold.train]))
    high = data.targets > threshold
    if not high[fold.train].any():
        raise InputError(f"{plan.task.name}: no training crystal is above the median, {threshold:g}; there is no class high")
    graphs = graphs_of(data.crystals, plan.node_types)
    subject = Subject(experiment, data, fold, threshold)
    regressor = given_regressor(plan.regressor) if plan.regressor else None
    if plan.cross_check and regressor is None:
        regressor = regressor_for(subject, plan.model, plan.profile.check.regressor, None, store, news)
    record, classifier = _classifier(plan, experiment, store, data, fold, graphs, threshold, regressor, news)
    training = graphs.take(fold.train)
    rules = Rules.of(training, plan.profile.limits)
    explained = ExplainedClassifier(classifier, record.weights_sha256, threshold, plan.min_probability)
    rounds = {name: _rounds(plan, experiment, store, explained, rules, name, news) for name in CLASSES}
    said = [other for name in get_args(Explainer) if (other := store.other(experiment, name))]
    if plan.cross_check:
        said = others(subject, plan.profile.check, plan.regressor, store, news)
    started = time.perf_counter()
    untested = no_better_than_chance(record.quality.auc, record.quality.auc_interval)
    found = analyse(
        explained, rules, TrainingGraphs(training, high[fold.train]), rounds, plan.budget, plan.seed, untested,
        (plan.task.target, plan.node_types),
    )  # fmt: skip
    result = Result(
        classifier=record,
        per_class=plan.budget.per_class,
        low=found.classes["low"],
        high=found.classes["high"],
        training_atoms=tuple(training.node_type_counts().sum(axis=0).tolist()),
        finding_tests=found.findings,
        analysis_s=time.perf_counter() - started,
        cross_checks=cross_checks(said, found.classes, plan.seed),
    )
    store.write(store.result_path(experiment), result)
    return result


def prepare(plans: Sequence[ExperimentPlan]) -> None:
    """Load each task and find its neighbours once, on every core, so that each experiment finds them in the cache.

    One that cannot be loaded is left to its experiments, which say so.
    """
    for task in {plan.task.name: plan.task for plan in plans}.values():
        with suppress(BenchmarkError):
            find_neighbors(load_task(task).crystals, RULE, allow_isolated=True)


def require_possible(plan: ExperimentPlan) -> None:
    """Raise InputError, before anything is computed, where the experiment cannot be done.

    So it is where the model has no graphs, the given regressor is not of the target, the split or the model that are
    explained, or other explainers are asked for on a machine without DGL.
    """
    if plan.task.classes:
        raise InputError(f"{plan.task.name}: its target is a class; explanations divide a number at its median")
    Classifier(plan.model, 1, plan.profile.classifier.network)
    if plan.cross_check:
        with backend("dgl"):
            pass
    if plan.regressor is None:
        return
    wanted = {
        "target": [plan.task.target],
        "unit": [plan.task.unit],
        "protocol": [str(PROTOCOL)],
        "fold": ["0"],
        "seed": [str(plan.seed)],
    }
    if plan.cross_check:
        wanted = {"model": list(dict.fromkeys(looked_into(plan.model).values())), **wanted}
    require_said(plan.regressor, wanted)


def _classifier(
    plan: ExperimentPlan, experiment: Experiment, store: ExplanationStore, data: TaskData, fold: Fold, graphs: TypedGraphs,
    threshold: float, regressor: Regressor | None, news: News,
) -> tuple[ClassifierRecord, Classifier]:  # fmt: skip
    """The one in the store, or a fresh one, trained and stored; the agreement with a regressor is computed where it is new."""
    known = store.classifier(experiment)
    if known:
        record, classifier = known[0], Classifier.from_bytes(known[1], plan.model, graphs.n_node_types, experiment.network)
        if regressor and not (record.agreement and record.agreement.regressor_sha256 == sha256(regressor.path)):
            agrees = _agreement(regressor, data, fold, threshold, classifier.predict(graphs, fold.test) > 0.5)
            record = record.model_copy(update={"agreement": agrees})
            store.write(store.classifier_path(experiment), record)
        return record, classifier
    high = data.targets > threshold
    torch.manual_seed(plan.seed)
    classifier = Classifier(plan.model, graphs.n_node_types, experiment.network)
    started = time.perf_counter()
    classifier.fit(
        graphs, high, fold.train, fold.validation, plan.profile.classifier, plan.seed,
        lambda number, loss: news(f"classifier: epoch {number}/{plan.profile.classifier.epochs}, validation loss {loss:.4f}"),
    )  # fmt: skip
    seconds = time.perf_counter() - started
    probabilities = classifier.predict(graphs, fold.test)
    weights = classifier.to_bytes()
    record = ClassifierRecord(
        experiment=experiment,
        threshold=threshold,
        n_train=len(fold.train),
        n_fitted=min(len(fold.train), plan.profile.classifier.most_graphs or len(fold.train)),
        train_sha256=ids_hash(data.crystals.ids[fold.train]),
        test_sha256=ids_hash(data.crystals.ids[fold.test]),
        quality=quality(high[fold.test], probabilities),
        agreement=_agreement(regressor, data, fold, threshold, probabilities > 0.5) if regressor else None,
        graphs_s=find_neighbors(data.crystals, RULE, allow_isolated=True).seconds,
        fit_s=seconds,
        weights_sha256=weights_hash(weights),
        machine=machine.machine("cpu", torch.get_num_threads(), plan.workers),
        versions=machine.versions(),
        git_commit=machine.git_commit(),
    )
    store.write_bytes(store.weights(experiment), weights)
    store.write(store.classifier_path(experiment), record)
    return record, classifier


def _agreement(
    known: Regressor, data: TaskData, fold: Fold, threshold: float, classifier_high: np.ndarray
) -> RegressorAgreement:
    """With a fitted regressor of the same target, on the test crystals."""
    regressor = load_checkpoint(known.path)
    crystals = data.crystals.take(fold.test)
    values = regressor.predict(regressor.prepare(crystals), np.arange(len(crystals)))
    found = agreement(classifier_high, values > threshold)
    return RegressorAgreement(**asdict(found), regressor=f"{known.model} ({known.source})", regressor_sha256=sha256(known.path))


def _rounds(
    plan: ExperimentPlan,
    experiment: Experiment,
    store: ExplanationStore,
    explained: ExplainedClassifier,
    rules: Rules,
    name: ClassName,
    news: News,
) -> list[Round]:
    """The rounds of a class, those in the store first."""
    rounds = store.rounds(experiment, name)
    if any(r.weights_sha256 != explained.weights_sha256 for r in rounds):
        store.drop_rounds(experiment, name)
        rounds = []
    budget = plan.budget
    for found in search_rounds(explained, name, rules, plan.profile.search, budget, plan.seed, rounds):
        store.write(store.round_path(experiment, name, found.number), found)
        rounds.append(found)
        total = sum(len(r.explanations) for r in rounds)
        news(f"{name}: round {len(rounds)}, {min(total, budget.per_class)}/{budget.per_class} explanations")
    return rounds
