"""Packed files and tar and zip archives, read without trusting them: bounded, regular members only, one-line errors."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from datasets.errors import InputError

MOST_BYTES = 4 << 30
"""Uncompressed, of all members together; counted while they are read, whatever the headers say."""

MOST_TIMES, ALWAYS_BYTES = 100, 256 << 20
"""A file is unpacked to at most so many times its size, or to so many bytes: texts of structures shrink to about a tenth."""

MOST_MEMBERS = 1_000_000
CHUNK = 1 << 20
BLOCK = 512
"""Bytes of a tar header."""

PACKINGS: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}
"""First bytes → decompressor."""

ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass
class _Budget:
    """What may still be read of the file called `path` in errors."""

    path: Path | str
    n_bytes: int
    n_members: int = MOST_MEMBERS

    def __post_init__(self) -> None:
        self._most = self.n_bytes

    def bound_by(self, packed_bytes: int) -> None:
        """Lower the budget to what a file of that size may hold."""
        self.n_bytes = self._most = min(self.n_bytes, max(ALWAYS_BYTES, MOST_TIMES * packed_bytes))

    def spend_bytes(self, count: int) -> None:
        self.n_bytes -= count
        if self.n_bytes < 0:
            raise InputError(f"{self.path}: more than {self._most:,} bytes when unpacked; refused")

    def spend_member(self) -> None:
        self.n_members -= 1
        if self.n_members < 0:
            raise InputError(f"{self.path}: more members than are read of one archive; refused")


class _Stream(io.RawIOBase):
    """The unpacked bytes of a file, forward only; every byte is counted before anybody keeps it."""

    def __init__(self, file: IO[bytes], budget: _Budget) -> None:
        unpack = _packing(file)
        self._file = unpack(file) if unpack else file
        if unpack:
            budget.bound_by(os.fstat(file.fileno()).st_size)
        self._budget = budget
        self._position = 0
        self.last = b""
        """What the last `read` gave."""

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= CHUNK:
            raise InputError(f"{self._budget.path}: not a readable archive (a header of {size:,} bytes)")
        self.last = self._file.read(size)
        self._position += len(self.last)
        self._budget.spend_bytes(len(self.last))
        return self.last

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if offset < self._position or whence != os.SEEK_SET:
            raise OSError("a member lies before the one that was read last")
        while self._position < offset and self.read(min(CHUNK, offset - self._position)):
            pass
        return self._position

    def tell(self) -> int:
        return self._position


def _packing(file: IO[bytes]) -> Callable[[IO[bytes]], Any] | None:
    """What unpacks a file, None for one that is not packed; it is at its begin before and after."""
    start = file.read(6)
    file.seek(0)
    return next((unpack for magic, unpack in PACKINGS.items() if start.startswith(magic)), None)


def unpacked(path: Path, most_bytes: int = MOST_BYTES, name: str = "", must: bool = False) -> bytes:
    """The content of a file, called `name` (default: its path) in errors, unpacked where it begins as gzip, bzip2 or xz do.

    Raises:
        InputError: it cannot be read, is truncated or damaged, holds more than `most_bytes`, or is not packed but `must` be.
    """
    try:
        with path.open("rb") as file:
            if must and _packing(file) is None:
                raise OSError("not packed, as its name says")
            stream = _Stream(file, _Budget(name or path, most_bytes))
            return b"".join(iter(lambda: stream.read(CHUNK), b""))
    except InputError:
        raise
    except (OSError, EOFError, ValueError, MemoryError, lzma.LZMAError, zlib.error) as error:
        raise InputError(f"{name or path}: cannot be read ({_reason(error)})") from error


def members(
    path: Path, most_bytes: int = MOST_BYTES, most_members: int = MOST_MEMBERS
) -> Iterator[tuple[PurePosixPath, bytes]]:
    """Name and content of every file in a tar archive (plain, gzip, bzip2 or xz) or a zip archive, one at a time.

    Folders and the `._*` and `__MACOSX` members of Macintosh archives are skipped. A link, a device, a sparse or encrypted
    member, an absolute name or one with `..` is refused, as is a zip method other than stored and deflated.

    Raises:
        InputError: one line: not an archive, truncated or damaged, a refused member, or more bytes or members than allowed.
    """
    for name, chunks in _files(path, _Budget(path, most_bytes, most_members)):
        yield name, b"".join(chunks)


def extract_member(path: Path, member: str, target: Path, most_bytes: int = MOST_BYTES) -> None:
    """Write one member of an archive to the file `target`, atomically.

    Raises:
        InputError: as `members`, or there is no such member; then nothing is written.
    """
    partial, found = Path(f"{target}.{os.getpid()}.partial"), False
    try:
        for name, chunks in _files(path, _Budget(path, most_bytes)):
            if name == PurePosixPath(member):
                found = True
                with partial.open("wb") as file:
                    file.writelines(chunks)
        if not found:
            raise InputError(f"{path}: no member '{member}'")
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def _files(path: Path, budget: _Budget) -> Iterator[tuple[PurePosixPath, Iterator[bytes]]]:
    """(name, content in chunks) of every regular member."""
    with _one_line(path), path.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        yield from (_zip_files if start in ZIP_STARTS else _tar_files)(file, budget)


@contextmanager
def _one_line(path: Path | str) -> Iterator[None]:
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # both modules raise anything on a bad archive
        raise InputError(f"{path}: not a readable archive; damaged or truncated? ({_reason(error)})") from error


def _reason(error: BaseException) -> str:
    return " ".join(str(getattr(error, "strerror", None) or error or type(error).__name__).split())[:200]


def _tar_files(file: IO[bytes], budget: _Budget) -> Iterator[tuple[PurePosixPath, Iterator[bytes]]]:
    stream = _Stream(file, budget)
    with tarfile.open(fileobj=stream, mode="r:") as archive:
        while (member := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # else it keeps every header
            kind = None if member.isreg() and not member.issparse() else "folder" if member.isdir() else "link or device"
            name = _checked_name(member.name, kind, budget)
            content = archive.extractfile(member) if name else None
            if name and content:
                yield name, _chunks(content, member.size, budget.path)
    # A header that cannot be read ends the loop like the block of zeros that ends an archive.
    if stream.last != bytes(BLOCK):
        raise tarfile.ReadError("no end-of-archive mark")
    while stream.read(CHUNK):  # the checksum of a packed file is at its end
        pass


def _zip_files(file: IO[bytes], budget: _Budget) -> Iterator[tuple[PurePosixPath, Iterator[bytes]]]:
    budget.bound_by(os.fstat(file.fileno()).st_size)
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            mode = stat.S_IFMT(member.external_attr >> 16)
            kind = "folder" if member.is_dir() else None if mode in (0, stat.S_IFREG) else "link or device"
            name = _checked_name(member.filename, kind, budget)
            if not name:
                continue
            if member.flag_bits & 1:
                raise InputError(f"{budget.path}: member '{name}' is encrypted; unpack the archive yourself")
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # the others unpack without a bound
                raise InputError(f"{budget.path}: member '{name}' is neither stored nor deflated; pack the archive again")
            with archive.open(member) as content:
                yield name, _chunks(content, member.file_size, budget.path, budget.spend_bytes)


def _chunks(content: IO[bytes], size: int, path: Path | str, count: Callable[[int], None] | None = None) -> Iterator[bytes]:
    """The bytes of a member whose header says `size`."""
    with _one_line(path):
        while chunk := content.read(CHUNK):
            size -= len(chunk)
            if count:
                count(len(chunk))
            yield chunk
        if size:
            raise EOFError("a member of another size than its header says")


def _checked_name(text: str, kind: str | None, budget: _Budget) -> PurePosixPath | None:
    """The name of a regular member (`kind` None); None for one to skip; InputError for one that is refused."""
    budget.spend_member()
    name, shown = PurePosixPath(text), text[:100].encode("unicode_escape").decode()
    if name.is_absolute() or ".." in name.parts or "\\" in text or ":" in text[1:2]:
        raise InputError(f"{budget.path}: member '{shown}' would leave the archive's folder; refused")
    if kind == "folder" or "__MACOSX" in name.parts or name.name.startswith("._"):
        return None
    if kind or not name.parts:
        raise InputError(f"{budget.path}: member '{shown}' is no regular file ({kind or 'no name'}); refused")
    return name
