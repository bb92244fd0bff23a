"""One crystal as text and picture, with the counts of rock salt done by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmark.datasheets.crystal_figure import crystal_graph, picture_format
from benchmark.datasheets.folding_figure import salt
from datasets.crystals import Crystals
from datasets.neighbor_search import Nearest, Radius
from tests.benchmark.cli.test_main import one_line_error


def test_rock_salt_has_two_kinds_with_six_and_twelve_neighbours():
    lines = crystal_graph(salt(), 0, Nearest(12, 8.0)).lines()
    assert lines[0] == "salt: 8 atoms, 144 edges under nearest(12, 8 Å, shell)"
    assert lines[1] == "a network tells apart 2 kinds of atoms, 4 weighted edges"
    assert lines[2] == "Na (4 in the cell): 6 × Cl at 2.820 Å, 12 × Na at 3.988 Å"
    assert lines[3] == "Cl (4 in the cell): 6 × Na at 2.820 Å, 12 × Cl at 3.988 Å"


def test_an_atom_alone_has_no_neighbour_and_kinds_of_one_element_are_numbered():
    lone = Crystals.from_cells(["x"], [(np.eye(3) * 30, np.ones(3, dtype=bool), np.array([2]), np.zeros((1, 3)))])
    graph = crystal_graph(lone, 0, Radius(3.0))
    assert graph.lines()[2] == "He (1 in the cell): no neighbour"
    assert graph.picture("png").startswith(b"\x89PNG")
    chain = np.array([[0, 0, 0], [0.1, 0, 0], [0.3, 0, 0]])
    three = Crystals.from_cells(["y"], [(np.eye(3) * 10, np.zeros(3, dtype=bool), np.array([6, 6, 6]), chain)])
    assert [line[:2] for line in crystal_graph(three, 0, Nearest(1, 4.0)).lines()[2:]] == ["C1", "C2"]


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_pictures_are_the_same_every_time(kind):
    graph = crystal_graph(salt(), 0, Nearest(12, 8.0))
    assert graph.picture(kind) == graph.picture(kind)
    assert picture_format(Path(f"a.{kind.upper()}")) == kind and picture_format(Path("a.pdf")) is None


def test_the_command_draws_a_crystal_and_refuses_what_it_does_not_know(benchmark_command, small_folder, tmp_path):
    done = benchmark_command("datasets", "show", small_folder, "c3", "--out", "pictures/c3.svg")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("c3: ") and (tmp_path / "pictures" / "c3.svg").read_text().startswith("<?xml")
    assert "c99" in one_line_error(benchmark_command("datasets", "show", small_folder, "c99"))
    assert ".svg or .png" in one_line_error(benchmark_command("datasets", "show", small_folder, "c3", "--out", "c3.pdf"))
