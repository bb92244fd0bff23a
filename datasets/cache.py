"""Results that take time to compute, kept on disk up to a size limit: atomic writes, checked reads, no pickle.

An entry is one file, `KIND/KEY.safetensors` or `KIND/KEY.parquet`, in the cache directory. When the entries together take more
than `BENCHMARK_CACHE_SIZE` (such as `500 MB` or `20 GB`; default `DEFAULT_SIZE`), the least recently used ones are deleted.
Nothing else in the directory is ever deleted: imported sets and fetched data are no entries.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import re
import struct
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from filelock import FileLock
from safetensors.numpy import save_file

from datasets.crystals import Crystals
from datasets.errors import InputError
from datasets.paths import cache_dir

DTYPES = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4", "I8": "i1", "U8": "u1", "BOOL": "?"}

SIZE_VARIABLE, DEFAULT_SIZE = "BENCHMARK_CACHE_SIZE", "20 GB"
NEVER_EVICTED = ("imported", "data")
"""Folders of the cache directory that hold what no computation gives back."""
UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}

_ENTRY = re.compile(r"(?P<file>[0-9a-f]{32}\.(safetensors|parquet))(\.\d+\.partial)?")
"""The name of an entry, or of one that is being written or was left behind by a process that was killed."""

Arrays = Mapping[str, np.ndarray]
T = TypeVar("T")

Mode = Literal["keep", "look", "leave"]

_mode: ContextVar[Mode] = ContextVar("mode", default="keep")


class NotCached(Exception):
    """The cache lacks the entry at `path`, which would have to be computed."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path


@contextmanager
def cache_mode(mode: Mode) -> Iterator[None]:
    """Inside, the cache is only looked at (NotCached is raised where it lacks something), or left alone: all is computed."""
    token = _mode.set(mode)
    try:
        yield
    finally:
        _mode.reset(token)


@dataclass(frozen=True)
class Cached:
    """Arrays by name, and the wall-clock seconds that building them took when they were built."""

    arrays: Arrays
    seconds: float


@dataclass(frozen=True)
class Entry:
    """A file of the cache: of which kind, its size in bytes, and when it was last used (Unix time)."""

    path: Path
    kind: str
    size: int
    last_used: float


def cached(kind: str, key: Mapping[str, object], build: Callable[[], Arrays]) -> Cached:
    """Load the arrays stored under (kind, key), memory-mapped, or build and store them.

    A missing, damaged or foreign file is rebuilt, never trusted. Where the cache cannot be written (read-only, full
    disk) the arrays are still returned. Two processes that want the same key build it once. A file that another process
    deletes to make room stays readable for those that have mapped it.
    """
    text = json.dumps(key, sort_keys=True)
    return _keep(_path(kind, text, "safetensors"), partial(_read, key=text), lambda: _timed(build), partial(_write, key=text))


def cached_crystals(kind: str, key: Mapping[str, object], content_hash: str | None, build: Callable[[], Crystals]) -> Crystals:
    """Load the crystals stored under (kind, key), or build and store them, as `cached` does with arrays.

    A file whose crystals have another content hash than `content_hash` is rebuilt.
    """

    def read(path: Path) -> Crystals | None:
        with suppress(Exception):  # whatever a damaged file makes of a reader: it is built again
            crystals = Crystals.from_parquet(path)
            return crystals if crystals.content_hash == content_hash else None
        return None

    return _keep(_path(kind, json.dumps(key, sort_keys=True), "parquet"), read, build, Crystals.to_parquet)


def size_limit() -> int:
    """Bytes that the entries may take together, out of `BENCHMARK_CACHE_SIZE`. Raises InputError where it is no size."""
    text = os.environ.get(SIZE_VARIABLE) or DEFAULT_SIZE
    matched = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?B)\s*", text, re.IGNORECASE)
    if not matched:
        raise InputError(f"{SIZE_VARIABLE}={text[:40]}: write a number and a unit ({', '.join(UNITS)}), such as {DEFAULT_SIZE}")
    return int(float(matched[1]) * UNITS[matched[2].upper()])


def entries() -> list[Entry]:
    """All entries, the least recently used first."""
    found = []
    for path in cache_dir().glob("*/*"):
        if path.parent.name in NEVER_EVICTED:
            continue
        with suppress(FileNotFoundError):  # another process deleted it
            if _ENTRY.fullmatch(path.name) and path.is_file():
                status = path.stat()
                found.append(Entry(path, path.parent.name, status.st_size, status.st_mtime))
    return sorted(found, key=lambda entry: (entry.last_used, entry.path))


