from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import stdtrit

from benchmark.leaderboard.published_results import CGCNN, THESIS, PublishedResult
from benchmark.reproduction.cells import Cell, Table
from benchmark.reproduction.page import page
from benchmark.reproduction.publishing import publish_cells
from benchmark.reproduction.results import CellResult, Difference, cell_results
from benchmark.results.store import Store
from datasets.errors import InputError
from tests.benchmark.constructed import failed, write_fold

PAPER = PublishedResult("set/target", "cgcnn", 0.5, "A paper", "other labels", std=0.04, training_s=1802, epochs=30)
CELL = Cell("set/target", "cgcnn", "thesis", "shuffle", 10, published=(PAPER,))
KEY = {"profile": "thesis", "protocol": "shuffle(80:10:10)", "settings": {"n_layers": 3, "epochs": 3}}


def write_rounds(root: Path, maes: list[float], model: str = "cgcnn", key: dict | None = None, **changes) -> Store:
    store = Store(root)
    for fold, mae in enumerate(maes):
        errors = mae * np.array([0.5, 1.5] * 4)
        write_fold(store, model, fold, errors, key={**KEY, **(key or {})}, **changes)
    return store


def result_of(store: Store, cell: Cell = CELL) -> CellResult:
    (found,) = cell_results([cell], [store])
    assert found
    return found


def test_a_mean_over_rounds_has_an_interval_for_rounds_that_share_training_crystals(tmp_path):
    found = result_of(write_rounds(tmp_path, [0.4, 0.5, 0.6]))
    # Of 8 test and 32 training crystals: (1/3 + 1/4) of the variance.
    error = np.sqrt((1 / 3 + 1 / 4) * 0.01)
    assert (found.mae, found.standard_error) == (pytest.approx(0.5), pytest.approx(error))
    assert found.interval == pytest.approx((0.5 - 4.3027 * error, 0.5 + 4.3027 * error), rel=1e-4)


def test_one_round_has_the_interval_of_its_test_crystals(tmp_path):
    found = result_of(write_rounds(tmp_path, [0.4]))
    assert found.standard_error == pytest.approx(0.4 * np.std([0.5, 1.5] * 4, ddof=1) / np.sqrt(8))


def test_the_difference_is_in_standard_errors_of_both_figures(tmp_path):
    found = result_of(write_rounds(tmp_path, [0.6, 0.7, 0.8]))
    own, printed = np.sqrt((1 / 3 + 1 / 4) * 0.01), 0.04 * np.sqrt(1 / 10 + 1 / 4)
    difference = found.difference(PAPER)
    assert difference.standard_errors == pytest.approx(0.2 / np.hypot(own, printed))
    assert difference.freedom == pytest.approx((own**2 + printed**2) ** 2 / (own**4 / 2 + printed**4 / 9))
    unprinted = PublishedResult("set/target", "cgcnn", 0.5, "A paper", "")
    difference = found.difference(unprinted)
    assert (difference.standard_errors, difference.freedom) == (pytest.approx(0.2 / (own * np.sqrt(2))), 2)


def test_a_figure_is_reproduced_where_the_whole_interval_is_small(tmp_path):
    """Welch's interval of the difference, relative to the published error, within a tenth."""
    found = result_of(write_rounds(tmp_path, [0.500, 0.501, 0.502]))
    sharp = replace(PAPER, std=0.001)
    own, printed = np.sqrt((1 / 3 + 1 / 4) * 1e-6), 0.001 * np.sqrt(1 / 10 + 1 / 4)
    close = found.difference(sharp)
    half = stdtrit(close.freedom, 0.975) * np.hypot(own, printed) / 0.5
    assert close.interval == pytest.approx((0.002 - half, 0.002 + half)) and close.is_small and not close.is_shown
    assert not found.difference(PAPER).is_small, "too uncertain"
    far = found.difference(replace(sharp, mae=0.4))
    assert far.is_shown and not far.is_small
    assert not Difference(9.0, 9, (0.03, 0.06)).is_shown, "some percent, for certain: reproduced"


def test_few_rounds_need_a_larger_difference():
    # Student's t at 97.5 %: 4.303 with 2 degrees of freedom, 2.228 with 10.
    assert Difference(-4.4, 2).is_shown and not Difference(-4.2, 2).is_shown
    assert Difference(2.3, 10).is_shown and not Difference(2.2, 10).is_shown


def test_one_round_is_taken_to_vary_as_much_as_a_published_round(tmp_path):
    found = result_of(write_rounds(tmp_path, [0.6]))
    paper = PublishedResult("set/target", "cgcnn", 0.5, "A paper", "", std=0.4)
    assert found.standard_error < 0.2, "of the test crystals alone"
    difference = found.difference(paper)
    assert difference.standard_errors == pytest.approx(0.1 / (0.4 * np.sqrt(1 + 1 / 4 + 1 / 10 + 1 / 4)))
    assert difference.freedom == pytest.approx(1.6**2 * 9 / (1.25**2 + 0.35**2))


def test_only_rounds_of_the_cells_own_settings_protocol_and_seed_count(tmp_path):
    store = write_rounds(tmp_path, [0.4, 0.5])
    write_rounds(tmp_path, [9.0], key={"profile": "mini"})
    write_rounds(tmp_path, [9.0], key={"seed": 1})
    write_rounds(tmp_path, [9.0], key={"settings": {"n_layers": 9, "epochs": 3}}, changed={"n_layers": 9})
    assert result_of(store).maes == pytest.approx((0.4, 0.5))
    deep = Cell("set/target", "cgcnn", "thesis", "shuffle", 10, {"n_layers": 9})
    assert result_of(store, deep).maes == pytest.approx((9.0,))
    assert cell_results([Cell("set/target", "mpnn", "thesis", "shuffle", 10)], [store]) == [None]


