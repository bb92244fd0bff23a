"""The markdown board of a full set of records, as `leaderboard` and every `run` write it."""

from __future__ import annotations

import pytest

from benchmark.board import read_board
from benchmark.render.markdown import write_pages
from benchmark.store import Store
from tests.benchmarks.synthetic_records import synthetic_store

MODELS, TASKS, FOLDS, CRYSTALS = 16, 10, 5, 1_000


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return synthetic_store(tmp_path_factory.mktemp("board"), MODELS, TASKS, CRYSTALS, FOLDS)


@pytest.mark.benchmark(group="board of 800 records")
def test_reading_scoring_and_ranking_the_records(measure, store):
    records = MODELS * TASKS * FOLDS
    assert len(measure("ours", lambda: read_board(store), rounds=3, records=records).contests) == TASKS


@pytest.mark.benchmark(group="board of 800 records")
def test_rendering_the_pages(measure, store, tmp_path):
    board = read_board(store)
    pages = measure("ours", lambda: write_pages(board, tmp_path), records=MODELS * TASKS * FOLDS)
    assert len(pages) == 1 + TASKS + MODELS
