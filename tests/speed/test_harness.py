"""What the harness costs: all of a fold that is not graph building, training or predicting."""

from __future__ import annotations

import time
from statistics import median

import numpy as np
import pytest

from benchmark.harness import execution, outcome
from benchmark.harness.execution import execute
from benchmark.harness.job import Job, load_task
from benchmark.harness.run import run_jobs
from benchmark.results.store import Store
from benchmark.tasks.folds import Protocol
from benchmark.tasks.tasks import TaskData, find_tasks
from datasets import registry
from models.graph_model import GraphModel
from models.registry import get

ALLOYS = "emt/alloys/formation_energy_per_atom"
MATERIALS = "cgcnn/formation_energy_per_atom"


def quick(task: str, model: str, fold: int = 0) -> Job:
    return Job(*find_tasks(task), model, get(model).settings("mini"), "mini", Protocol("kfold", 5), fold, seed=0)


class Clock:
    """Adds up the seconds that the methods of the model take."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.seconds = 0.0
        for name in ("prepare", "fit", "predict"):
            patch.setattr(GraphModel, name, self._timed(getattr(GraphModel, name)))

    def _timed(self, method):
        def call(*arguments):
            start = time.perf_counter()
            try:
                return method(*arguments)
            finally:
                self.seconds += time.perf_counter() - start

        return call


@pytest.fixture(params=[ALLOYS, MATERIALS])
def task_loaded(request, monkeypatch) -> str:
    """A task in the state in which a worker has it from its second fold on; 1,000 crystals of either set."""
    if request.param == MATERIALS:
        some = request.getfixturevalue("some")
        targets = some.targets["formation_energy_per_atom"].to_numpy()
        data = TaskData(*find_tasks(MATERIALS), some, targets, None, some, np.ones(len(some), dtype=bool))
        for module in (execution, outcome):
            monkeypatch.setattr(module, "load_task", lambda task: data)
    else:
        load_task(*find_tasks(ALLOYS))
    return request.param


@pytest.mark.usefixtures("one_thread")
@pytest.mark.benchmark(group="a mini fold of CGCNN on 1,000 crystals, one thread")
def test_a_fold(measure, benchmark, task_loaded, tmp_path, monkeypatch):
    job, store, clock = quick(task_loaded, "cgcnn"), Store(tmp_path), Clock(monkeypatch)
    overheads, fractions = [], []

    def fold():
        outcome.prepared.cache_clear()
        clock.seconds, start = 0.0, time.perf_counter()
        record = execute(job, store)
        wall = time.perf_counter() - start
        overheads.append(wall - clock.seconds)
        fractions.append(overheads[-1] / wall)
        assert record.times.training.wall_s < clock.seconds < wall
        return record

    assert measure("ours", fold, rounds=5, crystals=1000).status == "complete"
    # The first is the warm-up, which reads the graphs' source, the commit and the versions.
    benchmark.extra_info |= {"overhead_fraction": median(fractions[1:]), "overhead_s": median(overheads[1:])}
    benchmark.extra_info["first_overhead_s"] = overheads[0]


@pytest.mark.parametrize("name", [ALLOYS, MATERIALS])
@pytest.mark.benchmark(group="loading a task, as each worker does once")
def test_loading_a_task(measure, name, shared_data, monkeypatch):
    if name == MATERIALS:
        monkeypatch.setenv("BENCHMARK_DATA", str(shared_data("cgcnn/materials.parquet").parents[1]))
    (task,) = find_tasks(name)

    def load():
        registry.load.cache_clear()
        return load_task.__wrapped__(task)

    data = measure("ours", load)
    assert len(data.crystals) == len(data.targets)


@pytest.mark.benchmark(group="one fold of the mean in a worker of its own")
def test_starting_a_worker(measure, tmp_path):
    job, store = quick(ALLOYS, "dummy"), Store(tmp_path)
    (record,) = measure("ours", lambda: run_jobs((job,), store, print, lambda job, record: None), rounds=3)
    assert record.status == "complete"
