"""Every model that can predict classes: probabilities, what they are invariant under, and what training makes of them."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import bulk
from sklearn.metrics import roc_auc_score

from datasets.crystals import Crystals
from datasets.errors import InputError
from models.contract import Model
from models.registry import get, registered
from models.training import Classifier
from models.zoo.dummy import Dummy
from models.zoo.soap import SoapSVR

ABLE = [name for name, spec in registered().items() if spec.model.classifies]
each_model = pytest.mark.parametrize("name", ABLE)
ELEMENTS = ("Cu", "Al", "Ni")


@pytest.fixture(scope="module")
def metals() -> tuple[Crystals, np.ndarray]:
    """36 crystals of three elements at other lattice constants, and which element each is of."""
    classes = np.tile(np.arange(3), 12)
    atoms = [bulk(ELEMENTS[c], "fcc", a=3.6 + 0.05 * n, cubic=n % 2 == 0) for n, c in enumerate(classes)]
    return Crystals.from_atoms([f"m{n}" for n in range(36)], atoms), classes.astype(float)


def fitted(name: str, metals: tuple[Crystals, np.ndarray], n_classes: int = 3, **changes: str) -> Model:
    crystals, classes = metals
    spec = get(name)
    model = spec.model(spec.settings("smoke", changes), n_classes=n_classes)
    model.fit(model.prepare(crystals), np.minimum(classes, n_classes - 1), np.arange(24), np.arange(24, 30), 0)
    return model


def predict(model: Model, crystals: Crystals) -> np.ndarray:
    return model.predict(model.prepare(crystals), np.arange(len(crystals)))


def test_every_graph_network_soap_and_the_dummy_can_predict_classes():
    assert set(registered()) - set(ABLE) == {"dummy-median", "soap-svr"}
    with pytest.raises(InputError, match="a SoapSVR predicts numbers, not classes"):
        SoapSVR(get("soap-svr").settings("smoke"), n_classes=2)


@each_model
@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_are_those_of_classes(metals, name, n_classes):
    crystals, _ = metals
    values = predict(fitted(name, metals, n_classes), crystals)
    assert values.shape == (36, n_classes) and values.dtype == np.float64 and (values >= 0).all()
    np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-12)


@each_model
def test_a_supercell_turned_and_with_its_atoms_in_another_order_has_the_same_probabilities(metals, name):
    crystals, _ = metals
    model = fitted(name, metals)
    before = crystals.to_atoms(31)
    atoms: Atoms = before.repeat((2, 1, 1))
    atoms.rotate(40, (1, 2, 3), rotate_cell=True)
    after = atoms[np.random.default_rng(0).permutation(len(atoms))]
    found = predict(model, Crystals.from_atoms(["before", "after"], [before, after]))
    np.testing.assert_allclose(found[0], found[1], atol=1e-4)


@each_model
def test_a_classifier_is_the_same_after_saving_and_under_the_same_seed(metals, name, tmp_path):
    crystals, _ = metals
    model = fitted(name, metals)
    model.save(tmp_path / "m.safetensors")
    loaded = get(name).model.load(tmp_path / "m.safetensors")
    assert loaded.n_classes == 3
    for other in (loaded, fitted(name, metals)):
        assert np.array_equal(predict(other, crystals), predict(model, crystals))


@pytest.mark.parametrize("name", sorted({*ABLE} - {"dummy"}))
def test_elements_are_told_apart_after_some_epochs(metals, name):
    crystals, classes = metals
    changes = {"epochs": "40", "learning_rate": "0.01", "batch_size": "8"}
    changes = {} if name == "rf-magpie" else changes
    assert roc_auc_score(classes, predict(fitted(name, metals, **changes), crystals), multi_class="ovr") > 0.95


def test_the_dummy_predicts_the_shares_of_the_training_part():
    dummy = Dummy(Dummy.settings_class(), n_classes=3)
    dummy.fit(4, np.array([0.0, 2.0, 2.0, 1.0]), np.array([0, 1, 2]), np.array([3]), 0)
    np.testing.assert_allclose(dummy.predict(4, np.arange(2)), [[1 / 3, 0, 2 / 3]] * 2)
    assert dummy.n_parameters == 2


def test_cross_entropy_and_log_loss_are_those_by_hand():
    network = Classifier(torch.nn.Identity())
    logits, classes = torch.tensor([[0.0, np.log(3.0)], [0.0, 0.0]]), np.array([1.0, 0.0])
    expected = -(np.log(3 / 4) + np.log(1 / 2)) / 2
    assert network.loss("l1", logits, network.labels(classes)).item() == pytest.approx(expected, rel=1e-6)
    assert network.error(network(logits).numpy(), classes) == pytest.approx(expected, rel=1e-6)
    assert network.error(np.array([[1.0, 0.0]]), np.array([1.0])) == pytest.approx(708.4, abs=0.1)  # finite where p is 0
