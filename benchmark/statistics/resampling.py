"""Bootstrap samples of crystals, the same for all models of a task. Needs no torch."""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits

from benchmark.tasks.folds import ids_hash

RESAMPLES = 10_000
BLOCK = 1 << 22
"""Crystals in one matrix product of the bootstrap, which bounds its memory to some 40 MB."""
DRAW = 1 << 15
"""Crystals counted at once, or one sample: counters that the processor's cache holds."""


def generator(seed: int, ids: np.ndarray) -> np.random.Generator:
    """Random numbers that follow from the seed and the set of ids: tasks on the same crystals draw the same crystals."""
    return np.random.default_rng([seed, int(ids_hash(map(str, ids))[:16], 16)])


def resampled_means(ids: np.ndarray, errors: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 0) -> np.ndarray:
    """(resamples, M) mean loss of every model on bootstrap samples of the crystals; a row is one sample.

    Every sample, the same for all models, draws as many crystals as there are, with replacement, each with all its rows. It
    is the plain bootstrap without any approximation; only the sums are ordered cleverly: how often each crystal was drawn
    times the errors is one matrix product for all models. The order of the rows has no say, as crystals are numbered in the
    order of their ids.

    Args:
        ids: (n,) of the crystals.
        errors: (n, M) losses.
        resamples: how many samples.
        seed: of the draws, which also depend on the ids.
    """
    crystals, inverse = np.unique(ids, return_inverse=True)
    rows = np.bincount(inverse)
    sums = np.add.reduceat(errors[np.argsort(inverse, kind="stable")], np.cumsum(rows) - rows, axis=0)
    rng, n = generator(seed, crystals), len(crystals)
    times = np.empty((min(resamples, max(1, BLOCK // n)), n))
    blocks = []
    # A second thread makes a product this narrow no faster, and takes its core from another process.
    with threadpool_limits(1, "blas"):
        for start in range(0, resamples, len(times)):
            block = times[: resamples - start]
            for few in np.split(block, range(max(1, DRAW // n), len(block), max(1, DRAW // n))):
                drawn = rng.integers(0, n, few.shape)
                drawn += n * np.arange(len(few))[:, None]
                few[:] = np.bincount(drawn.ravel(), minlength=few.size).reshape(few.shape)
            blocks.append(block @ sums / (block @ rows)[:, None])
    return np.concatenate(blocks)
