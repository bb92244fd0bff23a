"""Hostile files of weights, small ones that would fill the memory, hang or predict nonsense: `CHECKPOINTS`, each by its kind.

A maker writes its file into a folder and returns the path; it is read by `models.checkpoints.load_checkpoint`, on the
command line by `predict --checkpoint`. Kinds of `KERAS` need h5py.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import zipfile
from collections.abc import Callable
from copy import copy
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import save_file

from models.registry import get

Maker = Callable[[Path], Path]
"""Writes one file into a folder; its path."""

CHECKPOINTS: dict[str, Maker] = {}
"""Kind → its maker."""

KERAS: list[str] = []
"""The kinds that h5py is needed for."""


def _kind(kind: str, keras: bool = False) -> Callable[[Maker], Maker]:
    def register(maker: Maker) -> Maker:
        CHECKPOINTS[kind] = maker
        KERAS.extend([kind] * keras)
        return maker

    return register


# -- safetensors, as `run --save-checkpoints` writes it ---------------------------------------------


def own(path: Path, header: Any, **arrays: np.ndarray) -> Path:
    """A file with that header and with arrays of its own, by default one number."""
    save_file(arrays or {"mean": np.ones(1)}, path, {"header": header if isinstance(header, str) else json.dumps(header)})
    return path


def _header(kind: str, header: Any) -> None:
    CHECKPOINTS[kind] = lambda folder: own(folder / "own.safetensors", header)


def _settings(kind: str, model: str, **settings: Any) -> None:
    _header(f"safetensors, {model} of {kind}", {"model": model, "settings": settings, "about": {}})


_settings("1e8 layers", "CGCNN", n_layers=10**8)
_settings("1e5 layers", "CGCNN", n_layers=10**5)
_settings("1e8 hidden layers", "CGCNN", n_hidden=10**8)
_settings("a width of 1e8", "CGCNN", width=10**8)
_settings("a width of 1e6", "CGCNN", width=10**6)
_settings("1e9 heads", "GATGNN", heads=10**9)
_settings("a cutoff of 1e9 Å", "CGCNN", cutoff=1e9)
_settings("1e9 Gaussians", "MEGNet", gaussians=10**9)
_settings("1e9 neighbours", "CGCNN", k=10**9, ties="padded")
_settings("1e6 radial functions", "SoapMLP", n_max=10**6)
_header("safetensors, header nested 100,000 deep", "[" * 100_000)
_header("safetensors, a nested list for a model's name", {"model": [[["CGCNN"]]], "settings": {}, "about": {}})
_header("safetensors, a nested list for a unit", {"model": "Dummy", "settings": {}, "about": {"unit": [[["eV"]]]}})
_header("safetensors, a nested list for a setting", {"model": "Dummy", "settings": {"width": [[[1]]]}, "about": {}})


@_kind("safetensors whose header declares 100 MB")
def long_header(folder: Path) -> Path:
    """A header that safetensors would take into memory and parse."""
    path = folder / "header.safetensors"
    path.write_bytes(struct.pack("<Q", 99_000_000) + b"{}")
    os.truncate(path, 99_000_008)
    return path


@_kind("safetensors, forest whose trees end at node 4e8")
def forest(folder: Path) -> Path:
    """Arrays of ten nodes."""
    numbers, nodes = np.zeros(10, dtype=np.float32), np.full(10, -1, dtype=np.int32)
    arrays: dict[str, np.ndarray] = {
        "feature": nodes,
        "threshold": numbers,
        "left": nodes,
        "right": nodes,
        "value": np.zeros((10, 1)),
    }
    more = {"starts": np.array([0, 4 * 10**8]), "medians": numbers, "scaler": np.ones(2)}
    header = {"model": "RandomForest", "settings": {}, "about": {}}
    return own(folder / "forest.safetensors", header, **arrays, **more)


@_kind("safetensors with 20 flipped bits beside its record")
def flipped(folder: Path) -> Path:
    """A whole network whose record names its sha256; then bits change on the disk."""
    path, spec = folder / "fold-00.safetensors", get("cgcnn")
    spec.model(spec.settings("smoke")).save(path)
    content = bytearray(path.read_bytes())
    path.with_suffix(".json").write_text(json.dumps({"checkpoint_sha256": hashlib.sha256(content).hexdigest()}))
    for bit in range(20):
        content[-40 - 97 * bit] ^= 0x40
    path.write_bytes(content)
    return path


# -- PyTorch, as the original CGCNN writes it -------------------------------------------------------


def upstream(path: Path, weights: dict[str, Any] | None = None, **others: Any) -> Path:
    """A file of the original CGCNN with some weights replaced."""
    width, hidden, n_edge = 4, 6, 41
    known = {
        "embedding.weight": torch.zeros(width, 92), "embedding.bias": torch.zeros(width),
        "convs.0.fc_full.weight": torch.zeros(2 * width, 2 * width + n_edge),
        "conv_to_fc.weight": torch.zeros(hidden, width), "fc_out.weight": torch.zeros(1, hidden),
    }  # fmt: skip
    scaler = {"mean": torch.zeros(()), "std": torch.ones(())}
    torch.save({"state_dict": {**known, **(weights or {})}, "normalizer": scaler, **others}, path)
    return path


@_kind("PyTorch, 1e10 weights that are views of one number")
def views(folder: Path) -> Path:
    """Strides of zero."""
    return upstream(folder / "views.pth.tar", {"conv_to_fc.weight": torch.zeros(1).expand(100_000, 100_000)})


@_kind("PyTorch, shapes of a network of 1e9 weights a layer")
def wide(folder: Path) -> Path:
    """Only the layer that the width is read from is there, and 1,000 names of layers."""
    layers = {f"convs.{i}.fc_full.weight": torch.zeros(1) for i in range(1, 1000)}
    layers["convs.0.fc_full.weight"] = torch.zeros(1, 40_041)
    return upstream(folder / "wide.pth.tar", {**layers, "conv_to_fc.weight": torch.zeros(1, 20_000)})


@_kind("PyTorch, a list that holds itself twice, sixty times over, for a text")
def shared(folder: Path) -> Path:
    """As text it would have 2⁶⁰ parts."""
    nested: list[Any] = []
    for _ in range(60):
        nested = [nested, nested]
    return upstream(folder / "shared.pth.tar", args={"data_options": [nested]})


def rezipped(path: Path, member: str, content: bytes) -> Path:
    """A zip file with one more member, packed."""
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, content)
    return path


@_kind("PyTorch, 20 MB of pickle in 20 KB")
def pickle(folder: Path) -> Path:
    """Opcodes that do nothing, which torch walks through one by one."""
    path = folder / "pickle.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + b"N0" * 10_000_000 + b"N.")
        archive.writestr("archive/version", b"3\n")
        archive.writestr("archive/byteorder", b"little")
    return path


# -- NumPy and Keras, as the original MEGNet is published -------------------------------------------


def npy(shape: tuple[int, ...], content: bytes = b"") -> bytes:
    """A member of an `.npz` that declares a shape."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


