"""The scores of a fold, by scikit-learn."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from benchmark.records import Scores


def score(targets: np.ndarray, predictions: np.ndarray) -> Scores:
    """MAE, RMSE (both in the target's unit) and R²; R² is None for fewer than two crystals."""
    return Scores(
        mae=float(mean_absolute_error(targets, predictions)),
        rmse=float(root_mean_squared_error(targets, predictions)),
        r2=float(r2_score(targets, predictions)) if len(targets) > 1 else None,
    )
