"""A checkpoint is found, read by what it says of itself, and refused in one line where it cannot be; none runs code."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from sklearn.metrics import roc_auc_score

from datasets.errors import InputError
from datasets.registry import load
from models.checkpoints import find_checkpoints, load_checkpoint
from models.registry import get
from models.zoo.dummy import Dummy


def refused(path: Path) -> str:
    """The line with which a file is refused."""
    with pytest.raises(InputError) as caught:
        load_checkpoint(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    return line


def saved(path: Path, mean: float = 2.0) -> Path:
    model = Dummy(Dummy.settings_class())
    model.mean = np.array([mean])
    model.about = {"task": "set/gap", "target": "gap", "unit": "eV"}
    model.save(path)
    return path


@pytest.mark.parametrize("name", ["cgcnn", "soap-svr", "dummy"])
def test_a_saved_model_comes_back_without_its_class_being_named(alloys, tmp_path, name):
    spec, rows = get(name), np.arange(len(alloys))
    model = spec.model(spec.settings("smoke"))
    model.fit(model.prepare(alloys), alloys.targets["energy"].to_numpy(), rows[:20], rows[20:], 0)
    model.about = {"unit": "eV/atom"}
    model.save(tmp_path / "model.safetensors")
    loaded = load_checkpoint(tmp_path / "model.safetensors")
    assert type(loaded) is spec.model
    assert (loaded.settings, loaded.about) == (model.settings, {"unit": "eV/atom"})
    expected = model.predict(model.prepare(alloys), rows)
    np.testing.assert_array_equal(loaded.predict(loaded.prepare(alloys), rows), expected)


def test_files_that_are_no_checkpoint_are_refused_in_one_line(tmp_path):
    good = saved(tmp_path / "good.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(good[: len(good) // 2])
    (tmp_path / "empty.safetensors").write_bytes(b"")
    save_file({"a": np.ones(2)}, tmp_path / "foreign.safetensors")
    for name in ("cut.safetensors", "empty.safetensors", "foreign.safetensors"):
        assert "not a checkpoint of this benchmark, or damaged" in refused(tmp_path / name)
    assert "no such checkpoint" in refused(tmp_path / "gone.safetensors")
    assert "no such checkpoint" in refused(tmp_path)
    (tmp_path / "model.pkl").write_bytes(pickle.dumps({}))
    assert "expected .safetensors, .pth.tar, .pth, .pt, .npz, .hdf5, .h5" in refused(tmp_path / "model.pkl")


@pytest.mark.parametrize("name", ["a.pth.tar", "a.pth", "a.pt", "a.npz", "a.hdf5", "a.h5"])
def test_a_file_of_nonsense_is_refused_whatever_its_suffix(tmp_path, name):
    (tmp_path / name).write_bytes(b"nonsense")
    refused(tmp_path / name)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"model": "Nobody", "settings": {}, "about": {}}, "holds a 'Nobody'; known models are CGCNN"),
        ({"model": "Dummy", "settings": {"depth": 3}, "about": {}}, "not a readable checkpoint of a Dummy"),
        ({"settings": {}}, "not a checkpoint of this benchmark"),
        (["Dummy"], "not a checkpoint of this benchmark"),
    ],
)
def test_a_header_that_names_no_model_of_ours_is_refused(tmp_path, header, message):
    save_file({"mean": np.ones(1)}, tmp_path / "a.safetensors", {"header": json.dumps(header)})
    assert message in refused(tmp_path / "a.safetensors")


class Bomb:
    """Unpickling it creates a file."""

    def __init__(self, victim: Path) -> None:
        self.victim = victim

    def __reduce__(self) -> tuple:
        return Path.touch, (self.victim,)


@pytest.mark.parametrize("name", ["bomb.pth.tar", "bomb.pth", "bomb.pt", "bomb.npz"])
def test_pickled_code_is_refused_and_not_executed(tmp_path, name):
    bomb = Bomb(tmp_path / "executed")
    if name.endswith("npz"):
        np.savez(tmp_path / name, **{"preblock_bond_0|kernel:0": np.array([bomb], dtype=object)})
    else:
        (tmp_path / name).write_bytes(pickle.dumps({"state_dict": bomb}, protocol=2))
    refused(tmp_path / name)
    assert not (tmp_path / "executed").exists()


def test_the_published_classifier_tells_metals(shared_data, monkeypatch):
    """Its AUC was published as 0.95 on other crystals; most of these it was trained on."""
    model = load_checkpoint(shared_data("cgcnn/pre-trained/semi-metal-classification.pth.tar"))
    monkeypatch.setenv("BENCHMARK_DATA", str(shared_data("cgcnn/materials.parquet").parents[1]))
    crystals = load("cgcnn").take(np.arange(0, 36_000, 200))
    probabilities = model.predict(model.prepare(crystals), np.arange(len(crystals)))
    assert json.loads(model.about["classes"]) == ["non-metal", "metal"] and model.n_classes == 2
    assert roc_auc_score(crystals.targets["band_gap"] == 0, probabilities[:, 1]) > 0.95


@pytest.mark.parametrize("n_classes", [1, -2, 51, 2.0, "2", None, [2]])
def test_a_header_with_an_impossible_number_of_classes_is_refused(tmp_path, n_classes):
    header = {"model": "Dummy", "settings": {}, "about": {}, "n_classes": n_classes}
    save_file({"mean": np.ones(2) / 2}, tmp_path / "a.safetensors", {"header": json.dumps(header)})
    assert "not a readable checkpoint of a Dummy" in refused(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("relative", "model", "about"),
    [
        ("cgcnn/pre-trained/band-gap.pth.tar", "CGCNN", {"target": "band_gap", "unit": "eV"}),
        ("../reference/megnet_formation_energy.npz", "MEGNet", {"unit": "eV/atom"}),
    ],
)
def test_published_weights_say_what_they_predict(shared_data, relative, model, about):
    loaded = load_checkpoint(shared_data(relative))
    assert type(loaded).__name__ == model
    assert about.items() <= loaded.about.items()


def test_a_directory_stands_for_its_checkpoints_and_none_counts_twice(tmp_path):
    one, two = saved(tmp_path / "fold-01.safetensors"), saved(tmp_path / "fold-00.safetensors")
    (tmp_path / "fold-00.json").write_text("{}")
    other = saved(tmp_path.parent / f"{tmp_path.name}.safetensors")
    assert find_checkpoints([tmp_path, other, one]) == [two, one, other]


def test_a_directory_without_checkpoints_and_a_missing_path_say_what_to_do(tmp_path):
    with pytest.raises(InputError, match=r"no \*\.safetensors in it; `run --save-checkpoints`"):
        find_checkpoints([tmp_path])
    with pytest.raises(InputError, match="gone: no such checkpoint"):
        find_checkpoints([tmp_path / "gone"])


def test_a_directory_above_one_run_stands_for_it_and_above_several_it_lists_them(tmp_path):
    mini, standard = tmp_path / "cgcnn" / "mini_kfold-5", tmp_path / "cgcnn" / "standard_kfold-5"
    mini.mkdir(parents=True)
    kept = [saved(mini / f"fold-0{fold}.safetensors") for fold in range(2)]
    assert find_checkpoints([tmp_path / "cgcnn"]) == kept
    standard.mkdir()
    saved(standard / "fold-00.safetensors")
    with pytest.raises(InputError, match=r"cgcnn: checkpoints of 2 runs below it; name one of them$"):
        find_checkpoints([tmp_path / "cgcnn"])
    record = {"key": {"profile": "standard", "seed": 3}, "changed": {"n_layers": 4}}
    (standard / "fold-00.json").write_text(json.dumps(record))
    with pytest.raises(InputError) as caught:
        find_checkpoints([tmp_path / "cgcnn"])
    about = f"{mini}: no record beside it", f"{standard}: profile standard, n_layers=4, seed 3"
    assert caught.value.details == about
    assert find_checkpoints([mini]) == kept


def test_repeats_are_one_run(tmp_path):
    kept = {}
    for model in ("cgcnn", "schnet"):
        for seed in range(2):
            folder = tmp_path / model / f"mini_kfold-5_seed{seed}_0a1b2c3d_ffffffff_cpu"
            folder.mkdir(parents=True)
            kept.setdefault(model, []).append(saved(folder / "fold-00.safetensors"))
    assert find_checkpoints([tmp_path / "cgcnn"]) == kept["cgcnn"]
    with pytest.raises(InputError, match=r"of 2 runs below it; name one of them$") as caught:
        find_checkpoints([tmp_path])
    assert [line.split(": ")[0] for line in caught.value.details] == [str(tmp_path / "cgcnn"), str(tmp_path / "schnet")]
