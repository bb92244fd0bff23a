"""The page of a task of classes, as a reader uses it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmark.leaderboard.web.write import write_site
from benchmark.results.store import Store
from tests.benchmark.constructed import write_class_fold
from tests.browser.conftest import EVIL, FOLDS, TASKS, write_fold
from tests.browser.test_page import VIEWS, names, settled
from tests.browser.waiting import wait_until


@pytest.fixture
def class_site(tmp_path, monkeypatch):
    """The page of a task of three classes, the third with a hostile name, and of a task of numbers."""
    store, names = Store(tmp_path / "runs"), ("cubic", "other", EVIL)
    classes = np.arange(24) % 3
    for fold in range(FOLDS):
        for model, known in (("cgcnn", 0.8), ("megnet", 0.5), ("dummy", 1 / 3)):
            probabilities = np.where(classes[:, None] == np.arange(3), known, (1 - known) / 2)
            probabilities[fold] = np.roll(probabilities[fold], 1)  # the first crystals are taken for another class
            write_class_fold(store, model, fold, classes, probabilities, names=names)
        write_fold(store, TASKS[0], "cgcnn", fold)
    ids = [f"set/is_metal-{fold}-{row}" for fold in range(FOLDS) for row in range(24)]
    known = pd.DataFrame({"id": ids, "elements": [("Cu", "O") if n % 2 else ("Fe",) for n in range(len(ids))]})
    monkeypatch.setattr("benchmark.results.compositions.read", lambda root, dataset_hash: known)
    write_site(store, tmp_path / "site")
    return tmp_path / "site"


def test_classes_have_their_own_columns_and_figures(open_page, class_site):
    page = open_page("#task", site=class_site)
    assert page.locator("h1").inner_text() == "set/is_metal"
    heads = [text.split("\n")[0].strip("▲ ") for text in page.locator("thead th").all_inner_texts()]
    assert heads[2:7] == ["log-loss", "ROC-AUC", "balanced accuracy", "F1", "calibration error"]
    assert names(page) == ["cgcnn", "megnet", "dummy"]
    assert f"3 classes: cubic 33.3 %, other 33.3 %, {EVIL} 33.3 %" in page.locator(".facts").inner_text()
    page.get_by_role("button", name="ROC-AUC").click()
    assert "sort=roc_auc" in page.url
    page.get_by_label("task", exact=True).select_option(TASKS[0])
    wait_until(page, "document.querySelector('h1').textContent === 'set/energy'")
    assert "MAE" in page.locator("thead").inner_text() and "log-loss" not in page.locator("main table").inner_text()


def test_a_model_of_classes_shows_confusions_reliability_and_elements(open_page, class_site):
    page = open_page("#model", site=class_site)
    settled(page, "model")
    confusion = page.get_by_role("region", name="Test crystals by true class")
    # In each of three folds eight crystals a class, of which one is taken for the next class.
    assert confusion.locator("tbody tr").nth(0).locator("td").all_inner_texts() == [
        "23 (95.8 %)",
        "1 (4.2 %)",
        "0 (0.0 %)",
        "24",
    ]
    assert confusion.locator("tbody .head").nth(2).inner_text() == EVIL
    assert "How often the most probable class of cgcnn is right" in page.locator("figcaption").inner_text()
    page.locator("summary").click()
    cells = page.get_by_role("region", name="Share that is right by probability").locator("tbody tr").nth(0)
    assert cells.locator("th, td").all_inner_texts() == ["0.8 to 0.9", "72", "0.800", "0.958"]
    assert page.get_by_role("gridcell", name="Fe: log-loss").count() == 1
    worst = page.get_by_role("region", name="whose true class has the lowest probability").locator("tbody tr").nth(0)
    assert worst.locator("th, td").all_inner_texts() == ["set/is_metal-0-0", "Fe", "1", "cubic", "0.100", "other"]


def test_every_view_of_classes_opens(open_page, class_site):
    page = open_page(site=class_site)
    assert "lowest MAE or log-loss" in page.locator("main").inner_text()
    for view in VIEWS:
        page.get_by_role("navigation").get_by_role("link", name=view).click()
        if view in ("cost", "model"):
            settled(page, view)
        text = page.locator("main").inner_text()
        assert not any(word in text for word in ("NaN", "undefined", "null", "[object")), view
    page.wait_for_selector(".verdict")
    text = page.locator("main").inner_text()
    assert "cgcnn has the lower log-loss; " in text and "gives the true class a higher probability on" in text
    assert "log-loss of cgcnn minus log-loss of megnet" in text and "MAE" not in text


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_serious_violation_in_figures_of_classes(open_page, class_site, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page = open_page("#model", site=class_site, color_scheme=scheme)
    settled(page, "model")
    found = axe.run(page, context={"exclude": [[".plot > *"]]}, options={"preload": False}).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")] == []
