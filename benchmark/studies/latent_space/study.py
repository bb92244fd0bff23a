"""Latent space: do crystals that a network represents alike have like targets?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from pydantic import Field
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness
from sklearn.metrics import silhouette_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

from benchmark.harness.job import Job, Observer, Outcome, prepared
from benchmark.schema import Sha256, Strict
from benchmark.studies.comparison_groups import by_network
from benchmark.studies.points import Point
from benchmark.studies.study import ConfiguredModel, Study, Trial, changed
from benchmark.tasks.folds import Fold
from benchmark.tasks.tasks import TaskData
from models.contract import ModelSpec
from models.graph.batch import GraphTable
from models.graph.layer_features import features_by_layer
from models.graph.message_passing import readout_mean
from models.graph_model import GraphModel

VARIED = ("n_layers",)
"""Settings that differ within a contest of networks."""

NEIGHBORS = 5
QUANTILES = 4
SHOWN = 1000
"""Test crystals that are drawn at most; the numbers are of these too, but for the k-NN's error, which is of all."""

RULE = (
    "A crystal's representation is the mean over its atoms of the features behind the last layer of the trained network, each "
    "component scaled to the variance of the training crystals. k-NN error: MAE on the test crystals of the mean target of the "
    f"{NEIGHBORS} training crystals nearest in representation; near the network's own error, the representation says what the "
    "head says; near that of the mean of the training targets, it says nothing. Silhouette (−1 to 1): of the quarters of the "
    "targets; at 0 or less they do not form clusters, which targets that grow smoothly through the space need not. "
    f"Trustworthiness (0 to 1): how far the {NEIGHBORS} neighbours in the map are neighbours in the representation; what a map "
    "with a low one shows is not there. Maps: principal components with the variance that they hold, and t-SNE (perplexity 30 "
    "or a third of the crystals, started from the components), where distances between far groups mean nothing. At most "
    f"{SHOWN:,} test crystals of a fold are drawn, the first by row."
)


class Crystal(Strict):
    """A test crystal's place in the maps."""

    id: str
    target: float
    pca: tuple[float, float]
    tsne: tuple[float, float]


class Latent(Strict):
    """What a trained network makes of the test crystals of a fold; empty where the fold did not end well."""

    schema_version: Literal[1] = 1
    model_fingerprint: Sha256
    width: int | None = None
    knn_mae: float | None = None
    mean_mae: float | None = None
    """Of the mean of the training targets: what an empty representation gives."""
    silhouette: float | None = Field(default=None, ge=-1, le=1)
    """None where a quarter of the targets is empty."""
    trustworthiness_pca: float | None = None
    trustworthiness_tsne: float | None = None
    explained: float | None = None
    """Share of the variance in the two principal components."""
    crystals: tuple[Crystal, ...] = ()
    reason: str | None = None


def look(job: Job, data: TaskData, fold: Fold, outcome: Outcome | None) -> Latent:
    """The latent space of a fold. Whatever goes wrong here becomes its reason: a fold is not lost for it."""
    model = outcome.model if outcome else None
    if not isinstance(model, GraphModel):
        return Latent(model_fingerprint=job.fingerprint, reason="the fold has no trained network")
    try:
        inputs: GraphTable = prepared(job.task, job.model, job.settings, job.device)[0]
        train, test = (represent(model, inputs, rows) for rows in (fold.train, fold.test))
        ids = data.crystals.ids[fold.test].astype(str)
        values = summarize(train, data.targets[fold.train], test, data.targets[fold.test], ids)
        return Latent(model_fingerprint=job.fingerprint, **values)
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        return Latent(model_fingerprint=job.fingerprint, reason=reason)


