"""What a file of weights declares (sizes, depth, settings) is checked before anything of that size is allocated."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, StringConstraints

MOST_OF_HEADER = 4 << 20
"""Bytes of the header of a safetensors file: some 100 a weight, of which a network has a few hundred."""

MOST_BYTES = 1 << 30
"""Of all members of a packed file together."""

MOST_OF_PICKLE = 4 << 20
"""Bytes of a pickled member, which torch walks through in Python."""

LARGEST = {"k": 1000, "cutoff": 20.0, "r_cut": 20.0, "n_max": 20}
"""Settings that say how much is made of each crystal (neighbours, Å, radial functions), which no array of a file tells."""


KEEP_SHAPE = frozenset(("normal_", "mul", "__mul__", "div", "__truediv__"))
"""Operations of a tensor with numbers."""

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


def require_fitting(build: Callable[[str], Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Check that arrays are those of a model, which is built without memory: on torch's `meta` device.

    Args:
        build: device → a model (`models.contract.Model`).
        arrays: its state, as the file has it.

    Raises:
        ValueError, RuntimeError: the model has another number of weights, or other shapes, or a setting that no model has.
    """
    import torch

    _require_forest(arrays)
    with warnings.catch_warnings(), torch.device("meta"), _without_values(), _at_most(2 * len(arrays)):
        warnings.simplefilter("ignore")  # of weights that are not copied
        model = build("meta")
        for name, most in LARGEST.items():
            if not getattr(model.settings, name, 0) <= most:
                raise ValueError(f"setting {name}={getattr(model.settings, name)}; at most {most} is read from a file")
        model.set_state(arrays)


def _without_values() -> Any:
    """Replaces what torch, on its `meta` device, imports libraries for that take a second: here shapes count alone."""
    import torch
    from torch.overrides import TorchFunctionMode

    class WithoutValues(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            kwargs = kwargs or {}
            if func.__name__ in KEEP_SHAPE and not any(isinstance(other, torch.Tensor) for other in args[1:]):
                return args[0] if args else kwargs["tensor"]
            if func is torch.linspace:
                return torch.empty(args[2], dtype=kwargs.get("dtype"))
            return func(*args, **kwargs)

    return WithoutValues()


@contextmanager
def _at_most(n_parameters: int) -> Iterator[None]:
    """Stop the building of networks that have more parameters than a file can fill."""
    from torch.nn.modules.module import register_module_parameter_registration_hook

    left = [n_parameters]

    def count(_module: object, _name: str, _parameter: object) -> None:
        left[0] -= 1
        if left[0] < 0:
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
