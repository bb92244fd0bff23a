"""What a command says of an error that nobody foresaw: one line, and a log file with the rest."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

KEPT = 20
"""Log files; older ones are removed."""


def unforeseen(error: BaseException) -> str:
    """One line about an error: what it is, where it arose, and the file that was written with its whole story."""
    said = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}".removesuffix(": ")
    log = _written(error)
    told = f"; {log} tells more" if log else ""
    if isinstance(error, MemoryError):
        return f"memory ran out ({said}); close other programs, or use fewer --workers{told}"
    return f"an error that was not foreseen: {said} ({_place(error)}); please report it{told}"


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name} line {frames[-1].lineno}" if frames else "no place is known"


def _written(error: BaseException) -> Path | None:
    """The log file; None where none can be written."""
    lines = [f"command: {sys.argv}\n", f"python: {sys.version}\n", f"directory: {_directory()}\n\n"]
    with suppress(Exception):
        text = "".join([*lines, *traceback.format_exception(error)])
        for folder in _folders():
            with suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True)
                path = folder / f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{os.getpid()}.log"
                path.write_text(text, errors="backslashreplace")
                for old in sorted(folder.glob("*.log"))[:-KEPT]:
                    old.unlink(missing_ok=True)
                return path
    return None


def _folders() -> Iterator[Path]:
    with suppress(Exception):  # without memory, what it imports may be missing
        from datasets.paths import cache_dir

        yield cache_dir() / "errors"
    yield Path(tempfile.gettempdir()) / "crystal-benchmark-errors"


def _directory() -> str:
    try:
        return os.getcwd()
    except OSError:
        return "deleted"
