"""The text of a CIF as pymatgen's parser takes it without losing or mixing up anything."""

from __future__ import annotations

import re

from datasets.errors import InputError
from datasets.readers.cif_blocks import OPERATIONS, spelling
from datasets.readers.texts import in_ascii

LOOPED = ("_atom_", *OPERATIONS)
"""Columns of loops, whose repetition is found by the loops."""

_HEADERS = re.compile(r"^(\s*)(data_\S*|loop_)", re.MULTILINE | re.IGNORECASE)
_FIELD = re.compile(r"^;.*?^;", re.MULTILINE | re.DOTALL)
_HEADER_IN_FIELD = re.compile(r"^(\s*)(?=data_|#)", re.MULTILINE | re.IGNORECASE)
_ITEM = re.compile(r"^[ \t]*(_\S+)\s+(?!_|loop_|data_)('[^'\n]*'|\"[^\"\n]*\"|\S+)", re.MULTILINE)
"""A tag and the value behind it, which may stand on the next line."""


def prepared(text: str) -> tuple[str, bool]:
    """The text in ASCII, with `data_` and `loop_` in small letters and no line of a text field that reads as a header.

    Returns:
        the text, and whether it has a data block.

    Raises:
        InputError: two data blocks have one name, or a tag that is looked at has two values in a block.
    """
    text = in_ascii(text)
    if "\n;" in text:  # pymatgen cuts blocks before it knows of fields
        text = _FIELD.sub(lambda field: _HEADER_IN_FIELD.sub(r"\1~", field[0]), text)
    headers = [match[2].lower() for match in _HEADERS.finditer(text) if match[2][0] in "dD"]
    if len(set(headers)) < len(headers):
        raise InputError(f"two data blocks are called '{headers[-1]}'; one structure a file")
    text = _HEADERS.sub(lambda match: match[1] + match[2][:5].lower() + match[2][5:], text)
    for block in re.split(r"^\s*data_", text, flags=re.MULTILINE) if len(headers) > 1 else [text]:
        _require_tags_once(block)
    return text, bool(headers)


def _require_tags_once(block: str) -> None:
    """Raise InputError where a tag stands twice with two values, of which pymatgen takes the last."""
    seen: dict[str, str] = {}
    for tag, text in _ITEM.findall(_FIELD.sub("", block) if "\n;" in block else block):
        known = spelling(tag)
        value = text.strip("'\"")
        if known and not known.startswith(LOOPED) and seen.setdefault(known, value) != value:
            raise InputError(f"{known} is given twice, with different values: '{seen[known][:40]}' and '{value[:40]}'")
