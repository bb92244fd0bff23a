"""What a command says when Ctrl-C or SIGTERM stops it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from datasets.errors import BenchmarkError

STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""

TERMINATED = 143
"""Exit code after SIGTERM, with which schedulers announce that the time is up."""


class Stopped(BenchmarkError):
    """A signal stopped a command that keeps what it has done."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Terminated(KeyboardInterrupt):
    """SIGTERM came; whatever ends tidily after Ctrl-C ends likewise."""


@contextmanager
def kept_on_stop(kept: str) -> Iterator[None]:
    """Around a command that goes on where a signal stopped it: the error then says what is kept.

    Args:
        kept: what the error says, unless the interruption itself says what is left.
    """
    try:
        with _sigterm_stops():
            yield
    except KeyboardInterrupt as signalled:
        code = TERMINATED if isinstance(signalled, Terminated) else STOPPED
        left = str(signalled)
        raise Stopped(left or f"stopped; {kept} kept, run the same command again to go on", code) from None


@contextmanager
def _sigterm_stops() -> Iterator[None]:
    """SIGTERM raises Terminated within, once: schedulers send it again while the command ends."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
