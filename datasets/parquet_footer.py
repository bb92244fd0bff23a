"""Reads what the footer of a Parquet file declares of its columns, without the library that reads the file.

That library ends the whole process where a damaged footer contradicts itself in the statistics of a column. A footer is a
structure of Thrift's compact protocol (https://github.com/apache/parquet-format); only what bounds need is kept of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

MARK, TAIL = b"PAR1", 8
"""At both ends of a file, and the bytes behind the footer: its length and the mark."""

SAFE_CODECS = (0, 1)
"""Not compressed, and by snappy, which makes nothing smaller than a twentieth."""

TRUE, FALSE, BYTE, DOUBLE, BINARY, LIST, SET, STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
INTEGERS = (4, 5, 6)


@dataclass(frozen=True)
class Chunk:
    """The part of a column that lies in one row group: its path, codec, number of values and bytes when unpacked."""

    path: tuple[str, ...]
    codec: int
    values: int
    n_bytes: int


def footer_of(data: bytes) -> bytes:
    """The footer of a file, or of its end. Raises ValueError where the data do not end as a Parquet file does."""
    length = int.from_bytes(data[-TAIL:-4], "little")
    if len(data) < TAIL or data[-4:] != MARK or length > len(data) - TAIL:
        raise ValueError("it does not end as a Parquet file does")
    return data[len(data) - TAIL - length : -TAIL]


def chunks(footer: bytes) -> list[list[Chunk]]:
    """What a footer declares, for every row group in order and every column in it. Raises ValueError where it is damaged."""
    try:
        whole, _ = _struct(footer, 0)
        return [[_chunk(column[3]) for column in group[1]] for group in whole.get(4, [])]
    except (IndexError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"a damaged footer ({type(error).__name__})") from error


def _chunk(column: dict[int, Any]) -> Chunk:
    found = Chunk(tuple(name.decode() for name in column[3]), int(column[4]), int(column[5]), int(column[6]))
    if found.values < 0 or found.n_bytes < 0:
        raise ValueError("a damaged footer (a negative number of values)")
    return found


def _struct(data: bytes, at: int) -> tuple[dict[int, Any], int]:
    """The fields of a structure by their numbers, and where it ends."""
    fields: dict[int, Any] = {}
    number = 0
    while head := data[at]:
        at += 1
        if head >> 4:
            number += head >> 4
        else:
            number, at = _integer(data, at)
        fields[number], at = _value(data, at, head & 15)
    return fields, at + 1


def _value(data: bytes, at: int, kind: int) -> tuple[Any, int]:
    if kind in INTEGERS:
        return _integer(data, at)
    if kind == BINARY:
        length, at = _unsigned(data, at)
        if at + length > len(data):
            raise IndexError("a text that is longer than the footer")
        return data[at : at + length], at + length
    if kind == STRUCT:
        return _struct(data, at)
    if kind in (LIST, SET):
        return _list(data, at)
    if kind in (TRUE, FALSE):
        return kind == TRUE, at
    if kind == BYTE:
        return data[at], at + 1
    if kind == DOUBLE:
        return None, at + 8
    raise ValueError(f"a damaged footer (a field of kind {kind})")


def _list(data: bytes, at: int) -> tuple[list[Any], int]:
    size, kind = data[at] >> 4, data[at] & 15
    at += 1
    if size == 15:
        size, at = _unsigned(data, at)
    if size > len(data) - at:
        raise IndexError("more items than bytes")
    items = []
    for _ in range(size):
        item, at = _value(data, at, BYTE if kind in (TRUE, FALSE) else kind)
        items.append(item)
    return items, at


def _integer(data: bytes, at: int) -> tuple[int, int]:
    value, at = _unsigned(data, at)
    return (value >> 1) ^ -(value & 1), at


def _unsigned(data: bytes, at: int) -> tuple[int, int]:
    value = data[at]
    if value < 128:
        return value, at + 1
    value &= 127
    for shift in range(7, 70, 7):
        at += 1
        byte = data[at]
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at + 1
    raise ValueError("a damaged footer (a number without an end)")
