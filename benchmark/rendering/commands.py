"""Commands as pages and messages show them: a shell that runs one takes every word as it is, whatever a record calls a task."""

from __future__ import annotations

import re
import shlex


def command(*words: object) -> str:
    """`python -m benchmark` with these words, as a shell reads them."""
    return shlex.join(["python", "-m", "benchmark", *map(str, words)])


def option(name: str, value: object | None) -> list[str]:
    """An option and its value as words; none without a value."""
    return [] if value is None else [name, str(value)]


def code(text: str) -> str:
    """One line of text as code in markdown, also where it holds backticks; what cannot be printed is replaced."""
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence} {text} {fence}" if "`" in text else f"{fence}{text}{fence}"
