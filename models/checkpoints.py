"""Fitted models from files: our own checkpoints, and those of the original codes."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from datasets.errors import InputError, listed_reasons
from datasets.readers.budget import budget, size_of
from models.contract import Model
from models.declared import opened
from models.registry import registered

SUFFIX = ".safetensors"

SEED = re.compile(r"_seed\d+_(?=[^/]*$)")
"""Of a repeat, in the name of its directory; repeats are one run."""

MOST_OF_RECORD = 1 << 20
"""Bytes of the record of a fold; it has a few thousand."""


def find_checkpoints(paths: Sequence[Path]) -> list[Path]:
    """The files that `paths` stand for, each once: a directory stands for every `*.safetensors` of the run in or below it.

    Raises:
        InputError: there is no such file or directory, or a directory holds no checkpoint, or those of several runs.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        if not path.exists():
            raise InputError(f"{path}: no such checkpoint")
        for file in _of_one_run(path) if path.is_dir() else [path]:
            found.setdefault(file.resolve(), file)
    return list(found.values())


def _of_one_run(directory: Path) -> list[Path]:
    files = sorted(directory.glob(f"*{SUFFIX}")) or sorted(directory.rglob(f"*{SUFFIX}"))
    if not files:
        raise InputError(f"{directory}: no *{SUFFIX} in it; `run --save-checkpoints` keeps one a fold, beside its record")
    runs: dict[str, set[Path]] = {}
    for file in files:
        runs.setdefault(SEED.sub("_", str(file.parent)), set()).add(file.parent)
    if len(runs) > 1:
        above = [next(iter(repeats)).parent for repeats in runs.values()]
        # Where a directory holds all repeats of one run and nothing else, it stands for them.
        names = sorted(
            str(top) if above.count(top) == 1 and top != directory else str(min(repeats))
            for top, repeats in zip(above, runs.values(), strict=True)
        )
        details = listed_reasons([f"{shlex.quote(name)}: {_about(Path(name))}" for name in names])
        raise InputError(f"{directory}: checkpoints of {len(runs)} runs below it; name one of them", details)
    return files


def _about(directory: Path) -> str:
    """Profile, changed settings and seeds of a run, as the records beside its checkpoints say them."""
    records = [_record_of(file) for file in sorted(directory.rglob(f"*{SUFFIX}"))]
    try:
        seeds = ", ".join(map(str, sorted({record["key"]["seed"] for record in records})))
        changed = [f"{name}={value}" for name, value in records[0]["changed"].items()]
        return ", ".join([f"profile {records[0]['key']['profile']}", *changed, f"seed {seeds}"])
    except (KeyError, TypeError, AttributeError):
        return "no record beside it"


def load_checkpoint(path: str | Path, device: str = "cpu") -> Model[Any, Any]:
    """The fitted model of a file written by `Model.save`, by the original CGCNN (PyTorch) or MEGNet (NumPy, Keras).

    No pickled code is executed. `about` of the model says what it predicts, where the file does.

    Raises:
        InputError: one line that names the file: missing, of no known suffix, damaged, of an unknown model, not a regression,
            not what the record beside it names, or its arrays are not those of the model that it declares.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such checkpoint")
    for suffix, read in READERS.items():
        if path.name.lower().endswith(suffix):
            with budget(str(path), path.stat().st_size):
                return read(path, device)
    raise InputError(f"{path}: not a checkpoint; expected {', '.join(READERS)}")


def _read_own(path: Path, device: str) -> Model[Any, Any]:
    from safetensors import SafetensorError

    _require_recorded(path)
    try:
        with opened(path) as (header, _):
            name = header.model
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: not a checkpoint of this benchmark, or damaged ({_line(error)})") from None
    classes = {spec.model.__name__: spec.model for spec in registered().values()}
    if name not in classes:
        raise InputError(f"{path}: holds a '{name[:40]}'; known models are {', '.join(sorted(classes))}")
    return classes[name].load(path, device)


def _require_recorded(path: Path) -> None:
    """Raise InputError where the record beside a checkpoint names another content than it has."""
    said = _record_of(path).get("checkpoint_sha256")
    if said and said != hashlib.sha256(path.read_bytes()).hexdigest():
        raise InputError(
            f"{path}: another content than its record {path.with_suffix('.json').name} names (checkpoint_sha256); "
            "damaged or replaced"
        )


def _record_of(path: Path) -> dict[str, Any]:
    """The record beside a checkpoint, unchecked; empty where there is none that can be read."""
    try:
        record = path.with_suffix(".json")
        content = json.loads(record.read_bytes() if size_of(record, str(record)) <= MOST_OF_RECORD else b"{}")
    except (OSError, ValueError, RecursionError, InputError):
        return {}
    return content if isinstance(content, dict) else {}


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:120]


def _read_cgcnn(path: Path, device: str) -> Model[Any, Any]:
    from models.zoo.cgcnn import read_upstream

    return read_upstream(path, device)


def _read_megnet(path: Path, device: str) -> Model[Any, Any]:
    from models.zoo.megnet import read_upstream

    return read_upstream(path, device)


READERS: dict[str, Callable[[Path, str], Model[Any, Any]]] = {
    SUFFIX: _read_own,
    ".pth.tar": _read_cgcnn, ".pth": _read_cgcnn, ".pt": _read_cgcnn,
    ".npz": _read_megnet, ".hdf5": _read_megnet, ".h5": _read_megnet,
}  # fmt: skip
"""By the end of a file's name."""
