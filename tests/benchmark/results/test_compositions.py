from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Composition

from benchmark.results import compositions
from datasets import registry
from datasets.crystals import Crystals
from datasets.errors import InputError
from tests.conftest import cluster, rock_salt, slab


@pytest.fixture
def salt() -> Crystals:
    return Crystals.from_cells(["salt", "a slab", "cluster"], [rock_salt(), slab(), cluster()])


def test_formulas_are_reduced_and_metals_come_first(salt):
    assert compositions.formulas(salt).tolist() == ["NaCl", "Al3O", "Pt"]


def test_formulas_are_those_of_pymatgen(alloys):
    for row, formula in enumerate(compositions.formulas(alloys)):
        assert Composition(formula).reduced_formula == alloys.to_structure(row).composition.reduced_formula


def test_what_is_written_comes_back_sorted_by_id(salt, tmp_path):
    compositions.write(compositions.path_of(tmp_path, salt.content_hash), salt)
    found = compositions.read(tmp_path, salt.content_hash)
    assert found["id"].tolist() == ["a slab", "cluster", "salt"]
    assert found["elements"].tolist() == [("Al", "O"), ("Pt",), ("Na", "Cl")]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [f"{salt.content_hash[:16]}.parquet"]


def test_without_a_file_there_are_none(tmp_path):
    assert compositions.read(tmp_path, "0" * 64) is None


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"id": ["a", "a"], "formula": ["Na", "Na"]}, "an id is missing or appears twice"),
        ({"id": ["a", None], "formula": ["Na", "Na"]}, "an id is missing or appears twice"),
        ({"id": ["a", "b"], "formula": ["Na", "Xx2"]}, "'Xx2' is no formula"),
        ({"id": ["a", "b"], "formula": ["Na", "<b>"]}, "'<b>' is no formula"),
        ({"id": ["a", "b"], "formula": ["Na", "Na0"]}, "'Na0' is no formula"),
        ({"id": ["a" * 10**6] * 200, "formula": ["Na"] * 200}, "an id is missing or appears twice"),
        ({"id": ["a", "b"], "formula": ["Na", None]}, "'nan' is no formula"),
        ({"id": ["a", "b"], "formula": ["Na", ""]}, "'' is no formula"),
        ({"id": ["a", "b"], "formula": [1, 2]}, "its columns are not id and formula"),
        ({"id": ["a", "b"]}, "its columns are not id and formula"),
    ],
)
def test_a_file_that_is_not_one_of_ours_is_refused(tmp_path, columns, expected):
    path = compositions.path_of(tmp_path, "0" * 64)
    path.parent.mkdir()
    pd.DataFrame(columns).to_parquet(path, index=False)
    with pytest.raises(InputError, match=expected):
        compositions.read(tmp_path, "0" * 64)


def test_a_damaged_file_is_refused(tmp_path):
    path = compositions.path_of(tmp_path, "0" * 64)
    path.parent.mkdir()
    path.write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a readable Parquet file"):
        compositions.read(tmp_path, "0" * 64)


def test_only_what_is_missing_and_of_the_same_content_is_added(salt, tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "load", lambda name: salt)
    assert compositions.add(tmp_path, {"0" * 64: "other release"}) == []
    assert len(compositions.add(tmp_path, {salt.content_hash: "salt"})) == 1
    assert compositions.add(tmp_path, {salt.content_hash: "salt"}) == []


def test_the_largest_published_set_stays_small(shared_data, tmp_path):
    crystals = Crystals.from_parquet(shared_data("cgcnn/materials.parquet"), targets=[])
    path = compositions.path_of(tmp_path, "0" * 64)
    compositions.write(path, crystals)
    assert path.stat().st_size < 500_000
    rows = np.random.default_rng(0).choice(len(crystals), 50, replace=False)
    found = compositions.read(tmp_path, "0" * 64).set_index("id")["elements"]
    for row in rows:
        assert set(found[crystals.ids[row]]) == {e.symbol for e in crystals.to_structure(row).composition}
