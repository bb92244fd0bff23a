"""Name → dataset. Every module of this package that defines `DATASETS` is found by importing the folder."""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
    licence: str
    citation: str
    source: str
    file: str | None = None
    """Where the file lies in the data directory; None where there is none to get."""
    how_to_get: str
    """One sentence: what to do when the file is missing."""
    known_problems: tuple[str, ...] = ()
    split_column: str | None = None
    """Target column that holds a published split: 0 train, 1 validation, 2 test."""


@dataclass(frozen=True)
class Dataset:
    """A card and the function that loads the crystals; `load` raises DatasetMissing where files are absent."""

    card: Card
    load: Callable[[], Crystals]


def cache_dir() -> Path:
    """Where computed things are kept: `BENCHMARK_CACHE`, default the user's cache directory."""
    return Path(os.environ.get("BENCHMARK_CACHE") or pooch.os_cache("crystal-benchmark"))


def data_file(card: Card) -> Path:
    """The card's file in the data directory (`BENCHMARK_DATA`, default `data` in the cache directory).

    Raises:
        DatasetMissing: it is not there; the line says where it was looked for and how to get it.
    """
    path = Path(os.environ.get("BENCHMARK_DATA") or cache_dir() / "data") / str(card.file)
    if not path.is_file():
        raise DatasetMissing(f"{card.name}: {path} is missing; {card.how_to_get}")
    return path


@cache
def registered() -> Mapping[str, Dataset]:
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


def get(name: str) -> Dataset:
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
    card = dataset.card
    if card.rows is not None and len(crystals) != card.rows:
        raise InputError(
            f"{name}: {len(crystals)} crystals, the card says {card.rows}; the source file is not the published one"
        )
    if card.content_hash is not None and crystals.content_hash != card.content_hash:
        raise InputError(f"{name}: content hash {crystals.content_hash[:16]} is not the card's {card.content_hash[:16]}")
    return crystals
