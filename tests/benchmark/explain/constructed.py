"""An answer as a search leaves it, without a search."""

from __future__ import annotations

from benchmark.explain.records import (
    Against,
    ClassifierRecord,
    ClassName,
    ClassResult,
    Enrichment,
    Explained,
    Explanation,
    MotifKind,
    Quality,
    Question,
    Round,
)  # fmt: skip
from benchmark.explain.store import ExplanationStore
from benchmark.schema import Machine

TASK = "mine/<b>gap"
"""A name that a page must not take for its own text."""


MACHINE = Machine(processor="Xeon", cores=2, memory_bytes=1, system="Linux", device="cpu", threads=1, workers=1)


def enrichment(labels: tuple[int, ...], log_odds: float, p: float = 0.001, against: Against = "random graphs") -> Enrichment:
    kinds: tuple[MotifKind, ...] = ("label", "pair", "triangle")
    return Enrichment(
        kind=kinds[len(labels) - 1], labels=labels, against=against, count=9, total=10, other_count=10, other_total=100,
        log_odds=log_odds, interval=(log_odds - 1, log_odds + 1), p=p, p_holm=min(1.0, 10 * p),
    )  # fmt: skip


AGAINST_TRAINING = enrichment((2,), 2.0, against="training crystals")


def explanations(name: ClassName) -> tuple[Explanation, ...]:
    """Chains of groups 1 and 16 for low, triangles of group 17 for high."""
    labels, bonds = ((1, 16), ((0, 1),)) if name == "low" else ((17, 17, 17), ((0, 1), (0, 2), (1, 2)))
    return tuple(
        Explanation(labels=labels, bonds=bonds, probability=0.9 + n / 100, update=1, hash=f"{name}-{n}") for n in range(3)
    )


def result(name: ClassName, enrichments: tuple[Enrichment, ...]) -> ClassResult:
    return ClassResult(
        class_name=name, asked=3, found=3, rounds=1, attempts=10, reached=5, seconds=1.0, stopped=None, mean_probability=0.9,
        random_probability=0.5, random_reached=0.1, enrichments=enrichments,
    )  # fmt: skip


def write_answer(store: ExplanationStore, seed: int = 0) -> Explained:
    """Writes rounds and the answer."""
    question = Question(
        task=TASK, unit="eV", dataset_hash="0" * 64, model="cgcnn", model_settings={}, model_fingerprint="0" * 64,
        labels="group", protocol="kfold(5)", seed=seed, min_probability=0.8, classifier={}, limits={}, search={},
    )  # fmt: skip
    for name in ("low", "high"):
        found = Round(
            class_name=name, number=0, seed=seed, min_probability=0.8, threshold=0.0, weights_sha256="0" * 64, attempts=10,
            reached=5, explanations=explanations(name), updates=1, seconds=1.0,
        )  # fmt: skip
        store.write(store.round_path(question, name, 0), found)
    quality = Quality(n=10, high_share=0.5, accuracy=0.9, auc=0.9, auc_interval=(0.8, 1.0), calibration_error=0.1)
    classifier = ClassifierRecord(
        question=question, threshold=0.0, n_train=70, n_fitted=70, train_sha256="0" * 64, test_sha256="0" * 64,
        quality=quality, agreement=None, graphs_s=0.1, fit_s=1.0, weights_sha256="0" * 64, machine=MACHINE, versions={},
        git_commit=None,
    )  # fmt: skip
    answer = Explained(
        classifier=classifier, per_class=3, low=result("low", (enrichment((1, 16), 3.0), enrichment((1,), -2.0))),
        high=result("high", (enrichment((17,), 1.5), enrichment((17, 17, 17), 4.0), AGAINST_TRAINING)),
        training_labels=(1,) * 18, verdicts=(), analysis_s=0.1,
    )  # fmt: skip
    store.write(store.explained_path(question), answer)
    return answer
