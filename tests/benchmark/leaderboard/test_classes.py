"""Boards of tasks whose target is a class."""

from __future__ import annotations

import json
import re
from math import log

import numpy as np
import pytest

from benchmark.leaderboard.as_json import row_as_json
from benchmark.leaderboard.board import Board, read_board
from benchmark.leaderboard.columns import COLUMNS, PAGE, columns_of
from benchmark.leaderboard.kinds import CLASSES, NUMBERS
from benchmark.leaderboard.pages.write import write_pages
from benchmark.leaderboard.terminal import terminal_table
from benchmark.leaderboard.web.board_data import board_data
from benchmark.leaderboard.web.class_details import confusion, reliability
from benchmark.leaderboard.web.write import write_site
from benchmark.results.publish import publish_records
from benchmark.results.store import Store
from benchmark.results.submission import examine
from tests.benchmark.constructed import failed, make, write_class_fold, write_run

CRYSTALS = [0, 0, 0, 1, 1]
METAL = {"cgcnn": [0.1, 0.1, 0.4, 0.6, 0.9], "dummy": [0.4] * 5}
"""Probability of the second class, above 0.5 where it is right of the first model, never of the second."""
LOSS = {"cgcnn": -(3 * log(0.9) + 2 * log(0.6)) / 5, "dummy": -(3 * log(0.6) + 2 * log(0.4)) / 5}
HEADER = [
    "verdict", "model", "log-loss", "ROC-AUC", "balanced accuracy", "F1", "calibration error", "log-loss / best other", "rank",
    "log-loss / dummy",
]  # fmt: skip


def write_classes(store: Store, model: str, metal: list[float], folds: int = 5, **changes) -> None:
    for fold in range(folds):
        write_class_fold(store, model, fold, CRYSTALS, np.column_stack([1 - np.array(metal), metal]), **changes)


@pytest.fixture
def store(tmp_path) -> Store:
    """A model that knows two classes, and the dummy, in five folds."""
    store = Store(tmp_path / "runs")
    for model, metal in METAL.items():
        write_classes(store, model, metal)
    return store


def pages_of(store: Store) -> dict[str, str]:
    pages = write_pages(read_board(store), store.root)
    return {page.relative_to(store.root).as_posix(): page.read_text() for page in pages}


