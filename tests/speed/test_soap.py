"""SOAP descriptors beside dscribe's own loop, and the SVR on them beside scikit-learn's."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from models.descriptors.soap import SoapSettings, _describe_all, as_matrix, columns_of, describe, descriptor
from models.zoo.soap import SoapSVR, SoapSVRSettings

TARGET = "formation_energy_per_atom"
TESTED = 1000


class Task:
    """Training and test rows of crystals drawn with a fixed seed, as the model takes them and as scikit-learn does."""

    def __init__(self, materials, n_train: int) -> None:
        crystals = materials.take(np.random.default_rng(0).permutation(len(materials))[: n_train + TESTED])
        self.model = SoapSVR(SoapSVRSettings())
        self.inputs = self.model.prepare(crystals)
        self.y = crystals.targets[TARGET].to_numpy()
        self.train, self.test = np.arange(n_train), np.arange(n_train, n_train + TESTED)
        self.x = self.inputs.matrix[:, columns_of(crystals.elements, SoapSettings())].astype(np.float64)

    def fit(self) -> SoapSVR:
        self.model.fit(self.inputs, self.y, self.train, self.test, seed=0)
        return self.model

    def predict(self) -> np.ndarray:
        return self.model.predict(self.inputs, self.test)


@pytest.fixture(scope="module")
def task(materials):
    return cache(lambda n_train: Task(materials, n_train))


def fit_scikit_learn(task: Task, dense: bool):
    from sklearn.svm import SVR

    x = task.x[task.train]
    return SVR().fit(x.toarray() if dense else x, task.y[task.train])


def same_predictions(task: Task, theirs: np.ndarray) -> None:
    task.fit()
    np.testing.assert_allclose(task.predict(), theirs, rtol=0, atol=1e-6)


@pytest.mark.benchmark(group="SVR on 5,000 crystals, beside scikit-learn's on dense descriptors")
def test_svr_beside_dense(measure, task):
    measure("ours", task(5000).fit, crystals=5000, target=10.0)


@pytest.mark.benchmark(group="SVR on 5,000 crystals, beside scikit-learn's on dense descriptors")
def test_scikit_learn_dense(measure, task):
    theirs = measure("baseline", lambda: fit_scikit_learn(task(5000), dense=True), rounds=1, warmup=0, crystals=5000)
    same_predictions(task(5000), theirs.predict(task(5000).x[task(5000).test].toarray()))


SPARSE = "SVR on {:,} crystals, beside scikit-learn's on sparse descriptors"


@pytest.mark.parametrize("n", [pytest.param(n, marks=pytest.mark.benchmark(group=SPARSE.format(n))) for n in (5000, 15000)])
def test_svr_beside_sparse(measure, task, n):
    measure("ours", task(n).fit, rounds=3, crystals=n)


@pytest.mark.parametrize("n", [pytest.param(n, marks=pytest.mark.benchmark(group=SPARSE.format(n))) for n in (5000, 15000)])
def test_scikit_learn_sparse(measure, task, n):
    theirs = measure("baseline", lambda: fit_scikit_learn(task(n), dense=False), rounds=3, warmup=0, crystals=n)
    same_predictions(task(n), theirs.predict(task(n).x[task(n).test]))


@pytest.mark.benchmark(group="SVR of 5,000 crystals predicts 1,000, beside scikit-learn's on sparse descriptors")
def test_svr_predicts(measure, task):
    task(5000).fit()
    measure("ours", task(5000).predict, crystals=TESTED)


@pytest.mark.benchmark(group="SVR of 5,000 crystals predicts 1,000, beside scikit-learn's on sparse descriptors")
def test_scikit_learn_predicts(measure, task):
    theirs, x = fit_scikit_learn(task(5000), dense=False), task(5000).x[task(5000).test]
    same_predictions(task(5000), measure("baseline", lambda: theirs.predict(x), crystals=TESTED))


def straightforward(crystals) -> np.ndarray:
    """One crystal after the other in dscribe's dense row over the elements of the set."""
    from dscribe.descriptors import SOAP

    soap = SOAP(species=crystals.elements, r_cut=5.0, n_max=1, l_max=2, average="inner", periodic=True)
    return np.array([soap.create(crystals.to_atoms(row)) for row in range(len(crystals))], dtype=np.float32)


def same_descriptors(crystals, matrix, theirs: np.ndarray) -> None:
    ours = matrix[:, columns_of(crystals.elements, SoapSettings())].toarray()
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6 * theirs.max())


@pytest.fixture(scope="module")
def of(materials):
    order = np.random.default_rng(1).permutation(len(materials))
    return lambda n: materials.take(order[:n])


@pytest.mark.benchmark(group="SOAP of 1,000 crystals, one process")
def test_soap(measure, of):
    measure("ours", lambda: describe(of(1000), SoapSettings()), crystals=1000)


@pytest.mark.benchmark(group="SOAP of 1,000 crystals, one process")
def test_soap_straightforward(measure, of):
    theirs = measure("baseline", lambda: straightforward(of(1000)), rounds=3, crystals=1000)
    same_descriptors(of(1000), describe(of(1000), SoapSettings()), theirs)


@pytest.mark.benchmark(group="SOAP of 8,000 crystals, every core beside one")
def test_soap_on_every_core(measure, of):
    measure("ours", lambda: _describe_all(of(8000), SoapSettings()), rounds=3, crystals=8000)


@pytest.mark.benchmark(group="SOAP of 8,000 crystals, every core beside one")
def test_soap_straightforward_on_one_core(measure, of):
    theirs = measure("baseline", lambda: straightforward(of(8000)), rounds=1, warmup=0, crystals=8000)
    n_columns = descriptor(SoapSettings()).get_number_of_features()
    same_descriptors(of(8000), as_matrix(_describe_all(of(8000), SoapSettings()), n_columns), theirs)