def represent(model: GraphModel[Any], inputs: GraphTable, rows: np.ndarray) -> np.ndarray:
    """(len(rows), F) mean over the atoms of each crystal of the features behind the last layer, in eval mode."""
    network = model.network.network.eval()
    chunks = torch.from_numpy(np.array(rows, dtype=np.int64)).split(model.settings.batch_size)
    batches = (inputs.cut(chunk) for chunk in chunks)
    found = [readout_mean(batch, features_by_layer(network, model.settings.n_layers, batch)[-1]) for batch in batches]
    return torch.cat(found).double().cpu().numpy()


def summarize(
    train: np.ndarray, train_targets: np.ndarray, test: np.ndarray, targets: np.ndarray, ids: np.ndarray
) -> dict[str, Any]:
    """The fields of `Latent` from (n, F) and (m, F) representations and their targets (n,), (m,).

    Raises:
        ValueError: a representation is not finite, or there are fewer than four test crystals.
    """
    scaler = StandardScaler().fit(train)
    known, new = scaler.transform(train), scaler.transform(test)
    nearest = KNeighborsRegressor(min(NEIGHBORS, len(known))).fit(known, train_targets).predict(new)
    shown, shown_targets = new[:SHOWN], targets[:SHOWN]
    pca = PCA(2, random_state=0).fit(shown)
    flat = pca.transform(shown)
    mapped = TSNE(perplexity=min(30.0, (len(shown) - 1) / 3), init="pca", random_state=0, n_jobs=1).fit_transform(shown)
    quarters = np.searchsorted(np.quantile(shown_targets, np.arange(1, QUANTILES) / QUANTILES), shown_targets)
    k = max(1, min(NEIGHBORS, (len(shown) - 1) // 2))
    divided = 1 < len(np.unique(quarters)) < len(shown)
    places = zip(ids, shown_targets, flat.tolist(), mapped.tolist(), strict=False)
    return {
        "width": train.shape[1],
        "knn_mae": float(np.abs(nearest - targets).mean()),
        "mean_mae": float(np.abs(targets - train_targets.mean()).mean()),
        "silhouette": float(silhouette_score(shown, quarters)) if divided else None,
        "trustworthiness_pca": float(trustworthiness(shown, flat, n_neighbors=k)),
        "trustworthiness_tsne": float(trustworthiness(shown, mapped, n_neighbors=k)),
        "explained": float(np.nan_to_num(pca.explained_variance_ratio_.sum())),
        "crystals": tuple(Crystal(id=str(i), target=float(t), pca=tuple(a), tsne=tuple(b)) for i, t, a, b in places),
    }


def entries(spec: ModelSpec, settings: Any, layers: Sequence[int]) -> list[ConfiguredModel]:
    """The model at each of the depths, or at the profile's."""
    return [changed(spec, settings, n_layers=depth) for depth in dict.fromkeys(layers)] or [ConfiguredModel(spec, settings)]


LATENT = Study("latent-space", "What has a network learnt to see?", entries, Observer("latent", look))


@dataclass(frozen=True)
class Space:
    """A model with its settings, and what was seen of its folds."""

    model: str
    label: str
    point: Point

    @property
    def seen(self) -> tuple[Latent, ...]:
        """Of the folds that ended well."""
        return tuple(t.seen for t in self.point.trials if isinstance(t.seen, Latent) and t.seen.crystals)

    def mean(self, name: str) -> float | None:
        """Of a field, over the folds; None where none has it."""
        values = [value for one in self.seen if (value := getattr(one, name)) is not None]
        return float(np.mean(values)) if values else None


def spaces(found: Iterable[Trial]) -> list[Space]:
    """The networks in folds that may be compared, lowest error of the nearest neighbours first of those with all scores."""
    made = []
    for network in by_network(found, VARIED):
        trials = sorted(network.trials, key=lambda trial: trial.record.key.fold)
        made.append(Space(network.model, network.label, Point(tuple(trials))))

    def place(space: Space) -> tuple[bool, float, str]:
        mae = space.mean("knn_mae")
        return not space.point.scored, np.inf if mae is None else mae, space.label

    return sorted(made, key=place)
