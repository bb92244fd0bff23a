"""Do other explainers agree with XGNN? Their importance of labels in real crystals, held against XGNN's enrichments.

XGNN asks which graphs a classifier of labels takes for a class; the others, what a full regressor, which sees elements and
distances, looks at in a crystal that it puts into that class. Where both rank labels alike, the statement is of the property
rather than of one network and one way to ask.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from scipy.stats import permutation_test, rankdata, spearmanr

from benchmark.explain.importance import attention, edge_masks, has_attention, of_atoms_by_attention, of_atoms_by_edges
from benchmark.explain.node_types import labels_of
from benchmark.explain.records import (
    CLASSES,
    ClassName,
    ClassResult,
    CrossCheck,
    Explainer,
    Importance,
    LabelImportance,
    OtherExplanation,
    RankAgreement,
)  # fmt: skip
from benchmark.explain.regressors import News, Regressor, RegressorSettings, Subject, frozen, regressor_for, sha256
from benchmark.explain.stability import FEWEST
from benchmark.explain.store import ExplanationStore
from benchmark.statistics.comparisons import holm
from models.checkpoints import load_checkpoint
from models.graph.batch import GraphBatch
from models.graph_model import GraphModel
from models.training import ScaledNetwork

ATTENTIVE = "gatgnn"
"""Whose global attention is looked at, where the explained network has none."""

FEWEST_CRYSTALS = 3
"""That must hold a label for its mean importance to be told."""

PERMUTATIONS = 9_999
"""Where there are more orders of the labels; otherwise all."""


@dataclass(frozen=True)
class CheckSettings:
    """How many test crystals are predicted, and how many of each class GNNExplainer explains; the attention is of all."""

    scored: int = 400
    per_class: int = 24
    regressor: RegressorSettings = field(default_factory=RegressorSettings)


def looked_into(model: str) -> dict[Explainer, str]:
    """Explainer → the model whose regressor it looks into where `model` is explained."""
    return {"GNNExplainer": model, "global attention": model if has_attention(model) else ATTENTIVE}


def others(
    subject: Subject, settings: CheckSettings, given: Path | None, store: ExplanationStore, news: News
) -> list[OtherExplanation]:
    """What every explainer that applies says; what is known of the same regressor is taken from the store."""
    found, asked = list[OtherExplanation](), looked_into(subject.question.model)
    regressors = {
        model: regressor_for(subject, model, settings.regressor, given, store, news) for model in dict.fromkeys(asked.values())
    }
    for explainer, model in asked.items():
        regressor, known = regressors[model], store.other(subject.question, explainer)
        now = sha256(regressor.path), regressor.source, asdict(settings)
        if known is None or (known.regressor_sha256, known.source, known.settings) != now:
            known = explain_crystals(subject, explainer, regressor, settings, news)
            store.write(store.other_path(subject.question, explainer), known)
        found.append(known)
    return found


def explain_crystals(
    subject: Subject, explainer: Explainer, looked_at: Regressor, settings: CheckSettings, news: News
) -> OtherExplanation:
    """The importance of labels in test crystals of at least two labels, those that the regressor puts into either class."""
    started = time.perf_counter()
    rows = subject.drawn(subject.fold.test, settings.scored, 2)
    crystals, targets = subject.data.crystals.take(rows), subject.data.targets[rows]
    regressor = load_checkpoint(looked_at.path)
    assert isinstance(regressor, GraphModel)
    table = regressor.prepare(crystals)
    predicted = regressor.predict(table, np.arange(len(crystals)))
    labels = np.split(labels_of(crystals.atomic_numbers, subject.question.labels), crystals.offsets[1:-1])
    several = np.array([len(np.unique(own)) > 1 for own in labels])
    network = frozen(regressor)
    of_atoms, most = (_by_edges, settings.per_class) if explainer == "GNNExplainer" else (_by_attention, settings.scored)
    torch.manual_seed(subject.question.seed)
    found: dict[ClassName, Importance] = {}
    for name in CLASSES:
        chosen = np.flatnonzero(several & ((predicted > subject.threshold) == (name == "high")))[:most]
        news(f"{explainer}: {len(chosen)} {name} crystals")
        values = [of_atoms(network, table.cut(torch.tensor([row])), subject.threshold) for row in chosen]
        found[name] = importance([labels[row] for row in chosen], values)
    return OtherExplanation(
        explainer=explainer, model=looked_at.model, source=looked_at.source, settings=asdict(settings),
        regressor_sha256=sha256(looked_at.path), mae=float(np.abs(predicted - targets).mean()), n_scored=len(crystals),
        seconds=time.perf_counter() - started, **found,
    )  # fmt: skip


def _by_edges(network: ScaledNetwork, batch: GraphBatch, threshold: float) -> np.ndarray:
    return of_atoms_by_edges(batch, edge_masks(network, batch, threshold))


def _by_attention(network: ScaledNetwork, batch: GraphBatch, threshold: float) -> np.ndarray:
    return of_atoms_by_attention(batch, attention(network, batch))


def importance(labels: Sequence[np.ndarray], values: Sequence[np.ndarray]) -> Importance:
    """Of crystals, each with the labels of its atoms (from 0) and what they get: the mean over atoms, then over crystals."""
    if not labels:
        return Importance(crystals=0, labels=(), halves=None)
    crystal = np.repeat(np.arange(len(labels)), [len(own) for own in labels])
    atoms = pd.DataFrame({"crystal": crystal, "label": np.concatenate(labels), "value": np.concatenate(values)}).dropna()
    means = atoms.groupby(["crystal", "label"])["value"].mean().reset_index()
    by_label = means.groupby("label")["value"].agg(["mean", "count"])
    halves = means.groupby([means["crystal"] % 2, "label"])["value"].mean().unstack(0).reindex(columns=[0, 1]).dropna()
    columns = by_label.index, by_label["mean"], by_label["count"]
    return Importance(
        crystals=len(labels),
        labels=tuple(
            LabelImportance(label=label + 1, value=value, crystals=crystals)
            for label, value, crystals in zip(*(part.tolist() for part in columns), strict=True)
        ),
        halves=_correlation(halves[0].to_numpy(), halves[1].to_numpy()),
    )


def _correlation(first: np.ndarray, second: np.ndarray) -> float | None:
    """Spearman's; None of fewer than `FEWEST`, or where one does not vary."""
    if len(first) < FEWEST or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(spearmanr(first, second)[0])


