"""Fold factors, shared graphs and floors of crystals whose answers are known by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmark.datasheets.folding_figure import folding_svg
from benchmark.datasheets.folding_page import FoldedDataset, page_text
from benchmark.datasheets.folding_section import folding_findings
from benchmark.datasheets.graph_folding import Target, floor, graph_folding
from benchmark.datasheets.orbits import count_orbits, kinds_and_orbits
from datasets.crystals import Crystals
from datasets.neighbor_search import Nearest
from tests.conftest import alloy, doubled, rock_salt, rotated
from tests.models.graph.test_indistinguishable import fcc, hcp

RULE = Nearest(12, 8.0)


def planted() -> Crystals:
    """Rock salt twice, fcc and hcp copper (one graph within 12 neighbours), an alloy alone."""
    cells = [rock_salt(), fcc(), doubled(rock_salt()), hcp(), alloy()]
    return Crystals.from_cells(["salt", "fcc", "more-salt", "hcp", "alloy"], cells)


def energies(*values: float) -> Target:
    return Target("energy", "eV", "MAE", np.array(values))


ENERGY, METAL = energies(1.0, 5.0, 1.5, 7.0, 3.0), Target("metal", "1", "error rate", np.array([0.0, 1.0, 0.0, 0.0, 1.0]))


STRUCTURES = np.array([0, 1, 0, 3, 4])
"""The two salts are one structure."""


def test_factors_groups_and_floors():
    found = graph_folding(planted(), RULE, STRUCTURES, [ENERGY, METAL])
    assert (found.atoms, found.kinds) == (8 + 4 + 48 + 2 + 8, 2 + 1 + 2 + 1 + 8)
    assert found.edges == 18 * 56 + 12 * 6 + 8 * 12 and found.merged_edges == 4 + 1 + 4 + 1 + 8 * 12
    assert (found.crystals, found.folding_crystals) == (5, 4)
    shared = found.shared[0]
    assert (shared.groups, shared.crystals, shared.repeated, shared.different) == (2, 4, 1, 1)
    assert shared.examples == (("fcc", "hcp"), ("salt", "more-salt"))
    energy, metal = shared.floors
    assert (energy.floor, energy.different, energy.constant) == pytest.approx((2.5 / 5, 2.0 / 5, 9.5 / 5))
    assert [(gap.low, gap.high, gap.one_structure) for gap in energy.gaps] == [
        (("fcc", 5.0), ("hcp", 7.0), False), (("salt", 1.0), ("more-salt", 1.5), True),
    ]  # fmt: skip
    assert (metal.measure, metal.floor, metal.constant) == ("error rate", pytest.approx(1 / 5), pytest.approx(2 / 5))


def test_missing_values_leave_a_group_and_a_target_without_values_has_no_floor():
    ids, graphs = planted().ids, np.array([0, 1, 0, 1, 4])
    found = floor(ids, graphs, STRUCTURES, energies(1.0, np.nan, 1.5, 7.0, np.nan))
    assert (found.values, found.floor, found.different) == (3, pytest.approx(0.5 / 3), 0.0)
    assert floor(ids, graphs, STRUCTURES, energies(*[np.nan] * 5)) is None


def test_values_that_differ_by_rounding_are_one():
    found = floor(planted().ids, np.array([0, 1, 0, 1, 4]), STRUCTURES, energies(0.1 + 0.2, 5.0, 0.3, 5.0, 1.0))
    assert (found.floor, found.gaps) == (0.0, ())


def test_no_function_of_the_graph_beats_the_floor():
    """Nor does the floor lie below what the best function reaches: each group's median."""
    rng = np.random.default_rng(0)
    graphs, values = np.sort(rng.integers(0, 12, 40)), rng.normal(size=40)
    found = floor(np.array([f"c{row}" for row in range(40)]), graphs, np.arange(40), energies(*values))
    best = min(np.abs(rng.normal(size=12)[graphs] - values).mean() for _ in range(200))
    medians = pd.Series(values).groupby(graphs).transform("median")
    assert found.floor == pytest.approx(np.abs(medians - values).mean()) and found.floor <= best


def test_findings_say_once_what_is_true_of_several_rules():
    found = graph_folding(planted(), RULE, STRUCTURES, [ENERGY])
    lines = list(folding_findings([found, replace(found, rule="another")]))
    assert len(lines) == 2 and all(line.startswith("Under nearest(12, 8 Å, shell) and another: ") for line in lines)
    assert "4 crystals in 2 groups" in lines[0] and "energy 0.5 eV" in lines[1]


def test_orbits_of_a_supercell_are_those_of_its_cell():
    crystals = Crystals.from_cells(["salt", "more-salt", "alloy"], [rock_salt(), doubled(rock_salt()), rotated(alloy())])
    assert count_orbits(crystals, 1).tolist() == [2, 2, 8]


def test_a_crystal_symmetric_within_a_hundredth_of_an_ångström_only_has_more_kinds_until_it_is_idealised():
    lattice, pbc, numbers, coords = rock_salt()
    shaken = coords + np.random.default_rng(0).normal(0, 2e-4, coords.shape)
    crystals = Crystals.from_cells(["salt", "shaken"], [rock_salt(), (lattice, pbc, numbers, shaken)])
    found = kinds_and_orbits(crystals, RULE, sample=5, seed=0, processes=1)
    assert (found.sampled, found.fewer, found.equal, found.more, found.ideal) == (2, 0, 1, 1, 0)
    assert found.examples == (("shaken", 8, 8, 2),)
    assert 1e-4 < found.misfit[0] == found.misfit[2] < 1e-2
    page = page_text([FoldedDataset("salts", graph_folding(crystals, RULE, np.arange(2), []), found)], "again")
    assert "| 50.0 %" in page


def test_the_picture_counts_what_folding_finds_and_is_drawn_again_to_the_byte():
    drawn = folding_svg()
    assert drawn == folding_svg()
    for text in ("8 atoms, 144 edges", "2 kinds of atoms, 4 weighted edges", "6 × 2.82 Å", "12 × 3.99 Å"):
        assert text in drawn.decode()
