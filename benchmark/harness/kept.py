"""The first line of a checkpoint of a fold under way: of which fold, and how far its training is. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import Field, ValidationError

from benchmark.results.records import JobKey
from benchmark.schema import Count, Settings, Sha256, Strict, Text

MARK = b"kept "
"""What the first line begins with; checkpoints of earlier versions have no such line."""

MOST_BYTES = 1 << 14

UNFINISHED = ".unfinished"
"""What the name of a checkpoint ends with, in place of the suffix of the record."""


class Kept(Strict):
    """What a checkpoint says of its fold."""

    identity: Sha256
    """Of the training; only the same training goes on from it."""
    task: Text
    model: Text
    profile: Text
    changed: Settings = Field(default_factory=dict)
    """Settings that differ from those of the profile."""
    seed: Count
    fold: Count
    epoch: Count = 0
    """How many epochs have ended, with those of the search for a learning rate."""
    epochs: Count | None = None
    """None until the first one has ended."""

    def where(self) -> str:
        """`after epoch 3 of 14`."""
        return f"after epoch {self.epoch} of {self.epochs}" if self.epoch else "within its first epoch"


def kept_of(key: JobKey, identity: str, changed: Settings | None = None) -> Kept:
    """Of a fold before its first epoch has ended."""
    about = {name: getattr(key, name) for name in ("task", "model", "profile", "seed", "fold")}
    return Kept(identity=identity, changed=changed or {}, **about)


def read_kept(path: Path) -> Kept | None:
    """What a checkpoint says of its fold; None where there is none, or it has no such line."""
    try:
        with path.open("rb") as file:
            line = file.readline(MOST_BYTES)
        return Kept.model_validate_json(line.removeprefix(MARK)) if line.startswith(MARK) else None
    except (OSError, ValidationError):
        return None


def marked(kept: Kept, data: bytes) -> bytes:
    """A checkpoint with its first line."""
    return MARK + kept.model_dump_json().encode() + b"\n" + data


def unmarked(data: bytes) -> bytes:
    """A checkpoint without its first line."""
    return data.partition(b"\n")[2] if data.startswith(MARK) else data


def kept_folds(root: Path) -> Iterator[tuple[Path, Kept | None]]:
    """Every checkpoint of a store by its path, and what it says."""
    for path in sorted((root / "records").rglob(f"*{UNFINISHED}")):
        yield path, read_kept(path)
