"""A section of a health report, and how pages write numbers, sources and paths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datasets.registry import registered

Table = tuple[Sequence[str], Sequence[Sequence[str]]]
"""A header and its rows."""


@dataclass(frozen=True)
class Section:
    """A heading, a paragraph before the tables (headers, rows), one after them, and the figure that goes with it."""

    heading: str
    before: str = ""
    tables: tuple[Table, ...] = ()
    after: str = ""
    figure: str | None = None


def number(value: float | None) -> str:
    """Five significant digits; empty where there is no value."""
    return "" if value is None else f"{value + 0.0:.5g}"


def count(n: int, what: str) -> str:
    """A number of things, one of them or more."""
    return f"{n:,} {what}{'s' * (n != 1)}"


def shown_source(source: str, name: str) -> str:
    """A dataset as a command names it, without a path of this machine."""
    return source if source in registered() else f"path/to/{name}"


def shown_path(root: Path) -> str:
    """A directory as a command names it, likewise."""
    return (Path("path/to") / root.name if root.is_absolute() else root).as_posix()
