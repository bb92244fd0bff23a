"""Name → data set: every module of `datasets/sets` that defines `DATASETS`, imported tables, and folders."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Collection, Mapping
from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from datasets import sets
from datasets.cards import Card, Dataset, FileDataset, data_path, fetched
from datasets.crystals import Crystals
from datasets.errors import InputError, unknown_name
from datasets.imported import imported_sets
from datasets.paths import note_path
from datasets.readers import folder
from datasets.readers.folder import open_folder


def registered() -> Mapping[str, Dataset | FileDataset]:
    """Every dataset by name, in alphabetical order: the package's, and those that `datasets import` made."""
    return dict(sorted({**imported_sets(), **built_in()}.items()))


@cache
def built_in() -> Mapping[str, Dataset | FileDataset]:
    """Every dataset of the package by name, in alphabetical order."""
    modules = [importlib.import_module(f"{sets.__name__}.{m.name}") for m in pkgutil.iter_modules(sets.__path__)]
    found = [dataset for module in modules for dataset in getattr(module, "DATASETS", ())]
    return {dataset.card.name: dataset for dataset in sorted(found, key=lambda d: d.card.name)}


def is_folder(name: str) -> bool:
    """Whether a folder of that path exists; a name too long to be a path is none."""
    try:
        return Path(name).is_dir()
    except OSError:
        return False


def get(name: str, without: Collection[str] = ()) -> Dataset | FileDataset:
    """The dataset called `name`, or the user's own folder at that path without the crystals of some ids.

    Raises:
        InputError: no dataset has that name and no such folder exists; the nearest names are suggested.
    """
    if name in registered():
        return registered()[name]
    if is_folder(name):
        return open_folder(Path(name), without)
    raise unknown_name("dataset", name, registered())


@lru_cache(maxsize=1)
def load(name: str, without: tuple[str, ...] = ()) -> Crystals:
    """Load a dataset, keep the last one, and check it against its card; then leave out the crystals of some ids.

    Raises:
        DatasetMissing: its files are not on this machine.
        InputError: the number of crystals or the content is not what the card says.
    """
    dataset = get(name, without)
    crystals = dataset.load()
    require_expected(dataset.card, crystals)
    left_out = np.isin(crystals.ids, without)
    return crystals.take(~left_out) if left_out.any() else crystals


def unreadable(name: str) -> dict[str, str]:
    """Id → why, of the crystals of a folder that cannot be read; none of a named dataset, whose files are checked."""
    return {} if name in registered() else folder.unreadable(Path(name))


def load_readable(name: str) -> tuple[Crystals, dict[str, str]]:
    """Load the crystals that can be read; also id → why, of those of a folder that cannot.

    Raises:
        DatasetMissing, InputError: as `load`, but for structure files of a folder.
    """
    try:
        return load(name), {}
    except InputError:
        found = unreadable(name)
        if not found:
            raise
        return load(name, tuple(found)), found


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
