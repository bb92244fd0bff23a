"""The scores of a fold."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from benchmark.schema import Strict


class Scores(Strict):
    """Errors in the target's unit."""

    mae: float = Field(ge=0)
    rmse: float = Field(ge=0)
    r2: float | None


class Metrics(Strict):
    """Scores of the three parts."""

    train: Scores
    validation: Scores
    test: Scores


def score(targets: np.ndarray, predictions: np.ndarray) -> Scores:
    """MAE, RMSE (both in the target's unit) and R²; R² is None for fewer than two crystals.

    They are scikit-learn's, also where all targets are equal; its checks of the input would take most of the time of reading
    a board.
    """
    errors = predictions - targets
    residual = float(errors @ errors)
    # The mean of equal numbers may differ from them in the last digit.
    spread = float(((targets - targets.mean()) ** 2).sum()) if np.ptp(targets) else 0.0
    r2 = 1 - residual / spread if spread else float(not residual)
    return Scores(
        mae=float(np.abs(errors).mean()),
        rmse=float(np.sqrt(residual / len(errors))),
        r2=r2 if len(targets) > 1 else None,
    )
