"""Time and memory against the number of crystals, each size in a process of its own, whose peak is nobody else's.

367,370 crystals take minutes a phase and 6 GB for their graphs: BENCHMARK_LARGEST=1 asks for them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmark.harness.worker import SPINS
from datasets.crystals import Crystals

ROUNDS = {1_000: 5, 3_000: 3, 10_000: 3, 36_737: 3, 367_370: 1}
SIZES = [
    *(size for size in ROUNDS if size < 100_000),
    pytest.param(367_370, marks=[
        pytest.mark.slow, pytest.mark.skipif(not os.environ.get("BENCHMARK_LARGEST"), reason="needs BENCHMARK_LARGEST=1")
    ]),
]  # fmt: skip
JITTER = 0.001
"""Standard deviation of what is added to the fractional coordinates of repeated crystals."""


class Phase:
    """A process that does one phase when it is asked to."""

    def __init__(self, phase: str, path: Path) -> None:
        command = [sys.executable, "-m", "tests.speed.phase", phase, str(path)]
        here, pipe = Path(__file__).resolve().parents[2], subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=here, env={**os.environ, **SPINS})
        self.ready = self.answer()

    def answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        assert line, f"the process ended with {self.process.wait()}; most likely memory ran out"
        return json.loads(line)

    def __call__(self) -> dict[str, Any]:
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self.answer()

    def __enter__(self) -> Phase:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.stdin.close()
        self.process.wait()


def sized(materials: Crystals, n: int) -> Crystals:
    """n of the crystals, drawn with a fixed seed; where n is larger, all of them repeated with their atoms jittered."""
    rng = np.random.default_rng(0)
    if n <= len(materials):
        return materials.take(rng.permutation(len(materials))[:n])
    times = n // len(materials)
    ids = np.array([str(row) for row in range(n)], dtype=object)
    coords = np.tile(materials.frac_coords, (times, 1))
    return Crystals(
        ids=ids,
        lattice=np.tile(materials.lattice, (times, 1, 1)),
        pbc=np.tile(materials.pbc, (times, 1)),
        offsets=np.concatenate([[0], np.cumsum(np.tile(materials.n_atoms, times))]),
        atomic_numbers=np.tile(materials.atomic_numbers, times),
        frac_coords=coords + rng.normal(0, JITTER, coords.shape),
        targets=pd.concat([materials.targets] * times).set_axis(pd.Index(ids, name="material_id")),
    )


@pytest.fixture(scope="module")
def table(materials, tmp_path_factory) -> Callable[[int], Path]:
    """The Parquet file of a set of some size."""
    folder = tmp_path_factory.mktemp("sizes")

    @cache
    def write(n: int) -> Path:
        sized(materials, n).to_parquet(folder / f"{n}.parquet")
        return folder / f"{n}.parquet"

    return write


@pytest.fixture(scope="module")
def with_graphs(table) -> Callable[[int], Path]:
    """The same, its graphs in the cache: training reads them there, as every fold but a set's first does."""

    @cache
    def prepare(n: int) -> Path:
        with Phase("prediction", table(n)):
            return table(n)

    return prepare


def measure_phase(measure, benchmark, phase: str, path: Path, n: int) -> None:
    with Phase(phase, path) as process:
        done = measure("ours", process, rounds=ROUNDS[n], warmup=int(n <= 10_000), **process.ready)
    assert process.ready["crystals"] == n
    assert done["edges"] >= 12 * process.ready["atoms"]
    benchmark.extra_info |= done


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.benchmark(group="scaling of graph building")
def test_graphs(measure, benchmark, table, n):
    measure_phase(measure, benchmark, "graphs", table(n), n)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.benchmark(group="scaling of a training epoch of CGCNN, one thread")
def test_training(measure, benchmark, with_graphs, n):
    measure_phase(measure, benchmark, "training", with_graphs(n), n)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.benchmark(group="scaling of prediction by CGCNN, one thread")
def test_prediction(measure, benchmark, with_graphs, n):
    measure_phase(measure, benchmark, "prediction", with_graphs(n), n)
