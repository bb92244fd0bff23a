"""What the web page shows of predicted classes: which are taken for which, and whether probabilities hold. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from benchmark.leaderboard.comparison_groups import GroupPredictions
from benchmark.leaderboard.pair_answers import PairAnswer
from benchmark.leaderboard.web.details import CrystalGroups, numbers, pairs_details, rounded
from benchmark.tasks.metrics import BINS

WORST = 20
"""Crystals listed of those whose true class got the lowest probability."""


def class_group_details(
    predictions: GroupPredictions, answers: Sequence[PairAnswer], elements: CrystalGroups | None
) -> dict[str, Any]:
    """What all models of a comparison group share: elements, and what tells each pair apart."""
    return {
        "crystals": len(predictions.ids),
        "elements": elements and {"symbols": elements.names, "counts": elements.counts.tolist()},
        "pairs": pairs_details(predictions, answers),
    }


def class_model_details(predictions: GroupPredictions, elements: CrystalGroups | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Label and details of each model of a comparison group."""
    losses = predictions.losses
    of_elements = elements.means(losses) if elements else None
    classes = predictions.targets.astype(int)
    for m, label in enumerate(predictions.labels):
        probabilities = predictions.values[:, m]
        yield (
            label,
            {
                "label": label,
                "confusion": confusion(classes, probabilities).tolist(),
                "reliability": reliability(classes, probabilities),
                "worst": [_crystal(predictions, m, n, elements) for n in np.argsort(-losses[:, m], kind="stable")[:WORST]],
                "elements": None if of_elements is None else numbers(of_elements[:, m]),
            },
        )


def confusion(classes: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """(K, K) crystals by true class and most probable class, of (n,) classes and (n, K) probabilities."""
    n_classes = probabilities.shape[1]
    places = classes * n_classes + probabilities.argmax(axis=1)
    return np.bincount(places, minlength=n_classes**2).reshape(n_classes, n_classes)


def reliability(classes: np.ndarray, probabilities: np.ndarray) -> dict[str, list[Any]]:
    """By bin of the probability of the most probable class: crystals, the mean probability, the share that is right.

    The bins are those of the calibration error; one without a crystal has None.
    """
    stated, right = probabilities.max(axis=1), classes == probabilities.argmax(axis=1)
    bins = np.minimum((stated * BINS).astype(int), BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    with np.errstate(invalid="ignore"):
        means = [numbers(np.bincount(bins, values, minlength=BINS) / counts) for values in (stated, right)]
    return {"counts": counts.tolist(), "stated": means[0], "right": means[1]}


def _crystal(predictions: GroupPredictions, m: int, n: int, elements: CrystalGroups | None) -> dict[str, Any]:
    """What a model says of one crystal."""
    probabilities, true = predictions.values[n, m], int(predictions.targets[n])
    return {
        "id": str(predictions.ids[n]),
        "elements": elements and elements.texts[elements.text_of[n]],
        "fold": int(predictions.folds[n]),
        "target": true,
        "chosen": int(probabilities.argmax()),
        "probability": rounded(float(probabilities[true]), 3),
    }
