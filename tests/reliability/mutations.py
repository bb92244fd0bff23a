"""Damages good Parquet, JSON and checkpoint files at random and reads them: each is accepted or refused, nothing else.

They are read in a fork of this process, one after the other; a fork that dies is another finding, and a new one goes on.
"""

from __future__ import annotations

import json
import os
import random
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from datasets.errors import BenchmarkError
from tests.fuzz_files import damaged
from tests.fuzz_readers import Hang, Outcome, limit

SECONDS = 5.0
"""A file."""

Reader = Callable[[Path], object]


@dataclass(frozen=True)
class Good:
    """A file that is read as it is, and what reads it."""

    kind: str
    path: Path
    read: Reader


def damage(goods: list[Good], n_files: int, seed: int) -> Outcome:
    """Damage and read `n_files` files, every kind equally often; what damages a file is a function of seed and number."""
    found, begin = Outcome(), 0
    whole = {good.path: good.path.read_bytes() for good in goods}
    while begin < n_files:
        begin = _in_a_fork(goods, whole, range(begin, n_files), seed, found)
    for path, content in whole.items():
        path.write_bytes(content)
    return found


def _in_a_fork(goods: list[Good], whole: Mapping[Path, bytes], numbers: range, seed: int, found: Outcome) -> int:
    """Read files in a fork until all are read or it dies; returns the number to go on with."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(readable)
        with suppress(BaseException), os.fdopen(writable, "w", buffering=1) as pipe:
            for line in _lines(goods, whole, numbers, seed):
                pipe.write(json.dumps(line) + "\n")
        os._exit(0)
    os.close(writable)
    done = numbers.start
    with os.fdopen(readable) as pipe:
        for line in pipe:
            number, what, detail = json.loads(line)
            found.add(goods[number % len(goods)].kind, what, detail)
            done = number + 1
    _, status = os.waitpid(child, 0)
    if done < numbers.stop:
        found.add(goods[done % len(goods)].kind, "killed", f"file {done}: the process ended with status {status}")
        done += 1
    return done


def _lines(goods: list[Good], whole: Mapping[Path, bytes], numbers: range, seed: int) -> Iterator[tuple[int, str, str]]:
    for number in numbers:
        good = goods[number % len(goods)]
        good.path.write_bytes(damaged(whole[good.path], random.Random(f"{seed} {number}")))
        yield number, *_read(good, number)
        good.path.write_bytes(whole[good.path])


def _read(good: Good, number: int) -> tuple[str, str]:
    """What happened, and more about it where it is a finding."""
    started = time.monotonic()
    try:
        with limit(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            good.read(good.path)
        return "accepted", ""
    except BenchmarkError as error:
        if len(str(error).splitlines()) > 1:
            return "not one line", f"file {number}: {str(error)[:200]!r}"
        return "refused", ""
    except Hang:
        return "hang", f"file {number}: {time.monotonic() - started:.1f} s"
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return "traceback", f"file {number}: {type(error).__name__}: {str(error)[:100]} ({last.filename}:{last.lineno})"