def cross_checks(found: Sequence[OtherExplanation], results: dict[ClassName, ClassResult], seed: int) -> tuple[CrossCheck, ...]:
    """Each explainer with its agreements; Holm's correction is for all of them together.

    GNNExplainer says what speaks for the class of a crystal: it is held against the log-odds, and against their size. An
    attention has no sign: against their size alone.
    """
    tests = [
        (number, test)
        for number, other in enumerate(found)
        for name in CLASSES
        for signed in ((True, False) if other.explainer == "GNNExplainer" else (False,))
        if (test := agreement(name, getattr(other, name), results[name], signed, seed)) is not None
    ]
    corrected = holm(np.array([test.p for _, test in tests]))
    tests = [(n, test.model_copy(update={"p_holm": float(p)})) for (n, test), p in zip(tests, corrected, strict=True)]
    own = [tuple(test for n, test in tests if n == number) for number in range(len(found))]
    return tuple(CrossCheck(other=other, agreements=held) for other, held in zip(found, own, strict=True))


def agreement(name: ClassName, other: Importance, result: ClassResult, signed: bool, seed: int) -> RankAgreement | None:
    """Over the labels that `FEWEST_CRYSTALS` hold and XGNN tested; None where there are fewer than `FEWEST`."""
    size: Callable[[Any], Any] = float if signed else abs
    odds = {e.labels[0]: size(e.log_odds) for e in result.enrichments if (e.kind, e.against) == ("label", "random graphs")}
    given = {one.label: one.value for one in other.labels if one.crystals >= FEWEST_CRYSTALS}
    common = sorted(odds.keys() & given.keys())
    pair = np.array([given[label] for label in common]), np.array([odds[label] for label in common])
    correlation = _correlation(*pair)
    if correlation is None:
        return None
    first, second = (rankdata(values) - (len(common) + 1) / 2 for values in pair)
    tested = permutation_test(
        (first,), lambda ranks, axis: (ranks * second).sum(axis=axis), permutation_type="pairings", vectorized=True,
        n_resamples=PERMUTATIONS, random_state=np.random.default_rng(seed),
    )  # fmt: skip
    enrichment: Literal["log-odds", "|log-odds|"] = "log-odds" if signed else "|log-odds|"
    p = float(tested.pvalue)
    return RankAgreement(class_name=name, enrichment=enrichment, labels=len(common), correlation=correlation, p=p, p_holm=p)
