"""The page of a task, as a person reads it."""

from __future__ import annotations

import re
import subprocess

import numpy as np
import pytest

from benchmark.leaderboard import columns
from benchmark.leaderboard.as_json import row_as_json
from benchmark.leaderboard.board import read_board
from benchmark.leaderboard.cells import cheapest_text
from benchmark.leaderboard.columns import Column
from benchmark.leaderboard.pages.task import advice, conclusion, task_page
from benchmark.leaderboard.pair_answers import pair_answers
from benchmark.leaderboard.pair_text import pair_text
from benchmark.leaderboard.terminal import MORE_REPEATS, terminal_table
from benchmark.leaderboard.web.board_data import board_data
from benchmark.rendering.text import (
    MINIATURES,
    escape,
)
from benchmark.results.records import GraphHealth
from benchmark.results.store import Store
from benchmark.tasks.metrics import LeakScores
from tests.benchmark.constructed import PER_FOLD, failed, make, write_fold, write_run, write_sources
from tests.benchmark.leaderboard.markdown import pages_of, row_of


def test_a_row_has_verdict_scores_and_costs(store):
    page = pages_of(store)["tasks/set/target.md"]
    cells = row_of(page, "schnet")
    assert cells[0] == "worse"
    assert re.fullmatch(r"0\.\d{4} ± 0\.\d{4}", cells[2])
    assert re.fullmatch(r"\d\.\d+ \(\d\.\d+ … \d\.\d+\)", cells[5])
    assert cells[6] == "2"
    assert float(cells[7]) == pytest.approx(0.25, abs=0.01)
    # one second of training, and of inference for eight test crystals
    assert cells[8:] == ["1 s", "2 s", "125 s", "250 s", "5", "100 B", "1 B", "3", "1"]
    assert "3 models, 5 folds. cgcnn is best or equal, within 5 %." in page
    assert "1. cpu, 1 thread; p, 2 cores, s" in page


def test_pairs_that_are_told_apart_are_listed_with_their_ratio(store):
    write_run(store, "cgcnn-mdl", 0.2001)
    page = pages_of(store)["tasks/set/target.md"].split("### Which differences are real")[1]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("| ")][1:]
    pairs = {(lower, higher) for lower, higher, *_ in rows}
    assert {("cgcnn", "schnet"), ("cgcnn-mdl", "schnet"), ("schnet", "dummy")} <= pairs
    assert not {("cgcnn", "cgcnn-mdl"), ("cgcnn-mdl", "cgcnn")} & pairs
    assert f"{len(rows)} of 6 pairs are told apart." in page


def test_the_terminal_says_what_repeats_are_only_where_it_names_a_number(tmp_path, store):
    open_, rng = Store(tmp_path / "open"), np.random.default_rng(1)
    for fold in range(5):
        for model, shift in (("a", 0.0), ("b", 0.1)):
            write_fold(open_, model, fold, rng.uniform(0.5, 1.5, PER_FOLD) + shift)
    for one, named in ((open_, True), (store, False)):
        [group] = read_board(one).comparison_groups
        table = terminal_table(group)
        assert ("more repeat" in table.split("\n\n")[0]) == (MORE_REPEATS in table) == named


def test_a_number_of_repeats_comes_with_its_question(tmp_path):
    """The board asks whether a model is best or equal, the pair which of two is better: their numbers can differ."""
    store, rng = Store(tmp_path), np.random.default_rng(1)
    for fold in range(5):
        for model, shift in (("a", 0.0), ("b", 0.1)):
            write_fold(store, model, fold, rng.uniform(0.5, 1.5, PER_FOLD) + shift)
    [group] = read_board(store).comparison_groups
    (number,) = (row.standing.more_repeats for row in group.ranked if row.standing.more_repeats)
    said = f"About {number} more repeats would decide whether it is best or equal, if the errors stayed as measured."
    assert said in conclusion(group) and said in pages_of(store)["tasks/set/target.md"]
    (answer,) = pair_answers(group)
    assert f"About {answer.more_repeats} more repeats would show that the" in pair_text(answer)
    assert any(told in pair_text(answer) for told in ("the difference between the two is real", "the two differ by at most"))


def test_there_is_no_advice_on_cost_where_no_model_is_shown_to_be_the_best(tmp_path):
    store, rng = Store(tmp_path), np.random.default_rng(0)
    for fold in range(5):
        for model in ("a", "b"):
            write_fold(store, model, fold, rng.uniform(0.5, 1.5, PER_FOLD))
    page = pages_of(store)["tasks/set/target.md"]
    assert "None is shown to be the best, so there is no advice on cost. Undecided: " in page
    assert "fastest" not in page.split("## Machines")[0].split("Times are means")[1]
    assert "50 more repeats would not decide, if the errors stayed as measured." in page
    assert page.count("| undecided |") == 2