def test_more_rounds_than_were_published_count_too(tmp_path):
    few = Cell("set/target", "cgcnn", "thesis", "shuffle", 2, published=(PAPER,))
    store = write_rounds(tmp_path, [0.4, 0.5, 0.6])
    assert result_of(store, few).maes == pytest.approx((0.4, 0.5, 0.6))
    assert "1 has all planned rounds" in page(Table("thesis-6", "A table", (few,)), [result_of(store, few)], store)


def test_a_round_of_a_published_split_is_a_seed(tmp_path):
    cell = Cell("set/target", "cgcnn", "thesis", "published", 10)
    for seed in (0, 1):
        write_rounds(tmp_path, [0.4 + seed / 10], key={"protocol": "published split", "seed": seed})
    assert result_of(Store(tmp_path), cell).maes == pytest.approx((0.4, 0.5))


def test_a_fold_that_two_stores_have_counts_once_and_another_source_does_not_join(tmp_path):
    first, second = write_rounds(tmp_path / "a", [0.4, 0.5]), write_rounds(tmp_path / "b", [0.4, 0.5])
    write_rounds(tmp_path / "b", [9.0], key={"source": "e" * 64})
    (found,) = cell_results([CELL], [first, second])
    assert found and found.maes == pytest.approx((0.4, 0.5))


def test_a_page_has_figures_costs_and_a_command_for_each_empty_cell(tmp_path):
    empty = Cell("set/target", "mpnn", "thesis", "shuffle", 10)
    asked = Table("thesis-6", "A table", (CELL, empty), ("Labels are old.",))
    store = write_rounds(tmp_path, [0.6, 0.7, 0.8])
    text = page(asked, cell_results(asked.cells, [store]), store)
    section = text.split("## set/target")[1]
    row = [
        cell.strip() for cell in next(line for line in section.splitlines() if line.startswith("| cgcnn")).strip("|").split("|")
    ]
    assert row[1] == "0.5 ± 0.04" and row[2].startswith("0.7000 (") and row[3] == "3: 0.600, 0.700, 0.800"
    assert row[4].startswith("+") and row[5:9] == ["3 / 30", "1 s", "2 s", "1,802 s"]
    assert row[9:] == ["A paper", "other labels; its recipe is not known here", ""]
    other = next(line for line in text.splitlines() if line.startswith("| mpnn"))
    assert "`python -m benchmark reproduce thesis-6 --task set/target --model mpnn`" in other
    assert "1 of 2 cells have at least one round" in text and "Labels are old." in text


def test_the_recipe_of_a_released_network_stands_beside_ours_where_it_differs(tmp_path):
    figures = (PublishedResult("cgcnn/band_gap", "cgcnn", 0.3, source, "") for source in (CGCNN, THESIS))
    cell = Cell("cgcnn/band_gap", "cgcnn", "thesis", "shuffle", 10, published=tuple(figures))
    settings = {"epochs": 30, "n_layers": 4, "k": 8}
    store = write_rounds(tmp_path, [0.6], key={"settings": settings}, task="cgcnn/band_gap")
    text = page(Table("thesis-4", "A table", (cell,)), cell_results([cell], [store]), store)
    paper, thesis = [line for line in text.split("## cgcnn/band")[1].splitlines() if line.startswith("| cgcnn")]
    assert "split 60:20:20, epochs 1000, not 30, k 12, not 8 |" in paper and " / 1,000 |" in paper
    assert "recipe" not in thesis, "ours has its recipe"


def test_parameters_that_the_published_code_never_uses_are_named(tmp_path):
    key = {"profile": "omee", "protocol": "shuffle(80:10:10)", "settings": {"n_layers": 7, "epochs": 3}}
    cell = Cell("set/target", "cgcnn-mdl", "omee", "shuffle", 5, published=(PAPER,))
    store = write_rounds(tmp_path, [0.4], "cgcnn-mdl", key)
    text = page(Table("omee-3", "A table", (cell,)), cell_results([cell], [store]), store)
    assert "1,400 parameters of the published code are never used" in text


def test_a_cell_whose_rounds_diverged_says_so(tmp_path):
    store = Store(tmp_path)
    record = failed(0, model="cgcnn", status="diverged", reason="the loss is nan")
    key = record.key.model_copy(update={**KEY, "task": "set/target"})
    store.write(failed(0, model="cgcnn", status="diverged", reason="the loss is nan", key=key), None)
    text = page(Table("omee-2", "A table", (CELL,)), cell_results([CELL], [store]), store)
    assert "diverged: the loss is nan" in text and "0 of 1 cell has at least one round" in text


def test_published_folds_give_the_page_without_the_runs_and_are_not_replaced(tmp_path):
    store, kept = write_rounds(tmp_path / "runs", [0.6, 0.7]), Store(tmp_path / "kept")
    asked = Table("thesis-6", "A table", (CELL,))
    results = cell_results(asked.cells, [store])
    assert publish_cells(results, kept, [Store(tmp_path / "none")])
    assert page(asked, cell_results(asked.cells, [kept]), kept) == page(asked, results, kept)
    assert publish_cells(results, kept, []) == [], "what is there already is left alone"
    assert publish_cells(results, Store(tmp_path / "other"), [kept]) == [], "as is what another store has"
    changed = write_rounds(tmp_path / "again", [0.9, 0.7])
    with pytest.raises(InputError, match="has another record of fold 1"):
        publish_cells(cell_results(asked.cells, [changed]), kept, [])
