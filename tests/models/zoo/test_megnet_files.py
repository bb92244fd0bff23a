"""MEGNet with the published weights predicts what was published, and files of the original code are read or refused."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from datasets.crystals import Crystals
from datasets.errors import InputError
from datasets.readers.structure_files import read_each
from models.graph.batch import GraphBatch
from models.graph.message_passing import backend
from models.zoo.megnet import MEGNet, MEGNetSettings, keras_names, read_upstream
from tests.backends import each_backend
from tests.models.zoo.small_megnet import SMALL, small_megnet


@pytest.fixture
def model() -> MEGNet:
    return small_megnet()


# -- the published weights --------------------------------------------------------------------------


@pytest.fixture
def published(shared_data) -> MEGNet:
    return read_upstream(shared_data("../reference/megnet_formation_energy.npz"))


@pytest.fixture
def expected(shared_data) -> pd.DataFrame:
    table = pd.read_csv(shared_data("../reference/megnet_predictions.csv"), dtype={"cif_id": str})
    return table[table["model"] == "mp-2018.6.1/formation_energy"]


@pytest.fixture
def samples(shared_data, expected) -> Crystals:
    files = [shared_data(f"cgcnn/sample-regression/{crystal}.cif") for crystal in expected["cif_id"]]
    return Crystals.from_cells([file.stem for file in files], read_each(files))


@each_backend
@pytest.mark.parametrize("fold", [True, False])
def test_with_the_published_weights_it_predicts_what_the_published_code_predicts(published, expected, samples, chosen, fold):
    assert published.about == {"target": "formation_energy_per_atom", "unit": "eV/atom"}
    assert published.settings == MEGNetSettings(length_tolerance=0.0) and published.n_parameters == 167_761
    published.settings = replace(published.settings, fold=fold)
    with backend(chosen):
        predictions = published.predict(published.prepare(samples), np.arange(len(samples)))
    np.testing.assert_allclose(predictions, expected["prediction"], atol=2e-6, rtol=0)


@pytest.fixture
def graphs(shared_data, samples) -> list[tuple[dict, GraphBatch]]:
    """What the published code wrote about its graph of each sample, and the same graph with its bonds sorted."""
    content = json.loads(shared_data("../reference/megnet_graphs.json").read_text())
    found = []
    for name in samples.ids:
        graph = content[name]
        order = np.lexsort((graph["bond"], graph["index1"]))
        src, dst, bond = (torch.tensor(np.array(graph[column])[order]) for column in ("index2", "index1", "bond"))
        atoms = torch.tensor(graph["atom"])
        found.append((graph, GraphBatch(atoms, torch.zeros_like(atoms), torch.tensor([len(atoms)]), src, dst, bond)))
    return found


def test_on_the_published_graphs_the_network_is_the_published_one_in_double_precision(published, graphs):
    published.network.double().eval()
    for graph, batch in graphs:
        assert abs(published.network(batch).item() - graph["prediction_numpy_float64"]) < 2e-7


def test_our_graphs_are_the_published_ones(published, samples, graphs):
    published.settings = replace(published.settings, fold=False)
    table = published.prepare(samples)
    for row, (_, theirs) in enumerate(graphs):
        ours = table.cut(torch.tensor([row]), torch.float64)
        assert torch.equal(ours.atomic_numbers, theirs.atomic_numbers) and torch.equal(ours.dst, theirs.dst)
        torch.testing.assert_close(ours.distance, theirs.distance, rtol=0, atol=1e-6)
        pairs = [
            sorted(zip(b.dst.tolist(), b.src.tolist(), b.distance.round(decimals=3).tolist(), strict=True))
            for b in (ours, theirs)
        ]
        assert pairs[0] == pairs[1]


def test_the_published_names_are_all_known(shared_data):
    with np.load(shared_data("../reference/megnet_formation_energy.npz")) as file:
        assert set(file.files) == set(keras_names(3))


# -- reading files of the original code -------------------------------------------------------------


@pytest.mark.parametrize("layers", [1, 2, 4])
def test_every_weight_has_one_name_in_the_original_code(layers):
    ours = keras_names(layers).values()
    assert len(set(ours)) == len(ours) and set(ours) == set(
        MEGNet(replace(SMALL, n_layers=layers)).network.network.state_dict()
    )


def upstream_arrays(model: MEGNet) -> dict[str, np.ndarray]:
    """The weights as the original code names and turns them, in single precision."""
    state = {name: tensor.numpy().astype(np.float32) for name, tensor in model.network.network.state_dict().items()}
    names = keras_names(model.settings.n_layers)
    return {theirs: state[ours] if ours == "embedding.weight" else state[ours].T for theirs, ours in names.items()}


def write_hdf5(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """As Keras writes a whole model: model_weights/<layer>/<name>, beside the optimizer's."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[f"model_weights/{name.partition('|')[0]}/{name.replace('|', '/')}"] = array
        file.create_group("model_weights/dropout_1")
        file["optimizer_weights/Adam/iterations:0"] = 7


