"""Time and memory that one file may take while it is read: a few hostile bytes must not hold up or fill the machine."""

from __future__ import annotations

import os
import signal
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TypeVar

from datasets.errors import InputError

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

MOST_BYTES = 256 << 20
"""Of a structure file, unpacked: a million atoms take some 60 MB as XYZ."""

SECONDS, SECONDS_A_MB = 8.0, 1.0
"""Of computing, not of waiting: for any file, and more for each megabyte (10⁶ bytes) that it has on the disk."""

MEMORY, MEMORY_A_BYTE = 1 << 30, 8
"""Bytes beyond what the process had, likewise."""

TICK = 0.25
"""Seconds of computing between two looks at the clock and at the memory: most files are read sooner and never looked at."""

T = TypeVar("T")

TIMED = hasattr(signal, "setitimer")
"""Not on Windows."""

STATM = Path("/proc/self/statm")
"""Pages of this process on Linux: in all, and in memory."""


class _Spent(BaseException):
    """The budget is spent; as no `Exception`, no parser takes it for an error of its own."""


@contextmanager
def budget(name: str, size: int = 0, strict: bool = False) -> Iterator[None]:
    """Bound the work of a block; inside another budget, outside of the main thread and on Windows it does nothing.

    Args:
        name: of the file, for the error.
        size: bytes of the file, each of which may take some more.
        strict: refuse memory before it is taken (Linux), for readers of other people that reserve what a file declares.

    Raises:
        InputError: the block took more time or memory than the file may.
    """
    free = TIMED and threading.current_thread() is threading.main_thread()
    if not free or signal.getitimer(signal.ITIMER_PROF)[0]:
        yield
        return
    seconds, most = SECONDS + SECONDS_A_MB * size / 1e6, MEMORY + MEMORY_A_BYTE * size
    ends, before = time.process_time() + seconds, list[int]()

    def look(_signal: int, _frame: object) -> None:
        if time.process_time() > ends:
            raise _Spent(f"more than {seconds:.0f} s of computing")
        before[:] = before or [_memory(1)]
        if _memory(1) > before[0] + most:
            raise _Spent(f"more than {most / 1e9:.1f} GB of memory")

    previous = signal.signal(signal.SIGPROF, look)
    # Again and again, as what is raised in a callback of a library is lost.
    signal.setitimer(signal.ITIMER_PROF, TICK, TICK)
    try:
        with _bounded_addresses(most) if strict else nullcontext():
            yield
    except _Spent as spent:
        raise InputError(f"{name}: reading it takes {spent}; refused") from None
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous or signal.SIG_DFL)


def within_budget(path: Path, read: Callable[[Path], T]) -> T:
    """What `read` makes of a table, whose memory is refused before it is taken.

    Raises:
        InputError: what `read` raises, or it takes more time or memory than the file may.
    """
    with budget(str(path), path.stat().st_size, strict=True):
        try:
            return read(path)
        except MemoryError:
            raise InputError(f"{path}: reading it takes more memory than a file of its size may; refused") from None


@contextmanager
def _bounded_addresses(most: int) -> Iterator[None]:
    """Let the process reserve at most so many bytes more: what is beyond is a MemoryError in the block."""
    if resource is None or not STATM.exists():
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = _memory(0) + most
    resource.setrlimit(resource.RLIMIT_AS, (limit if soft == resource.RLIM_INFINITY else min(soft, limit), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _memory(column: int) -> int:
    """Bytes of this process, reserved (0) or in memory (1); 0 where the system does not say."""
    try:
        return int(STATM.read_bytes().split()[column]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def size_of(path: Path, name: str) -> int:
    """Bytes of a file, which is not opened.

    Raises:
        InputError: it is a pipe, a device or a socket, or has more than `MOST_BYTES`.
        OSError: there is no such file.
    """
    found = path.stat()
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise InputError(f"{name}: a pipe or a device, no file")
    if found.st_size > MOST_BYTES:
        raise InputError(f"{name}: {found.st_size:,} bytes; at most {MOST_BYTES:,} are read of one structure file")
    return found.st_size
