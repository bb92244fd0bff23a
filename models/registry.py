"""Name → model: every module of `models/zoo` that defines `MODELS`."""

from __future__ import annotations

import importlib
import pkgutil
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from functools import cache
from importlib.util import find_spec
from inspect import get_annotations
from types import ModuleType

from datasets.errors import InputError, unknown_name
from models import zoo
from models.contract import ModelSpec


@cache
def registered() -> Mapping[str, ModelSpec]:
    """Every model of the package by name, in alphabetical order.

    Raises:
        InputError: a file cannot be imported, or two models have one name.
    """
    found: dict[str, tuple[ModelSpec, str]] = {}
    for file, module in _modules():
        for spec in _specs(file, module):
            if spec.name in found:
                both = f"{found[spec.name][1]} and {file}"
                raise InputError(f"two models are called '{spec.name}', in {both}; give yours another name")
            found[spec.name] = spec, file
    return {name: found[name][0] for name in sorted(found)}


def _modules() -> Iterator[tuple[str, ModuleType]]:
    """The files of `models/zoo`, each with its module."""
    for found in pkgutil.iter_modules(zoo.__path__):
        module = f"{zoo.__name__}.{found.name}"
        yield f"{module.replace('.', '/')}.py", _imported(module)


def _imported(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except Exception as error:  # whatever the code of a contributor raises
        told = " ".join((error.msg if isinstance(error, SyntaxError) else str(error)).split())[:300]
        what = f"{type(error).__name__}{_line(error, module)}: {told}"
        raise InputError(f"{module.replace('.', '/')}.py cannot be imported: {what}; mend the file") from error


def _line(error: Exception, module: str) -> str:
    """The last line of the module that was under way; empty where none was."""
    path = getattr(find_spec(module), "origin", None)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == path]
    if isinstance(error, SyntaxError) and error.filename == path:
        lines.append(error.lineno)
    return f" in line {lines[-1]}" if lines else ""


def _specs(file: str, module: ModuleType) -> Sequence[ModelSpec]:
    """The models of a file. Raises InputError where they cannot be used."""
    specs = getattr(module, "MODELS", ())
    if not isinstance(specs, Sequence) or not all(isinstance(spec, ModelSpec) for spec in specs):
        raise InputError(f"{file}: MODELS is no list of ModelSpec; mend the file")
    for settings in (spec.model.settings_class for spec in specs):
        if set(get_annotations(settings)) - {field.name for field in fields(settings)}:
            raise InputError(f"{file}: the class {settings.__name__} needs @dataclass(frozen=True); mend the file")
    return specs


def get(name: str) -> ModelSpec:
    """The model called `name`; InputError suggests the nearest names, and names the files that define no model."""
    if name not in registered():
        error = unknown_name("model", name, registered())
        empty = [file for file, module in _modules() if not hasattr(module, "MODELS")]
        raise InputError("; ".join([str(error), *(f"{file} defines no MODELS" for file in empty)]))
    return registered()[name]