def predictions(model: MEGNet, crystals: Crystals) -> np.ndarray:
    return model.predict(model.prepare(crystals), np.arange(len(crystals)))


@pytest.mark.parametrize("suffix", ["npz", "hdf5", "h5"])
def test_a_model_of_any_size_is_read_from_numpys_and_from_keras_files(model, crystals, tmp_path, suffix):
    path = tmp_path / f"model.{suffix}"
    arrays = upstream_arrays(model)
    if suffix == "npz":
        np.savez(path, **arrays)
    else:
        write_hdf5(path, arrays)
        Path(f"{path}.json").write_text("{}")
    found = read_upstream(path)
    model.network.float()
    # The published code knows no tolerance of lengths.
    model.settings = replace(SMALL, length_tolerance=0.0)
    assert found.settings == model.settings and found.about == {}
    assert np.array_equal(predictions(found, crystals), predictions(model, crystals))
    found.save(tmp_path / "own.safetensors")
    assert np.array_equal(predictions(MEGNet.load(tmp_path / "own.safetensors"), crystals), predictions(model, crystals))


@pytest.fixture
def file(model, tmp_path) -> Path:
    """A small model as the original code names its arrays."""
    path = tmp_path / "log10K.npz"
    np.savez(path, **upstream_arrays(model))
    return path


def converter(spelling: str = "converter", **changes) -> dict:
    """The graph of the original code's JSON: 5 Å, Gaussians to 6 Å."""
    centres = {"@module": "numpy", "@class": "array", "dtype": "float64", "data": np.linspace(0, 6, SMALL.gaussians).tolist()}
    bond = {"@class": "GaussianDistance", "centers": centres, "width": 0.4} | changes
    return {f"graph_{spelling}": {"@class": "CrystalGraph", f"bond_{spelling}": bond, "cutoff": 5.0}}


def companion(file: Path, content: object) -> None:
    Path(f"{file}.json").write_text(content if isinstance(content, str) else json.dumps(content))


@pytest.mark.parametrize("spelling", ["converter", "convertor"])
def test_cutoff_and_gaussians_are_read_from_the_file_beside_the_model(file, spelling):
    companion(file, converter(spelling) | {"metadata": {"unit": "log10(GPa)"}})
    expected = replace(SMALL, cutoff=5.0, margin=1.0, gaussian_width=0.4, length_tolerance=0.0)
    assert read_upstream(file).settings == expected