@_kind("NumPy, an array that declares 1e12 numbers")
def declared(folder: Path) -> Path:
    """And holds none."""
    return rezipped(folder / "declared.npz", "preblock_bond_0|kernel:0.npy", npy((10**6, 10**6)))


@_kind("NumPy, 2 GB of zeros in 40 KB")
def zeros(folder: Path) -> Path:
    """One member of 40 MB under fifty names."""
    path = folder / "zeros.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.npy", npy((10_000_000,), bytes(40_000_000)))
        for number in range(1, 50):
            again = copy(archive.filelist[0])
            again.filename = f"{number}.npy"
            archive.filelist.append(again)
    return path


def companion(folder: Path, content: str | None) -> Path:
    """Published arrays with the JSON of the original code beside them; a pipe where there is no content."""
    path = folder / "model.npz"
    np.savez(path, weight=np.zeros(3))
    if content is None:
        os.mkfifo(f"{path}.json")
    else:
        Path(f"{path}.json").write_text(content)
    return path


CHECKPOINTS["NumPy, beside a JSON that is a pipe"] = lambda folder: companion(folder, None)
CHECKPOINTS["NumPy, beside a JSON nested 100,000 deep"] = lambda folder: companion(folder, "[" * 100_000)


def _keras(kind: str, make: Callable[[Any, Path], None]) -> None:
    """Register an HDF5 file whose first kernel, in the group that it is given, is made by a function."""

    @_kind(f"HDF5, {kind}", keras=True)
    def write(folder: Path) -> Path:
        path = folder / "model.hdf5"
        Path(f"{path}.json").write_text("{}")
        with import_module("h5py").File(path, "w") as file:
            make(file.create_group("model_weights/preblock_bond_0/preblock_bond_0"), folder)
        return path


def _external(group: Any, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    group.create_dataset("kernel:0", (100, 100), "f4", external=[(str(folder / "pipe"), 0, 40_000)])


def _virtual(group: Any, folder: Path) -> None:
    h5py = import_module("h5py")
    with h5py.File(folder / "other.h5", "w") as other:
        other["x"] = np.zeros((100, 100))
    layout = h5py.VirtualLayout((100, 100), "f8")
    layout[:] = h5py.VirtualSource(folder / "other.h5", "x", (100, 100))
    group.create_virtual_dataset("kernel:0", layout)


def _linked(group: Any, folder: Path) -> None:
    os.mkfifo(folder / "pipe.h5")
    del group.file["model_weights"]
    group.file["model_weights"] = import_module("h5py").ExternalLink(str(folder / "pipe.h5"), "/")


_keras("data in a pipe", _external)
_keras("virtual data of another file", _virtual)
_keras("weights behind a link to a pipe", _linked)
_keras("1e8 numbers without data", lambda group, _: group.create_dataset("kernel:0", (10**4, 10**4), "f4"))
_keras(
    "4e11 bytes of zeros in 100 KB",
    lambda group, _: group.create_dataset("kernel:0", (10**6, 10**5), "f4", chunks=(1000, 1000), compression="gzip"),
)
_keras("texts for numbers", lambda group, _: group.create_dataset("kernel:0", data=["a" * 1000] * 1000))
