"""Speed and memory, measured: `tox -e benchmarks`, or `pytest -o addopts= --benchmark-only tests/speed`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import metadata
from typing import Any, Literal, TypeVar

import numpy as np
import psutil
import pytest
import torch

from benchmark.harness import machine
from datasets import registry
from datasets.crystals import Crystals
from models.training import denormals_flushed, keep_freed_memory

Role = Literal["ours", "baseline", "ceiling"]
T = TypeVar("T")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """In an ordinary run nothing is measured, and no large set is loaded for it."""
    if "measure" in item.fixturenames and item.config.getoption("benchmark_disable"):
        pytest.skip("only worth its time when it is measured: tox -e benchmarks")


def pytest_benchmark_update_machine_info(machine_info: dict[str, Any]) -> None:
    """What a time depends on and pytest-benchmark does not say."""
    here = machine.machine(machine.choose_device("auto"), torch.get_num_threads(), workers=1)
    versions = machine.versions()
    with suppress(metadata.PackageNotFoundError):  # only a baseline needs it
        versions = versions | {"torch-geometric": metadata.version("torch-geometric")}
    machine_info["benchmark"] = {"machine": here.model_dump(), "versions": versions}


@pytest.fixture(scope="session", autouse=True)
def as_in_training(pytestconfig) -> Iterator[None]:
    """Memory and denormal numbers, for the baselines too, and before torch starts its threads."""
    if pytestconfig.getoption("benchmark_disable"):
        yield
        return
    keep_freed_memory()
    with denormals_flushed():
        yield


def used_seconds() -> tuple[float, float, float]:
    """Of the clock, of all processors at work, and of the processors in this process and those that it has waited for."""
    machine, ours = psutil.cpu_times(), os.times()
    return time.perf_counter(), machine.user + machine.nice + machine.system, sum(ours[:4])


@pytest.fixture
def measure(benchmark) -> Callable[..., Any]:
    """Measures a call and returns its result: `measure("ours", call, rounds=5, floor_bytes=…, crystals=…)`.

    The role is "ours", "baseline" (one a group) or "ceiling" (what the machine can do). The floors are the bytes that the
    call must read and write and the operations that it must do, however it is written; whatever else is named goes into
    the report: `target`, the ratio to the baseline aimed at; `peak_bytes`; `crystals`; `edges`.
    """

    def call_and_measure(
        role: Role,
        call: Callable[[], T],
        *,
        rounds: int = 5,
        warmup: int = 1,
        floor_bytes: float = 0,
        floor_flops: float = 0,
        **extra: Any,
    ) -> T:
        benchmark.extra_info |= {"role": role, "floor_bytes": floor_bytes, "floor_flops": floor_flops, **extra}
        before = used_seconds()
        found = benchmark.pedantic(call, rounds=rounds, warmup_rounds=warmup)
        wall, everyone, ours = (after - start for after, start in zip(used_seconds(), before, strict=True))
        benchmark.extra_info["other_cores"] = max(0.0, (everyone - ours) / wall)
        return found

    return call_and_measure


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As a worker of a run has it, where there is a worker for each core."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def materials(shared_data) -> Crystals:
    """The 36,737 crystals of the CGCNN list."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCHMARK_DATA", str(shared_data("cgcnn/materials.parquet").parents[1]))
        return registry.load("cgcnn")


@pytest.fixture(scope="session")
def some(materials) -> Crystals:
    """1,000 of them, drawn with a fixed seed."""
    return materials.take(np.random.default_rng(0).choice(len(materials), 1000, replace=False))
