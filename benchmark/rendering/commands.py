"""Commands as pages and messages show them: a shell that runs one takes every word as it is, whatever a record calls a task."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from benchmark.results.records import JobKey
from benchmark.schema import SettingValue
from datasets.registry import registered


def command(*words: object) -> str:
    """`python -m benchmark` with these words, as a shell reads them."""
    return shlex.join(["python", "-m", "benchmark", *map(str, words)])


def option(name: str, value: object | None) -> list[str]:
    """An option and its value as words; none without a value."""
    return [] if value is None else [name, str(value)]


def source_words(key: JobKey) -> list[str]:
    """The option that names the task, and its value."""
    return ["--task", key.task] if key.dataset in registered() else ["--dataset", f"path/to/{key.dataset}"]


def setting_words(changes: Mapping[str, SettingValue]) -> list[str]:
    """The options that change these settings."""
    return [word for name, value in changes.items() for word in ("--set", f"{name}={value}")]


def device_words(key: JobKey) -> list[str]:
    """The option that names the kind of device: without it a machine's GPU is taken, where there is one."""
    return ["--device", "cpu" if key.device == "cpu" else "cuda"]


def code(text: str) -> str:
    """One line of text as code in markdown, also where it holds backticks; what cannot be printed is replaced."""
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence} {text} {fence}" if "`" in text else f"{fence}{text}{fence}"
