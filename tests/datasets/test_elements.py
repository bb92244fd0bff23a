"""The compact element table expands to the published one, and an element without features is named."""

import json

import numpy as np
import pytest

from datasets.crystals import Crystals
from datasets.elements import PROPERTIES, cgcnn_features, magpie_features, require_features
from datasets.errors import InputError


def salt_and(number: int) -> Crystals:
    cell = np.eye(3) * 4.0, (True, True, True), np.array([11, 17]), np.array([[0.0, 0, 0], [0.5, 0.5, 0.5]])
    other = cell[0], cell[1], np.array([17, number]), cell[3]
    return Crystals.from_cells(["salt", "strange"], [cell, other])


def test_the_table_expands_to_the_published_features_of_all_hundred_elements(shared_data):
    published = json.loads(shared_data("cgcnn/sample-regression/atom_init.json").read_text())
    assert {int(z) for z in published} == set(range(1, 101))
    expected = np.array([published[str(z)] for z in range(1, 101)])
    assert np.array_equal(cgcnn_features()[1:], expected)


def test_every_block_of_a_row_is_one_hot_or_empty():
    table = cgcnn_features()
    assert table.shape == (101, 92) and table.dtype == np.float32 and not table[0].any()
    blocks = np.split(table, np.cumsum([*PROPERTIES.values()])[:-1], axis=1)
    assert [b.shape[1] for b in blocks] == [*PROPERTIES.values()]
    assert all(np.isin(block.sum(axis=1), (0.0, 1.0)).all() for block in blocks)


def test_magpie_features_are_finite_and_standardised_over_the_elements():
    table = magpie_features()
    assert table.shape == (101, 22) and table.dtype == np.float32
    assert np.isfinite(table).all() and not table[0].any() and table[1:].any(axis=1).all()
    assert np.allclose(table[1:].mean(axis=0), 0, atol=1e-5)
    # An unknown value takes the mean, 0, so a column with some has a spread a little below 1.
    assert (table[1:].std(axis=0) < 1 + 1e-5).all() and (table[1:].std(axis=0) > 0.95).all()


def test_magpie_features_tell_all_elements_apart():
    assert len(np.unique(magpie_features()[1:], axis=0)) == 100


@pytest.mark.parametrize("features", [cgcnn_features, magpie_features])
@pytest.mark.parametrize("number", [0, 101, 118, -3])
def test_an_element_without_features_is_refused_with_the_name_of_the_crystal(features, number):
    with pytest.raises(InputError, match=rf"crystal 'strange'.* Z = {number};") as caught:
        require_features(salt_and(number), features())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("number", [1, 100])
def test_the_first_and_the_last_element_have_features(number):
    require_features(salt_and(number), cgcnn_features())
