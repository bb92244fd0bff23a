"""Do other explainers agree with XGNN? Their importance of node types in real crystals, held against XGNN's enrichments.

XGNN asks which graphs a classifier of node types takes for a class; the others, what a full regressor, which sees elements and
distances, looks at in a crystal that it puts into that class. Where both rank node types alike, the statement is of the
property rather than of one network and one way to ask.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from scipy.stats import permutation_test, rankdata

from benchmark.explain.node_types import node_types_of
from benchmark.explain.other_explainers.importance import (
    attention,
    edge_masks,
    has_attention,
    of_atoms_by_attention,
    of_atoms_by_edges,
)
from benchmark.explain.other_explainers.regressors import (
    News,
    Regressor,
    Subject,
    frozen,
    regressor_for,
    sha256,
)
from benchmark.explain.records import (
    CLASSES,
    ClassName,
    ClassResult,
    CrossCheck,
    Explainer,
    Importance,
    NodeTypeImportance,
    OtherExplanation,
    RankAgreement,
)  # fmt: skip
from benchmark.explain.seed_groups import rank_correlation
from benchmark.explain.settings import CheckSettings
from benchmark.explain.store import ExplanationStore
from benchmark.statistics.comparisons import holm
from models.checkpoints import load_checkpoint
from models.graph.batch import GraphBatch
from models.graph_model import GraphModel
from models.training import ScaledNetwork

ATTENTIVE = "gatgnn"
"""Whose global attention is looked at, where the explained network has none."""

FEWEST_CRYSTALS = 3
"""That must hold a node type for its mean importance to be told."""

PERMUTATIONS = 9_999
"""Where there are more orders of the node types; otherwise all."""


def looked_into(model: str) -> dict[Explainer, str]:
    """Explainer → the model whose regressor it looks into where `model` is explained."""
    return {"GNNExplainer": model, "global attention": model if has_attention(model) else ATTENTIVE}


def others(
    subject: Subject, settings: CheckSettings, given: Path | None, store: ExplanationStore, news: News
) -> list[OtherExplanation]:
    """What every explainer that applies says; what is known of the same regressor is taken from the store."""
    found, asked = list[OtherExplanation](), looked_into(subject.experiment.model)
    regressors = {
        model: regressor_for(subject, model, settings.regressor, given, store, news) for model in dict.fromkeys(asked.values())
    }
    for explainer, model in asked.items():
        regressor, known = regressors[model], store.other(subject.experiment, explainer)
        now = sha256(regressor.path), regressor.source, asdict(settings)
        if known is None or (known.regressor_sha256, known.source, known.settings) != now:
            known = explain_crystals(subject, explainer, regressor, settings, news)
            store.write(store.other_path(subject.experiment, explainer), known)
        found.append(known)
    return found


def explain_crystals(
    subject: Subject, explainer: Explainer, looked_at: Regressor, settings: CheckSettings, news: News
) -> OtherExplanation:
    """The importance of node types in test crystals of at least two, those that the regressor puts into either class."""
    started = time.perf_counter()
    rows = subject.drawn(subject.fold.test, settings.scored, 2)
    crystals, targets = subject.data.crystals.take(rows), subject.data.targets[rows]
    regressor = load_checkpoint(looked_at.path)
    assert isinstance(regressor, GraphModel)
    # Explainers speak of atoms and edges, so that each has its own row.
    regressor.settings = replace(regressor.settings, fold=False)
    table = regressor.prepare(crystals)
    predicted = regressor.predict(table, np.arange(len(crystals)))
    node_types = np.split(node_types_of(crystals.atomic_numbers, subject.experiment.node_types), crystals.offsets[1:-1])
    several = np.array([len(np.unique(own)) > 1 for own in node_types])
    network = frozen(regressor)
    of_atoms, most = (_by_edges, settings.per_class) if explainer == "GNNExplainer" else (_by_attention, settings.scored)
    torch.manual_seed(subject.experiment.seed)
    found: dict[ClassName, Importance] = {}
    for name in CLASSES:
        chosen = np.flatnonzero(several & ((predicted > subject.threshold) == (name == "high")))[:most]
        news(f"{explainer}: {len(chosen)} {name} crystals")
        values = [of_atoms(network, table.cut(torch.tensor([row])), subject.threshold) for row in chosen]
        found[name] = importance([node_types[row] for row in chosen], values)
    return OtherExplanation(
        explainer=explainer, model=looked_at.model, source=looked_at.source, settings=asdict(settings),
        regressor_sha256=sha256(looked_at.path), mae=float(np.abs(predicted - targets).mean()), n_scored=len(crystals),
        seconds=time.perf_counter() - started, **found,
    )  # fmt: skip


def _by_edges(network: ScaledNetwork, batch: GraphBatch, threshold: float) -> np.ndarray:
    return of_atoms_by_edges(batch, edge_masks(network, batch, threshold))


def _by_attention(network: ScaledNetwork, batch: GraphBatch, threshold: float) -> np.ndarray:
    return of_atoms_by_attention(batch, attention(network, batch))


def importance(node_types: Sequence[np.ndarray], values: Sequence[np.ndarray]) -> Importance:
    """Of crystals, each with its atoms' node types (from 0) and what they get: the mean over atoms, then over crystals."""
    if not node_types:
        return Importance(crystals=0, node_types=(), halves=None)
    crystal = np.repeat(np.arange(len(node_types)), [len(own) for own in node_types])
    atoms = pd.DataFrame(
        {"crystal": crystal, "node type": np.concatenate(node_types), "value": np.concatenate(values)}
    ).dropna()
    means = atoms.groupby(["crystal", "node type"])["value"].mean().reset_index()
    by_node_type = means.groupby("node type")["value"].agg(["mean", "count"])
    halves = means.groupby([means["crystal"] % 2, "node type"])["value"].mean().unstack(0).reindex(columns=[0, 1]).dropna()
    columns = by_node_type.index, by_node_type["mean"], by_node_type["count"]
    return Importance(
        crystals=len(node_types),
        node_types=tuple(
            NodeTypeImportance(node_type=node_type + 1, value=value, crystals=crystals)
            for node_type, value, crystals in zip(*(part.tolist() for part in columns), strict=True)
        ),
        halves=rank_correlation(halves[0].to_numpy(), halves[1].to_numpy()),
    )


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
    """Over the node types that `FEWEST_CRYSTALS` hold and XGNN tested; None where there are fewer than `FEWEST_RANKED`."""
    size: Callable[[Any], Any] = float if signed else abs
    odds = {
        e.node_types[0]: size(e.log_odds) for e in result.enrichments if (e.kind, e.against) == ("node type", "random graphs")
    }
    given = {one.node_type: one.value for one in other.node_types if one.crystals >= FEWEST_CRYSTALS}
    common = sorted(odds.keys() & given.keys())
    pair = np.array([given[node_type] for node_type in common]), np.array([odds[node_type] for node_type in common])
    correlation = rank_correlation(*pair)
    if correlation is None:
        return None
    first, second = (rankdata(values) - (len(common) + 1) / 2 for values in pair)
    tested = permutation_test(
        (first,), lambda ranks, axis: (ranks * second).sum(axis=axis), permutation_type="pairings", vectorized=True,
        n_resamples=PERMUTATIONS, random_state=np.random.default_rng(seed),
    )  # fmt: skip
    enrichment: Literal["log-odds", "|log-odds|"] = "log-odds" if signed else "|log-odds|"
    p = float(tested.pvalue)
    return RankAgreement(class_name=name, enrichment=enrichment, node_types=len(common), correlation=correlation, p=p, p_holm=p)
