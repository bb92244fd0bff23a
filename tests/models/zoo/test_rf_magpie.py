"""The random forest: its descriptors, its trees as arrays, what it does where a descriptor is not defined."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from datasets.errors import InputError
from models import registry
from models.zoo.rf_magpie import (
    DISTANCES,
    ForestSettings,
    RandomForest,
    _rounded_down,
    describe,
    distance_features,
    featurizers,
    magpie_table,
)

TRAIN, VALIDATION, TEST = np.arange(20), np.arange(20, 24), np.arange(24, 30)
STRUCTURE = ("density", "vpa", "packing fraction", "spacegroup_num", "crystal_system_int", "is_centrosymmetric")


def names() -> list[str]:
    return [label for one in featurizers() for label in one.feature_labels()] + list(DISTANCES)


def fitted(alloys, trees: int = 12, n_classes: int = 0, seed: int = 3, train: np.ndarray = TRAIN) -> RandomForest:
    model = RandomForest(ForestSettings(trees), n_classes=n_classes)
    model.fit(magpie_table(alloys), targets_of(alloys, n_classes), train, VALIDATION, seed)
    return model


def targets_of(alloys, n_classes: int = 0) -> np.ndarray:
    energy = alloys.targets["energy"].to_numpy()
    return np.digitize(energy, np.quantile(energy, np.arange(1, n_classes) / n_classes)).astype(float) if n_classes else energy


# -- descriptors ------------------------------------------------------------------------------------


def test_the_descriptors_of_rock_salt_are_those_of_a_handbook(crystals):
    found = dict(zip(names(), magpie_table(crystals).values[0].tolist(), strict=True))
    assert found["MagpieData mean Number"] == 14 and found["MagpieData range Number"] == 6
    assert found["density"] == pytest.approx(2.16, abs=0.01) and found["spacegroup_num"] == 225
    assert found["is_centrosymmetric"] == 1 and found["nearest, mean"] == pytest.approx(2.82, abs=1e-4)
    assert found["neighbours"] == 12


def test_slabs_and_clusters_have_composition_and_distances_and_no_density(crystals):
    values = magpie_table(crystals).values
    structural = np.isin(names(), STRUCTURE)
    assert np.isnan(values[2:, structural]).all() and np.isfinite(values[:, ~structural]).all()
    assert np.isfinite(values[:2]).all()


def test_an_element_that_magpie_does_not_know_leaves_its_features_open(crystals):
    numbers = crystals.atomic_numbers.copy()
    numbers[0] = 118
    found = describe(replace(crystals, atomic_numbers=numbers).take([0]))[0]
    density = names().index("density")
    assert np.isnan(found[:density]).any() and np.isfinite(found[density])


def test_an_atom_alone_has_no_distances(isolated):
    none = np.empty(0)
    assert np.isnan(distance_features(isolated.take([1]), none.astype(int), none)).all()


def test_distances_are_counted_by_atom_and_by_crystal(crystals):
    atom, distance = np.array([0, 0, 1, 8]), np.array([1.0, 3.0, 2.0, 5.0])
    found = distance_features(crystals.take([0, 1]), atom, distance)
    assert found[0].tolist() == [1.0, 1.5, 2.0, 2.0, pytest.approx(np.sqrt(2 / 3)), 3 / 8]
    assert found[1].tolist() == [5.0, 5.0, 5.0, 5.0, 0.0, 1 / 8]


def test_descriptors_are_computed_once(alloys):
    assert magpie_table(alloys).seconds == magpie_table(alloys).seconds > 0


# -- the forest -------------------------------------------------------------------------------------


def test_the_trees_predict_what_scikit_learn_predicts(alloys):
    model, inputs, energy = fitted(alloys), magpie_table(alloys), targets_of(alloys)
    mean, spread = energy[TRAIN].mean(), energy[TRAIN].std()
    state = int(np.random.SeedSequence(3).generate_state(1)[0])
    forest = RandomForestRegressor(12, random_state=state).fit(
        inputs.values[TRAIN], ((energy[TRAIN] - mean) / spread).astype(np.float32)
    )
    expected = mean + spread * forest.predict(inputs.values)
    np.testing.assert_allclose(model.predict(inputs, np.arange(30)), expected, rtol=1e-13)
    assert model.n_parameters == sum(tree.tree_.node_count for tree in forest.estimators_)


def test_the_trees_predict_the_probabilities_that_scikit_learn_predicts(alloys):
    model, inputs, classes = fitted(alloys, n_classes=3), magpie_table(alloys), targets_of(alloys, 3)
    state = int(np.random.SeedSequence(3).generate_state(1)[0])
    forest = RandomForestClassifier(12, random_state=state).fit(inputs.values[TRAIN], classes[TRAIN])
    np.testing.assert_allclose(model.predict(inputs, np.arange(30)), forest.predict_proba(inputs.values), atol=1e-14)


def test_a_class_without_a_training_crystal_has_no_share(alloys):
    model, inputs = RandomForest(ForestSettings(5), n_classes=3), magpie_table(alloys)
    model.fit(inputs, np.tile([0.0, 2.0], 15), TRAIN, VALIDATION, 0)
    found = model.predict(inputs, TEST)
    assert (found[:, 1] == 0).all() and np.allclose(found.sum(axis=1), 1)


def test_a_loaded_forest_predicts_the_same_bits(alloys, tmp_path):
    for n_classes in (0, 3):
        model, inputs = fitted(alloys, n_classes=n_classes), magpie_table(alloys)
        model.save(tmp_path / "model.safetensors")
        loaded = RandomForest.load(tmp_path / "model.safetensors")
        assert model.predict(inputs, TEST).tobytes() == loaded.predict(inputs, TEST).tobytes()


def test_the_number_of_threads_changes_nothing(alloys):
    inputs, threads, found = magpie_table(alloys), torch.get_num_threads(), []
    try:
        for n in (1, 2):
            torch.set_num_threads(n)
            found.append(fitted(alloys).predict(inputs, TEST))
    finally:
        torch.set_num_threads(threads)
    assert np.array_equal(*found)


def test_another_seed_grows_other_trees(alloys):
    inputs = magpie_table(alloys)
    assert not np.array_equal(fitted(alloys, seed=1).predict(inputs, TEST), fitted(alloys, seed=2).predict(inputs, TEST))


def test_the_forest_learns(alloys):
    # The volume grows with the row: a forest interpolates and does not extrapolate.
    energy, test = targets_of(alloys), np.arange(3, 30, 5)
    train = np.setdiff1d(np.arange(30), test)
    error = np.abs(fitted(alloys, 50, train=train).predict(magpie_table(alloys), test) - energy[test]).mean()
    assert error < 0.6 * np.abs(energy[train].mean() - energy[test]).mean()


def test_a_lacking_descriptor_is_the_median_of_the_training_part_and_counted(alloys):
    inputs = magpie_table(alloys)
    values = inputs.values.copy()
    values[[2, 5, 27], 7] = np.nan
    values[:, 8] = np.nan
    values[27, 9] = np.nan
    model, partly = RandomForest(ForestSettings(5)), replace(inputs, values=values)
    assert model.fit(partly, targets_of(alloys), TRAIN, VALIDATION, 0).imputed == 30
    known = np.delete(inputs.values[TRAIN, 7], [2, 5])
    assert model.learnt["medians"][7] == np.float32(np.median(known)) and model.learnt["medians"][8] == 0
    filled = values.copy()
    filled[27, [7, 8, 9]] = model.learnt["medians"][[7, 8, 9]]
    both = [model.predict(replace(inputs, values=one), np.array([27])) for one in (values, filled)]
    assert np.isfinite(both).all() and both[0] == both[1]
    assert RandomForest(ForestSettings(5)).fit(inputs, targets_of(alloys), TRAIN, VALIDATION, 0).imputed == 0


def test_a_threshold_in_single_precision_sends_no_descriptor_elsewhere():
    rng = np.random.default_rng(0)
    x = np.sort(rng.normal(size=1000).astype(np.float32))
    threshold = (x[:-1].astype(float) + x[1:]) / 2
    assert ((x[:, None] <= threshold) == (x[:, None] <= _rounded_down(threshold))).all()


def test_a_tree_with_a_circle_is_refused(alloys, tmp_path):
    model = fitted(alloys)
    model.learnt["left"][0] = 0
    model.save(tmp_path / "model.safetensors")
    with pytest.raises(InputError, match=r"not a readable checkpoint of a RandomForest .a node of a tree stands before"):
        RandomForest.load(tmp_path / "model.safetensors")


def test_profiles_have_10_50_and_500_trees():
    profiles = registry.get("rf-magpie").profiles
    assert [profiles[name].trees for name in ("smoke", "mini", "standard", "paper")] == [10, 50, 500, 500]
