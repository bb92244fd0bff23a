"""Arrays of NumPy's and Keras' files by name; what a file declares and does not hold is refused before it is allocated."""

from __future__ import annotations

import zipfile
from importlib import import_module
from pathlib import Path
from typing import IO, Any

import numpy as np

from models.declared import MOST_BYTES, require_members


def npz_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an `.npz` file; nothing pickled is read.

    Raises:
        OSError, ValueError, zipfile.BadZipFile: damaged, or an array declares another size than its member has.
    """
    require_members(path)
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            with archive.open(member) as file:
                _require_size(file, member.file_size)
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _require_size(file: IO[bytes], size: int) -> None:
    """Raise ValueError where a member in NumPy's format declares more numbers than its bytes hold."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(file)
    if not dtype.hasobject and int(np.prod(shape, dtype=object)) * dtype.itemsize > size:
        raise ValueError(f"an array of shape {str(shape)[:40]} in a member of {size:,} bytes")


def keras_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays below `model_weights` of a Keras file, `|` for `/` in the names of the original code.

    Raises:
        ModuleNotFoundError: h5py is not installed.
        OSError, KeyError, ValueError: damaged, or data lie outside of the file, are virtual, missing or no numbers.
    """
    h5py = import_module("h5py")
    names: list[str] = []
    with h5py.File(path, "r") as file:
        if not isinstance(file.get("model_weights", getlink=True), h5py.HardLink):
            raise ValueError("model_weights lies in another file")
        weights = file["model_weights"]
        weights.visit(names.append)  # goes along no link to another place
        # <layer>/<name in the original code>:0; what does not end so is a group.
        found = {name: weights[name] for name in names if name.endswith(":0")}
        if (total := sum(data.nbytes for data in found.values())) > MOST_BYTES:
            raise ValueError(f"it declares {total:,} bytes; at most {MOST_BYTES:,} are read")
        for name, data in found.items():
            _require_stored(name, data)
        return {name.partition("/")[2].replace("/", "|"): data[()] for name, data in found.items()}


def _require_stored(name: str, data: Any) -> None:
    """Raise ValueError unless an HDF5 dataset is of numbers that lie in the file itself."""
    if data.dtype.kind not in "fiu":
        raise ValueError(f"{name[:80]} holds no numbers")
    if data.external or data.is_virtual:
        raise ValueError(f"{name[:80]} lies in another file")
    if data.size and not data.id.get_storage_size():
        raise ValueError(f"{name[:80]} has no data")
