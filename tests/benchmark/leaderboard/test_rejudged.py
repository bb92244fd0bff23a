from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from benchmark.leaderboard.board import read_board
from benchmark.leaderboard.coverage import rates_over_tasks
from benchmark.leaderboard.pages.statistics import TITLE, Origin, Results, statistics_page
from benchmark.leaderboard.rejudged import Foretold, Replicated, foretold, rejudge, replicate
from benchmark.results.store import Store
from benchmark.schema import Machine
from benchmark.statistics.comparisons import TaskErrors
from benchmark.statistics.grid import simulate
from benchmark.statistics.planted import structure_of
from benchmark.statistics.sharing import Sharing, Taken
from benchmark.statistics.simulated_tracks import simulate_tracks
from benchmark.statistics.simulation import METHODS
from tests.benchmark.constructed import make, write_run


@pytest.fixture
def groups(tmp_path):
    store = Store(tmp_path)
    for model, mae in (("cgcnn", 1.0), ("schnet", 1.001), ("mpnn", 2.0)):
        write_run(store, model, mae)
    write_run(store, "megnet", 1.0, task="set/alone")
    return read_board(store).comparison_groups


def test_groups_with_rivals_are_judged_before_and_now(groups):
    (found,) = rejudge(groups)
    assert (found.task, found.folds, len(found.decisions.pairs)) == ("set/target", 5, 3)
    assert (found.before, found.now, found.large) == (2, 2, (2, 2))
    assert found.words["worse"] == 1
    assert found.as_json()["decided_now"] == 2


def errors_of(*halves: np.ndarray) -> TaskErrors:
    """Losses of two models in two repeats of five folds, each half (5, 2)."""
    folds = np.tile(np.arange(5), 2)
    ids = np.tile(np.arange(5), 2).astype(str)
    return TaskErrors("set/target", ("a", "b"), ids, folds, np.concatenate(halves), 0.25, np.repeat([3, 7], 5))


def test_halves_of_the_repeats_agree_contradict_or_leave_open():
    rng = np.random.default_rng(0)
    clear = np.column_stack([rng.uniform(0.99, 1.01, 5), rng.uniform(1.98, 2.02, 5)])
    unclear = np.column_stack([[1, 2, 1, 2, 1], [2, 1, 2, 1, 1.5]])
    found = replicate(errors_of(clear, clear + 0.01))
    assert (found.repeats, found.large, found.decided, found.agreed) == ((1, 1), (1, 1), 2, 2)
    found = replicate(errors_of(clear, clear[:, ::-1]))
    assert (found.decided, found.agreed, found.undecided, found.contradicted) == (2, 0, 0, 2)
    found = replicate(errors_of(clear, unclear))
    assert (found.decided, found.agreed, found.undecided, found.contradicted) == (1, 0, 1, 0)


def repeats_of(*repeats: np.ndarray) -> TaskErrors:
    """Losses of models in repeats of five folds, each (5, M)."""
    n, models = len(repeats), repeats[0].shape[1]
    folds = np.tile(np.arange(5), n)
    return TaskErrors(
        "t", tuple("abc"[:models]), folds.astype(str), folds, np.concatenate(repeats), 0.25, np.repeat(range(n), 5)
    )


def test_the_number_of_repeats_that_would_decide_is_held_against_the_repeats_that_came():
    noise = np.random.default_rng(1).normal(0, 0.03, (6, 5, 2))
    first = 1 + noise[0] + [0, 0.055]
    later = 1 + noise[1:] / 30 + [0, 0.2]
    assert foretold(repeats_of(first, *later)) == Foretold(said=1, true=1, never=0)
    found = foretold(repeats_of(first, *[first[:, ::-1], first] * 2))
    assert found.said >= 1 and found.true == 0, "two models that are better by turns stay undecided"
    assert found.never == found.said
    assert foretold(repeats_of(*later)) == Foretold(said=0, true=0, never=0), "all is decided at the first look"


def test_one_repeat_has_no_other_half_and_no_later_look(groups):
    (found,) = rejudge(groups)
    assert found.replicated is None and found.foretold is None


def test_the_page_has_every_part_and_every_way(groups):
    machine: Machine = make(0, "cgcnn")[0].machine
    rng = np.random.default_rng(0)
    (group,) = (group for group in groups if group.has_rivals)
    structure = structure_of(group.errors)
    wide = type(structure)("wide", rng.exponential(size=(100, 16)), np.full(16, 0.05), 0.1, 0.3)
    sharing = Sharing(
        3, 500, ("cgcnn",), (0.9, 0.8), -0.1, (-0.2, 0.0), (Taken(0.5, 0.6, 0.8, (0.97, 0.94), (0.96, 0.93), 1, 0.75),)
    )
    origin = Origin("python -m benchmark statistics", 0, 4, 60.0, machine, {"numpy": "2"}, "abc")
    tracks = simulate_tracks([wide], 4, 0)
    assert re.match(r"[24] crystal sets of [13] targets?, (2|16) models, ", rates_over_tasks(tracks).most_false_in)
    results = Results(origin, [structure], sharing, simulate([wide], 4, 0), tracks, rejudge(groups))
    page = statistics_page(results)
    assert page.startswith(TITLE)
    assert "With other seeds" not in page
    assert page.count("\n## ") == 6
    assert all(method.replace("&", "&amp;") in page for method in METHODS)
    assert "| set/target" in page
    cells = ["0.5", "0.60", "0.80", "97.0 % (94.0 %)", "96.0 % (93.0 %)", "1 of 3", "75.0 %"]
    assert any([cell.strip() for cell in row.strip("|").split("|")] == cells for row in page.splitlines())
    assert "nan" not in page.lower().split()

    halves = Replicated(repeats=(5, 5), large=(7, 8), decided=31, agreed=28, undecided=2, contradicted=1)
    page = statistics_page(replace(results, rejudged=[replace(results.rejudged[0], replicated=halves)]))
    assert page.count("5 and 5") == 1
    assert page.count("7 of 8") == 2  # of the group, and of all
    assert "Repeats that would decide" not in page

    said = Foretold(said=13, true=9, never=2)
    page = statistics_page(replace(results, rejudged=[replace(results.rejudged[0], foretold=said)]))
    rows = [line for line in page.partition("### Repeats that would decide")[2].splitlines() if "13" in line]
    assert len(rows) == 2 and all(line.split("|")[3:6] == rows[0].split("|")[3:6] for line in rows)
