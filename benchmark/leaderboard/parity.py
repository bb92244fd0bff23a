"""Predictions beside true values: crystals counted on a grid, small enough to keep for every row. Needs no torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BINS = 40
SHOWN = 0.995
"""The axes span the targets between this quantile and its counterpart, and a little more; what lies beyond is at the border."""


@dataclass(frozen=True, eq=False)
class Parity:
    """Crystals by true and by predicted value."""

    low: float
    high: float
    """Of both axes, the same for all models."""
    counts: dict[str, np.ndarray]
    """(BINS, BINS) of each model, by label; the first index is the prediction's."""


def parity(targets: np.ndarray, predictions: dict[str, np.ndarray]) -> Parity:
    """Count (n,) crystals by their true value and by what each model predicted."""
    low, high = np.quantile(targets, [1 - SHOWN, SHOWN])
    margin = 0.05 * (high - low) or 0.5
    low, high = float(low - margin), float(high + margin)
    edges = np.linspace(low, high, BINS + 1)
    true, *predicted = (np.clip(values, low, high) for values in (targets, *predictions.values()))
    counts = [np.histogram2d(own, true, bins=[edges, edges])[0].astype(np.uint32) for own in predicted]
    return Parity(low, high, dict(zip(predictions, counts, strict=True)))
