from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from benchmark.leaderboard.board import read_board
from benchmark.leaderboard.pages.write import write_pages
from benchmark.leaderboard.parity import BINS, parity
from benchmark.leaderboard.parity_figure import parity_figure
from benchmark.results.store import Store
from tests.benchmark.constructed import write_class_fold, write_run

SVG = "{http://www.w3.org/2000/svg}"
TARGETS = np.linspace(0.0, 10.0, 201)


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store(tmp_path)
    for model, mae in (("cgcnn", 0.2), ("schnet", 0.5), ("dummy", 2.0)):
        write_run(store, model, mae)
    return store


def test_every_crystal_is_counted_a_right_prediction_on_the_diagonal_and_a_far_one_at_the_border():
    found = parity(TARGETS, {"right": TARGETS, "far": np.full(len(TARGETS), 1e9)})
    right, far = found.counts["right"], found.counts["far"]
    assert right.sum() == far.sum() == len(TARGETS)
    assert np.array_equal(right, np.diag(np.diag(right)))
    assert far[BINS - 1].sum() == len(TARGETS)


def test_equal_targets_have_a_picture_too():
    assert parity(np.ones(5), {"a": np.zeros(5)}).counts["a"].sum() == 5


def test_every_model_has_a_panel_and_the_baseline_none(store):
    write_run(store, "<script>", 0.3)
    groups = read_board(store).comparison_groups
    drawn = parity_figure(groups)
    texts = [element.text for element in ElementTree.fromstring(drawn).iter(f"{SVG}text")]
    assert {"cgcnn", "schnet", "<script>", "vertical: predicted, horizontal: true [eV]"} <= set(texts)
    assert "dummy" not in texts
    assert sum(str(text).startswith("MAE 0.") for text in texts) == 3
    assert drawn == parity_figure(groups)


def test_the_page_of_a_task_shows_the_picture_and_that_of_classes_has_none(store):
    for fold in (0, 1):
        for model, p in (("cgcnn", 0.9), ("schnet", 0.6)):
            write_class_fold(store, model, fold, [0, 1] * 4, [[p, 1 - p], [1 - p, p]] * 4)
    pages = {page.relative_to(store.root).as_posix() for page in write_pages(read_board(store), store.root)}
    assert "](target.svg)" in (store.root / "tasks/set/target.md").read_text()
    assert "tasks/set/target.svg" in pages
    assert "tasks/set/is_metal.svg" not in pages
    assert ".svg" not in (store.root / "tasks/set/is_metal.md").read_text()
