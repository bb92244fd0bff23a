from __future__ import annotations

import json

import pytest

from benchmark.leaderboard.as_json import row_as_json
from benchmark.leaderboard.board import read_board
from benchmark.leaderboard.pages.model import model_pages
from benchmark.leaderboard.pages.task import task_page
from benchmark.leaderboard.rows import RATE_NOTE
from benchmark.leaderboard.terminal import terminal_table
from benchmark.leaderboard.web.board_data import board_data
from benchmark.results.learning_rate import RateChoice, RateGrid, TriedRate
from benchmark.results.store import Store
from benchmark.schema import Duration
from benchmark.tasks.metrics import Metrics, Scores
from tests.benchmark.constructed import make, write_fold, write_run

GRID = RateGrid(factors=(1 / 3, 1.0, 3.0), share=0.1)


def choice(best: float) -> RateChoice:
    tried = tuple(TriedRate(learning_rate=rate, validation_loss=abs(rate - best)) for rate in (0.001, 0.003, 0.009))
    return RateChoice(tried=tried, epochs=3, cost=Duration(wall_s=12.5, device_s=12.5))


def write_chosen(store: Store, rates: list[float], model: str = "cgcnn") -> None:
    for fold, rate in enumerate(rates):
        key = {"rates": GRID, "settings": {"epochs": 30, "learning_rate": 0.003}}
        write_fold(store, model, fold, [0.1, 0.2], key=key, rate_choice=choice(rate))


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "runs")


def test_boards_show_the_chosen_rates_and_what_the_choice_cost(store):
    write_chosen(store, [0.003, 0.001, 0.003, 0.003, 0.009])
    write_run(store, "dummy", 1.0)
    board = read_board(store)
    page = task_page(board.comparison_groups)
    assert " 0.003 (3), 0.001 (1), 0.009 (1) |" in page and " 12.5 s |" in page
    assert "chosen on validation, fold by fold: 0.333, 1, 3 times the setting, each tried for 0.1 of the epochs" in page
    assert (
        "chosen on validation from 0.001, 0.003, 0.009, each tried for 10 % of the epochs"
        in dict(model_pages(board, {}))["models/cgcnn.md"]
    )
    keys = {column["key"]: column for column in board_data(board)["kinds"]["numbers"]["columns"]}
    assert keys["rate"]["optional"] and keys["rate_cost"]["optional"]
    row = next(row for row in board.comparison_groups[0].rows if row.model == "cgcnn")
    assert json.loads(json.dumps(row_as_json(row)))["folds"][0]["rate_choice"]["cost"]["wall_s"] == 12.5


def test_a_run_that_chose_its_rate_is_told_from_one_that_did_not(store):
    write_chosen(store, [0.003] * 5)
    for fold in range(5):
        write_fold(store, "cgcnn", fold, [0.1, 0.3], key={"settings": {"epochs": 30, "learning_rate": 0.003}})
    labels = {row.label for row in read_board(store).comparison_groups[0].rows}
    assert "cgcnn (rate not chosen)" in labels and len(labels) == 2
    assert "cgcnn" in labels, "the profile's own run keeps the plain name"


def test_a_row_whose_rate_was_set_has_a_mark_where_no_other_row_stands_beside_it(store):
    def labels_of(profile: str, **changes) -> set[str]:
        key = {"profile": profile, "settings": {"epochs": 30, "learning_rate": 0.003}}
        for fold in range(5):
            write_fold(store, "cgcnn", fold, [0.1, 0.3], key=key, **changes)
        rows = read_board(store).comparison_groups
        return {row.label for group in rows for row in group.rows if row.run.first.key.profile == profile}

    assert labels_of("standard") == {"cgcnn (rate not chosen)"}
    assert RATE_NOTE in task_page(read_board(store).comparison_groups)
    assert labels_of("paper") == {"cgcnn"}, "no rate is searched there"


def test_a_changed_rate_is_in_the_name_once(store):
    key = {"profile": "standard", "settings": {"epochs": 30, "learning_rate": 0.01}}
    for fold in range(5):
        write_fold(store, "cgcnn", fold, [0.1, 0.3], key=key, changed={"learning_rate": 0.01})
    assert [row.label for row in read_board(store).comparison_groups[0].rows] == ["cgcnn (learning_rate=0.01)"]


def scores(mae: float) -> Scores:
    return Scores(mae=mae, rmse=mae, r2=0.5)


def write_trained(store: Store, model: str, training: float, best_epoch: int, folds: int = 5) -> None:
    for fold in range(folds):
        test = make(fold, model, 0.1)[0].metrics.test
        metrics = Metrics(train=scores(training), validation=test, test=test)
        store.write(*make(fold, model, 0.1, metrics=metrics, best_epoch=best_epoch))


def test_a_network_that_more_epochs_would_help_carries_the_mark_on_boards_and_in_rows(store):
    write_trained(store, "under", training=0.095, best_epoch=3)
    write_trained(store, "overfitted", training=0.05, best_epoch=3)
    write_trained(store, "peaked", training=0.095, best_epoch=2)
    board = read_board(store)
    group = board.comparison_groups[0]
    marked = {row.model: row_as_json(row)["not_trained_out"] for row in group.rows}
    assert marked == {"under": True, "overfitted": False, "peaked": False}
    page = task_page(board.comparison_groups)
    assert page.count("not trained out") == 2, "one row, and what the mark means"
    assert "more epochs would probably help" in page
    assert terminal_table(group).count("not trained out") == 1
    pages = model_pages(board, {})
    assert "(not trained out)" in pages["models/under.md"] and "not trained out" not in pages["models/peaked.md"]


def test_a_model_without_epochs_has_no_mark(store):
    for fold in range(5):
        store.write(*make(fold, "dummy", 0.1, epochs_run=0, best_epoch=0))
    assert "not trained out" not in task_page(read_board(store).comparison_groups)
