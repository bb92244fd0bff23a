from __future__ import annotations

import numpy as np
import pytest

from benchmark.leaderboard.board import read_board
from benchmark.leaderboard.pages.statistics import TITLE, Origin, Results, statistics_page
from benchmark.leaderboard.rejudged import rejudge
from benchmark.results.store import Store
from benchmark.schema import Machine
from benchmark.statistics.grid import simulate
from benchmark.statistics.planted import structure_of
from benchmark.statistics.sharing import Sharing
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


def test_the_page_has_every_part_and_every_way(groups):
    machine: Machine = make(0, "cgcnn")[0].machine
    rng = np.random.default_rng(0)
    (group,) = (group for group in groups if group.has_rivals)
    structure = structure_of(group.errors)
    wide = type(structure)("wide", rng.exponential(size=(100, 16)), np.full(16, 0.05), 0.1, 0.3)
    sharing = Sharing(3, 1000, ("ridge",), (0.9, 0.8), -0.1, (-0.2, 0.0), 0.5, 0.8, 0.3)
    origin = Origin("python -m benchmark statistics", 0, 4, 60.0, machine, {"numpy": "2"}, "abc")
    tracks = simulate_tracks([wide], 4, 0)
    page = statistics_page(Results(origin, [structure], sharing, simulate([wide], 4, 0), tracks, rejudge(groups)))
    assert page.startswith(TITLE)
    assert page.count("\n## ") == 6
    assert all(method.replace("&", "&amp;") in page for method in METHODS)
    assert "| set/target" in page
    assert "nan" not in page.lower().split()
