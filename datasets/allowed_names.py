"""Checks the names of sets and targets, which become names of folders and pages."""

from __future__ import annotations

from datasets.errors import InputError

LONGEST = 100


def is_path_part(name: str) -> bool:
    """Whether a name can be the name of one folder."""
    return 0 < len(name) <= LONGEST and name not in (".", "..") and name.isprintable() and not set(name) & set("/\\")


def require_target_name(name: str, place: str) -> None:
    """Raise InputError, beginning with `place`, where no folder and no page can have the name of the target."""
    if not is_path_part(name):
        fitting = name.replace("/", "_per_")
        hint = f"call it '{fitting}'" if is_path_part(fitting) else "rename it"
        raise InputError(f"{place}: column '{name[:40]}' cannot name a target, as pages are called after it; {hint}")
