"""Errors of wrong input and failed work; a message is one line that says what is wrong, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BenchmarkError(Exception):
    """Work that could not be done; the command line prints the message and exits with 1."""

    exit_code = 1


class InputError(BenchmarkError):
    """Input or usage that is wrong: a bad file, a bad row, an impossible setting; exits with 2."""

    exit_code = 2


class DatasetMissing(InputError):
    """A known dataset whose files are not on this machine; `run --all` skips it with this message."""


class TargetMissing(InputError):
    """A target that this release of a dataset lacks; skipped with this message unless asked for by its name."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> InputError:
    """The error for a name nobody registered, with the nearest known names."""
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}"
    return InputError(f"unknown {kind} '{name}'; {hint}")
