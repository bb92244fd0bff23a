"""Finds targets that are classes: booleans, labels, and what is declared with the unit `class`."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from datasets.allowed_names import LONGEST
from datasets.cards import MOST_CLASSES
from datasets.errors import InputError
from datasets.readers.decimals import is_missing, looks_like_number, number
from datasets.readers.unicode_text import normalised

CLASS = "class"
"""The unit of a class target."""

MOST_DOUBTFUL = 10
"""Numbers 0, 1, … of so few kinds may be classes."""

BOOLEANS = (("false", "true"), ("no", "yes"), ("f", "t"))


@dataclass(frozen=True)
class ClassColumn:
    """The classes of a target, and the place of each crystal's class among them: 0, 1, … or NaN."""

    codes: np.ndarray
    names: tuple[str, ...]

    def rare(self, target: str) -> list[str]:
        """A sentence on each class that a single crystal has."""
        counts = np.bincount(self.codes[~np.isnan(self.codes)].astype(int), minlength=len(self.names))
        return [f"{target}: one crystal only is {name}" for name, count in zip(self.names, counts, strict=True) if count == 1]

    def take(self, rows: Sequence[int], place: str) -> ClassColumn:
        """The rows, without classes that none of them has. Raises InputError, beginning with `place`, where one is left."""
        codes = self.codes[rows]
        used = np.unique(codes[~np.isnan(codes)]).astype(int)
        names = tuple(self.names[code] for code in used)
        _require_two(names, place)
        return ClassColumn(np.where(np.isnan(codes), np.nan, np.searchsorted(used, np.nan_to_num(codes))), names)


def class_column(values: Sequence[Any], name: str, unit: str, places: Sequence[str], source: str) -> ClassColumn | None:
    """A target's column as classes; None where it is one of numbers, or neither.

    Booleans are the classes False and True. Texts are classes, in alphabetical order, where at least one occurs twice and
    there are no more than 50. Whatever has the unit `class` is, numbers in their order.

    Args:
        values: of the column, a row each; None, NaN and words for "no value" are missing.
        name: of the target.
        unit: of the target; empty where none is known. With any other than `class` it is a column of numbers.
        places: of the rows, for errors.
        source: of the column, for errors.

    Raises:
        InputError: the classes are one or too many, a label cannot be one, or the integers 0, 1, … may be classes or amounts.
    """
    what = f"{source}: target '{name}'"
    present = [value for value in values if not is_missing(value)]
    if not present or unit not in ("", CLASS):
        return None
    labels = _of_booleans(values, what) or (_of_numbers(values) if unit == CLASS else None)
    if labels is None and unit != CLASS:
        if looks_like_number(str(present[0])):
            _require_no_codes(present, name, what)
            return None
        if any(not isinstance(value, str) or looks_like_number(value) for value in present):
            return None
    if labels is None:
        labels = _of_texts(values, name, places)
        _require_classes(labels, unit == CLASS, what)
    order = sorted({label for label in labels if label is not None})
    names = tuple(text for _, text in order)
    _require_two(names, what)
    if len(names) > MOST_CLASSES:
        raise InputError(f"{what} has {len(names)} different values; a class target has at most {MOST_CLASSES} classes")
    code = {label: float(place) for place, label in enumerate(order)}
    return ClassColumn(np.array([math.nan if label is None else code[label] for label in labels]), names)


Labels = list[tuple[float, str] | None]
"""The class of each row, None where it is missing; classes are in the order of the number, then of the text."""


def is_boolean(values: Sequence[Any]) -> bool:
    """Whether every value that is there is a boolean, or such a text."""
    texts = {_text(value).lower() for value in values if not is_missing(value)}
    return bool(texts) and any(texts <= set(pair) for pair in BOOLEANS)


def _of_booleans(values: Sequence[Any], what: str) -> Labels | None:
    """None where a value is no boolean. Raises InputError where `true` and `yes` are mixed."""
    texts = [None if is_missing(value) else _text(value).lower() for value in values]
    if not {text for text in texts if text is not None} <= {text for pair in BOOLEANS for text in pair}:
        return None
    kinds = [pair for pair in BOOLEANS if set(pair) & set(texts)]
    if len(kinds) > 1:
        raise InputError(f"{what} mixes {' and '.join(map('/'.join, kinds))}; write one of them")
    true = kinds[0][1]
    return [None if text is None else (float(text == true), str(text == true)) for text in texts]


def _of_numbers(values: Sequence[Any]) -> Labels | None:
    """None where a value is no finite number."""
    found = [number(value) for value in values]
    if any(value is None or math.isinf(value) for value in found):
        return None
    return [None if value is None or math.isnan(value) else (value, f"{value:.15g}") for value in found]


def _of_texts(values: Sequence[Any], name: str, places: Sequence[str]) -> Labels:
    labels: Labels = []
    for value, place in zip(values, places, strict=True):
        text = None if is_missing(value) else normalised(_text(value))
        if text is not None and not (text and text.isprintable() and len(text) <= LONGEST):
            shown = text.encode("unicode_escape").decode()[:40]
            raise InputError(f"{place}: target '{name}' is '{shown}', which cannot name a class; rename it")
        labels.append(None if text is None else (0.0, text))
    return labels


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else str(value)


def _require_classes(labels: Labels, declared: bool, what: str) -> None:
    """Raise InputError where two texts differ in letter case alone or, unless they are declared to be classes, all differ."""
    counts = Counter(label[1] for label in labels if label is not None)
    spelled: dict[str, str] = {}
    for text in counts:
        if spelled.setdefault(text.casefold(), text) != text:
            raise InputError(f"{what} has '{spelled[text.casefold()]}' and '{text}'; write a class in one way")
    if not declared and len(counts) > 1 and max(counts.values()) == 1:
        shown = f"'{next(iter(counts))[:40]}'"
        raise InputError(
            f"{what} is a text such as {shown}, another in each of {len(counts)} rows: neither numbers nor classes; a class "
            "has several crystals"
        )


def _require_two(names: Sequence[str], place: str) -> None:
    if len(names) < 2:
        found = f"is '{names[0][:40]}' in every row" if names else "has no value"
        raise InputError(f"{place} {found}; a class target needs two classes")


def _require_no_codes(present: Sequence[Any], name: str, what: str) -> None:
    """Raise InputError where values are the integers 0, 1, …, a few of each: classes or amounts."""
    counts: Counter[float] = Counter()
    for value in present:
        found = number(value)
        if found is None or found not in range(MOST_DOUBTFUL):
            return
        counts[found] += 1
    if len(counts) > 1 and sorted(counts) == list(range(len(counts))) and min(counts.values()) > 1:
        raise InputError(
            f"{what} has only the integers 0 to {len(counts) - 1}, which may be classes or amounts; head its column "
            f"'{name} [class]' or '{name} [unit]' (a CSV without a header needs that line first), or give --unit on import"
        )
