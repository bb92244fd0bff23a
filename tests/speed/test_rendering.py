"""The markdown board and the web page of a full set of records, as `leaderboard` and every `run` write it.

50 models on 20 tasks of 40,000 crystals are 5,000 records and 0.7 GB of predictions: BENCHMARK_LARGEST=1 asks for them.
"""

from __future__ import annotations

import os
import shutil

import pytest

from benchmark.leaderboard.board import Board, read_board
from benchmark.leaderboard.pages.write import write_pages
from benchmark.leaderboard.web.write import write_site
from tests.speed.synthetic_records import synthetic_store

LARGEST = [
    pytest.mark.slow, pytest.mark.skipif(not os.environ.get("BENCHMARK_LARGEST"), reason="needs BENCHMARK_LARGEST=1")
]  # fmt: skip

SIZES = [
    pytest.param((16, 10, 1_000), id="16 models, 10 tasks, 1,000 crystals"),
    pytest.param((50, 20, 40_000), id="50 models, 20 tasks, 40,000 crystals", marks=LARGEST),
]
FOLDS = 5


@pytest.fixture(scope="module", params=SIZES)
def store(request, tmp_path_factory):
    """(store, models, tasks)."""
    models, tasks, crystals = request.param
    root = tmp_path_factory.mktemp("board")
    yield synthetic_store(root, models, tasks, crystals, FOLDS), models, tasks
    shutil.rmtree(root)


def read(store) -> Board:
    """With all that is computed from the records."""
    board = read_board(store)
    assert board.tracks
    return board


@pytest.mark.benchmark(group="reading a board")
def test_reading_scoring_and_ranking_the_records(measure, store):
    records, models, tasks = store
    board = measure("ours", lambda: read(records), rounds=2, warmup=0, records=models * tasks * FOLDS)
    assert len(board.comparison_groups) == tasks


@pytest.mark.benchmark(group="rendering a board")
def test_rendering_the_pages(measure, store, tmp_path):
    records, models, tasks = store
    board = read(records)
    pages = measure("ours", lambda: write_pages(board, tmp_path), rounds=3, records=models * tasks * FOLDS)
    assert len(pages) == 1 + tasks + models


@pytest.mark.benchmark(group="reading a board and writing its web page")
def test_reading_the_records_and_writing_the_web_page(measure, store, tmp_path):
    records, models, tasks = store
    board = measure("ours", lambda: write_site(records, tmp_path), rounds=2, warmup=0, records=models * tasks * FOLDS)
    assert len(list((tmp_path / "details").glob("*/*.js"))) == len(board.comparison_groups) * (1 + models)
