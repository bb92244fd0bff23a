"""What sets and targets may be called: their names become folders and pages."""

from __future__ import annotations

import re

from datasets.errors import InputError

LONGEST = 100
_HEADING = re.compile(r"(?P<name>.*?)\s*(\[(?P<unit>[^\[\]]*)\])?")


def is_path_part(name: str) -> bool:
    """Whether a name may stand for one folder of the store."""
    return 0 < len(name) <= LONGEST and name not in (".", "..") and name.isprintable() and not set(name) & set("/\\")


def split_heading(text: str) -> tuple[str, str]:
    """Name and unit of a column headed `name` or `name [unit]`; the unit is empty where there is none."""
    match = _HEADING.fullmatch(text)
    return (match["name"], (match["unit"] or "").strip()) if match else (text, "")


def require_target_name(name: str, place: str) -> None:
    """InputError, beginning with `place`, where no page and no folder could be called after the target."""
    if not is_path_part(name):
        fitting = name.replace("/", "_per_")
        hint = f"call it '{fitting}'" if is_path_part(fitting) else "rename it"
        raise InputError(f"{place}: column '{name[:40]}' cannot name a target, as pages are called after it; {hint}")
