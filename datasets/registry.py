"""Name → dataset. Every module of this package that defines `DATASETS` is found by importing the folder."""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path

import pooch
from pydantic import BaseModel, ConfigDict

import datasets
from datasets.crystals import Crystals
from datasets.errors import DatasetMissing, InputError, unknown_name


class Card(BaseModel):
    """What a person must know of a dataset before trusting a score on it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    description: str
    targets: dict[str, str]
    """Target → unit; the first is the main one."""
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


@dataclass(frozen=True)
class Dataset:
    """A card and the function that loads the crystals; `load` raises DatasetMissing where files are absent."""

    card: Card
    load: Callable[[], Crystals]


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

    def load(self) -> Crystals:
        """The crystals of the file. Raises DatasetMissing where it is absent, InputError where it is damaged."""
        return self.read(data_file(self.card))


def cache_dir() -> Path:
    """Where computed things are kept: `BENCHMARK_CACHE`, default the user's cache directory."""
    return Path(os.environ.get("BENCHMARK_CACHE") or pooch.os_cache("crystal-benchmark"))


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


def note_path(path: Path) -> Path:
    """Where the note of a fetched file lies."""
    return path.with_name(f"{path.name}.json")


def registered() -> Mapping[str, Dataset | FileDataset]:
    """Every dataset by name, in alphabetical order: the package's, and those that `datasets import` made."""
    from datasets.imported import imported_sets

    return dict(sorted({**imported_sets(), **built_in()}.items()))


@cache
def built_in() -> Mapping[str, Dataset | FileDataset]:
    """Every dataset of the package by name, in alphabetical order."""
    modules = [importlib.import_module(f"datasets.{m.name}") for m in pkgutil.iter_modules(datasets.__path__)]
    found = [dataset for module in modules for dataset in getattr(module, "DATASETS", ())]
    return {dataset.card.name: dataset for dataset in sorted(found, key=lambda d: d.card.name)}


def is_folder(name: str) -> bool:
    """Whether a folder of that path exists; a name too long to be a path is none."""
    try:
        return Path(name).is_dir()
    except OSError:
        return False


def get(name: str) -> Dataset | FileDataset:
    """The dataset called `name`, or the user's own folder at that path.

    Raises:
        InputError: no dataset has that name and no such folder exists; the nearest names are suggested.
    """
    if name in registered():
        return registered()[name]
    if is_folder(name):
        from datasets.folder import open_folder

        return open_folder(Path(name))
    raise unknown_name("dataset", name, registered())


@lru_cache(maxsize=1)
def load(name: str) -> Crystals:
    """Load a dataset, keep the last one, and check it against its card.

    Raises:
        DatasetMissing: its files are not on this machine.
        InputError: the number of crystals or the content is not what the card says.
    """
    dataset = get(name)
    crystals = dataset.load()
    require_expected(dataset.card, crystals)
    return crystals


def require_expected(card: Card, crystals: Crystals) -> None:
    """Raise InputError where the crystals are neither those of the card nor those that were fetched."""
    note = fetched(card)
    if note is None and card.other_file and data_path(card).match(card.other_file):
        return  # the card describes another release
    expected = note or card
    says, hint = "the card", "the source file is not the published one"
    if note:
        says, hint = f"the note of {note.version}", "the file is another release or was changed since it was fetched; "
        hint += f"delete {note_path(data_path(card))} if you placed it yourself"
    if expected.rows is not None and len(crystals) != expected.rows:
        raise InputError(f"{card.name}: {len(crystals)} crystals, {says} says {expected.rows}; {hint}")
    if note is not None and note.name != card.name:
        return  # the hash is that of other columns of the file
    if expected.content_hash is not None and crystals.content_hash != expected.content_hash:
        found = f"content hash {crystals.content_hash[:16]}"
        raise InputError(f"{card.name}: {found} is not the {expected.content_hash[:16]} of {says}; {hint}")
