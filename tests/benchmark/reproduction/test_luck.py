"""A single round beside a figure without a standard deviation varies as other runs do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmark.leaderboard.published_results import PublishedResult
from benchmark.reproduction.cells import Cell, Table
from benchmark.reproduction.luck import Repeated, luck_of, with_luck
from benchmark.reproduction.page import page
from benchmark.reproduction.results import CellResult, Luck, cell_results
from benchmark.results.store import Store
from tests.benchmark.reproduction.test_results import result_of, write_rounds

UNPRINTED = PublishedResult("set/target", "cgcnn", 0.5, "A paper", "")
CELL = Cell("set/target", "cgcnn", "thesis", "shuffle", 10, published=(UNPRINTED,))

HERE = Repeated("set/target", "cgcnn", (0.9, 1.0, 1.1))  # SD 0.1 of a mean of 1
STEADY = Repeated("set/target", "cgcnn", (1.98, 2.0, 2.02, 2.0))
ELSEWHERE = Repeated("set/other", "cgcnn", (8.0, 10.0, 12.0))  # SD 2 of a mean of 10
OTHER_MODEL = Repeated("set/target", "megnet", (0.6, 1.0, 1.4))  # SD 0.4 of a mean of 1


@pytest.mark.parametrize(
    ("runs", "share", "origin"),
    [
        ([OTHER_MODEL, ELSEWHERE, STEADY, HERE], 0.1, "cgcnn on this task"),
        ([OTHER_MODEL, ELSEWHERE], 0.2, "cgcnn on other tasks"),
        ([OTHER_MODEL], 0.4, "all models"),
    ],
)
def test_the_runs_most_like_the_cell_tell_how_much_trainings_vary(runs, share, origin):
    assert luck_of(CELL, runs) == Luck(pytest.approx(share), 3, origin)


def test_what_another_publication_prints_for_the_cell_counts_first():
    printed = PublishedResult("set/target", "cgcnn", 0.4, "A thesis", "", std=0.02)
    cell = replace(CELL, published=(UNPRINTED, printed))
    assert luck_of(cell, [HERE]) == Luck(pytest.approx(0.05), 10, "the rounds of A thesis")


def test_a_single_round_has_the_standard_error_of_other_trainings(tmp_path):
    found = replace(result_of(write_rounds(tmp_path, [0.6]), CELL), luck=Luck(0.5, 3, "cgcnn on this task"))
    difference = found.difference(UNPRINTED)
    # A round varies by 0.5 × 0.6; 8 test and 32 training crystals: √(1 + 1/4). The published one is taken to vary as much.
    assert difference.standard_errors == pytest.approx(0.1 / (0.3 * np.sqrt(1.25) * np.sqrt(2)))
    assert difference.freedom == 2
    steady = replace(found, luck=Luck(0.001, 3, "cgcnn on this task")).difference(UNPRINTED)
    assert steady.standard_errors == pytest.approx(0.1 / (found.standard_error * np.sqrt(2))), "of the test crystals"


def test_a_single_round_alone_shows_no_difference(tmp_path):
    store = write_rounds(tmp_path, [5.0])
    found = result_of(store, CELL)
    assert luck_of(CELL, []) is None and not found.difference(UNPRINTED).is_shown
    text = page(Table("thesis-4", "A table", (CELL,)), [found], store)
    assert "not shown to differ (1 round; SD of trainings not known)" in text and "5.00 / 0.5 (c) †1" in text


def test_published_rounds_of_the_cell_count_before_other_runs_and_the_page_says_what_they_decide(tmp_path):
    own, board = (
        write_rounds(tmp_path / "own", [0.6]),
        write_rounds(tmp_path / "board", [1.0, 1.2, 0.8], key={"profile": "standard"}),
    )
    published = result_of(write_rounds(tmp_path / "published", [0.4, 0.5, 0.6]), CELL)
    found = [result_of(own, CELL)]
    (one,) = with_luck([CELL], found, board, {"set/target"}, [published])
    assert one.luck == Luck(pytest.approx(0.2), 3, "the 3 published rounds of this cell")
    line = "has more rounds of these cells than this one, and decides: cgcnn (target): 3 rounds, 0.500."
    assert line in page(Table("thesis-4", "A table", (CELL,)), found, board, [published])
    assert "than this one" not in page(Table("thesis-4", "A table", (CELL,)), found, board, found)


def test_runs_of_the_table_and_of_the_board_count_but_miniatures_do_not(tmp_path):
    def luck(cells: list[Cell], store: Store, board: Store) -> Luck | None:
        found = with_luck(cells, cell_results(cells, [store]), board, {"set/target"})
        assert isinstance(found[0], CellResult)
        return found[0].luck

    own, board = write_rounds(tmp_path / "own", [0.6]), Store(tmp_path / "board")
    megnet = replace(CELL, model="megnet", published=())
    write_rounds(own.root, [0.9, 1.0, 1.1], "megnet")
    assert luck([CELL, megnet], own, board) == Luck(pytest.approx(0.1), 3, "all models")
    write_rounds(board.root, [1.0, 3.0], key={"profile": "mini"})
    assert luck([CELL, megnet], own, board) == Luck(pytest.approx(0.1), 3, "all models")
    write_rounds(board.root, [1.0, 1.2, 0.8], key={"profile": "standard"})
    assert luck([CELL, megnet], own, board) == Luck(pytest.approx(0.2), 3, "cgcnn on this task")
