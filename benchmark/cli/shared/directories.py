"""The right to write to a directory: not to the published records, and only one process at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmark.results.directories import PUBLISHED
from datasets.errors import InputError


def require_unpublished(out: Path) -> None:
    """Raise InputError where `--out` names the published records, which only `publish` changes."""
    if out.resolve() == PUBLISHED.resolve():
        raise InputError(f"--out {out} holds the published records; run into another directory, then `publish`")


@contextmanager
def sole_writer(root: Path, busy: str) -> Iterator[None]:
    """Only one process at a time writes to `root`. Raises InputError with the line `busy` where another one does."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(root / ".lock", timeout=0):
            yield
    except Timeout:
        raise InputError(busy) from None
