"""Arrays that cost time to compute, kept on disk: atomic writes, checked reads, memory-mapped, no pickle."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import struct
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock
from safetensors.numpy import save_file

from datasets.paths import cache_dir

DTYPES = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4", "I8": "i1", "U8": "u1", "BOOL": "?"}

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Cached:
    """Arrays by name, and the wall-clock seconds that building them took when they were built."""

    arrays: Arrays
    seconds: float


def cached(kind: str, key: Mapping[str, object], build: Callable[[], Arrays]) -> Cached:
    """Load the arrays stored under (kind, key), or build and store them.

    A missing, damaged or foreign file is rebuilt, never trusted. Where the cache cannot be written (read-only, full
    disk) the arrays are still returned. Two processes that want the same key build it once.
    """
    text = json.dumps(key, sort_keys=True)
    path = cache_dir() / kind / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.safetensors"
    lock = FileLock(f"{path}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        logging.getLogger(__name__).warning("cache %s is not usable (%s); computing without it", path.parent, error)
        return _timed(build)
    try:
        return _read(path, text) or _build(path, text, build)
    finally:
        lock.release()


def _build(path: Path, key: str, build: Callable[[], Arrays]) -> Cached:
    result = _timed(build)
    partial = Path(f"{path}.{os.getpid()}.partial")
    checksums = {name: _checksum(array) for name, array in result.arrays.items()}
    metadata = {"key": key, "seconds": repr(result.seconds), "crc32": json.dumps(checksums)}
    try:
        save_file({n: np.ascontiguousarray(a) for n, a in result.arrays.items()}, partial, metadata)
        os.replace(partial, path)
    except Exception as error:  # safetensors raises its own type for a full disk
        logging.getLogger(__name__).warning("cannot write %s (%s); going on without it", path, error)
    finally:
        partial.unlink(missing_ok=True)
    return result


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
        return Cached(arrays, float(metadata["seconds"])) if arrays.keys() == checksums.keys() else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error):
        return None