@pytest.mark.parametrize("status", ["failed", "diverged", "out-of-memory"])
def test_failures_are_rows_with_their_reason_and_without_a_verdict(store, status):
    store.write(failed(0, key=make(0, "mpnn")[0].key, status=status, reason="loss is <nan> | sorry"), None)
    write_run(store, "megnet", 0.1, folds=2)
    page = pages_of(store)["tasks/set/target.md"]
    assert row_of(page, "mpnn")[::2][:2] == ["", status]
    assert f"- mpnn, seed 0, fold 1: {status}: loss is &lt;nan&gt; &#124; sorry" in page
    assert any("[megnet](" in line and "(2 of 5 folds)" in line for line in page.splitlines())
    assert row_of(page, "cgcnn")[0] == "best or equal"


def test_a_part_of_the_training_crystals_is_another_group_and_made_by_the_study(store):
    key = make(0, "mpnn")[0].key.model_copy(update={"protocol": "kfold(5, train 1/4)"})
    store.write(make(0, "mpnn", key=key)[0], make(0, "mpnn")[1])
    _, other = pages_of(store)["tasks/set/target.md"].split("kfold(5, train 1/4)")
    assert "study learning-curve --dataset path/to/set --model mpnn --profile standard --folds 5 --seed 0 --device cpu" in other


def test_one_fold_separates_nothing_and_one_model_has_no_rival(tmp_path):
    store = Store(tmp_path)
    write_run(store, "a", 1.0, folds=1)
    page = pages_of(store)["tasks/set/target.md"]
    assert "One model in 1 fold: nothing to compare it with." in page
    assert row_of(page, "a")[0] == ""
    write_run(store, "b", 9.0, folds=1)
    assert "2 models, 1 fold. Nothing can be decided: one fold" in pages_of(store)["tasks/set/target.md"]


def test_stale_rows_are_marked_and_a_table_of_them_says_it_once(store):
    write_sources(store.root, outdated=["cgcnn"], unchanged=["schnet"])
    pages = pages_of(store)
    page = pages["tasks/set/target.md"]
    assert row_of(page, "cgcnn")[1].endswith(") †")
    assert "†" not in row_of(page, "schnet")[1]
    assert "† Stale: a newer source of the model gives other numbers" in page
    assert "1 of 3 rows is stale" in pages["README.md"]
    assert "The row is stale" in pages["models/cgcnn.md"]
    assert "a newer source gives other numbers" in pages["models/cgcnn.md"]
    assert "the newest source that was tried gives the same numbers" in pages["models/schnet.md"]
    assert "not compared with a newer source" in pages["models/dummy.md"]


def test_times_of_different_machines_never_compete(store):
    device = make()[0].machine.model_copy(update={"device": "NVIDIA H100"})
    slow = make()[0].times.model_copy(update={"training": make()[0].times.training.model_copy(update={"wall_s": 9.0})})
    for fold in range(5):
        write_fold(store, "gatgnn", fold, [0.2] * PER_FOLD, machine=device, times=slow)
    (group,) = read_board(store).comparison_groups
    fastest = cheapest_text([row for row in group.rows if row.label in ("cgcnn", "gatgnn")])
    assert "gatgnn (9 s on NVIDIA H100; p)" in fastest
    assert "cgcnn (1 s on cpu, 1 thread; p)" in fastest
    page = task_page([group])
    assert {row_of(page, model)[-1] for model in ("cgcnn", "gatgnn")} == {"1", "2"}
    assert {"1. ", "2. "} == {line[:3] for line in page.split("## Machines")[1].splitlines() if line}


def test_the_page_says_where_the_source_of_each_row_is_and_how_to_run_it_again(store):
    write_run(store, "mpnn", 0.4, git_commit="a" * 40)
    write_run(store, "gatgnn", 0.45, git_commit="b" * 40 + "+changes")
    page = pages_of(store)["tasks/set/target.md"]
    where = "`git checkout aaaaaaaaaaaa` for mpnn; commit bbbbbbbbbbbb+changes for gatgnn; commit unknown for the other rows"
    assert f"- source: {where}" in page
    expected = (
        "- again: `python -m benchmark run --dataset path/to/set --model cgcnn --model mpnn --model gatgnn --model schnet "
        "--model dummy --profile standard --protocol kfold --folds 5 --no-group-duplicates --seed 0 --device cpu`"
    )
    assert expected in page


