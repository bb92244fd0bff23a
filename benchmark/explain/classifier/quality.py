"""How good the explained classifier is: an explanation of a bad one explains nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from benchmark.explain.records import Quality

BINS = 10
"""Of the calibration error, equally wide."""


def no_better_than_chance(auc: float, interval: tuple[float, float]) -> str | None:
    """Why nothing is tested: the classifier may have learnt nothing. None where it has: its interval lies above 1/2.

    The gate before all other tests: what a network that has learnt nothing prefers is no statement about its task, however
    surely it prefers it, and the chance to pass the gate with classes dealt out at random is 2.5 %.
    """
    if interval[0] > 0.5:
        return None
    return f"the classifier may be no better than chance (AUC {auc:.3f}, 95 % {interval[0]:.3f} to {interval[1]:.3f})"


def quality(high: np.ndarray, probabilities: np.ndarray) -> Quality:
    """Of probabilities (n,) of the class high, given the classes (n,); where only one class occurs the AUC is 1/2.

    The interval is Hanley & McNeil's, Radiology 143, 29 (1982).
    """
    high = high.astype(bool)
    n_high, n_low = int(high.sum()), int((~high).sum())
    auc, error = 0.5, 0.5
    if n_high and n_low:
        auc = float(roc_auc_score(high, probabilities))
        one, two = auc / (2 - auc), 2 * auc * auc / (1 + auc)
        spread = auc * (1 - auc) + (n_high - 1) * (one - auc * auc) + (n_low - 1) * (two - auc * auc)
        error = math.sqrt(spread / (n_high * n_low))
    return Quality(
        n=len(high),
        high_share=float(high.mean()),
        accuracy=float(((probabilities > 0.5) == high).mean()),
        auc=auc,
        auc_interval=(max(0.0, auc - 1.96 * error), min(1.0, auc + 1.96 * error)),
        calibration_error=calibration_error(high, probabilities),
    )


def calibration_error(high: np.ndarray, probabilities: np.ndarray) -> float:
    """Expected calibration error: |mean probability - share of high|, averaged over bins by their size.

    Guo et al., Proc. Mach. Learn. Res. 70, 1321 (2017).
    """
    bins = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    gap = np.bincount(bins, probabilities - high, minlength=BINS)
    return float(np.abs(gap).sum() / len(high))


@dataclass(frozen=True)
class Agreement:
    """How often the classifier and a full regressor, split at the same threshold, say the same of a crystal."""

    n: int
    share: float
    kappa: float | None
    """Cohen's; None where both say one class only."""


def agreement(classifier_high: np.ndarray, regressor_high: np.ndarray) -> Agreement:
    """Of two predictions (n,) of the class high."""
    same = float((classifier_high == regressor_high).mean())
    constant = len(np.unique(np.concatenate([classifier_high, regressor_high]))) < 2
    kappa = None if constant else float(cohen_kappa_score(classifier_high, regressor_high))
    return Agreement(len(classifier_high), same, kappa)