def shrink(limit: int) -> list[Entry]:
    """Delete the least recently used entries until the others take at most `limit` bytes; returns those deleted.

    An entry that another process is writing or opening at this moment is left out.
    """
    deleted: list[Entry] = []
    if not entries():
        return deleted
    with FileLock(cache_dir() / ".shrink.lock"):  # two at once would delete too much
        found = entries()
        excess = sum(entry.size for entry in found) - limit
        for entry in found:
            if excess <= 0:
                break
            if _delete(entry.path):
                deleted.append(entry)
                excess -= entry.size
    return deleted


def _delete(path: Path) -> bool:
    """Delete an entry and its lock; False where it is in use or cannot be deleted."""
    matched = _ENTRY.fullmatch(path.name)
    lock = FileLock(_lock_path(path.with_name(matched["file"] if matched else path.name)), timeout=0)
    try:
        with lock:
            path.unlink()
            Path(lock.lock_file).unlink(missing_ok=True)
    except OSError:  # filelock's Timeout is one
        return False
    return True


def _path(kind: str, key: str, suffix: str) -> Path:
    return cache_dir() / kind / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.{suffix}"


def _lock_path(path: Path) -> Path:
    return Path(f"{path}.lock")


def _keep(path: Path, read: Callable[[Path], T | None], build: Callable[[], T], write: Callable[[T, Path], None]) -> T:
    """What `read` finds at `path`; where that is None, what `build` makes, written there. Other modes: `cache_mode`."""
    if _mode.get() != "keep":
        return _looked_up(path, read) if _mode.get() == "look" else build()
    limit, lock, log = size_limit(), FileLock(_lock_path(path)), logging.getLogger(__name__)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        log.warning("cache %s is not usable (%s); computing without it", path.parent, error)
        return build()
    try:
        found = read(path)
        if found is not None:
            with suppress(OSError):  # a cache that is only readable has no order of use
                os.utime(path)
            return found
        made = build()
        try:
            write(made, path)
            if path.stat().st_size > limit:
                log.warning("%s alone is larger than the cache may be; raise %s to keep it", path.name, SIZE_VARIABLE)
        except Exception as error:  # safetensors raises its own type for a full disk
            log.warning("cannot write %s (%s); going on without it", path, error)
    finally:
        lock.release()
    with suppress(OSError):
        shrink(limit)
    return made


def _looked_up(path: Path, read: Callable[[Path], T | None]) -> T:
    found = read(path)
    if found is None:
        raise NotCached(path)
    return found


def _write(result: Cached, path: Path, key: str) -> None:
    unfinished = Path(f"{path}.{os.getpid()}.partial")
    checksums = {name: _checksum(array) for name, array in result.arrays.items()}
    metadata = {"key": key, "seconds": repr(result.seconds), "crc32": json.dumps(checksums)}
    try:
        save_file({n: np.ascontiguousarray(a) for n, a in result.arrays.items()}, unfinished, metadata)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _checksum(array: np.ndarray) -> int:
    """crc32 of the type, the shape and the bytes."""
    layout = zlib.crc32(f"{array.dtype} {array.shape}".encode())
    return zlib.crc32(np.ascontiguousarray(array).view("u1").data, layout)


def _timed(build: Callable[[], Arrays]) -> Cached:
    start = time.perf_counter()
    arrays = build()
    return Cached(arrays, time.perf_counter() - start)


def _read(path: Path, key: str) -> Cached | None:
    """Memory-map the file, or None where it is missing, damaged or of another key."""
    try:
        with path.open("rb") as file:
            size = struct.unpack("<Q", file.read(8))[0]
            header = json.loads(file.read(size)) if size < 1 << 20 else {}
        metadata = header.pop("__metadata__")
        if metadata["key"] != key:
            return None
        checksums = json.loads(metadata["crc32"])
        arrays = {}
        for name, entry in header.items():
            dtype, (start, stop) = np.dtype(DTYPES[entry["dtype"]]), entry["data_offsets"]
            count = (stop - start) // dtype.itemsize
            flat = np.memmap(path, dtype, "r", 8 + size + start, (count,)) if count else np.empty(0, dtype)
            arrays[name] = flat.reshape(entry["shape"])
            if _checksum(arrays[name]) != checksums[name]:
                return None
        seconds = float(metadata["seconds"])
        return Cached(arrays, seconds) if arrays.keys() == checksums.keys() and 0 <= seconds < math.inf else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error):
        return None
