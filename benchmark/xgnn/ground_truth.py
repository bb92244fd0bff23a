"""Does XGNN find what was planted, and nothing where nothing was? Classifier, search and tests on synthetic sets."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from benchmark.statistics import ALPHA
from benchmark.xgnn.analysis import class_result, top
from benchmark.xgnn.classifier import Classifier, ClassifierSettings, weights_hash
from benchmark.xgnn.quality import no_better_than_chance, quality
from benchmark.xgnn.records import CLASSES, ClassName, ClassResult, Enrichment
from benchmark.xgnn.rounds import Budget, Target, search_rounds
from benchmark.xgnn.search import SearchSettings
from benchmark.xgnn.small import Limits, Rules
from benchmark.xgnn.synthetic import PLANTED, Planted, PlantedSet, plant


@dataclass(frozen=True)
class TrialSettings:
    """Of one synthetic set: smaller than a real question, as ten seeds of four sets are tried."""

    n_graphs: int = 3000
    model: str = "cgcnn"
    classifier: ClassifierSettings = field(default_factory=lambda: ClassifierSettings(epochs=10))
    limits: Limits = field(default_factory=Limits)
    search: SearchSettings = field(default_factory=lambda: SearchSettings(rollouts=4, warm_up=12, updates=30, per_round=6))
    budget: Budget = field(default_factory=lambda: Budget(per_class=48, max_rounds=10, patience=3))
    min_probability: float = 0.8


@dataclass(frozen=True)
class Trial:
    """What one synthetic set showed.

    rank: of the planted motif among those of its kind, enriched in the explanations of high against random graphs; None where
        it was not tested.
    significant: tests, against random graphs and against the training graphs, with p below 5 % after Holm's correction; of
        the class high, where shuffled of both.
    """

    planted: Planted
    seed: int
    auc: float
    found: int
    rank: int | None
    planted_test: Enrichment | None
    significant: int
    tests: int
    seconds: float


def trial(planted: Planted, seed: int, settings: TrialSettings = TrialSettings()) -> Trial:
    """Plant, train, search, test."""
    started = time.perf_counter()
    data = plant(planted, settings.n_graphs, seed)
    train, validation, test = _parts(len(data.high))
    torch.manual_seed(seed)
    classifier = Classifier(settings.model, data.graphs.n_labels)
    classifier.fit(data.graphs, data.high, train, validation, settings.classifier, seed)
    found_quality = quality(data.high[test], classifier.predict(data.graphs, test))
    untested = no_better_than_chance(found_quality.auc, found_quality.auc_interval)
    training = data.graphs.take(train)
    rules = Rules.of(training, settings.limits)
    target = Target(classifier, weights_hash(classifier.to_bytes()), 0.5, settings.min_probability)
    found: dict[ClassName, ClassResult] = {}
    tests: list[Enrichment] = []
    for name in CLASSES if planted == "shuffled" else CLASSES[1:]:
        rounds = list(search_rounds(target, name, rules, settings.search, settings.budget, seed))
        found[name] = class_result(target, name, rules, training, rounds, settings.budget, seed, untested)
        tests += found[name].enrichments
    rank, planted_test = _rank(found["high"].enrichments, data)
    return Trial(
        planted, seed, found_quality.auc, sum(one.found for one in found.values()), rank, planted_test,
        sum(one.p_holm < ALPHA for one in tests), len(tests), time.perf_counter() - started,
    )  # fmt: skip


def _parts(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """70:10:20; the graphs are in random order already."""
    train, validation, test = np.split(np.arange(n), [int(0.7 * n), int(0.8 * n)])
    return train, validation, test


def _rank(tests: Sequence[Enrichment], data: PlantedSet) -> tuple[int | None, Enrichment | None]:
    motif = tuple(label + 1 for label in data.motif)
    for rank, one in enumerate(top(tests, data.kind), start=1):
        if one.labels == motif:
            return rank, one
    return None, None


def trials(seeds: int, settings: TrialSettings = TrialSettings()) -> Iterator[Trial]:
    """Every planted motif, and shuffled classes, with each seed."""
    for planted in PLANTED:
        for seed in range(seeds):
            yield trial(planted, seed, settings)