def test_a_shell_that_runs_the_command_of_a_page_runs_nothing_else(tmp_path):
    """Names that a page's code block would have to change in order to show them: `'` for a backtick opened a way out."""
    for name in ("$(touch PWN)", "a`; touch PWN; `b", "a' ; touch PWN; '", '"$(touch PWN)"', "a b"):
        store = Store(tmp_path / name)
        write_run(store, "dummy-mean", 0.4, task=f"{name}/target")
        (group,) = read_board(store).comparison_groups
        line = next(line for line in task_page([group]).splitlines() if line.startswith("- again: "))
        fence = re.match("`+", line.removeprefix("- again: "))[0]
        shown = line.removeprefix("- again: ")[len(fence) : -len(fence)].strip()
        assert fence not in shown
        ran = subprocess.run(shown.replace("python -m benchmark", "printf '%s\\n'", 1), shell=True, cwd=tmp_path,
                             capture_output=True, text=True, check=True)  # fmt: skip
        assert ran.stdout.splitlines()[:3] == ["run", "--dataset", f"path/to/{name}"]
        assert not (tmp_path / "PWN").exists()


def test_published_results_stand_beside_ours(tmp_path):
    store = Store(tmp_path)
    write_run(store, "cgcnn-mdl", 0.3, task="fung/2d/work_function")
    page = pages_of(store)["tasks/fung/2d/work_function.md"].split("## Published results")[1]
    line = next(line for line in page.splitlines() if line.startswith("| cgcnn-mdl"))
    assert "0.2001" in line and "500" in line and "Omee et al." in line and "6 convolution layers" in line
    assert re.search(r"0\.\d{4} ± 0\.\d{4} \(standard\)", line)


def test_a_terminal_shows_verdicts_and_reasons(store):
    write_run(store, "megnet", 0.1, folds=2)
    (group,) = read_board(store).comparison_groups
    lines = terminal_table(group).splitlines()
    assert lines[0].split()[:2] == ["verdict", "model"]
    assert [re.split("  +", line)[:2] for line in lines[2:5]] == [
        ["best or equal", "cgcnn"], ["worse", "schnet"], ["worse", "dummy"],
    ]  # fmt: skip
    assert "megnet (2 of 5 folds)" in lines[5] and "2 of 5  " in lines[5]
    assert lines[7] == "megnet (2 of 5 folds) is not compared, though its MAE is lower."
    assert lines[7] in pages_of(store)["tasks/set/target.md"]


def test_a_model_that_is_not_shown_to_beat_the_dummy_is_named_under_the_table(store):
    said = "Not shown to be better than predicting the mean: "
    (group,) = read_board(store).comparison_groups
    assert said not in terminal_table(group) + task_page([group])
    write_run(store, "dummy-median", 1.99)
    write_run(store, "megnet", 2.0)
    write_run(store, "mpnn", 4.0)
    board = read_board(store)
    (group,) = board.comparison_groups
    line = f"{said}megnet and mpnn."
    shown = f"Shown to be better than predicting the mean: cgcnn and schnet. {line}"
    assert shown in terminal_table(group).splitlines() and line in task_page([group]).splitlines()
    assert board_data(board)["comparison_groups"][0]["not_below_baseline"] == line
    assert board_data(board)["comparison_groups"][0]["doubtful"] == ["megnet", "mpnn"]


def test_a_model_that_is_not_shown_to_beat_the_dummy_is_not_called_the_best(tmp_path):
    store = Store(tmp_path / "runs")
    write_run(store, "dummy", 2.0)
    write_run(store, "megnet", 2.0)
    (group,) = read_board(store).comparison_groups
    assert "megnet" in [row.label for row in group.with_verdict("best or equal")]
    (row,) = [line for line in terminal_table(group).splitlines() if " megnet " in line and "±" in line]
    assert row.startswith("not shown better than predicting the mean  ")
    assert "megnet" not in advice(group).partition("Undecided")[0]


