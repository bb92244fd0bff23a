"""Counts, distributions and outliers of small sets whose answers are known by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from datasets.contents import (
    ElementCount,
    count_elements,
    describe_cells,
    doubts,
    outliers,
    spread_of_duplicates,
    summarize,
)
from datasets.crystals import Crystals
from datasets.duplicates import find_duplicates
from datasets.graph_health import graph_health
from datasets.neighbor_search import MinimumImage, Nearest, Radius
from tests.conftest import PERIODIC, alloy, doubled, lone_atom, rock_salt, rotated


def lawrencium():
    return np.eye(3) * 4.0, PERIODIC, np.array([103]), np.zeros((1, 3))


def with_target(crystals: Crystals, values: list[float]) -> Crystals:
    return replace(crystals, targets=pd.DataFrame({"energy": values}, index=crystals.targets.index))


def test_elements_and_cells_are_counted(crystals):
    found = {element.symbol: element for element in count_elements(crystals)}
    assert found["Na"] == ElementCount("Na", crystals=1, atoms=4, has_features=True)
    assert found["Pt"] == ElementCount("Pt", crystals=1, atoms=5, has_features=True)
    assert list(found) == ["O", "Na", "Al", "Cl", "Cu", "Pt", "Au"]
    cells = describe_cells(crystals)
    assert (cells.min, cells.median, cells.mean, cells.max) == (4, 6.5, 6.25, 8)
    assert cells.periodicity == {"not periodic": 1, "periodic along 2 directions": 1, "periodic along 3 directions": 2}


def test_elements_without_features_are_those_the_table_in_force_does_not_know():
    crystals = Crystals.from_cells(["salt", "heavy"], [rock_salt(), lawrencium()])
    assert [e.symbol for e in count_elements(crystals) if not e.has_features] == ["Lr"]
    own = np.zeros((104, 3), dtype=np.float32)
    own[[11, 103]] = 1.0
    assert [e.symbol for e in count_elements(replace(crystals, element_features=own)) if not e.has_features] == ["Cl"]


def column(*values: float) -> Crystals:
    ids = [f"c{row}" for row in range(len(values))]
    return Crystals.from_cells(ids, [rock_salt()] * len(values), pd.DataFrame({"energy": values}))


@pytest.mark.parametrize("value", [0.0, 0.1, -4.8e-20, 3.2e6])
def test_a_target_without_any_spread_is_told(value):
    assert doubts(column(value, value, value), "energy") == [f"energy: all 3 values are {value:.6g}; there is nothing to learn"]


@pytest.mark.parametrize("unit", [1.0, 1.602e-19, 1e6])
def test_one_value_far_from_all_others_is_named(unit):
    values = [-1.0, -1.5, -2.0, -2.5, -3.0, -240.0]  # the last in kJ/mol
    [line] = doubts(column(*(value * unit for value in values)), "energy")
    assert line.startswith(f"energy: 'c5' has {-240 * unit:.6g}, while the median is {-2.25 * unit:.6g} and the other values")
    assert float(line.split("lie within ")[1].split()[0]) == pytest.approx(1.25 * unit, rel=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_heavy_tails_and_many_zeros_are_no_doubt(seed):
    rng = np.random.default_rng(seed)
    gaps = np.where(rng.random(2000) < 0.8, 0.0, rng.exponential(2.0, 2000))
    for values in (rng.normal(0, 1, 2000), rng.lognormal(0, 1.5, 2000), rng.standard_t(3, 2000), gaps, np.r_[0.0, 0, 0, 9]):
        assert doubts(column(*values), "energy") == []


def test_values_that_are_missing_are_no_doubt():
    assert doubts(column(np.nan, np.nan), "energy") == []
    assert "all 2 values are 5;" in doubts(column(5.0, np.nan, 5.0), "energy")[0]


def test_a_target_is_summarized(crystals):
    found = summarize(with_target(crystals, [0.0, 1.0, np.nan, 5.0]), "energy", "eV")
    assert (found.count, found.missing, found.mean, found.min, found.max) == (3, 1, 2.0, 0.0, 5.0)
    assert found.std == pytest.approx(7**0.5)  # deviations -2, -1, 3
    assert found.quartiles == (0.5, 1.0, 3.0)
    assert found.zeros == pytest.approx(1 / 3)
    assert summarize(with_target(crystals, [-2.0, 0.0, -1.0, 5.0]), "energy", "eV").zeros == 0.25


@pytest.mark.parametrize(("values", "std"), [([np.nan] * 4, None), ([np.nan, 2.0, np.nan, np.nan], None), ([3.0] * 4, 0.0)])
def test_a_target_of_no_or_equal_values_has_no_outliers(crystals, values, std):
    found = summarize(with_target(crystals, values), "energy", "eV")
    assert (found.std, found.outliers, found.outlier_examples) == (std, 0, ())


def test_planted_outliers_are_found_and_named_farthest_first():
    n = 200
    values = np.linspace(-1.0, 1.0, n)
    values[[7, 50, 120]] = [1.6, -40.0, 1.7]
    crystals = Crystals.from_cells([f"c{i}" for i in range(n)], [rock_salt()] * n)
    found = summarize(with_target(crystals, values.tolist()), "energy", "eV")
    assert found.outliers == 3
    assert found.outlier_examples == (("c50", -40.0), ("c120", 1.7), ("c7", 1.6))


def test_a_skewed_target_with_many_zeros_has_no_false_outliers():
    gaps = np.concatenate([np.zeros(800), np.random.default_rng(0).gamma(2.0, 1.2, 1200)])
    assert outliers(gaps).sum() <= 3
    assert not outliers(np.clip(gaps, 0, 8)).any()
    planted = np.append(gaps, 40.0)
    assert outliers(planted)[-1] and outliers(planted).sum() <= 4


def test_rounded_and_two_valued_targets_have_no_outliers():
    assert not outliers(np.repeat([0.0, 1.0], [500, 20])).any()
    assert not outliers(np.random.default_rng(1).normal(0, 1, 5000).round(1)[:, None].ravel().clip(-3, 3)).any()


def test_a_gap_of_one_rounding_step_cuts_nothing_off():
    """Twenty equal values have no range, so that any gap is wider than it."""
    values = np.concatenate([np.linspace(-1.0, 1.0, 200), np.full(20, 1.2), [1.3, 1.3]])
    assert not outliers(values).any()
    assert outliers(np.append(values[:-2], [1.6, 1.6]))[-2:].all()


def test_outliers_are_the_same_mirrored_and_in_another_unit():
    values = np.append(np.random.default_rng(2).normal(0, 1, 500), [9.0, -7.0])
    assert outliers(values)[-2:].all()
    assert np.array_equal(outliers(values), outliers(-27.2114 * values + 3))


def test_the_four_wrong_formation_energies_of_the_card_are_outliers(shared_data, monkeypatch):
    """And no more than a handful of the other values, nor of the band gaps, which are zero for metals."""
    frame = pd.read_parquet(shared_data("cgcnn/materials.parquet"), columns=["formation_energy_per_atom", "band_gap"])
    energy, gap = frame["formation_energy_per_atom"].to_numpy(), frame["band_gap"].to_numpy()
    low = outliers(energy) & (energy < np.median(energy))
    assert low.sum() == 4 and energy[low].max() < -5
    assert outliers(energy).sum() <= 10
    assert outliers(gap).sum() <= 10


def test_the_spread_inside_groups_of_duplicates():
    cells = [rock_salt(), alloy(), doubled(rock_salt()), rotated(alloy()), lone_atom(), rotated(rock_salt())]
    crystals = Crystals.from_cells(list("abcdef"), cells)
    crystals = with_target(crystals, [1.0, 5.0, 1.5, 5.25, 9.0, np.nan])
    found = spread_of_duplicates(crystals, find_duplicates(crystals), "energy", "eV")
    assert (found.groups, found.max, found.median) == (2, 0.5, 0.375)
    assert found.widest == (("a", 1.0), ("c", 1.5))
    alone = with_target(crystals, [1.0, 5.0] + [np.nan] * 4)
    assert spread_of_duplicates(alone, find_duplicates(alone), "energy", "eV") is None


def test_of_a_large_group_only_the_ends_of_the_spread_are_named():
    crystals = Crystals.from_cells([f"c{i}" for i in range(11)], [rock_salt()] * 11)
    crystals = with_target(crystals, [float(i * 7 % 11) for i in range(11)])
    found = spread_of_duplicates(crystals, find_duplicates(crystals), "energy", "eV")
    assert found.widest == (("c0", 0.0), ("c3", 10.0)) and found.max == 10.0


def test_an_atom_with_exactly_k_neighbours_has_enough_and_atoms_nearly_too_close_are_not():
    pair = np.eye(3) * 30.0, np.zeros(3, bool), np.array([1, 1]), np.array([[0.5, 0.5, 0.5], [0.5, 0.5, 0.5 + 0.6 / 30]])
    crystals = Crystals.from_cells(["hydrogen"], [pair])
    assert graph_health(crystals, Nearest(1, 8.0)).atoms_with_fewer_than_k.count == 0
    assert graph_health(crystals, Nearest(2, 8.0)).atoms_with_fewer_than_k.count == 2
    assert graph_health(crystals, Nearest(1, 8.0)).atoms_too_close.count == 0


def test_the_graphs_of_isolated_small_and_crowded_crystals():
    lattice, pbc, numbers, coords = rock_salt()
    crowded = lattice, pbc, np.append(numbers, 11), np.vstack([coords, [0.05, 0.0, 0.0]])
    crystals = Crystals.from_cells(["salt", "lonely", "crowded"], [rock_salt(), lone_atom(), crowded])
    radius = graph_health(crystals, Radius(4.0))
    assert (radius.isolated_atoms.count, radius.isolated_atoms.examples) == (1, ("lonely",))
    assert radius.atoms_with_fewer_than_k.count == 0
    nearest = graph_health(crystals, Nearest(12, 8.0))
    assert (nearest.atoms_with_fewer_than_k.count, nearest.atoms_with_fewer_than_k.crystals) == (1, 1)
    # 6 neighbours at 2.82 Å, then 12 at 3.99 Å: every atom of rock salt is tied at 12.
    assert nearest.truncated_ties.crystals == 2 and nearest.truncated_ties.count >= 8
    assert (nearest.atoms_too_close.count, nearest.atoms_too_close.examples) == (2, ("crowded",))
    assert nearest.shortest_distance == pytest.approx(0.282, abs=1e-4)
    image = graph_health(crystals, MinimumImage(12, 8.0))
    assert image.atoms_with_fewer_than_k.count == 8 + 1 + 9  # seven or eight other atoms, or none
