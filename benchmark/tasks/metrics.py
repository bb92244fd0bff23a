"""The scores of a fold: of predicted numbers, or of predicted probabilities of classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field, model_validator
from scipy.stats import rankdata

from benchmark.schema import Strict
from datasets.errors import InputError

BINS = 10
"""Of the calibration error."""
LEAST = np.finfo(float).eps
"""The probability that log-loss takes for a smaller one, as scikit-learn does."""


class Scores(Strict):
    """Errors in the target's unit."""

    mae: float = Field(ge=0)
    rmse: float = Field(ge=0)
    r2: float | None

    @property
    def loss(self) -> float:
        """What models are compared by, lower is better: the MAE."""
        return self.mae


class ClassScores(Strict):
    """How well classes are predicted; all are scikit-learn's but the calibration error.

    roc_auc: that the probability orders a crystal of the class above another; of more than two classes the mean of each
        against the rest. None where a class that is needed has no crystal, or all have it.
    balanced_accuracy: the mean over classes of the share of its crystals that are recognised.
    f1: of the last of two classes; of more the mean over classes.
    log_loss: the mean of -ln p(true class).
    calibration_error: the mean distance of stated probability and observed share, over 10 bins of the probability of the
        most probable class, weighted by their crystals; Guo et al., ICML 34, 1321 (2017), eq. 3.
    """

    roc_auc: float | None = Field(ge=0, le=1)
    balanced_accuracy: float = Field(ge=0, le=1)
    f1: float = Field(ge=0, le=1)
    log_loss: float = Field(ge=0)
    calibration_error: float = Field(ge=0, le=1)

    @property
    def loss(self) -> float:
        """What models are compared by, lower is better: the log-loss."""
        return self.log_loss


AnyScores = Scores | ClassScores


class Metrics(Strict):
    """Scores of the three parts; of the validation part None where the protocol has none."""

    train: AnyScores
    validation: AnyScores | None
    test: AnyScores


class LeakScores(Strict):
    """The loss of a fold apart on test crystals whose structure is also in training or validation (seen), and on the others.

    seen, new: the mean loss of `n_seen` and of `n_new` test crystals; None of none.
    """

    n_seen: int = Field(ge=0, lt=2**40)
    n_new: int = Field(ge=0, lt=2**40)
    seen: float | None = Field(ge=0)
    new: float | None = Field(ge=0)

    @property
    def loss(self) -> float:
        """The mean over all test crystals."""
        return ((self.seen or 0.0) * self.n_seen + (self.new or 0.0) * self.n_new) / (self.n_seen + self.n_new)

    @model_validator(mode="after")
    def _a_part_has_crystals_or_no_loss(self) -> LeakScores:
        if (self.n_seen == 0) != (self.seen is None) or (self.n_new == 0) != (self.new is None):
            raise ValueError("a part of the test crystals has a loss where it has no crystal, or none where it has some")
        if not self.n_seen + self.n_new:
            raise ValueError("no test crystals")
        return self


def of_numbers(scores: AnyScores) -> Scores:
    """The scores themselves. Raises InputError where they are of classes, which have no MAE."""
    if isinstance(scores, ClassScores):
        raise InputError("scores of classes, where those of numbers are expected")
    return scores


def score(targets: np.ndarray, predictions: np.ndarray) -> AnyScores:
    """The scores of (n,) predicted numbers, or of (n, K) probabilities; targets (n,) are then the numbers of the classes.

    They are scikit-learn's, also where all targets are equal; its checks of the input would take most of the time of reading
    a board. R² is None for fewer than two crystals.
    """
    return _class_scores(targets.astype(int), predictions) if predictions.ndim == 2 else _scores(targets, predictions)


def losses(targets: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """(n,) what each crystal adds to the mean `loss`: |error|, or -ln p(true class)."""
    if predictions.ndim == 1:
        return np.abs(predictions - targets)
    # Probabilities may miss a sum of 1 by rounding; scikit-learn scales them.
    chosen = predictions[np.arange(len(targets)), targets.astype(int)] / predictions.sum(axis=1)
    return -np.log(chosen.clip(LEAST, 1.0))


def leak_scores(targets: np.ndarray, predictions: np.ndarray, seen: np.ndarray) -> LeakScores:
    """The losses of the crystals that are `seen` (n,) and of the others; the rest is as for `score`."""
    each = losses(targets, predictions)
    parts = {"seen": each[seen], "new": each[~seen]}
    means = {name: float(part.mean()) if len(part) else None for name, part in parts.items()}
    return LeakScores(n_seen=len(parts["seen"]), n_new=len(parts["new"]), **means)


def _scores(targets: np.ndarray, predictions: np.ndarray) -> Scores:
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


def _class_scores(classes: np.ndarray, probabilities: np.ndarray) -> ClassScores:
    n_classes = probabilities.shape[1]
    chosen = probabilities.argmax(axis=1)
    confusion = np.bincount(classes * n_classes + chosen, minlength=n_classes**2).reshape(n_classes, n_classes)
    right, true, stated = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    f1 = 2 * right / np.maximum(1, true + stated)
    return ClassScores(
        roc_auc=_roc_auc(classes, probabilities),
        balanced_accuracy=float((right[true > 0] / true[true > 0]).mean()),
        f1=float(f1[1] if n_classes == 2 else f1[true + stated > 0].mean()),
        log_loss=float(losses(classes, probabilities).mean()),
        calibration_error=_calibration_error(classes == chosen, probabilities.max(axis=1)),
    )


def _roc_auc(classes: np.ndarray, probabilities: np.ndarray) -> float | None:
    """The share of pairs of a crystal of the class and another that its probability orders rightly, ties half."""
    found = []
    for number in range(probabilities.shape[1])[1 if probabilities.shape[1] == 2 else 0 :]:
        of_class = classes == number
        n, others = int(of_class.sum()), int((~of_class).sum())
        if not n or not others:
            return None
        ranks = rankdata(probabilities[:, number])[of_class].sum()
        found.append((ranks - n * (n + 1) / 2) / (n * others))
    return float(np.mean(found))


def _calibration_error(right: np.ndarray, stated: np.ndarray) -> float:
    bins = np.minimum((stated * BINS).astype(int), BINS - 1)
    gaps: Any = np.bincount(bins, right - stated, minlength=BINS)
    return float(np.abs(gaps).sum() / len(right))
