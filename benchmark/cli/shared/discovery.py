"""Find the commands of a folder: every module that defines `commands`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable

import typer


def add_commands(app: typer.Typer, package: str, folder: Iterable[str]) -> None:
    """Add `commands` of each module of a package to an app, in alphabetical order of the modules."""
    for found in pkgutil.iter_modules(folder):
        module = importlib.import_module(f"{package}.{found.name}")
        if hasattr(module, "commands"):
            app.add_typer(module.commands)
