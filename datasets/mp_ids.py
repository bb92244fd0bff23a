"""The two spellings of a Materials Project id: a number, and since 2025 the same number in letters."""

from __future__ import annotations

import re

LETTERS = re.compile(r"(mp|mvc)-([a-z]{1,12})")


def canonical_mp_id(name: str) -> str:
    """The id with its number in digits, so that both spellings are equal: `mp-aaaaaaft` is `mp-149`; any other text is itself.

    The letters are digits to base 26, a = 0 to z = 25; those `a` that lead are zeros.
    """
    found = LETTERS.fullmatch(name)
    if not found:
        return name
    number = 0
    for letter in found[2]:
        number = 26 * number + ord(letter) - ord("a")
    return f"{found[1]}-{number}"
