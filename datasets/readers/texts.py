"""Text files and the numbers in them: what is no text is refused for what it is, a web page or a packed file for example."""

from __future__ import annotations

import codecs
import math
import re

from datasets.errors import InputError

BOMS = {
    codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF32_LE: "utf-32-le", codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be",
}  # fmt: skip
"""Byte order mark → encoding; the mark of UTF-32 begins with that of UTF-16."""

NO_STRUCTURES = {
    b"version https://git-lfs": "a pointer of Git LFS; fetch the file itself with `git lfs pull`",
    b"%pdf": "a PDF", b"pk\x03\x04": "a zip archive; unpack it", b"\x1f\x8b": "packed by gzip; give its name the ending .gz",
    b"bzh": "packed by bzip2; give its name the ending .bz2", b"\xfd7zxz": "packed by xz; give its name the ending .xz",
}  # fmt: skip
"""First bytes in lower case → what the file is."""

_IN_ASCII = {
    **dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2212\ufe63\uff0d"), "-"),
    **dict.fromkeys(map(ord, "\xa0\u2007\u2009\u202f\u3000"), " "),
}

_PAGE = re.compile(rb"(?im)^\s*(<!doctype html|<html|<head|<body|http/\d)")
_FORTRAN = re.compile(r"([-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:[dD]|\*\^)([-+]?[0-9]+)")


def require_no_page(start: bytes, name: str) -> None:
    """Raise InputError where a file begins as a web page, an archive or a PDF does."""
    if _PAGE.search(start):
        raise InputError(f"{name}: a web page; download the file itself")
    begin = start.lstrip().lower()
    for magic, what in NO_STRUCTURES.items():
        if begin.startswith(magic):
            raise InputError(f"{name}: {what}")


def without_mark(raw: bytes) -> tuple[bytes, str]:
    """Bytes without their byte order mark, and the encoding that it names; UTF-8 where there is none."""
    bom = next((bom for bom in BOMS if raw.startswith(bom)), b"")
    return raw[len(bom) :], BOMS.get(bom, "utf-8")


def text_of_bytes(raw: bytes, name: str) -> str:
    """The text of a file called `name` in errors: UTF-8, or UTF-16 with a byte order mark; other bytes are replaced.

    Raises:
        InputError: it is empty, binary, UTF-16 without a mark, a web page, an archive or a PDF.
    """
    body, encoding = without_mark(raw)
    if encoding == "utf-8":
        require_no_page(body[:1000], name)
        if b"\0" in body:
            thin = max(body[::2].count(0), body[1::2].count(0)) > 0.4 * len(body)
            raise InputError(f"{name}: {'UTF-16 without a byte order mark; save it as UTF-8' if thin else 'binary, not text'}")
    text = body.decode(encoding, errors="replace")
    if not text.strip():
        raise InputError(f"{name}: the file is empty")
    require_no_page(text[:1000].encode(), name)
    return text


def in_ascii(text: str) -> str:
    """The text with minus signs and blanks of Unicode in ASCII, and `~`, which no number has, for any other character.

    For parsers that drop what is not ASCII: they read `−0.1` as 0.1.
    """
    return text if text.isascii() else re.sub(r"[^\x00-\x7f]", "~", text.translate(_IN_ASCII))


def lines_of(text: str) -> list[str]:
    """The lines of a text, whatever ends them; blank ones at the end are left out."""
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip().split("\n")


def number(token: str) -> float:
    """The number that a token is, also with a Fortran exponent (`1.5D-3`). Raises ValueError that names any other token."""
    try:
        if "_" not in token:
            return float(token)
    except ValueError:
        if match := _FORTRAN.fullmatch(token):
            return float(f"{match[1]}e{match[2]}")
    raise ValueError(f"'{token[:40]}' is no number")


def is_integer(token: str) -> bool:
    """Whether a token is a count."""
    return token.isascii() and token.isdigit() and len(token) <= 9


def finite(token: str) -> float:
    """As `number`. Raises ValueError also where it is not finite."""
    value = number(token)
    if not math.isfinite(value):
        raise ValueError(f"'{token[:40]}' is not finite")
    return value
