"""What each setting of a model does, read from the docstrings of its settings classes."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, fields
from typing import Any, get_args, get_type_hints

from models.contract import Settings

ENTRY = re.compile(r"^(\w+): (.*(?:\n {4}.*)*)", re.MULTILINE)
"""`name: what it does`, with indented lines that go on."""


@dataclass(frozen=True)
class Explained:
    """One setting: its name, what may be written for it, and what it does."""

    name: str
    values: str
    about: str


def explained(settings_class: type[Settings]) -> list[Explained]:
    """Every setting of a model, in the order of its fields; what a class says of a setting goes before its bases' words."""
    about: dict[str, str] = {}
    for base in reversed(settings_class.__mro__):
        for name, text in ENTRY.findall(inspect.cleandoc(base.__dict__.get("__doc__") or "")):
            about[name] = " ".join(text.split())
    hints = get_type_hints(settings_class)
    return [Explained(field.name, _values(hints[field.name]), about.get(field.name, "")) for field in fields(settings_class)]


def _values(hint: Any) -> str:
    """The choices of a setting, or what kind of value it is."""
    choices = get_args(hint)
    kinds = {int: "whole number", float: "number", bool: "true, false"}
    return ", ".join(map(str, choices)) if choices else kinds.get(hint, "text")
