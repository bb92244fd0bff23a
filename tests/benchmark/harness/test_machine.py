"""What a fold's record says about memory."""

from __future__ import annotations

import sys

import pytest
import torch

from benchmark.harness.machine import peak_memory, reset_peak_memory
from models.training import keep_freed_memory

MB = 1 << 20


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux resets the peak of a process")
def test_the_peak_of_a_fold_is_not_that_of_an_earlier_one():
    keep_freed_memory()
    reset_peak_memory("cpu")
    before = peak_memory()
    large = torch.ones(300 * MB // 4)
    assert peak_memory() > before + 250 * MB
    del large
    reset_peak_memory("cpu")
    assert peak_memory() < before + 100 * MB
