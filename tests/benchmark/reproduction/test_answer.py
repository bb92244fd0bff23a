"""The first lines of a page: does the table come out again, and where not?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import stdtrit

from benchmark.leaderboard.published_results import CGCNN, PUBLISHED_RESULTS, THESIS, PublishedResult
from benchmark.reproduction.answer import answer
from benchmark.reproduction.cells import Cell
from benchmark.reproduction.results import cell_results
from benchmark.results.store import Store
from tests.benchmark.reproduction.test_results import KEY, write_rounds


def cell(model: str, *published: float, rounds: int = 3, lacking: str = "") -> Cell:
    figures = tuple(PublishedResult("set/target", model, mae, f"Paper {n}", "", std=0.01) for n, mae in enumerate(published, 1))
    return Cell("set/target", model, "thesis", "shuffle", rounds, published=figures, lacking=lacking)


@pytest.fixture
def told(tmp_path):
    """The lines about cells, given the rounds of each model that has run."""

    def lines(cells: list[Cell], **ran: list[float]) -> list[str]:
        for model, maes in ran.items():
            write_rounds(tmp_path, maes, model)
        return answer(list(zip(cells, cell_results(cells, [Store(tmp_path)]), strict=True))).splitlines()

    return lines


def test_an_empty_table_compares_nothing(told):
    cells = [cell("cgcnn", 0.5), cell("megnet", 0.5, lacking="the data have no value")]
    assert told(cells) == [
        "- 0 of 2 cells have at least one round: nothing is compared yet. 1 cannot be filled: the data have no value. "
        "1 is open."
    ]


def entries(lines: list[str], model: str, source: str) -> list[str]:
    """Of a row of the table."""
    several = any("published by" in line for line in lines)
    (row,) = [line for line in lines if line.startswith(f"| {model} ") and (not several or f"| {source} " in line)]
    return [entry.strip() for entry in row.split("|")[2 + several : -1]]


def test_figures_that_agree_and_that_do_not_are_told_for_each_source(told):
    cells = [cell("cgcnn", 0.5, 0.2), cell("megnet", 0.5, 0.5), cell("schnet", 0.5)]
    filled, first, second, *rest = lines = told(cells, cgcnn=[0.50, 0.51, 0.49], megnet=[0.3])
    assert filled == "- 2 of 3 cells have at least one round, 1 has all planned rounds. 1 is open."
    assert first == ("- **Paper 1: of 2 figures 1 is within 10 %, 1 differs, 0 are open.** Ours is lower in 1 and higher in 0.")
    assert second == (
        "- **Paper 2: of 2 figures 0 are within 10 %, 2 differ, 0 are open.** Ours is lower in 1 and higher in 1."
    )
    assert rest[1] == "- 2 of the 3 bold pairs rest on fewer rounds than planned (†)."
    assert entries(lines, "cgcnn", "Paper 1") == ["0.500 / 0.5 ="] and entries(lines, "cgcnn", "Paper 2") == ["**0.500 / 0.2**"]
    assert entries(lines, "schnet", "Paper 1") == ["– / 0.5"]
    assert entries(lines, "megnet", "Paper 1") == ["**0.300 / 0.5** †1"], "a single round is seen"
    assert lines[-2] == "- Plain: open, neither shown."
    assert lines[-1] == "- †: ours has fewer rounds than planned, as many as the number says."


def test_an_open_cell_says_how_many_rounds_would_decide_it(told):
    """As computed by hand: the standard error is s √(1/n + 1/4), and n grows while mean and s stay."""
    soon, never, ran, single = (
        cell("cgcnn", 0.5, rounds=10),
        cell("megnet", 0.5, rounds=10),
        cell("schnet", 0.5),
        cell("mpnn", 0.5),
    )
    few, many = [0.56, 0.60, 0.64], [0.45, 0.50, 0.58]
    lines = told([soon, never, ran, single], cgcnn=few, megnet=many, schnet=many, mpnn=[0.505])
    spread, other = np.std(few, ddof=1), 0.01**2 * (1 / 10 + 1 / 4)

    def shown(n: int) -> bool:
        own = spread**2 * (1 / n + 1 / 4)
        freedom = (own + other) ** 2 / (own**2 / (n - 1) + other**2 / 9)
        return stdtrit(freedom, 0.975) * np.sqrt(own + other) < 0.1

    first = next(n for n in range(3, 11) if shown(n))
    assert first > 3, "three rounds leave it open"
    measured = "if the mean and the spread of our rounds stayed as measured"
    assert f"- Open, and decided after so many rounds in all, {measured}: cgcnn (target {first}: differs)." in lines
    assert f"- Open even after all planned rounds, {measured}: megnet (target)." in lines
    assert "- Open, though all planned rounds have run: schnet (target)." in lines
    assert "- Open; a second round is needed to tell how many would decide: mpnn (target)." in lines


def test_rounds_can_show_that_an_error_is_reproduced(told):
    lines = told([cell("cgcnn", 0.5, rounds=10)], cgcnn=[0.48, 0.50, 0.525])
    (line,) = [line for line in lines if line.startswith("- Open")]
    assert line.endswith(": within 10 %).")


def test_the_rows_with_the_recipe_of_the_publication_answer_and_open_figures_of_a_source_are_counted(told):
    own = PublishedResult("set/target", "megnet", 0.5, THESIS, "", std=0.01)
    lines = told([cell("cgcnn", 0.5), replace(cell("megnet"), published=(own,))], cgcnn=[0.50, 0.51, 0.49])
    assert f"- **{THESIS}: 1 figure, none compared yet.** Ours has not run for them." in lines
    assert (
        f"- Was a number reproduced? Read the first table of the page: ours has the recipe of {THESIS}, as far as it is "
        "stated. Bold: not reproduced. =: reproduced within 10 %. Plain: open. Figures of the other sources do not answer: "
        "their recipes differ from ours."
    ) in lines
    assert [line for line in lines if line.startswith("| ")][1:] == ["| megnet  |  – / 0.5 |"], "the figures that answer alone"


@pytest.mark.parametrize(("ours", "differs"), [(0.5, True), (0.39, False)])
def test_the_recipe_of_a_released_network_comes_with_the_command_that_runs_it(tmp_path, ours, differs):
    task = "cgcnn/formation_energy_per_atom"
    (paper,) = [one for one in PUBLISHED_RESULTS if (one.task, one.source) == (task, CGCNN)]
    assert paper.known_epochs == 1000
    write_rounds(tmp_path, [ours, ours + 0.01, ours - 0.01], "cgcnn", task=task)
    filled = Cell(task, "cgcnn", "thesis", "shuffle", 3, published=(replace(paper, mae=0.39),))
    lines = answer([(filled, *cell_results([filled], [Store(tmp_path)]))]).splitlines()
    (told,) = [line for line in lines if "is not run in this table" in line] if differs else [""]
    assert ("trained for 1,000 epochs on a split 60:20:20" in told) is differs
    assert (f"run --task {task} --model cgcnn --preset thesis" in told and "--set n_layers=4" in told) is differs
    assert differs or not any("is not run in this table" in line for line in lines)


def test_an_error_no_better_than_the_median_is_marked_where_the_other_is_better(told):
    # The median of eight targets, 0 … 7, has an MAE of 2.
    lines = told([cell("soap-svr", 2.1), cell("soap-mlp", 0.4)], **{"soap-svr": [0.5] * 3, "soap-mlp": [2.0, 2.1, 2.0]})
    assert entries(lines, "soap-svr", "Paper 1") == ["**0.500 / 2.1** (b)"]
    assert entries(lines, "soap-mlp", "Paper 1")[0].endswith("/ 0.4** (c)")
    assert lines[-2:] == [
        "- (b): the published error alone is hardly better than the median.",
        "- (c): our error alone is hardly better than the median.",
    ]
    assert "A letter in the table marks a possible reason of 2 of the 2 bold pairs." in next(
        line for line in lines if line.startswith("- Why")
    )


def test_published_targets_that_spread_otherwise_are_not_the_same(told):
    # The targets 0 … 7 have a standard deviation of 2.291; printed are 1.5 / √(1 - 0.75) = 3 and 1.15 / √(1 - 0.75) = 2.3.
    wide, alike = (PublishedResult("set/target", "m", 0.9, "Paper", "", std=0.01, rmse=rmse, r2=0.75) for rmse in (1.5, 1.15))
    assert wide.spread == pytest.approx(3.0) and alike.spread == pytest.approx(2.3)
    cells = [replace(cell(model), published=(one,)) for model, one in (("cgcnn", wide), ("megnet", alike))]
    lines = told(cells, cgcnn=[0.5] * 3, megnet=[0.5] * 3)
    assert entries(lines, "cgcnn", "Paper") == ["**0.500 / 0.9** (a)"]
    assert entries(lines, "megnet", "Paper") == ["**0.500 / 0.9**"]
    assert lines[-1].startswith("- (a): probably other crystals or labels: ") and lines[-1].endswith(
        " differs from ours by over 10 %."
    )


def test_a_full_table_that_agrees_needs_no_reason(told):
    lines = told([cell("cgcnn", 0.5)], cgcnn=[0.50, 0.51, 0.49])
    assert lines[0] == "- 1 of 1 cell has at least one round, 1 has all planned rounds."
    assert lines[1] == "- **Paper 1: of 1 figure 1 is within 10 %, 0 differ, 0 are open.**"
    assert not any("Why" in line or "lower" in line or "higher" in line for line in lines)


def test_two_readings_of_a_recipe_are_one_figure(told, tmp_path):
    """It is reproduced if one of them repeats it, and differs if both do."""
    figure = PublishedResult("set/target", "cgcnn", 0.5, THESIS, "", std=0.01)
    plain = replace(cell("cgcnn"), published=(figure,))
    other = replace(plain, changes={"ties": "padded"}, is_reading=True)
    lone = PublishedResult("set/target", "megnet", 0.5, THESIS, "", std=0.01)
    padded = {"settings": {**KEY["settings"], "ties": "padded"}}
    write_rounds(tmp_path, [0.50, 0.51, 0.49], "cgcnn", padded, changed={"ties": "padded"})
    lines = told([plain, other, replace(cell("megnet"), published=(lone,))], cgcnn=[0.3] * 3, megnet=[0.3] * 3)
    assert lines[1].startswith(
        f"- **{THESIS}: of 2 figures 1 is reproduced within 10 %, 1 differs, 0 are open.** Ours is lower in 1 "
    )
    assert lines[1].endswith("A figure with two rows is reproduced within 10 % if one of them is, and differs if both do.")


def test_a_network_trained_on_far_more_crystals_is_marked(told):
    many = PublishedResult("set/target", "cgcnn", 0.2, "Paper", "", std=0.01, crystals=1000)
    lines = told([replace(cell("cgcnn"), published=(many,))], cgcnn=[0.5] * 3)
    assert entries(lines, "cgcnn", "Paper") == ["**0.500 / 0.2** (d)"]


def test_one_misprint_does_not_make_other_crystals():
    """The thesis prints one R² for two models of the Fermi energy, with two RMSE."""
    one = next(each for each in PUBLISHED_RESULTS if (each.task, each.model, each.source) == ("cgcnn/efermi", "megnet", THESIS))
    assert one.spread == pytest.approx(3.70, abs=0.01) and one.spread_there == pytest.approx(2.85, abs=0.02)
