"""Speed, measured: `pytest -o addopts= --benchmark-only tests/benchmarks`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from datasets import registry
from datasets.crystals import Crystals


def pytest_runtest_setup(item: pytest.Item) -> None:
    """In an ordinary run nothing is measured, and no large set is loaded for it."""
    if "measure" in item.fixturenames and item.config.getoption("benchmark_disable"):
        pytest.skip("only worth its time when it is measured")


@pytest.fixture
def measure(benchmark) -> Callable[..., Any]:
    """Measures a call and returns its result."""

    def call_and_measure(role, call, *, rounds=5, warmup=1, floor_bytes=0, floor_flops=0, **extra):
        benchmark.extra_info |= {"role": role, "floor_bytes": floor_bytes, "floor_flops": floor_flops, **extra}
        return benchmark.pedantic(call, rounds=rounds, warmup_rounds=warmup)

    return call_and_measure


@pytest.fixture(scope="session")
def materials(shared_data) -> Crystals:
    """The 36,737 crystals of the CGCNN list."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCHMARK_DATA", str(shared_data("cgcnn/materials.parquet").parents[1]))
        return registry.load("cgcnn")
