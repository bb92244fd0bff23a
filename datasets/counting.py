"""How many crystals a long computation has worked on: told to whoever waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

EVERY_S = 0.5
"""How often it is told."""

_counts: ContextVar[Callable[[int], None] | None] = ContextVar("counts", default=None)


@contextmanager
def counting(tell: Callable[[int], None]) -> Iterator[None]:
    """Inside, `tell` gets the number of crystals that this thread, and the processes that help it, have worked on so far."""
    done, told = 0, time.monotonic()

    def add(more: int) -> None:
        nonlocal done, told
        done += more
        if time.monotonic() - told >= EVERY_S:
            told = time.monotonic()
            tell(done)

    token = _counts.set(add)
    try:
        yield
    finally:
        _counts.reset(token)


def count_crystals(more: int) -> None:
    """So many more crystals are worked on; nothing happens where nobody waits."""
    if add := _counts.get():
        add(more)
