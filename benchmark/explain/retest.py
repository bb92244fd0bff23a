"""Published explanations, tested anew: the same classifiers and graphs, held against the training crystals on this machine."""

from __future__ import annotations

import time

from benchmark.explain.analysis import TrainingGraphs, analyse
from benchmark.explain.classifier.classifier import Classifier
from benchmark.explain.classifier.graphs import TypedGraphs, graphs_of
from benchmark.explain.classifier.quality import no_better_than_chance
from benchmark.explain.node_types import NodeTypeKind
from benchmark.explain.other_explainers.cross_check import cross_checks
from benchmark.explain.search.one_thread import one_thread
from benchmark.explain.search.rounds import ExplainedClassifier
from benchmark.explain.search.small_graphs import Rules
from benchmark.explain.settings import Budget, Limits
from benchmark.explain.store import ExperimentRecords
from benchmark.tasks.folds import Protocol, ids_hash
from benchmark.tasks.tasks import TaskData
from datasets.errors import InputError


def typed_graphs(data: TaskData, kinds: set[NodeTypeKind]) -> dict[NodeTypeKind, TypedGraphs]:
    """The crystals of a task by kind of node types."""
    return {kind: graphs_of(data.crystals, kind) for kind in kinds}


@one_thread()
def retest(records: ExperimentRecords, data: TaskData, graphs: TypedGraphs) -> ExperimentRecords:
    """The experiment with all its tests computed anew from its rounds and weights.

    Raises:
        InputError: the crystals or the split are not those of the record, or today's source builds another network.
    """
    result, experiment = records.result, records.result.experiment
    started, record = time.perf_counter(), records.result.classifier
    which = f"{experiment.task} by {experiment.node_types} seed {experiment.seed}"
    if data.dataset_hash != experiment.dataset_hash:
        raise InputError(f"{which}: the data set on this machine is not the one that was explained (content hash differs)")
    train = data.fold(Protocol.named(experiment.protocol), 0, experiment.seed).train
    if ids_hash(data.crystals.ids[train]) != record.train_sha256:
        raise InputError(f"{which}: {experiment.protocol} splits the crystals otherwise today; run the experiment again")
    try:
        classifier = Classifier.from_bytes(records.weights, experiment.model, graphs.n_node_types, experiment.network)
    except (ValueError, RuntimeError):
        raise InputError(f"{which}: today's {experiment.model} is another network; run the experiment again") from None
    training = graphs.take(train)
    explained = ExplainedClassifier(classifier, record.weights_sha256, record.threshold, experiment.min_probability)
    found = analyse(
        explained, Rules.of(training, Limits(**experiment.limits)),
        TrainingGraphs(training, data.targets[train] > record.threshold), records.rounds, Budget(result.per_class),
        experiment.seed, no_better_than_chance(record.quality.auc, record.quality.auc_interval),
        (data.task.target, experiment.node_types),
    )  # fmt: skip
    tests = {
        "low": found.classes["low"], "high": found.classes["high"], "finding_tests": found.findings,
        "cross_checks": cross_checks([check.other for check in result.cross_checks], found.classes, experiment.seed),
        "analysis_s": time.perf_counter() - started,
    }  # fmt: skip
    return ExperimentRecords(result.model_copy(update=tests), records.rounds, records.weights)
