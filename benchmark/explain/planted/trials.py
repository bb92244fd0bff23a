"""Does XGNN find what was planted, and nothing where nothing was? Classifier, search and tests on synthetic sets."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmark.explain.analysis import TrainingGraphs, analyse
from benchmark.explain.classifier.classifier import Classifier
from benchmark.explain.classifier.quality import no_better_than_chance, quality
from benchmark.explain.enrichment.class_results import top
from benchmark.explain.planted.planted_sets import PlantedSet, plant
from benchmark.explain.planted.records import CONTROLS, PLANTED_KINDS, PlantedKind, PlantedTrial
from benchmark.explain.records import CLASSES
from benchmark.explain.search.one_thread import one_thread
from benchmark.explain.search.rounds import ExplainedClassifier, search_rounds
from benchmark.explain.search.small_graphs import Rules
from benchmark.explain.settings import MINIATURE, Budget, ClassifierSettings, Limits, SearchSettings
from benchmark.explain.statements import Against, Enrichment
from benchmark.explain.store import ExplanationStore, read, weights_hash
from benchmark.harness import machine
from benchmark.harness.fingerprint import fingerprint
from benchmark.statistics import comparisons as statistics
from benchmark.statistics.comparisons import ALPHA
from datasets.parallel import side_by_side
from models import registry
from models.graph.batch import GraphBatch

TESTED: tuple[Against, ...] = ("random graphs", "training crystals")
"""What the tests are against that a trial counts."""

PACKAGE = Path(__file__).parents[1]
"""`benchmark.explain`: its source decides what a trial shows, but for its pages."""


@dataclass(frozen=True)
class TrialSettings:
    """Of one synthetic set: fewer graphs and explanations than of a real experiment, as ten seeds of four sets are tried."""

    n_graphs: int = 3000
    model: str = "cgcnn"
    classifier: ClassifierSettings = field(default_factory=lambda: replace(MINIATURE, epochs=10))
    limits: Limits = field(default_factory=Limits)
    search: SearchSettings = field(default_factory=SearchSettings)
    budget: Budget = field(default_factory=lambda: Budget(per_class=60, max_rounds=12, patience=3))
    min_probability: float = 0.8


def with_floor(floor: float) -> TrialSettings:
    """The settings of a trial whose rewards count no probability below `floor`. Raises InputError for an impossible one."""
    return TrialSettings(search=SearchSettings(floor=floor))


class Chance(Classifier):
    """Says anything, by chance."""

    def fit(self, *arguments: Any, **more: Any) -> None:
        """Learns nothing."""

    def probability(self, batch: GraphBatch) -> Tensor:
        """(B,) alike between 0 and 1."""
        return torch.rand(len(batch.n_atoms), dtype=torch.double)


@one_thread()
def trial(planted: PlantedKind, seed: int, settings: TrialSettings = TrialSettings(), workers: int = 1) -> PlantedTrial:
    """Plant, train, search, test; `workers` sets are tried side by side."""
    started = time.perf_counter()
    data = plant("shuffled" if planted == "chance" else planted, settings.n_graphs, seed)
    train, validation, test = _parts(len(data.high))
    torch.manual_seed(seed)
    classifier = (Chance if planted == "chance" else Classifier)(
        settings.model, data.graphs.n_node_types, settings.classifier.network
    )
    classifier.fit(data.graphs, data.high, train, validation, settings.classifier, seed)
    found_quality = quality(data.high[test], classifier.predict(data.graphs, test))
    untested = None
    if planted != "chance":
        untested = no_better_than_chance(found_quality.auc, found_quality.auc_interval)
    training = data.graphs.take(train)
    rules = Rules.of(training, settings.limits)
    explained = ExplainedClassifier(classifier, weights_hash(classifier.to_bytes()), 0.5, settings.min_probability)
    rounds = {
        name: list(search_rounds(explained, name, rules, settings.search, settings.budget, seed))
        for name in (CLASSES if planted in CONTROLS else CLASSES[1:])
    }
    known = TrainingGraphs(training, data.high[train])
    found = analyse(explained, rules, known, rounds, settings.budget, seed, untested).classes
    tests = [one for result in found.values() for one in result.enrichments if one.against in TESTED]
    rank, planted_test = (None, None) if planted in CONTROLS else _rank(found["high"].enrichments, data)
    return PlantedTrial(
        planted=planted, seed=seed, settings=asdict(settings), source_sha256=source(settings.model), auc=found_quality.auc,
        found=sum(one.found for one in found.values()), rank=rank, planted_test=planted_test, untested=untested is not None,
        significant=sum(one.p_holm < ALPHA for one in tests), tests=len(tests), seconds=time.perf_counter() - started,
        machine=machine.machine("cpu", torch.get_num_threads(), workers), versions=machine.versions(),
        git_commit=machine.git_commit(),
    )  # fmt: skip


def source(model: str) -> str:
    """sha256 of the code that a trial depends on."""
    digest = hashlib.sha256(fingerprint(registry.get(model).model).encode())
    own = [path for path in sorted(PACKAGE.rglob("*.py")) if path.parent.name != "pages"]
    for path in (*own, Path(statistics.__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _parts(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """70:10:20; the graphs are in random order already."""
    train, validation, test = np.split(np.arange(n), [int(0.7 * n), int(0.8 * n)])
    return train, validation, test


def _rank(tests: Sequence[Enrichment], data: PlantedSet) -> tuple[int | None, Enrichment | None]:
    motif = tuple(node_type + 1 for node_type in data.motif)
    for rank, one in enumerate(top(tests, data.kind), start=1):
        if one.node_types == motif:
            return rank, one
    return None, None


def trials(
    seeds: int,
    store: ExplanationStore,
    workers: int,
    news: Callable[[PlantedTrial], None],
    settings: TrialSettings = TrialSettings(),
) -> list[PlantedTrial]:
    """Every planted motif, and shuffled classes, with each seed; those in the store, of the same source, are not tried again.

    Raises:
        InputError: a kept trial is invalid.
        BenchmarkError: one cannot be written.
    """

    def kept(planted: PlantedKind, seed: int) -> PlantedTrial:
        path = store.trial_path(planted, seed)
        known = read(path, PlantedTrial) if path.is_file() else None
        if known and (known.settings, known.source_sha256) == (asdict(settings), source(settings.model)):
            return known
        one = trial(planted, seed, settings, workers)
        store.write(path, one)
        news(one)
        return one

    every = [(planted, seed) for planted in PLANTED_KINDS for seed in range(seeds)]
    workers = min(workers, len(every))
    return side_by_side(lambda one: kept(*one), every, workers)
