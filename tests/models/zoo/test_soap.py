"""SOAP baselines: the descriptor keeps the symmetries of a crystal, the two models learn, store and refuse."""

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp
from ase import Atoms
from ase.build import bulk, molecule
from scipy.spatial.transform import Rotation
from sklearn.svm import SVR

from datasets.crystals import Crystals
from datasets.errors import InputError
from models import registry
from models.contract import Model
from models.descriptors import soap as soap_descriptor
from models.descriptors import svr
from models.descriptors.soap import SoapSettings, columns_of, describe, descriptor
from models.zoo.soap import EPSILONS, GAMMAS, PENALTIES, SoapMLP, SoapMLPSettings, SoapSVR, SoapSVRSettings

PAIRS = [("Na", "Cl"), ("Na", "Br"), ("K", "Cl"), ("K", "Br"), ("Li", "F"), ("Li", "Cl")]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BENCHMARK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def oblique(pbc: object = True) -> Atoms:
    """A crystal without any symmetry."""
    cell = [[4.1, 0.2, 0.1], [1.3, 4.5, 0.0], [0.4, -0.8, 5.0]]
    return Atoms("NaCl2", scaled_positions=[[0.1, 0.2, 0.3], [0.55, 0.6, 0.8], [0.6, 0.1, 0.4]], cell=cell, pbc=pbc)


def vectors(*atoms: Atoms) -> np.ndarray:
    crystals = Crystals.from_atoms([str(i) for i in range(len(atoms))], list(atoms))
    return describe(crystals, SoapSettings()).toarray()


def relative(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one - other).max() / np.abs(one).max())


@pytest.fixture(scope="module")
def salts() -> tuple[Crystals, np.ndarray]:
    """Rock salts of many volumes, and a target that is a function of both."""
    cells = [(x + y, a) for x, y in PAIRS for a in np.linspace(4.5, 6.5, 25)]
    crystals = Crystals.from_atoms(
        [f"{name}-{i}" for i, (name, _) in enumerate(cells)], [bulk(name, "rocksalt", a) for name, a in cells]
    )
    return crystals, np.array([a - 5 + 0.5 * name.startswith("K") for name, a in cells])


def rows_of(crystals: Crystals) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    order = np.random.default_rng(0).permutation(len(crystals))
    return order[:100], order[100:125], order[125:]


def small(name: str) -> Model:
    if name == "soap-svr":
        return SoapSVR(SoapSVRSettings())
    return SoapMLP(SoapMLPSettings(epochs=20, batch_size=8, hidden=32, learning_rate=1e-2))


BOTH = pytest.mark.parametrize("name", ["soap-svr", "soap-mlp"])


def permuted(atoms: Atoms) -> Atoms:
    return atoms[[2, 0, 1]]


def translated(atoms: Atoms) -> Atoms:
    atoms.positions += [0.7, -11.3, 26.9]
    return atoms


def scattered_over_cells(atoms: Atoms) -> Atoms:
    atoms.positions += np.array([[0, 0, 0], [3, 0, -2], [0, 5, 1]]) @ atoms.cell.array
    return atoms


def rotated(atoms: Atoms) -> Atoms:
    turn = Rotation.from_rotvec([0.4, -1.1, 0.8]).as_matrix()
    return Atoms(atoms.numbers, positions=atoms.positions @ turn.T, cell=atoms.cell.array @ turn.T, pbc=atoms.pbc)


def supercell(atoms: Atoms) -> Atoms:
    return atoms.repeat((2, 1, 3))


def skewed(atoms: Atoms) -> Atoms:
    """The same lattice by other vectors."""
    matrix = np.array([[1, 0, 0], [2, 1, 0], [-1, 1, 1]])
    return Atoms(atoms.numbers, positions=atoms.positions, cell=matrix @ atoms.cell.array, pbc=True)


