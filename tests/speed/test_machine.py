"""What this machine can do: the ceilings that the floors of every other file are computed with."""

from __future__ import annotations

import pytest
import torch

COPIED = 1 << 30
"""Bytes of the array copied: far more than any last-level cache holds."""


@pytest.mark.benchmark(group="copy of 1 GiB")
def test_copy_bandwidth(measure):
    source, target = torch.ones(COPIED // 4), torch.zeros(COPIED // 4)
    measure("ceiling", lambda: target.copy_(source), rounds=7, bytes=2 * COPIED)
    assert torch.equal(source, target)


@pytest.mark.parametrize(("n", "m", "k"), [(100_000, 256, 256), (4096, 4096, 4096)])
@pytest.mark.benchmark(group="matrix product, float32")
def test_matrix_product(measure, n, m, k):
    a, b, product = torch.rand(n, k), torch.rand(k, m), torch.empty(n, m)
    measure("ceiling", lambda: torch.mm(a, b, out=product), rounds=7, flops=2 * n * m * k)
    assert torch.allclose(product[0], a[0] @ b, rtol=1e-4)
