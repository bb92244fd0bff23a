"""Errors of wrong input and failed work; a message is one line that says what is wrong, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


class BenchmarkError(Exception):
    """Work that could not be done; the command line prints the message and exits with 1."""

    exit_code = 1

    def __init__(self, message: object = "", details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.details = tuple(details)
        """Lines that the command line prints below the message, such as all rows that cannot be used."""


class InputError(BenchmarkError):
    """Input or usage that is wrong: a bad file, a bad row, an impossible setting; exits with 2."""

    exit_code = 2


class DatasetMissing(InputError):
    """A known dataset whose files are not on this machine; `run --all` skips it with this message."""


class TargetMissing(InputError):
    """A target that this release of a dataset lacks; skipped with this message unless asked for by its name."""


def unknown_name(kind: str, name: str, known: Iterable[str], every: str = "") -> InputError:
    """The error for a name nobody registered, with the nearest known names.

    Args:
        kind: what the name is of.
        name: as it was given.
        known: names that would do.
        every: all of them in words, where they are to be listed beside near ones too; these are very near then.
    """
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.6 if every else 0.4)
    hint = [f"did you mean {' or '.join(near)}?"] if near else []
    hint += [every] if every else [] if near else [f"known: {', '.join(known)}"]
    return InputError(f"unknown {kind} '{name}'; {' '.join(hint)}")


FEW = 3
"""Reasons that are given of many."""


def several(reasons: Sequence[str]) -> str:
    """Reasons on one line: the first few, then how many there are in all."""
    more = len(reasons) - FEW
    shown = "; ".join(reasons[:FEW])
    return shown if more <= 0 else f"{shown}; and {more} {'other' if more == 1 else 'others'} ({len(reasons)} in all)"


MOST_LISTED = 10
"""Reasons that stand below one another."""


def listed_reasons(reasons: Sequence[str], folder: str | Path = "") -> list[str]:
    """A line for each reason, without the path of the folder; after the first ten, how many more there are."""
    more = len(reasons) - MOST_LISTED
    lines = [reason.removeprefix(f"{Path(folder)}/") for reason in reasons[:MOST_LISTED]]
    return lines + [f"and {more} more"] * (more > 0)


def require_none(ids: np.ndarray, refused: Mapping[int, str], what_to_do: str) -> None:
    """Raise InputError where crystals are refused, naming them.

    Args:
        ids: of all crystals.
        refused: row → why.
        what_to_do: with them, a verb.
    """
    if refused:
        reasons = [f"crystal '{ids[row]}': {refused[row]}" for row in sorted(refused)]
        raise InputError(f"{several(reasons)}; {what_to_do} the crystal{'s' if len(refused) > 1 else ''}")
