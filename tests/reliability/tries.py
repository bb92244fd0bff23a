"""One command in a process of its own that is stopped where it takes too much time or memory, and what became of it."""

from __future__ import annotations

import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import psutil

SECONDS, CLOCK_SECONDS, MEMORY = 20.0, 300.0, 2_000_000_000
"""Of computing, on the clock (the machine may be shared), and bytes in memory; beyond them a try is stopped."""

TICK = 0.02
SIGNS = set("\x1b\x07\r\u202e")
"""What no output may hold."""

What = Literal["accepted", "refused", "hang", "too much memory", "traceback", "killed", "escapes"]
WRONG: tuple[What, ...] = ("hang", "too much memory", "traceback", "killed", "escapes")


@dataclass(frozen=True)
class Try:
    """How a command ended, what it took, and its last line on stderr."""

    what: What
    seconds: float
    n_bytes: int
    line: str
    out: str = ""


def attempt(work: Callable[[], object], folder: Path) -> Try:
    """Carry out `work` in a fork of this process, in `folder`, within the limits."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            _child(work, folder, out, err)
        stopped, seconds, n_bytes, status = _watched(child)
        said, errors = (_text(file) for file in (out, err))
    lines = errors.strip().splitlines()
    return Try(stopped or _outcome(status, said, errors), seconds, n_bytes, lines[-1] if lines else "", said)


def command(arguments: Sequence[object]) -> Callable[[], None]:
    """The work of `python -m benchmark` with these arguments."""

    def work() -> None:
        from benchmark.cli.main import main

        sys.argv = ["benchmark", *map(str, arguments)]
        main()

    return work


def _child(work: Callable[[], object], folder: Path, out: IO[bytes], err: IO[bytes]) -> None:
    os.setpgrp()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for file, number in ((out, 1), (err, 2)):
        os.dup2(file.fileno(), number)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", 1, "utf-8", closefd=False) for number in (1, 2))
    code = 0
    try:
        os.chdir(folder)
        work()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
        code = 1
    with suppress(Exception):
        sys.stdout.flush()
    os._exit(code)


def _watched(child: int) -> tuple[What | None, float, int, int]:
    """Why it was stopped, if it was; seconds of computing, the most memory, and how it ended."""
    started, seconds, most = time.monotonic(), 0.0, 0
    stopped: What | None = None
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child, signal.SIGKILL)
            return stopped, seconds, most, status
        with suppress(psutil.Error):
            group = [psutil.Process(child), *psutil.Process(child).children(recursive=True)]
            seconds = max(seconds, sum(sum(process.cpu_times()[:2]) for process in group))
            most = max(most, sum(process.memory_info().rss for process in group))
        if stopped is None and (seconds > SECONDS or time.monotonic() - started > CLOCK_SECONDS):
            stopped = "hang"
        if stopped is None and most > MEMORY:
            stopped = "too much memory"
        if stopped:
            with suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
        time.sleep(TICK)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _outcome(status: int, out: str, err: str) -> What:
    if os.WIFSIGNALED(status):
        return "killed"
    if "Traceback" in out + err or "was not foreseen" in err or "Exception ignored" in err:
        return "traceback"
    if SIGNS & set(out + err):
        return "escapes"
    return "refused" if os.WEXITSTATUS(status) else "accepted"
