"""Support vector regression with the kernel exp(-γ|x - y|²) on sparse rows: scikit-learn's result from a kernel computed once.

libsvm evaluates one pair of rows at a time, and again whenever a row of the kernel has left its cache. Here scikit-learn's
`rbf_kernel` computes all of them by one sparse matrix product, and libsvm is given the finished matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import psutil
import scipy.sparse as sp

SHARE = 0.3
"""The most that a kernel may take of the memory available: three workers may each take theirs."""


@dataclass(frozen=True, eq=False)
class Kernel:
    """What libsvm is given: the finished matrix (n, n), or, where it takes too much memory, the rows (n, F)."""

    kind: Literal["precomputed", "rbf"]
    rows: np.ndarray | sp.csr_array
    gamma: float


def kernel_of(x: sp.csr_array, gamma: float) -> Kernel:
    """The kernel of (n, F) float64 rows.

    The kernel takes 8 n² bytes: 0.2 GB for 5,000 rows, 6.7 GB for 29,000. Where that is more than three tenths of the memory
    available, libsvm computes its rows as it needs them: the same result in more time.
    """
    from sklearn.metrics.pairwise import rbf_kernel

    if fits_in_memory(x.shape[0]):
        return Kernel("precomputed", rbf_kernel(x, gamma=gamma), gamma)
    return Kernel("rbf", x, gamma)


def fit_svr(kernel: Kernel, y: np.ndarray, penalty: float, epsilon: float) -> tuple[np.ndarray, ...]:
    """What scikit-learn's `SVR(kernel="rbf")` finds.

    Args:
        kernel: of n rows.
        y: (n,) targets.
        penalty: scikit-learn's C.
        epsilon: in the unit of the targets.

    Returns:
        (indices of the support vectors (S,), their dual coefficients (S,), intercept (1,)).
    """
    from sklearn.svm import SVR

    # The cache of kernel rows, in MB, changes the time alone.
    svr = SVR(kernel=kernel.kind, C=penalty, epsilon=epsilon, gamma=kernel.gamma, cache_size=1000).fit(kernel.rows, y)
    return svr.support_, sp.csr_array(svr.dual_coef_).toarray().ravel(), svr.intercept_


def fits_in_memory(n: int) -> bool:
    """Whether the kernel of `n` rows takes at most `SHARE` of the memory that is available now."""
    return 8 * n * n <= SHARE * psutil.virtual_memory().available
