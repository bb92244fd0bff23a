from __future__ import annotations

import pytest

from benchmark.leaderboard.board import read_board
from benchmark.leaderboard.pages.documents import (
    data_sets,
    of_published_size,
    short_board,
    write_documents,
)
from benchmark.leaderboard.pages.published_figures import answered, beside_published
from benchmark.results.store import Store
from datasets.errors import InputError
from tests.benchmark.constructed import write_run


@pytest.fixture
def board(tmp_path):
    store = Store(tmp_path / "runs")
    for model, mae in (("dummy", 4.0), ("cgcnn", 1.0), ("schnet", 2.0)):
        write_run(store, model, mae, task="fung/2d/work_function", key={"unit": "eV"})
    return read_board(store)


def test_a_short_board_has_the_verdicts_what_they_rest_on_and_advice(board):
    text = short_board(board, "fung/2d/work_function", "standard", "../")
    assert "[fung/2d/work_function](../leaderboards/tasks/fung/2d/work_function.md): MAE &#91;eV&#93; on crystals" in text
    assert "5 folds a model" in text
    header, _, first, *_ = [line for line in text.splitlines() if line.startswith("|")]
    assert [cell.strip() for cell in header.split("|")[1:4]] == ["verdict", "model", "MAE"]
    assert [cell.strip() for cell in first.split("|")[1:3]] == ["best or equal", "cgcnn"]
    assert text.endswith("cgcnn is best or equal, within 5 %.")
    with pytest.raises(InputError, match="no published record is of fung/2d/work_function with the profile mini"):
        short_board(board, "fung/2d/work_function", "mini")


def test_published_errors_stand_beside_runs_of_the_published_size(board):
    lines = beside_published(board).splitlines()
    assert "Omee et al." in lines[-1] and "0.2240" in lines[-1] and "| schnet" in lines[-1]
    assert not any("| dummy" in line for line in lines)


def test_a_figure_that_a_table_of_a_report_answers_is_not_among_the_ordinary_runs(board, tmp_path):
    table = "| model | published by | work_function | band_gap |\n|:--|:--|--:|--:|\n"
    for name, entry, left in (("open", "– / 0.224", 1), ("ran", "**0.3 / 0.224** (a) †1", 0), ("other", "0.3 / 0.22", 1)):
        (tmp_path / "report.md").write_text(f"# Table\n\n{table}| schnet | Omee | {entry} | 1 / 2 |\n\n- MAE\n")
        shown = beside_published(board, answered(tmp_path, ["report.md"]))
        assert shown.count("| schnet") == left, name


def test_tasks_with_several_models_of_published_size_are_told_from_those_with_one(tmp_path):
    store = Store(tmp_path / "runs")
    for model, task, profile in (
        ("cgcnn", "set/a", "standard"), ("schnet", "set/a", "standard"), ("dummy", "set/a", "standard"),
        ("cgcnn", "set/b", "standard"), ("dummy", "set/b", "standard"), ("schnet", "set/b", "mini"),
    ):  # fmt: skip
        write_run(store, model, 1.0, task=task, key={"profile": profile})
    assert of_published_size(read_board(store)).splitlines() == [
        "Several models of published size are compared on [set/a](leaderboards/tasks/set/a.md) (3 models).",
        "On the boards, cgcnn alone ran at published size on [set/b](leaderboards/tasks/set/b.md).",
    ]


def test_every_built_in_set_says_how_it_gets_here():
    lines = data_sets().splitlines()
    assert any("| emt/alloys" in f"| {line[2:]}" and "embedded" in line for line in lines)
    assert any("datasets fetch megnet" in line for line in lines)


def test_pages_are_filled_and_a_block_that_does_not_exist_is_named(board, tmp_path):
    folder, report = tmp_path / "docs", tmp_path / "reports" / "study.md"
    folder.mkdir()
    report.parent.mkdir()
    report.write_text("# Study: a task\n\nAgain: `command`.\n\nIt was [found](other.md).\n\n- one\n\n## Details\n\nMore.\n")
    (tmp_path / "README.md").write_text("# Mine\n\nNo block.\n")
    page = folder / "studies.md"
    page.write_text("# Studies\n\n<!-- generated: report reports/study.md -->\n<!-- end of generated -->\n")
    assert write_documents(board, tmp_path) == [page]
    assert "**[Study: a task](../reports/study.md)**\n\nIt was [found](../reports/other.md).\n\n- one\n" in page.read_text()
    page.write_text("# Studies\n\n<!-- generated: cost fung/2d/work_function standard -->\n<!-- end of generated -->\n")
    picture = folder / "pictures" / "cost-fung-2d-work_function-standard.svg"
    assert write_documents(board, tmp_path) == [page, picture]
    assert "](../docs/pictures/cost-fung-2d-work_function-standard.svg)" in page.read_text()
    assert ">cgcnn<" in picture.read_text()
    pairs = report.with_name("pairs.md")
    pairs.write_text("# Table 1\n\n- one\n\n| a |\n|---|\n| 1 |\n\nMAE: ours / published.\n\n## Details\n\n| more |\n")
    page.write_text("<!-- generated: pairs reports/pairs.md -->\n<!-- end of generated -->\n")
    write_documents(board, tmp_path)
    shown = "**[Table 1](../reports/pairs.md)**\n\n| a |\n|---|\n| 1 |\n\nMAE: ours / published."
    assert page.read_text() == f"<!-- generated: pairs reports/pairs.md -->\n{shown}\n<!-- end of generated -->\n"
    for wrong in ("nothing", "report", "report reports/other.md", "pairs reports/study.md"):
        page.write_text(f"<!-- generated: {wrong} -->\n<!-- end of generated -->\n")
        with pytest.raises(InputError, match=r"no generated block is called|is not there|has no table"):
            write_documents(board, tmp_path)
