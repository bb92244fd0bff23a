"""Name → model: every module of `models/zoo` that defines `MODELS`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

from datasets.errors import unknown_name
from models import zoo
from models.contract import ModelSpec


@cache
def registered() -> Mapping[str, ModelSpec]:
    """Every model of the package by name, in alphabetical order."""
    modules = [importlib.import_module(f"{zoo.__name__}.{m.name}") for m in pkgutil.iter_modules(zoo.__path__)]
    found = [spec for module in modules for spec in getattr(module, "MODELS", ())]
    return {spec.name: spec for spec in sorted(found, key=lambda spec: spec.name)}


def get(name: str) -> ModelSpec:
    """The model called `name`; InputError suggests the nearest names where there is none."""
    if name not in registered():
        raise unknown_name("model", name, registered())
    return registered()[name]