def test_the_scaler_is_read_from_the_file_beside_the_model(file, crystals):
    plain = predictions(read_upstream(file), crystals)
    companion(file, {"target_scaler": {"@class": "StandardScaler", "mean": -1.5, "std": 2.0, "is_intensive": True}})
    np.testing.assert_allclose(predictions(read_upstream(file), crystals), 2.0 * plain - 1.5, rtol=1e-12)
    companion(file, {"target_scaler": {"@class": "DummyScaler"}, "graph_converter": None})
    assert np.array_equal(predictions(read_upstream(file), crystals), plain)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "Expecting property name"),
        ("[]", "no attribute 'get'"),
        ({"target_scaler": {"mean": 0, "std": 1, "is_intensive": False}}, "the target is extensive"),
        ({"graph_converter": {"cutoff": 5.0}}, "bond_convertor"),
        (converter(centers=[0.0, 1.0, 4.0]), "not spaced evenly from 0"),
        (converter(centers=[]), "index -1 is out of bounds"),
        (converter(width=0.0), "gaussian_width"),
    ],
)
def test_a_file_beside_the_model_that_does_not_fit_is_refused_in_one_line(file, content, reason):
    companion(file, content)
    with pytest.raises(InputError, match=rf"log10K\.npz: not a regression model of the original MEGNet \(.*{reason}") as caught:
        read_upstream(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "about"),
    [
        ("formation_energy.npz", {"target": "formation_energy_per_atom", "unit": "eV/atom"}),
        ("band_gap_regression.npz", {"target": "band_gap", "unit": "eV"}),
        ("efermi.npz", {"target": "efermi", "unit": "eV"}),
        ("log10K.npz", {"target": "bulk_moduli", "unit": "log10(GPa)"}),
        ("log10G.npz", {"target": "shear_moduli", "unit": "log10(GPa)"}),
        ("something.npz", {}),
    ],
)
def test_target_and_unit_are_those_that_the_name_of_the_file_says(file, name, about):
    assert read_upstream(file.rename(file.parent / name)).about == about


def test_a_classifier_is_refused(file):
    with pytest.raises(InputError, match=r"band_classification\.npz: a classifier"):
        read_upstream(file.rename(file.parent / "band_classification.npz"))


def changed_arrays(model: MEGNet, change: str) -> dict[str, np.ndarray]:
    arrays = upstream_arrays(model)
    if change == "an array is missing":
        del arrays["readout_1|bias:0"]
    elif change == "an array too many":
        arrays["bond_embedding|embeddings:0"] = np.zeros((4, 4), dtype=np.float32)
    elif change == "another shape":
        arrays["readout_2|kernel:0"] = arrays["readout_2|kernel:0"][:, [0, 0]]
    elif change == "not a number":
        arrays["readout_2|bias:0"] = np.array([np.nan])
    elif change == "an object":
        arrays["readout_2|bias:0"] = np.array([{"a": 1}], dtype=object)
    else:
        arrays = {"weight": np.zeros(3)}
    return arrays


CHANGES = ["an array is missing", "an array too many", "another shape", "not a number", "an object", "a foreign file"]


@pytest.mark.parametrize("change", CHANGES)
def test_arrays_that_are_not_a_megnet_are_refused_in_one_line(model, file, change):
    np.savez(file, **changed_arrays(model, change))
    with pytest.raises(InputError, match=r"log10K\.npz: not a regression model of the original MEGNet") as caught:
        read_upstream(file)
    assert "\n" not in str(caught.value)


# HDF5 keeps no checksum of its arrays: flipped bytes go unnoticed there.
DAMAGES = [*(("npz", how) for how in ("empty", "text", "truncated", "flipped", "missing")),
           *(("hdf5", how) for how in ("empty", "text", "truncated", "missing"))]  # fmt: skip


@pytest.mark.parametrize(("suffix", "damage"), DAMAGES)
def test_a_damaged_file_is_refused_in_one_line(model, tmp_path, suffix, damage):
    path = tmp_path / f"model.{suffix}"
    if suffix == "npz":
        np.savez_compressed(path, **upstream_arrays(model))
    else:
        write_hdf5(path, upstream_arrays(model))
    good = path.read_bytes()
    middle = len(good) // 4
    contents = {"empty": b"", "text": b"weights", "truncated": good[: 2 * middle]}
    contents["flipped"] = good[:middle] + bytes(400) + good[middle + 400 :]
    path.unlink()
    if damage != "missing":
        path.write_bytes(contents[damage])
    with pytest.raises(InputError, match=r"model\.\w+: not a regression model of the original MEGNet") as caught:
        read_upstream(path)
    assert "\n" not in str(caught.value)


def test_an_hdf5_file_that_keras_did_not_write_is_refused(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["numbers"] = np.arange(3)
    with pytest.raises(InputError, match=r"foreign\.h5: not a regression model of the original MEGNet"):
        read_upstream(tmp_path / "foreign.h5")


def test_without_h5py_the_line_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "model.hdf5").write_bytes(b"")
    with pytest.raises(InputError, match=r"model\.hdf5: reading Keras' files takes h5py; install it with `pip install h5py`"):
        read_upstream(tmp_path / "model.hdf5")
