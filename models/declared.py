"""What a file of weights declares (sizes, depth, settings) is checked before anything of that size is allocated."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar

import numpy as np
from pydantic import BaseModel, StringConstraints

MOST_OF_HEADER = 4 << 20
"""Bytes of the header of a safetensors file: some 100 a weight, of which a network has a few hundred."""

MOST_BYTES = 1 << 30
"""Of all members of a packed file together."""

MOST_OF_PICKLE = 4 << 20
"""Bytes of a pickled member, which torch walks through in Python."""

LARGEST = {"k": 1000, "cutoff": 20, "r_cut": 20, "n_max": 20}
"""Settings that say how much is made of each crystal (neighbours, Å, radial functions), which no array of a file tells."""

MOST_OF_ANY = 1_000_000
"""Of every other setting: layers, widths, Gaussians."""


MOST_OF_ELEMENTS = 1_000_000
"""Weights that the built-in element features may need beyond those that a file has for its own."""


class HasState(Protocol):
    """Of a model (`models.contract.Model`) what is needed here."""

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over learnt arrays."""


class HasValues(Protocol):
    """Of settings what is needed here."""

    def as_dict(self) -> dict[str, Any]:
        """Value by name."""


M = TypeVar("M", bound=HasState)

Name = Annotated[str, StringConstraints(max_length=100)]
Value = Annotated[str, StringConstraints(max_length=10_000)]


class Header(BaseModel):
    """What `models.contract.Model.save` writes beside the arrays."""

    model: Name
    settings: dict[Name, bool | int | float | Name]
    about: dict[Name, Value] = {}
    n_classes: Any = 0


@contextmanager
def opened(path: Path) -> Iterator[tuple[Header, Any]]:
    """The header of a checkpoint of ours and its arrays, which are not read yet, as safetensors gives them.

    Raises:
        OSError, KeyError, ValueError, safetensors.SafetensorError: it is none, or damaged.
    """
    from safetensors import safe_open

    with path.open("rb") as raw:
        length = int.from_bytes(raw.read(8), "little")
    if length > MOST_OF_HEADER:
        raise ValueError(f"a header of {length:,} bytes")
    with safe_open(path, "numpy") as file:
        yield Header.model_validate_json((file.metadata() or {})["header"]), file


def require_members(path: Path) -> None:
    """Check the sizes that the members of a zip file declare, as of `.npz` and PyTorch's; another file passes.

    Raises:
        ValueError: they are more than `MOST_BYTES` together, or a pickled one than `MOST_OF_PICKLE`.
        zipfile.BadZipFile: the file is damaged.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    if (total := sum(member.file_size for member in members)) > MOST_BYTES:
        raise ValueError(f"it declares {total:,} bytes; at most {MOST_BYTES:,} are unpacked")
    for member in members:
        if member.filename.endswith(".pkl") and member.file_size > MOST_OF_PICKLE:
            raise ValueError(f"{member.file_size:,} bytes are pickled; at most {MOST_OF_PICKLE:,} are read")


def require_own_storage(arrays: Mapping[str, Any], path: Path) -> None:
    """Check that tensors are in the file. Raises ValueError where they declare more bytes than it has, as views of a few do."""
    total = sum(tensor.numel() * tensor.element_size() for tensor in arrays.values())
    if total > path.stat().st_size:
        raise ValueError(f"its weights declare {total:,} bytes, which the file does not have")


def restored(build: Callable[[], M], settings: HasValues, arrays: Mapping[str, np.ndarray]) -> M:
    """The model that arrays are the state of; nothing much larger than they are is allocated for it.

    Args:
        build: makes the model with these settings.
        settings: as the file has them.
        arrays: its state, as the file has it.

    Raises:
        ValueError, RuntimeError: the model has another number of weights, or other shapes, or a setting that no model has.
    """
    _require_forest(arrays)
    for name, value in settings.as_dict().items():
        most = LARGEST.get(name, MOST_OF_ANY)
        if isinstance(value, int | float) and not value <= most:
            raise ValueError(f"setting {name}={value}; at most {most} is read from a file")
    with _weights_within(arrays):
        model = build()
        model.set_state(arrays)
    return model


@contextmanager
def _weights_within(arrays: Mapping[str, np.ndarray]) -> Iterator[None]:
    """Stop the building of networks that have more weights than arrays can fill, before these weights are written to."""
    from torch.nn.modules.module import register_module_parameter_registration_hook

    # Twice: a model is built with its settings, and again for its state, which may have fewer element features.
    left = {"arrays": 2 * len(arrays), "numbers": 2 * sum(array.size for array in arrays.values()) + MOST_OF_ELEMENTS}

    def count(_module: object, _name: str, parameter: Any) -> None:
        left["arrays"] -= 1
        left["numbers"] -= 0 if parameter is None else parameter.numel()
        if min(left.values()) < 0:
            raise ValueError("its settings are those of a network with more weights than it holds")

    hook = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        hook.remove()


def _require_forest(arrays: Mapping[str, np.ndarray]) -> None:
    """Raise ValueError where the arrays of a forest point out of its trees or of its descriptors."""
    if not {"starts", "left", "right", "feature", "medians"} <= arrays.keys():
        return
    starts, n_nodes = arrays["starts"], len(arrays["feature"])
    sizes = np.diff(starts)
    if starts.ndim != 1 or len(starts) < 2 or starts[0] != 0 or starts[-1] != n_nodes or (sizes < 1).any():
        raise ValueError("its trees are not those that its nodes make")
    of_tree = np.repeat(sizes, sizes)
    most = {"left": of_tree, "right": of_tree, "feature": len(arrays["medians"])}
    if any(arrays[name].shape != (n_nodes,) or (arrays[name] >= bound).any() for name, bound in most.items()):
        raise ValueError("its nodes point out of their trees or of its descriptors")