def lines_of(page: str, start: str) -> list[list[str]]:
    """The cells of the lines of tables that begin so."""
    lines = [line for line in page.splitlines() if line.startswith(f"| {start}")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def only(board: Board):
    (group,) = board.comparison_groups
    return group


# -- columns and pages -----------------------------------------------------------------------------


def test_the_scores_of_classes_by_hand(store):
    page = pages_of(store)["tasks/set/is_metal.md"].split("###")[0]
    (header,), (best,), (dummy,) = (lines_of(page, start) for start in ("verdict", "best or equal ", "worse "))
    assert header[:11] == [*HEADER, "training / fold"]
    assert (best[0], best[1]) == ("best or equal", "[cgcnn](../../models/cgcnn.md)")
    # Three crystals stated 0.9 and two stated 0.6 are right: (3 · 0.1 + 2 · 0.4) / 5
    assert [*best[2:7], best[9]] == [
        "0.2675 ± 0.0000",
        "1.0000 ± 0.0000",
        "1.0000 ± 0.0000",
        "1.0000 ± 0.0000",
        "0.2200 ± 0.0000",
        "0.398",
    ]
    assert [*dummy[2:7], dummy[9]] == [
        "0.6730 ± 0.0000",
        "0.5000 ± 0.0000",
        "0.5000 ± 0.0000",
        "0.0000 ± 0.0000",
        "0.0000 ± 0.0000",
        "1.00",
    ]
    assert LOSS["cgcnn"] == pytest.approx(0.2675, abs=5e-5) and LOSS["cgcnn"] / LOSS["dummy"] == pytest.approx(0.398, abs=5e-4)


def test_the_page_of_a_task_tells_classes_shares_and_what_is_compared(store):
    page = pages_of(store)["tasks/set/is_metal.md"]
    assert "2 classes of the test crystals: insulator 60.0 % and metal 40.0 %. F1 is of the second, metal." in page
    assert "the log-loss of predicting each class's share of the training targets" in page
    assert "how many times larger the log-loss of the second is" in page and "ratio of the log-loss" in page
    assert "MAE" not in page and "Unit" not in page
    assert "--profile standard --protocol kfold --folds 5 --no-group-duplicates --seed 0" in page


def test_three_classes_and_no_ranked_row(tmp_path):
    store = Store(tmp_path)
    names = ("cubic", "<b>", "other")
    write_class_fold(store, "cgcnn", 0, [0, 1, 2, 2], np.eye(3)[[0, 1, 2, 2]] * 0.7 + 0.1, names=names)
    page = pages_of(store)["tasks/set/is_metal.md"]
    shares = "3 classes of the test crystals: cubic 25.0 %, &lt;b&gt; 25.0 % and other 50.0 %."
    assert f"{shares} ROC-AUC and F1 are means over the classes." in page
    other = Store(tmp_path / "other")
    key = make()[0].key.model_copy(update={"classes": names, "protocol": "kfold(5, stratified)"})
    other.write(failed(0, key=key), None)
    assert "3 classes: cubic, &lt;b&gt; and other." in pages_of(other)["tasks/set/target.md"]


def test_other_pages_say_log_loss_of_classes(store):
    pages = pages_of(store)
    index = pages["README.md"]
    assert "MAE" not in index
    assert lines_of(index, "[set/is_metal]")[0][4:6] == ["cgcnn 0.2675 ± 0.0000", "0.398"]
    assert "log-loss" in lines_of(index, "model ")[0][1]
    model = pages["models/cgcnn.md"]
    assert lines_of(model, "task ")[0][:7] == ["task", "track", "verdict", "rank", "log-loss", "ROC-AUC", "log-loss / dummy"]
    assert lines_of(model, "[set/is_metal]")[0][2:7] == [
        "best or equal",
        "1 of 2",
        "0.2675 ± 0.0000",
        "1.0000 ± 0.0000",
        "0.398",
    ]


def test_tasks_of_numbers_are_shown_as_without_classes(store, tmp_path):
    alone = Store(tmp_path / "alone")
    for where in (store, alone):
        for model, mae in (("cgcnn", 0.2), ("schnet", 0.5), ("dummy", 2.0)):
            write_run(where, model, mae)
    both, numbers = pages_of(store), pages_of(alone)
    assert both["tasks/set/target.md"] == numbers["tasks/set/target.md"]
    for name in ("README.md", "models/cgcnn.md"):
        tables = [block for block in numbers[name].split("\n\n") if block.startswith("| task") and "MAE" in block]
        assert len(tables) == 1 and tables[0] in both[name]
        assert "log-loss" in both[name] and "log-loss" not in numbers[name]


def test_models_over_tasks_of_classes_are_scored_by_log_loss(store):
    write_classes(store, "schnet", [0.3] * 3 + [0.7] * 2)
    for model, metal in (METAL | {"schnet": [0.3] * 3 + [0.7] * 2}).items():
        write_classes(store, model, metal, task="set/is_magnetic")
    page = pages_of(store)["README.md"]
    assert "cgcnn has the lowest log-loss, 0.398 (" in page
    assert "Ratios of log-loss are averaged" in page
    over = page.split("## Over 2 tasks of 1 crystal set")[1]
    assert lines_of(over, "verdict ")[0][:4] == ["verdict", "model", "log-loss / best other", "log-loss / dummy"]
    assert next(cells[3][:7] for cells in lines_of(over, "") if cells[1].startswith("[cgcnn]")) == "0.398 ("


def test_a_terminal_and_json_have_the_scores_of_classes(store):
    group = only(read_board(store))
    header, _, first, *_ = terminal_table(group).splitlines()
    assert re.split("  +", header)[:7] == HEADER[:7] and "MAE" not in header
    assert first.split()[:5] == ["best", "or", "equal", "cgcnn", "0.2675"]
    row = json.loads(json.dumps(row_as_json(group.rows[0])))
    assert row["unit"] is None
    assert row["log_loss"] == pytest.approx(LOSS["cgcnn"]) and row["log_loss_std"] == pytest.approx(0)
    assert row["classes"] == ["insulator", "metal"] and "mae" not in row
    assert row["folds"][0]["metrics"]["test"]["roc_auc"] == 1


def test_a_column_is_of_one_kind_or_of_both_and_keys_are_unique():
    for kind in (NUMBERS, CLASSES):
        keys = [column.key for column in COLUMNS if kind in column.kinds]
        assert len(set(keys)) == len(keys) and kind.field in keys
    assert {column.heading for column in columns_of(PAGE, NUMBERS)} & {"log-loss", "ROC-AUC", "F1"} == set()


# -- what is compared ------------------------------------------------------------------------------


def test_numbers_and_classes_of_one_published_split_share_no_track(tmp_path):
    store = Store(tmp_path)
    published = {"protocol": "published split"}
    for model, metal in METAL.items():
        write_classes(store, model, metal, folds=1, protocol="published split")
        write_run(store, model, 0.5 if model == "cgcnn" else 1.0, folds=1, key=published)
    tracks = {track.title: track.kind for track in read_board(store).tracks}
    assert tracks == {
        "standard, published split": NUMBERS,
        "standard, published split, classes": CLASSES,
    }


def test_runs_of_other_classes_are_another_comparison_group(store):
    write_classes(store, "schnet", METAL["cgcnn"], names=("metal", "insulator"))
    groups = read_board(store).comparison_groups
    assert sorted(len(group.rows) for group in groups) == [1, 2]


def test_classes_are_published_and_rendered_from_there(store, tmp_path, monkeypatch):
    monkeypatch.setattr("benchmark.results.publish.check_ground_truth", lambda *arguments: ([], ""))
    board = Store(tmp_path / "board")
    assert len(publish_records(store, board, (), (), replace=False)) == 10
    assert publish_records(store, board, (), (), replace=False) == []
    assert pages_of(board)["tasks/set/is_metal.md"] == pages_of(store)["tasks/set/is_metal.md"]
    report = examine(store, board)
    assert (report.problems, report.added, report.unchanged) == ((), (), 10)


# -- the web page ----------------------------------------------------------------------------------


def payload_of(root, group: dict, name: str) -> dict:
    text = (root / "details" / group["id"] / f"{name}.js").read_text()
    return json.loads(re.fullmatch(r'board\.receive\("[^"]*", (.*)\);\n', text)[1])


def test_the_web_page_has_the_columns_of_each_kind(store):
    data = board_data(read_board(store))
    kinds = data["kinds"]
    assert [column["heading"] for column in kinds["classes"]["columns"]][:10] == HEADER
    assert [column["heading"] for column in kinds["numbers"]["columns"]][2:7] == [
        "MAE", "RMSE", "R²", "MAE / best other", "rank",
    ]  # fmt: skip
    scores = [column["key"] for column in kinds["classes"]["columns"] if column["score"]]
    assert scores == ["log_loss", "roc_auc", "balanced_accuracy", "f1", "calibration_error", "seen", "new"]
    (group,) = data["comparison_groups"]
    assert (group["kind"], group["classes"], group["class_counts"]) == ("classes", ("insulator", "metal"), (15, 10))
    assert group["baseline"] == pytest.approx(LOSS["dummy"], abs=1e-5)
    best = group["rows"][0]
    assert best["loss"][0] == pytest.approx(LOSS["cgcnn"], abs=1e-6)
    assert best["cells"][2] == ["0.2675 ± 0.0000", pytest.approx(LOSS["cgcnn"], abs=1e-6)]
    assert group["fronts"]["parameters"] == [[0]]
    assert data["tracks"][0]["kind"] == "classes" and data["published"] == {}


def test_details_of_classes_by_hand(store, tmp_path):
    root = tmp_path / "site"
    (group,) = board_data(write_site(store, root))["comparison_groups"]
    shared = payload_of(root, group, "group")
    assert shared["crystals"] == 25 and "targets" not in shared
    assert (shared["pairs"]["wins"], shared["pairs"]["losses"]) == ([20], [0])  # both give 0.6 to one crystal of each fold
    dummy = payload_of(root, group, group["rows"][1]["file"])
    assert dummy["confusion"] == [[15, 0], [10, 0]]
    assert dummy["reliability"]["counts"] == [0] * 6 + [25] + [0] * 3
    assert (dummy["reliability"]["stated"][6], dummy["reliability"]["right"][6]) == (0.6, 0.6)
    assert dummy["reliability"]["stated"][0] is None
    worst = dummy["worst"][0]
    assert worst == {"id": "set/is_metal-0-3", "elements": None, "fold": 0, "target": 1, "chosen": 0, "probability": 0.4}
    assert [crystal["target"] for crystal in dummy["worst"]] == [1] * 10 + [0] * 10


def test_confusions_and_reliability_of_three_classes_by_hand():
    classes = np.array([0, 1, 2, 2])
    probabilities = np.array([[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.75, 0.1, 0.15]])
    assert confusion(classes, probabilities).tolist() == [[1, 0, 0], [1, 0, 0], [1, 0, 1]]
    found = reliability(classes, probabilities)
    assert found["counts"] == [0, 0, 0, 0, 0, 1, 0, 2, 1, 0]
    assert (found["stated"][7], found["right"][7]) == (0.725, 0.5)
    assert (found["right"][5], found["right"][8]) == (0, 1)
