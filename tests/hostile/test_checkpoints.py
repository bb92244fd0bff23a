"""Every hostile file of weights is refused in one line that names it, before anything of its declared size is allocated."""

import hashlib
import importlib.util
import json

import numpy as np
import pytest

from datasets.errors import InputError
from models.checkpoints import load_checkpoint
from models.declared import restored
from models.registry import get
from models.zoo.cgcnn import CGCNN
from models.zoo.rf_magpie import ForestSettings, RandomForest
from tests.hostile.checkpoints import CHECKPOINTS, KERAS

HAS_H5PY = importlib.util.find_spec("h5py") is not None


@pytest.mark.parametrize(
    "kind", [pytest.param(k, marks=pytest.mark.skipif(k in KERAS and not HAS_H5PY, reason="no h5py")) for k in CHECKPOINTS]
)
def test_hostile_weights_are_refused_in_one_line(tmp_path, kind):
    path = CHECKPOINTS[kind](tmp_path)
    with pytest.raises(InputError) as caught:
        load_checkpoint(path)
    line = str(caught.value)
    assert line.startswith(f"{path}: ") and "\n" not in line and len(line) < len(str(path)) + 350


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("safetensors with 20 flipped bits beside its record", "another content than its record fold-00.json names"),
        ("safetensors, CGCNN of 1e8 layers", "setting n_layers=100000000; at most 1000000 is read from a file"),
        ("safetensors, CGCNN of 1e5 layers", "a network with more weights than it holds"),
        ("safetensors, SoapMLP of 1e6 radial functions", "setting n_max=1000000; at most 20 is read from a file"),
        ("PyTorch, 1e10 weights that are views of one number", "its weights declare 40,000,003,080 bytes"),
        ("NumPy, 2 GB of zeros in 40 KB", "it declares 2,000,006,400 bytes"),
        ("NumPy, beside a JSON that is a pipe", "a pipe or a device, no file"),
    ],
)
def test_the_line_says_what_is_wrong(tmp_path, kind, reason):
    with pytest.raises(InputError, match=reason):
        load_checkpoint(CHECKPOINTS[kind](tmp_path))


def network() -> CGCNN:
    return CGCNN(get("cgcnn").settings("smoke"))


def test_a_layer_of_another_width_is_refused():
    state = network().state()
    state["network.fc_out.weight"] = np.zeros((1, 33), dtype=np.float32)
    with pytest.raises(RuntimeError, match=r"size mismatch for network\.fc_out\.weight"):
        restored(network, network().settings, state)


@pytest.mark.parametrize("record", ["right", "none", "null", "no JSON", "a list"])
def test_a_checkpoint_is_read_beside_its_own_record_and_beside_none(tmp_path, record):
    path = tmp_path / "fold-00.safetensors"
    network().save(path)
    digest = {"checkpoint_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    texts = {"right": json.dumps(digest), "null": '{"checkpoint_sha256": null}', "no JSON": "{", "a list": "[1]"}
    if record in texts:
        path.with_suffix(".json").write_text(texts[record])
    assert isinstance(load_checkpoint(path), CGCNN)


@pytest.mark.parametrize(
    ("array", "at", "value"),
    [("left", 3, 3), ("right", 0, 10**6), ("starts", -1, 10**8), ("starts", 0, -1), ("feature", 0, 5)],
)
def test_a_forest_that_points_out_of_its_trees_is_refused(tmp_path, array, at, value):
    model, tree = RandomForest(ForestSettings(2)), {"feature": [0, -2, -2], "left": [1, -1, -1], "right": [2, -1, -1]}
    model.learnt = {name: np.array(nodes * 2, dtype=np.int32) for name, nodes in tree.items()}
    model.learnt |= {"threshold": np.zeros(6, dtype=np.float32), "value": np.zeros((6, 1)), "starts": np.array([0, 3, 6])}
    model.learnt |= {"medians": np.zeros(5, dtype=np.float32), "scaler": np.ones(2)}
    model.save(tmp_path / "good.safetensors")
    assert load_checkpoint(tmp_path / "good.safetensors").n_parameters == 6
    model.learnt[array][at] = value
    model.save(tmp_path / "bad.safetensors")
    with pytest.raises(
        InputError, match=r"bad\.safetensors: not a readable checkpoint of a RandomForest \((its trees|its nodes)"
    ):
        load_checkpoint(tmp_path / "bad.safetensors")
