"""Support vector regression with the kernel exp(-γ|x - y|²) on sparse rows: scikit-learn's result from a kernel computed once.

libsvm evaluates one pair of rows at a time, and again whenever a row of the kernel has left its cache. Here the products of
all rows are scipy's sparse matrix products, and libsvm is given the finished matrix.
"""

from __future__ import annotations

import numpy as np
import psutil
import scipy.sparse as sp

ROWS = 500
"""Rows of the kernel computed at once."""

SHARE = 0.3
"""The most that a kernel may take of the memory available: three workers may each take theirs."""


def fit_svr(x: sp.csr_array, y: np.ndarray, penalty: float, epsilon: float, gamma: float) -> tuple[np.ndarray, ...]:
    """What scikit-learn's `SVR(kernel="rbf")` finds.

    The kernel takes 8 n² bytes: 0.2 GB for 5,000 rows, 6.7 GB for 29,000. Where that is more than three tenths of the memory
    available, libsvm computes its rows as it needs them: the same result in more time.

    Args:
        x: (n, F) float64.
        y: (n,) targets.
        penalty: scikit-learn's C.
        epsilon: in the unit of the targets.
        gamma: of the kernel.

    Returns:
        (indices of the support vectors (S,), their dual coefficients (S,), intercept (1,)).
    """
    from sklearn.svm import SVR

    kernel, rows = "rbf", x
    if fits_in_memory(x.shape[0]):
        kernel, rows = "precomputed", kernel_matrix(x, gamma)
    # The cache of kernel rows, in MB, changes the time alone.
    svr = SVR(kernel=kernel, C=penalty, epsilon=epsilon, gamma=gamma, cache_size=1000).fit(rows, y)
    return svr.support_, sp.csr_array(svr.dual_coef_).toarray().ravel(), svr.intercept_


def fits_in_memory(n: int) -> bool:
    """Whether the kernel of `n` rows takes at most `SHARE` of the memory that is available now."""
    return 8 * n * n <= SHARE * psutil.virtual_memory().available


def kernel_matrix(x: sp.csr_array, gamma: float) -> np.ndarray:
    """(n, n) float64 kernel of the rows among themselves, symmetric; what libsvm has, but for the last digit of exp."""
    squares = row_squares(x)
    kernel = np.empty((x.shape[0], x.shape[0]))
    for start in range(0, len(kernel), ROWS):
        stop = min(start + ROWS, len(kernel))
        block = kernel[start:stop, start:]
        # |x|² + |y|² - 2x·y, rounded at every step as libsvm rounds it.
        np.add(squares[start:stop, None], squares[start:], out=block)
        products = (x[start:stop] @ x[start:].T.tocsr()).toarray()
        products *= 2
        block -= products
        block *= -gamma
        np.exp(block, out=block)
        for i in range(stop, len(kernel), ROWS):  # a square at a time, which the processor's cache holds
            kernel[i : i + ROWS, start:stop] = kernel[start:stop, i : i + ROWS].T
    return kernel


def row_squares(x: sp.csr_array) -> np.ndarray:
    """(n,) |x|², added up in the order in which a sparse product adds: the distance of equal rows is exactly 0."""
    # libsvm steps elsewhere where its kernel of two equal crystals is not exactly 1.
    return x.multiply(x) @ np.ones(x.shape[1])
