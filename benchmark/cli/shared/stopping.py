"""What a command says when Ctrl-C stops it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from datasets.errors import BenchmarkError

STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""


class Stopped(BenchmarkError):
    """Ctrl-C stopped a command that keeps what it has done."""

    exit_code = STOPPED


@contextmanager
def kept_on_stop(kept: str) -> Iterator[None]:
    """Around a command that goes on where Ctrl-C stopped it: the error then says what is kept."""
    try:
        yield
    except KeyboardInterrupt:
        raise Stopped(f"stopped; {kept} kept, run the same command again to go on") from None
