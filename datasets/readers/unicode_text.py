"""Reads the text of a table in UTF-8 or UTF-16, and ids that are equal under Unicode normalisation as the same id."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from datasets.errors import InputError
from datasets.readers.archives import unpacked
from datasets.readers.texts import without_mark

_INVISIBLE = r"[\s\u200b-\u200f\u2060\ufeff]+"
_AROUND = re.compile(f"^{_INVISIBLE}|{_INVISIBLE}$")


def text_of(path: Path) -> str:
    """A text file, packed or not: UTF-8, or UTF-16 with a byte order mark.

    Raises:
        InputError: it cannot be read, is of another encoding, or is no text.
    """
    raw = unpacked(path)
    body, encoding = without_mark(raw)
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        line, shown = body[: error.start].count(b"\n") + 1, "UTF-8" if encoding == "utf-8" else "UTF-16"
        raise InputError(
            f"{path} line {line}: bytes that are not {shown} (byte {error.start}); save the file as UTF-8"
        ) from error
    if "\0" in text:
        thin = max(raw[::2].count(0), raw[1::2].count(0)) > len(raw) // 4
        what = "UTF-16 without a byte order mark" if thin else "NUL bytes, so no text"
        raise InputError(f"{path}: {what}; save the file as UTF-8")
    return text.removeprefix("\ufeff")


def normalised(text: str) -> str:
    """An id or a label as it is compared: accents composed (NFC), without blanks and invisible characters around it."""
    return text.strip() if text.isascii() else _AROUND.sub("", unicodedata.normalize("NFC", text))
