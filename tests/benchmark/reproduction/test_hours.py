"""Hours of training on record, and the gain of a GPU, against numbers computed by hand."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from benchmark.leaderboard.board import read_board
from benchmark.reproduction.hours import hours_so_far
from benchmark.results.learning_rate import GRIDS, RateChoice, TriedRate
from benchmark.results.records import Times
from benchmark.results.store import Store
from benchmark.schema import Duration
from tests.benchmark.constructed import make, write_fold

TASK = "cgcnn/log10_k_vrh"
START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def _took(wall_s: float, device_s: float) -> Times:
    return Times(graphs_wall_s=0, training=Duration(wall_s=wall_s, device_s=device_s), inference=Duration(wall_s=0, device_s=0))


@pytest.fixture
def store(tmp_path) -> Store:
    """Two folds of a core, a tenth of each spent on the search for the rate, and the same two overlapping on a GPU."""
    store, rates = Store(tmp_path), GRIDS["standard"]
    tried = tuple(TriedRate(learning_rate=rate, validation_loss=1) for rate in (0.1, 0.2, 0.3))
    choice = RateChoice(tried=tried, epochs=1, cost=Duration(wall_s=900, device_s=360))
    gpu = make(0, "cgcnn")[0].machine.model_copy(update={"device": "a GPU"})
    for fold in (0, 1):
        of_core = {"times": _took(9000, 3600), "epochs_run": 30, "rate_choice": choice}
        write_fold(store, "cgcnn", fold, [0.1] * 8, task=TASK, key={"rates": rates}, **of_core)
        of_gpu = {"times": _took(900, 900), "epochs_run": 30, "started_at": START + timedelta(seconds=450 * fold)}
        write_fold(store, "cgcnn", fold, [0.1] * 8, task=TASK, key={"device": "gpu"}, machine=gpu, **of_gpu)
    write_fold(store, "mpnn", 0, [0.1] * 8, task=TASK, key={"profile": "mini"}, times=_took(9000, 9000))
    return store


def test_hours_are_those_of_the_device_without_miniatures(store):
    spent, _ = hours_so_far(read_board(store), {}, {})
    assert spent == (
        "Training at published size took 2.0 hours of a processor core (boards of cgcnn 2.0) and 0.50 hours of a GPU that "
        "folds share (boards of cgcnn 0.50)."
    )


def test_a_fold_counts_once_for_the_first_that_has_it(store):
    records = (record for _, paths in store.tasks() for path in paths for record in store.read_all(path))
    one = next(record for record in records if record.key.device == "gpu")
    spent, *_ = hours_so_far(read_board(store), {"thesis-6": [one], "omee-3": [one]}, {})
    assert "thesis-6 0.25, boards of cgcnn 0.25" in spent and "omee-3" not in spent


def test_the_gain_of_a_gpu_is_without_the_search_and_counts_shared_time_once(store):
    """A core: 2 · (3600 - 360) s for 60 epochs. The GPU: busy for 1,350 s, not 1,800, for 60 epochs."""
    _, gain = hours_so_far(read_board(store), {}, {})
    assert gain.startswith("An hour of a GPU would add what 4.8 core hours train") and "(cgcnn, a GPU, 1 task)" in gain


def test_nothing_is_said_where_nothing_ran(tmp_path):
    (tmp_path / "records").mkdir()
    assert list(hours_so_far(read_board(Store(tmp_path)), {}, {})) == []


def test_studies_count_what_boards_lack(store):
    records = [record for _, paths in store.tasks() for path in paths for record in store.read_all(path)]
    whole = next(record for record in records if record.key.device == "cpu" and record.key.model == "cgcnn")
    part = whole.model_copy(update={"key": whole.key.model_copy(update={"protocol": "kfold(5, train 1/2)"})})
    spent, *_ = hours_so_far(read_board(store), {}, {"learning-curve": [*records, part]})
    assert "3.0 hours of a processor core (boards of cgcnn 2.0, learning-curve study 1.0)" in spent, spent