def test_a_miniature_is_never_shown_under_the_name_of_the_published_network_alone(tmp_path):
    store = Store(tmp_path / "runs")
    for task in ("set/target", "set/other"):
        for model, error in (("cgcnn", 0.2), ("schnet", 0.5), ("dummy", 2.0)):
            write_run(store, model, error, task=task, key={"profile": "mini"})
    write_run(store, "cgcnn", 0.2)
    pages = pages_of(store)
    for name in ("README.md", "tasks/set/target.md", "models/cgcnn.md"):
        assert pages[name].count(escape(MINIATURES)) == 1, name
    page = pages["README.md"]
    assert "cgcnn (mini) has the lowest error, 0.100" in page
    for section in ("## Over 2 tasks of 1 crystal set: track mini", "## Every model: track mini"):
        assert "[cgcnn (mini)](models/cgcnn.md)" in page.split(section)[1].split("##")[0]
    assert "| cgcnn (mini) | schnet (mini) |" in re.sub(" +", " ", pages["tasks/set/target.md"])
    rows = [line for line in pages["models/cgcnn.md"].splitlines() if "](../tasks/" in line]
    assert [re.sub(" +", " ", row).split(" | ")[1] for row in rows] == ["cgcnn (mini)", "cgcnn (mini)", "cgcnn"]
    group = read_board(store).comparison_groups[0]
    assert "cgcnn (mini)" in terminal_table(group) and MINIATURES in terminal_table(group)


def test_a_new_column_is_shown_everywhere(store, monkeypatch):
    seed = Column("seed", "seed of the run", lambda row, group: "seven", lambda row, group: 7)
    monkeypatch.setattr(columns, "COLUMNS", (*columns.COLUMNS, seed))
    board = read_board(store)
    (group,) = board.comparison_groups
    assert "seed of the run" in terminal_table(group) and terminal_table(group).count("seven") == 3
    header, _, first, *_ = [line for line in task_page([group]).splitlines() if line.startswith("|")]
    assert header.endswith("seed of the run |") and first.endswith(" seven |")
    data = board_data(board)
    assert all(kind["columns"][-1]["heading"] == "seed of the run" for kind in data["kinds"].values())
    assert [row["cells"][-1] for row in data["comparison_groups"][0]["rows"]] == [["seven", 7]] * 3


def test_seen_and_new_crystals_have_columns_where_a_run_tells_them(store):
    headings = {"MAE, seen", "MAE, new"}
    (group,) = read_board(store).comparison_groups
    assert not any(heading in task_page([group]) + terminal_table(group) for heading in headings)
    errors, leak = [0.1] * 2 + [0.3] * (PER_FOLD - 2), LeakScores(n_seen=2, n_new=PER_FOLD - 2, seen=0.1, new=0.3)
    for fold in range(5):
        write_fold(store, "mpnn", fold, errors, leak=leak if fold else None)
    (group,) = read_board(store).comparison_groups
    assert "MAE, seen" not in task_page([group]), "one fold does not say"
    write_fold(store, "mpnn", 0, errors, leak=leak)
    board = read_board(store)
    (group,) = board.comparison_groups
    page = task_page([group])
    assert "25.0 % of the test crystals have a duplicate in train or validation" in page
    header = next([cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("|"))
    assert headings < set(header)
    cells = dict(zip(header, row_of(page, "mpnn"), strict=True))
    assert (cells["MAE, seen"], cells["MAE, new"]) == ("0.1000 ± 0.0000", "0.3000 ± 0.0000")
    assert dict(zip(header, row_of(page, "cgcnn"), strict=True))["MAE, seen"] == ""
    assert all(heading in terminal_table(group).splitlines()[0] for heading in headings)
    data = board_data(board)
    optional = [column["heading"] for column in data["kinds"]["numbers"]["columns"] if column["optional"]]
    assert optional[:3] == ["MAE / dummy", "MAE, seen", "MAE, new"] and "backend" in optional


def test_whose_kernels_computed_a_run_is_a_column_and_an_old_record_does_not_say(store):
    (group,) = read_board(store).comparison_groups
    assert "backend" not in task_page([group]), "no record has graphs"
    health = GraphHealth(atoms=8, edges=96, isolated_atoms=0, atoms_with_fewer_than_k=0, truncated_ties=0)
    for fold in range(5):
        write_fold(store, "mpnn", fold, [0.1] * PER_FOLD, graph_health=health, backend="torch" if fold else "dgl")
    write_run(store, "schnet", 0.5, graph_health=health)
    (group,) = read_board(store).comparison_groups
    page = task_page([group])
    header = next([cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line.startswith("|"))
    shown = {name: dict(zip(header, row_of(page, name), strict=True))["backend"] for name in ("mpnn", "schnet", "cgcnn")}
    assert shown == {"mpnn": "dgl, torch", "schnet": "not recorded", "cgcnn": ""}
    assert "not recorded" in terminal_table(group)
    assert row_as_json(next(row for row in group.rows if row.model == "mpnn"))["folds"][0]["backend"] == "dgl"
