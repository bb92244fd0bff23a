"""Name → model: every module of `models/zoo` that defines `MODELS`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache
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
    for file in pkgutil.iter_modules(zoo.__path__):
        for spec in getattr(_imported(f"{zoo.__name__}.{file.name}"), "MODELS", ()):
            if spec.name in found:
                both = f"models/zoo/{found[spec.name][1]}.py and models/zoo/{file.name}.py"
                raise InputError(f"two models are called '{spec.name}', in {both}; give yours another name")
            found[spec.name] = spec, file.name
    return {name: found[name][0] for name in sorted(found)}


def _imported(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except (ImportError, SyntaxError) as error:
        raise InputError(f"{module.replace('.', '/')}.py cannot be imported: {error}") from error


def get(name: str) -> ModelSpec:
    """The model called `name`; InputError suggests the nearest names where there is none."""
    if name not in registered():
        raise unknown_name("model", name, registered())
    return registered()[name]
