"""The markdown board of a full set of records, as `leaderboard` and every `run` write it."""

from __future__ import annotations

import pytest

from benchmark.render.markdown import write_pages
from benchmark.scores import scored_runs
from benchmark.store import Store
from tests.benchmark.test_store import make

MODELS = [f"model-{number}" for number in range(16)]
FOLDS = 5


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    """Sixteen models on ten tasks, five folds each."""
    store = Store(tmp_path_factory.mktemp("board"))
    for target in range(10):
        for model in MODELS:
            for fold in range(FOLDS):
                record, predictions = make(fold, model)
                key = record.key.model_copy(update={"task": f"set/target-{target}", "target": f"target-{target}"})
                store.write(record.model_copy(update={"key": key}), predictions)
    return store


@pytest.mark.benchmark(group="board of 800 records")
def test_reading_and_scoring_the_records(measure, store):
    assert len(measure("ours", lambda: scored_runs(store), records=800)) == 160


@pytest.mark.benchmark(group="board of 800 records")
def test_rendering_the_pages(measure, store, tmp_path):
    runs = scored_runs(store)
    assert len(measure("ours", lambda: write_pages(runs, tmp_path), records=800)) == 11
