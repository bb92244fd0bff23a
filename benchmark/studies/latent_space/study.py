"""What the latent-space study trains, and how it looks at the space behind the last layer of each fold's network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, trustworthiness
from sklearn.metrics import silhouette_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

from benchmark.harness.execution import Observer
from benchmark.harness.job import Job
from benchmark.harness.outcome import Outcome, prepared
from benchmark.studies.latent_space.conclusions import NEIGHBORS, SHOWN, LatentReport, MappedCrystal
from benchmark.studies.planning import ConfiguredModel, Study, changed
from benchmark.tasks.folds import Fold
from benchmark.tasks.tasks import TaskData
from models.contract import ModelSpec
from models.graph.layer_features import features_by_layer
from models.graph.message_passing import readout_mean
from models.graph.table import GraphTable
from models.graph_model import GraphModel

QUANTILES = 4


def look(job: Job, data: TaskData, fold: Fold, outcome: Outcome | None) -> LatentReport:
    """The latent space of a fold. Whatever goes wrong here becomes its reason: a fold is not lost for it."""
    model = outcome.model if outcome else None
    if not isinstance(model, GraphModel):
        return LatentReport(reason="the fold has no trained network")
    try:
        inputs: GraphTable = prepared(job.task, job.model, job.settings, job.device)[0]
        train, test = (represent(model, inputs, rows) for rows in (fold.train, fold.test))
        ids = data.crystals.ids[fold.test].astype(str)
        values = summarize(train, data.targets[fold.train], test, data.targets[fold.test], ids)
        return LatentReport(**values)
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        return LatentReport(reason=reason)


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
    """The fields of `LatentReport` from (n, F) and (m, F) representations and their targets (n,), (m,).

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
        "crystals": tuple(MappedCrystal(id=str(i), target=float(t), pca=tuple(a), tsne=tuple(b)) for i, t, a, b in places),
    }


def models_to_run(spec: ModelSpec, settings: Any, layers: Sequence[int]) -> list[ConfiguredModel]:
    """The model at each of the depths, or at the profile's."""
    return [changed(spec, settings, n_layers=depth) for depth in dict.fromkeys(layers)] or [ConfiguredModel(spec, settings)]


STUDY = Study("latent-space", models_to_run, Observer(LatentReport.kind, look))
