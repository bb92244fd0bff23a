"""A data set as the registry knows it: its card, where its file belongs, and how it is loaded and fetched."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from datasets.crystals import Crystals
from datasets.errors import DatasetMissing, InputError
from datasets.paths import cache_dir, note_path

MOST_CLASSES = 50
"""Of a class target."""


AS_GIVEN = "as given"
"""The unit of a target whose table names none."""


class Card(BaseModel):
    """What a person must know of a dataset before trusting a score on it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    description: str
    targets: dict[str, str]
    """Target → unit; the first is the main one."""
    classes: dict[str, tuple[str, ...]] = {}
    """Class target → its classes' names; the target's column holds their places in this list, 0, 1, …"""
    rows: int | None = None
    """Crystals expected; None where it depends on the user's files."""
    content_hash: str | None = None
    """sha256 of the columns (`Crystals.content_hash`): the checksum of what a score is measured on."""
    licence: str
    citation: str
    """BibTeX."""
    source: str
    version: str
    """Which release of the source the rows and the hash are of."""
    file: str | None = None
    """Where the file lies in the data directory; None where there is none to get."""
    other_file: str | None = None
    """Another file that holds the set, of a release that the card does not describe; read where the first is absent."""
    how_to_get: str
    """One sentence: what to do when the file is missing."""
    known_problems: tuple[str, ...] = ()
    synthetic: bool = False
    """Whether labels come from a toy model: boards show such sets apart, as demonstrations."""
    crystals_of: str | None = None
    """Name of another set that most of these crystals are in: over tasks, both count as one crystal set."""
    split_column: str | None = None
    """Target column that holds a published split: 0 train, 1 validation, 2 test."""


class Fetched(BaseModel):
    """What was downloaded in place of a card's own release: kept beside the file, as `<file>.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    """The dataset it was fetched as; another one may be read from the same file."""
    source: str
    version: str
    sha256: str
    """Of the file as it was placed."""
    rows: int
    content_hash: str
    when: str
    report: dict[str, int | str | list[str]] = {}
    """What is missing or was left out: counts, and ids."""


def data_path(card: Card) -> Path:
    """Where the card's file belongs: in `BENCHMARK_DATA`, by default `data` in the cache directory."""
    folder = Path(os.environ.get("BENCHMARK_DATA") or cache_dir() / "data")
    path, other = folder / str(card.file), folder / (card.other_file or "")
    return other if card.other_file and other.is_file() and not path.is_file() else path


def data_file(card: Card) -> Path:
    """The card's file.

    Raises:
        DatasetMissing: it is not there; the line says where it was looked for and how to get it.
    """
    path = data_path(card)
    if not path.is_file():
        raise DatasetMissing(f"{card.name}: {path} is missing; {card.how_to_get}")
    return path


def fetched(card: Card) -> Fetched | None:
    """What is known of the card's file if it was fetched; None for the release that the card itself describes.

    Raises:
        InputError: the note beside the file cannot be read.
    """
    note = note_path(data_path(card))
    if not card.file or not note.is_file():
        return None
    try:
        return Fetched.model_validate_json(note.read_bytes())
    except (OSError, ValueError) as error:
        hint = f"delete it and {data_path(card).name}, then fetch {card.name} again"
        raise InputError(f"{note}: not the note of a fetched file; {hint}") from error


Derived = Mapping[str, Callable[[pd.DataFrame], pd.Series]]
"""Target → how it follows from the columns of `Crystals.targets`; it is no column, so the content hash is without it."""


@dataclass(frozen=True)
class Dataset:
    """A card and the function that loads the crystals; `load` raises DatasetMissing where files are absent."""

    card: Card
    load: Callable[[], Crystals]
    derived: Derived = field(default_factory=dict)


Fetcher = Callable[[Path, "Progress"], "Origin"]
"""Puts the file at a path, telling its progress (done, total or None, of what); returns where it came from."""

Progress = Callable[[int, int | None, str], None]


@dataclass(frozen=True)
class Origin:
    """Where a fetched file came from, and what is missing or was left out."""

    source: str
    version: str
    report: dict[str, int | str | list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class FileDataset:
    """A dataset in one file of the data directory: how to read it and, where a machine can, how to fetch it."""

    card: Card
    read: Callable[[Path], Crystals]
    fetch: Fetcher | None = None
    derived: Derived = field(default_factory=dict)

    def load(self) -> Crystals:
        """The crystals of the file. Raises DatasetMissing where it is absent, InputError where it is damaged."""
        return self.read(data_file(self.card))


def target_values(dataset: Dataset | FileDataset, crystals: Crystals, target: str) -> np.ndarray:
    """(n,) values of a target of the dataset's crystals, NaN where there is none; all NaN where a release lacks its column."""
    if target in dataset.derived:
        return dataset.derived[target](crystals.targets).to_numpy(dtype=float)
    return crystals.targets[target].to_numpy() if target in crystals.targets else np.full(len(crystals), np.nan)
