"""An experiment as a search leaves it, without a search."""

from __future__ import annotations

from benchmark.explain.records import ClassifierRecord, ClassName, ClassResult, Experiment, Explanation, Quality, Result, Round
from benchmark.explain.statements import Against, Enrichment, MotifKind
from benchmark.explain.store import ExplanationStore, weights_hash
from benchmark.schema import Machine

TASK = "mine/<b>gap"
"""A name that a page must not take for its own text."""


WEIGHTS = b"those of a classifier"

MACHINE = Machine(processor="Xeon", cores=2, memory_bytes=1, system="Linux", device="cpu", threads=1, workers=1)


def enrichment(
    node_types: tuple[int, ...], log_odds: float, p: float = 0.001, against: Against = "random graphs"
) -> Enrichment:
    kinds: tuple[MotifKind, ...] = ("node type", "pair", "triangle")
    return Enrichment(
        kind=kinds[len(node_types) - 1], node_types=node_types, against=against, count=9, total=10, other_count=10,
        other_total=100, log_odds=log_odds, interval=(log_odds - 1, log_odds + 1), p=p, p_holm=min(1.0, 10 * p),
    )  # fmt: skip


AGAINST_TRAINING = enrichment((2,), 2.0, against="training crystals")


def beyond(*tests: tuple[tuple[int, ...], float]) -> tuple[Enrichment, ...]:
    return tuple(enrichment(node_types, odds, against="size and composition") for node_types, odds in tests)


def explanations(name: ClassName) -> tuple[Explanation, ...]:
    """Chains of groups 1 and 16 for low, triangles of group 17 for high."""
    node_types, bonds = ((1, 16), ((0, 1),)) if name == "low" else ((17, 17, 17), ((0, 1), (0, 2), (1, 2)))
    return tuple(
        Explanation(node_types=node_types, bonds=bonds, probability=0.9 + n / 100, update=1, hash=f"{name}-{n}")
        for n in range(3)
    )


def class_result(name: ClassName, enrichments: tuple[Enrichment, ...]) -> ClassResult:
    return ClassResult(
        class_name=name, asked=3, found=3, rounds=1, attempts=10, reached=5, seconds=1.0, stopped=None, mean_probability=0.9,
        random_probability=0.5, random_reached=0.1, enrichments=enrichments,
    )  # fmt: skip


def write_experiment(store: ExplanationStore, seed: int = 0) -> Result:
    """Writes classifier, rounds and result."""
    experiment = Experiment(
        task=TASK, unit="eV", dataset_hash="0" * 64, model="cgcnn", model_settings={}, model_fingerprint="0" * 64,
        node_types="group", protocol="kfold(5)", seed=seed, min_probability=0.8, classifier={}, limits={}, search={},
    )  # fmt: skip
    for name in ("low", "high"):
        found = Round(
            class_name=name, number=0, seed=seed, min_probability=0.8, threshold=0.0,
            weights_sha256=weights_hash(WEIGHTS), attempts=10, reached=5, explanations=explanations(name),
            updates=1, seconds=1.0,
        )  # fmt: skip
        store.write(store.round_path(experiment, name, 0), found)
    quality = Quality(n=10, high_share=0.5, accuracy=0.9, auc=0.9, auc_interval=(0.8, 1.0), calibration_error=0.1)
    classifier = ClassifierRecord(
        experiment=experiment, threshold=0.0, n_train=70, n_fitted=70, train_sha256="0" * 64, test_sha256="0" * 64,
        quality=quality, agreement=None, graphs_s=0.1, fit_s=1.0, weights_sha256=weights_hash(WEIGHTS), machine=MACHINE,
        versions={}, git_commit=None,
    )  # fmt: skip
    result = Result(
        classifier=classifier, per_class=3, low=class_result("low", beyond(((1, 16), 3.0), ((1,), -2.0))),
        high=class_result("high", (*beyond(((17,), 1.5), ((17, 17, 17), 4.0)), AGAINST_TRAINING)),
        training_atoms=(1,) * 18, finding_tests=(), analysis_s=0.1,
    )  # fmt: skip
    store.write_bytes(store.weights(experiment), WEIGHTS)
    store.write(store.classifier_path(experiment), classifier)
    store.write(store.result_path(experiment), result)
    return result
