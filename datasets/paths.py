"""Directories of this machine: computed things, and where the note of a fetched file lies."""

from __future__ import annotations

import os
from pathlib import Path

import pooch


def cache_dir() -> Path:
    """Where computed things are kept: `BENCHMARK_CACHE`, default the user's cache directory."""
    return Path(os.environ.get("BENCHMARK_CACHE") or pooch.os_cache("crystal-benchmark"))


def note_path(path: Path) -> Path:
    """Where the note of a fetched file lies."""
    return path.with_name(f"{path.name}.json")