@pytest.mark.parametrize("change", [permuted, translated, scattered_over_cells, rotated, supercell, skewed])
def test_descriptor_keeps_the_symmetries_of_a_crystal(change):
    assert relative(*vectors(oblique(), change(oblique()))) < 1e-6


def test_descriptor_tells_crystals_apart():
    strained = oblique()
    strained.set_cell(1.05 * strained.cell, scale_atoms=True)
    assert relative(*vectors(oblique(), strained)) > 1e-2


@pytest.mark.parametrize("pbc", [(1, 1, 1), (1, 1, 0), (0, 1, 0), (1, 0, 1), (0, 0, 0)])
def test_only_periodic_directions_have_images(pbc):
    """The average over the atoms of the cell in a finite piece that reaches far beyond the cutoff."""
    from dscribe.descriptors import SOAP

    atoms = oblique(pbc)
    copies = [range(-4, 5) if periodic else (0,) for periodic in pbc]
    shifts = np.stack(np.meshgrid(*copies, indexing="ij"), -1).reshape(-1, 3) @ atoms.cell.array
    piece = Atoms(np.tile(atoms.numbers, len(shifts)), (shifts[:, None] + atoms.positions).reshape(-1, 3))
    finite = SOAP(species=[11, 17], r_cut=5.0, n_max=1, l_max=2, average="inner", periodic=False)
    by_hand = finite.create(piece, centers=atoms.positions)
    ours = vectors(atoms)[0]
    assert relative(by_hand, ours[ours != 0]) < 1e-6


def test_cluster_and_isolated_atom_have_a_descriptor():
    water, argon = vectors(molecule("H2O"), Atoms("Ar"))
    assert np.count_nonzero(water) == 9
    assert argon.max() > 0 and np.count_nonzero(argon) == 1  # a sphere has l = 0 alone


def test_prepare_on_no_crystals_is_an_empty_table():
    assert small("soap-svr").prepare(Crystals.from_cells([], [])).matrix.shape[0] == 0


