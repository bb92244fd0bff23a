"""Name → model. Every module of this package that defines `MODELS` is found by importing the folder."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

import models
from datasets.errors import unknown_name
from models.contract import ModelSpec

MAY_BE_MISSING = "dgl_backend"
"""The module that imports DGL: a machine without it still has every model."""


@cache
def registered() -> Mapping[str, ModelSpec]:
    """Every model of the package by name, in alphabetical order."""
    names = [m.name for m in pkgutil.iter_modules(models.__path__) if m.name != MAY_BE_MISSING]
    modules = [importlib.import_module(f"models.{name}") for name in names]
    found = [spec for module in modules for spec in getattr(module, "MODELS", ())]
    return {spec.name: spec for spec in sorted(found, key=lambda spec: spec.name)}


def get(name: str) -> ModelSpec:
    """The model called `name`; InputError suggests the nearest names where there is none."""
    if name not in registered():
        raise unknown_name("model", name, registered())
    return registered()[name]
