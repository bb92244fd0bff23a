"""Nothing of the test part is seen: other test crystals with other targets leave every fitted model as it is, to the bit."""

from dataclasses import fields, replace

import numpy as np
import pytest

from datasets.crystals import Crystals
from models.contract import Fitted, Model
from models.graph.table import GraphTable
from models.registry import get, registered
from tests.conftest import alloy

TEST, VALIDATION, TRAIN = (np.flatnonzero(np.isin(np.arange(30) % 5, part)) for part in ([0], [1], [2, 3, 4]))

SHORT = {"epochs": "1", "n_layers": "2"}
"""A model sees no more crystals in another epoch or another layer."""

CASES = [(name, named) for name, spec in registered().items() for named in spec.named_settings]
CLASSIFIERS = [name for name, spec in registered().items() if spec.model.classifies]


@pytest.fixture(scope="module")
def others(alloys) -> Crystals:
    """The same crystals but for the test rows: fewer atoms, longer edges, and elements and targets that no other row has."""
    cells = [(alloys.lattice[r], alloys.pbc[r], alloys.atomic_numbers[a], alloys.frac_coords[a])
             for r, a in ((row, alloys.atoms_of(row)) for row in range(len(alloys)))]  # fmt: skip
    for row in TEST:
        lattice, pbc, numbers, coords = alloy(100 + row, (8, 56), 5.2)
        cells[row] = lattice, pbc, numbers[:6], coords[:6]
    energy = alloys.targets["energy"].to_numpy().copy()
    energy[TEST] = 1e6
    return replace(Crystals.from_cells(alloys.ids, cells), targets=alloys.targets.assign(energy=energy))


def fit(name: str, named: str, crystals: Crystals, n_classes: int = 0) -> tuple[Model, Fitted, np.ndarray]:
    """A fitted model, what `fit` returned, and its predictions of the test rows."""
    spec = get(name)
    settings = spec.named_settings[named]
    settings = settings.changed({one: text for one, text in SHORT.items() if one in {field.name for field in fields(settings)}})
    model = spec.model(settings, n_classes=n_classes)
    energy = crystals.targets["energy"].to_numpy()
    inputs, targets = model.prepare(crystals), (energy > np.median(energy)).astype(float) if n_classes else energy
    model.warm_up(inputs, targets, TRAIN)
    outcome = model.fit(inputs, targets, TRAIN, VALIDATION, 0)
    return model, outcome, model.predict(inputs, TEST)


def require_equal(one: tuple[Model, Fitted, np.ndarray], other: tuple[Model, Fitted, np.ndarray]) -> None:
    """All that was learnt, with the best weights and with the last ones, and what was told of each epoch."""
    for mine, theirs in ((one[0].state(), other[0].state()), (one[1].last_state, other[1].last_state)):
        assert mine.keys() == theirs.keys()
        assert [key for key in mine if mine[key].tobytes() != theirs[key].tobytes()] == []
    told = [[replace(epoch, seconds=0.0) for epoch in outcome.history] for _, outcome, _ in (one, other)]
    assert told[0] == told[1] and one[1].best_epoch == other[1].best_epoch
    assert np.isfinite(other[2]).all(), "a test crystal needs a prediction, whatever its elements"


@pytest.mark.parametrize(("name", "named"), CASES)
def test_other_test_crystals_leave_the_fitted_model_as_it_is(alloys, others, name, named):
    require_equal(fit(name, named, alloys), fit(name, named, others))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_other_test_crystals_leave_the_fitted_classifier_as_it_is(alloys, others, name):
    classes = alloys.targets["energy"] > alloys.targets["energy"].median()
    flipped = np.where(np.isin(np.arange(30), TEST), ~classes, classes)
    first = replace(alloys, targets=alloys.targets.assign(energy=classes.astype(float)))
    second = replace(others, targets=others.targets.assign(energy=flipped.astype(float)))
    require_equal(fit(name, "smoke", first, n_classes=2), fit(name, "smoke", second, n_classes=2))


def test_the_other_test_crystals_are_such_that_looking_at_them_would_show(alloys, others):
    """Longer edges, more elements, more columns: what a scale or a descriptor of all crystals would take from them."""
    model = get("schnet").model(get("schnet").preset("omee"))
    table = model.prepare(others)
    assert isinstance(table, GraphTable)
    assert table.longest_edge(np.arange(30)) > 1.1 * table.longest_edge(TRAIN)
    assert len(others.elements) == len(others.take(TRAIN).elements) + 2
    assert others.ids.tolist() == alloys.ids.tolist()
    known = np.concatenate([TRAIN, VALIDATION])
    assert others.take(known).content_hash == alloys.take(known).content_hash
