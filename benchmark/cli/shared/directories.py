"""Where a command may work: in a checkout, not on the published records, and as the only process that writes."""

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


def require_checkout(otherwise: str = "") -> None:
    """Raise InputError where the published records are not below this directory; `otherwise` is what else may be done."""
    if not PUBLISHED.is_dir():
        raise InputError(f"{PUBLISHED.resolve()}: no such directory; go to the directory of the program{otherwise}")


@contextmanager
def sole_writer(root: Path, busy: str) -> Iterator[None]:
    """Only one process at a time writes to `root`. Raises InputError with the line `busy` where another one does."""
    from filelock import FileLock, Timeout

    try:
        with FileLock(root / ".lock", timeout=0):
            yield
    except Timeout:
        raise InputError(busy) from None
