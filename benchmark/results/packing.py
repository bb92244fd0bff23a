"""Many records as one JSON document: what all share is written once. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Document = dict[str, Any]


def pack(documents: Sequence[Mapping[str, Any]]) -> tuple[Document, list[Document]]:
    """What all documents share, and what is left of each; `unpack` gives the documents back.

    A value is shared where every document has an equal one of the same type; of nested objects, what they share is.
    """
    shared: Document = {}
    rest: list[Document] = [{} for _ in documents]
    first = documents[0] if documents else {}
    for name in dict.fromkeys(name for document in documents for name in document):
        values = [document[name] for document in documents if name in document]
        if len(values) < len(documents):
            pass
        elif all(isinstance(value, dict) for value in values):
            shared[name], parts = pack(values)
            for document, part in zip(rest, parts, strict=True):
                document |= {name: part} if part else {}
            continue
        elif all(_same(value, first[name]) for value in values):
            shared[name] = first[name]
            continue
        for document, one in zip(rest, documents, strict=True):
            document |= {name: one[name]} if name in one else {}
    return shared, rest


def unpack(shared: Mapping[str, Any], rest: Sequence[Mapping[str, Any]]) -> list[Document]:
    """The documents that `pack` was given; what they share is one object in all. Raises ValueError where the two contradict."""
    return [_merged(shared, one) for one in rest]


def _merged(shared: Mapping[str, Any], own: Mapping[str, Any]) -> Document:
    merged = {**shared, **own}
    for name in own.keys() & shared.keys():
        value, other = shared[name], own[name]
        if isinstance(value, dict) and isinstance(other, dict):
            merged[name] = _merged(value, other)
        elif isinstance(value, dict):
            raise ValueError(f"{name} is an object in one place and a value in another")
        else:
            raise ValueError(f"{name} is written twice")
    return merged


def _same(one: object, other: object) -> bool:
    """Equal, and of one type throughout: 1, 1.0 and true are different values of JSON."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    return type(one) is type(other) and one == other