def test_columns_are_those_of_dscribe_over_the_elements_of_the_set(salts):
    from dscribe.descriptors import SOAP

    crystals, targets = salts
    model = small("soap-svr")
    inputs = model.prepare(crystals)
    model.fit(inputs, targets, *rows_of(crystals)[:2], seed=0)
    soap = SOAP(species=crystals.elements, r_cut=5.0, n_max=1, l_max=2, average="inner", periodic=True)
    theirs = np.array([soap.create(crystals.to_atoms(row)) for row in range(len(crystals))])
    np.testing.assert_allclose(model._features(inputs).toarray(), theirs, rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("settings", [SoapSettings(), SoapSettings(r_cut=3.0, n_max=3, l_max=4)])
def test_descriptor_of_a_crystal_s_own_elements_is_dscribe_s_over_all_to_the_bit(settings):
    water = molecule("H2O")
    atoms = [oblique(), oblique((1, 0, 1)), bulk("CsCl", "cesiumchloride", 4.1), Atoms("Ar"), water, bulk("Og", "fcc", 4.0)]
    crystals = Crystals.from_atoms([str(i) for i in range(len(atoms))], atoms)
    over_all = descriptor(settings)
    theirs = [crystals.to_atoms(row) for row in range(len(atoms))]
    for one in theirs:
        one.wrap()
    expected = np.array([over_all.create_single(one) for one in theirs], dtype=np.float32)
    np.testing.assert_array_equal(describe(crystals, settings).toarray(), expected)


def test_many_crystals_are_described_on_every_core_as_on_one(salts, monkeypatch):
    crystals, _ = salts
    alone = describe(crystals, SoapSettings())
    monkeypatch.setattr(soap_descriptor, "POOL_FROM", 1)
    monkeypatch.setattr(soap_descriptor, "CHUNK", 40)
    table = small("soap-svr").prepare(crystals)
    assert (table.matrix != alone).nnz == 0


def test_second_prepare_reads_the_cache(salts, cache, monkeypatch):
    crystals, _ = salts
    first = small("soap-svr").prepare(crystals)
    monkeypatch.setattr("models.descriptors.soap._describe_all", None)
    second = small("soap-mlp").prepare(crystals)  # one file for both models
    assert (first.matrix != second.matrix).nnz == 0 and first.seconds == second.seconds > 0


@pytest.mark.parametrize("gamma", ["scale", "auto"])
@pytest.mark.parametrize("target_unit", ["spread", "target"])
def test_svr_predicts_as_scikit_learn(salts, gamma, target_unit):
    crystals, targets = salts
    train, validation, test = rows_of(crystals)
    unit = targets[train].std() if target_unit == "spread" else 1.0
    model = SoapSVR(SoapSVRSettings(gamma=gamma, target_unit=target_unit))
    inputs = model.prepare(crystals)
    assert model.n_parameters is None
    model.fit(inputs, targets, train, validation, seed=0)
    x = model._features(inputs).toarray().astype(float)
    reference = SVR(gamma=gamma).fit(x[train], targets[train] / unit)
    np.testing.assert_allclose(model.predict(inputs, test), reference.predict(x[test]) * unit, rtol=0, atol=1e-9)
    assert model.n_parameters == len(reference.support_) + 1


def features(salts) -> tuple[sp.csr_array, np.ndarray]:
    """Every crystal twice, with another target: libsvm's steps depend on what it makes of equal rows."""
    crystals, targets = salts
    twice = np.tile(np.arange(len(crystals)), 2)
    matrix = small("soap-svr").prepare(crystals).matrix[:, columns_of(crystals.elements, SoapSettings())]
    return matrix[twice].astype(np.float64), targets[twice] + np.linspace(0, 0.3, len(twice))


@pytest.mark.parametrize("fits", [True, False])
def test_support_vectors_are_those_of_scikit_learn_to_the_bit(salts, monkeypatch, fits):
    monkeypatch.setattr(svr, "fits_in_memory", lambda n: fits)
    x, y = features(salts)
    support, dual, intercept = svr.fit_svr(svr.kernel_of(x, 0.02), y, penalty=2.0, epsilon=0.05)
    reference = SVR(C=2.0, epsilon=0.05, gamma=0.02).fit(x, y)
    np.testing.assert_array_equal(support, reference.support_)
    np.testing.assert_array_equal(dual, reference.dual_coef_.toarray()[0])
    np.testing.assert_array_equal(intercept, reference.intercept_)


def test_a_kernel_may_take_three_tenths_of_the_memory_available(monkeypatch):
    monkeypatch.setattr(svr.psutil, "virtual_memory", lambda: SimpleNamespace(available=8 * 1000**2 / svr.SHARE))
    assert svr.fits_in_memory(1000) and not svr.fits_in_memory(1001)


def test_svr_of_a_target_within_epsilon_is_a_constant(salts):
    crystals, _ = salts
    train, validation, test = rows_of(crystals)
    model = small("soap-svr")
    inputs = model.prepare(crystals)
    model.fit(inputs, np.full(len(crystals), 0.25), train, validation, seed=0)
    np.testing.assert_allclose(model.predict(inputs, test), 0.25, atol=0.1)
    assert model.n_parameters == 1


def test_the_grid_keeps_what_is_best_on_validation(salts):
    crystals, targets = salts
    train, validation, _ = rows_of(crystals)
    model = SoapSVR(SoapSVRSettings(grid=True))
    inputs = model.prepare(crystals)
    model.fit(inputs, targets, train, validation, seed=0)
    plain = SoapSVR(SoapSVRSettings())
    plain.fit(inputs, targets, train, validation, seed=0)
    gamma, errors = float(plain.learnt["gamma"][0]), {}
    x = model._features(inputs).astype(np.float64)
    for factor, penalty, epsilon in product(GAMMAS, PENALTIES, EPSILONS):
        one = SVR(C=penalty, epsilon=epsilon, gamma=factor * gamma).fit(x[train], targets[train] / targets[train].std())
        found = one.predict(x[validation]) * targets[train].std()
        errors[factor, penalty, epsilon] = np.abs(found - targets[validation]).mean()
    best = min(errors, key=errors.__getitem__)
    assert model.learnt["chosen"].tolist() == [*best[1:]]
    assert float(model.learnt["gamma"][0]) == pytest.approx(best[0] * gamma)
    chosen = np.abs(model.predict(inputs, validation) - targets[validation]).mean()
    assert chosen == pytest.approx(min(errors.values()), rel=1e-6)
    with pytest.raises(InputError, match="nothing can be chosen from a grid"):
        model.fit(inputs, targets, train, validation[:0], seed=0)


def test_test_rows_choose_nothing_in_the_grid(salts):
    crystals, targets = salts
    train, validation, test = rows_of(crystals)
    found = []
    for value in (0.0, 1e3):
        changed = targets.copy()
        changed[test] = value
        model = SoapSVR(SoapSVRSettings(grid=True))
        inputs = model.prepare(crystals)
        model.fit(inputs, changed, train, validation, seed=0)
        found.append(model.predict(inputs, test))
    assert np.array_equal(*found)


def test_without_pairs_of_different_elements_each_element_has_its_block():
    settings = SoapSettings(n_max=3, l_max=4, pairs="same")
    crystals = Crystals.from_atoms(["one", "two"], [bulk("NaCl", "rocksalt", 5.6), bulk("CsCl", "cesiumchloride", 4.1)])
    found = describe(crystals, settings)
    assert found.shape[1] == 118 * 6 * 5 and len(columns_of(np.array([11, 17]), settings)) == 2 * 6 * 5
    over_all = [descriptor(settings).create_single(crystals.to_atoms(row)) for row in range(2)]
    np.testing.assert_allclose(found.toarray(), np.array(over_all), rtol=1e-5, atol=1e-5)


def test_the_standard_profiles_have_a_real_descriptor():
    for name, pairs in (("soap-svr", "all"), ("soap-mlp", "same")):
        settings = registry.get(name).profiles["standard"]
        assert (settings.r_cut, settings.n_max, settings.l_max, settings.pairs) == (5.0, 8, 6, pairs)
    assert registry.get("soap-svr").profiles["standard"].grid and not registry.get("soap-svr").profiles["mini"].grid


@BOTH
def test_model_beats_the_mean_and_repeats_itself(salts, name):
    crystals, targets = salts
    train, validation, test = rows_of(crystals)
    predictions = []
    for _ in range(2):
        model = small(name)
        inputs = model.prepare(crystals)
        model.fit(inputs, targets, train, validation, seed=3)
        predictions.append(model.predict(inputs, test))
    np.testing.assert_array_equal(*predictions)
    error = np.abs(predictions[0] - targets[test]).mean()
    assert error < 0.5 * np.abs(targets[train].mean() - targets[test]).mean()


@BOTH
def test_saved_model_predicts_the_same(salts, name, tmp_path):
    crystals, targets = salts
    train, validation, test = rows_of(crystals)
    model = small(name)
    inputs = model.prepare(crystals)
    model.fit(inputs, targets, train, validation, seed=0)
    model.save(tmp_path / "model.safetensors")
    loaded = type(model).load(tmp_path / "model.safetensors")
    alone = loaded.prepare(crystals.take(test[:1]))  # fewer elements than were fitted on
    np.testing.assert_array_equal(loaded.predict(inputs, test), model.predict(inputs, test))
    np.testing.assert_allclose(loaded.predict(alone, np.arange(1)), model.predict(inputs, test[:1]), rtol=1e-5)
    assert loaded.n_parameters == model.n_parameters


@BOTH
def test_unseen_element_is_refused_by_crystal_and_element(salts, name):
    crystals, targets = salts
    model = small(name)
    inputs = model.prepare(crystals)
    model.fit(inputs, targets, *rows_of(crystals)[:2], seed=0)
    foreign = Crystals.from_atoms(["salt", "magnesia"], [bulk("NaCl", "rocksalt", 5.6), bulk("MgO", "rocksalt", 4.2)])
    with pytest.raises(InputError, match=r"'magnesia'.* Mg"):
        model.prepare(foreign)


@BOTH
def test_a_test_crystal_with_an_unseen_element_is_predicted_from_the_elements_that_were_seen(salts, name):
    crystals, targets = salts
    train, validation = np.arange(25), np.arange(25, 50)  # NaCl, NaBr
    model = small(name)
    inputs = model.prepare(crystals)
    model.fit(inputs, targets, train, validation, seed=0)
    assert model.state()["species"].tolist() == [11, 17]
    potassium_chloride, lithium_fluoride = 60, 110
    values = model.predict(inputs, np.array([potassium_chloride, lithium_fluoride]))
    assert np.isfinite(values).all()
    x = model._features(inputs).toarray()
    assert not x[lithium_fluoride].any(), "neither lithium nor fluorine was seen"
    blocks = inputs.matrix[:, columns_of(crystals.elements, model.settings)].toarray()[potassium_chloride]
    assert 0 < np.count_nonzero(x[potassium_chloride]) < np.count_nonzero(blocks), "chlorine among chlorine"


def test_mlp_has_the_parameters_of_the_head(salts):
    crystals, targets = salts
    model = SoapMLP(SoapMLPSettings(epochs=1))
    assert model.n_parameters is None
    model.fit(model.prepare(crystals), targets, *rows_of(crystals)[:2], seed=0)
    columns = 3 * 6 * 7 // 2  # l = 0, 1, 2 for each pair of Li, F, Na, Cl, K, Br
    assert model.n_parameters == (columns + 1) * 128 + 128 + 1


def test_scaler_of_the_descriptors_sees_the_training_rows_alone(salts):
    crystals, targets = salts
    train, validation, _ = rows_of(crystals)
    model = small("soap-mlp")
    inputs = model.prepare(crystals)
    model.fit(inputs, targets, train, validation, seed=0)
    x = model._features(inputs).toarray().astype(float)[train]
    np.testing.assert_allclose(model.state()["network.shift"], x.mean(0), rtol=1e-5, atol=1e-7)
    spread = x.std(0) > 1e-5
    np.testing.assert_allclose(model.state()["network.scale"][spread], x.std(0)[spread], rtol=1e-4)


@pytest.mark.parametrize("changes", [{"r_cut": "0.5"}, {"n_max": "0"}, {"l_max": "-1"}, {"penalty": "-1"}])
def test_impossible_settings_are_refused(changes):
    with pytest.raises(InputError, match=next(iter(changes))):
        registry.get("soap-svr").settings("mini", changes)


def test_thesis_settings_are_the_paper_profile():
    assert registry.get("soap-svr").settings("paper") == SoapSVRSettings(5.0, 1, 2, 1.0, 0.1, "scale", "target")
    mlp = registry.get("soap-mlp").settings("paper")
    assert (mlp.standardise, mlp.epochs, mlp.batch_size, mlp.optimizer) == ("none", 30, 256, "sgd")


@pytest.mark.parametrize("standardise", ["none", "train"])
def test_descriptors_are_standardised_over_the_training_rows_or_not_at_all(salts, standardise):
    crystals, targets = salts
    train, validation, _ = rows_of(crystals)
    model = SoapMLP(SoapMLPSettings(epochs=1, batch_size=8, hidden=4, standardise=standardise))
    inputs = model.prepare(crystals)
    model.fit(inputs, targets, train, validation, seed=0)
    x = inputs.matrix[:, columns_of(crystals.elements, model.settings)][train].toarray()
    expected = x.mean(axis=0) if standardise == "train" else np.zeros(x.shape[1])
    np.testing.assert_allclose(model.state()["network.shift"], expected, rtol=1e-5, atol=1e-6)
