"""Imports a table as a named set: reads all of it, then stores it in the cache directory."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock

from datasets import registry
from datasets.cards import Card
from datasets.elements import read_element_features
from datasets.errors import InputError
from datasets.imported import FEATURES, folder, imported_sets, is_name
from datasets.readers.tables import TableCrystals, TableOptions, read_crystals


@dataclass(frozen=True)
class Imported:
    """An imported set: its card, what was read of the table, and the files that were written."""

    card: Card
    content: TableCrystals
    files: tuple[Path, ...]


def import_table(options: TableOptions, replacing: bool = False) -> Imported:
    """Read a table and keep it as the set `options.name`; what fails leaves nothing behind and replaces nothing.

    Args:
        options: the table and what is wanted of it.
        replacing: whether an imported set of that name may be replaced.

    Raises:
        InputError: the name is taken or cannot be one, or the table cannot be read; one line that says what to do.
    """
    _require_free(options.name, replacing)
    content = read_crystals(options)
    if content.features:
        features = read_element_features(content.features)
        content = replace(content, crystals=replace(content.crystals, element_features=features))
    card = _card(options, content)
    folder().mkdir(parents=True, exist_ok=True)
    with FileLock(folder() / ".lock"):
        _require_free(options.name, replacing)
        files = _store(card, content)
    registry.load.cache_clear()
    return Imported(card, content, files)


def _require_free(name: str, replacing: bool) -> None:
    if not is_name(name):
        rule = "it has no '/' or '\\', does not begin with '.' or '-', and has at most 100 bytes"
        raise InputError(f"--name {name[:40]!r}: a name is no path; {rule}")
    for other in registry.built_in():
        if name == other.split("/")[0]:
            raise InputError(f"--name {name}: the dataset {other} is called so; choose another name")
    if replacing:
        return
    choose = "choose another name, or add --replace, which deletes"
    if known := imported_sets().get(name):
        raise InputError(f"--name {name}: an imported set of {known.card.rows:,} crystals has that name; {choose} that set")
    if all(path.exists() for path in _table_and_card(name)):  # a damaged card hides data that may still be wanted
        raise InputError(f"--name {name}: files of that name lie in {folder()}; {choose} them")


def _table_and_card(name: str) -> tuple[Path, Path]:
    return folder() / f"{name}.parquet", folder() / f"{name}.json"


def _card(options: TableOptions, content: TableCrystals) -> Card:
    crystals, source = content.crystals, options.source.resolve().name
    return Card(
        name=options.name,
        description=f"{len(crystals)} crystals imported from {source}",
        targets=content.units,
        classes=content.classes,
        rows=len(crystals),
        content_hash=crystals.content_hash,
        licence="the user's own",
        citation="none",
        source=f"{source}, sha256 {_sha256(options.source)}",
        version=f"content sha256 {crystals.content_hash[:16]}",
        how_to_get="Import the file again.",
        known_problems=(
            *(f"rows {what} that were left out: {count}" for what, count in content.left_out.items()),
            *content.problems,
        ),
    )


def _sha256(path: Path) -> str:
    """sha256 of a file, or of the names and hashes of all files of a folder."""
    digest = hashlib.sha256()
    if path.is_dir():
        for file in sorted(p for p in path.iterdir() if p.is_file()):
            digest.update(f"{file.name}\n{_sha256(file)}\n".encode())
        return digest.hexdigest()
    with path.open("rb") as content:
        while chunk := content.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _store(card: Card, content: TableCrystals) -> tuple[Path, ...]:
    """Write every file beside its place, then move them there, the card last: without it there is no set."""
    (table, page), features = _table_and_card(card.name), folder() / f"{card.name}{FEATURES}"
    files = (table, features, page) if content.features else (table, page)
    partials = {path: Path(f"{path}.{os.getpid()}.partial") for path in files}
    try:
        content.crystals.to_parquet(partials[table])
        if content.features:
            shutil.copyfile(content.features, partials[features])
        partials[page].write_text(card.model_dump_json(indent=1) + "\n", encoding="utf-8")
        features.unlink(missing_ok=True)
        for path, partial in partials.items():
            os.replace(partial, path)
    finally:
        for partial in partials.values():
            partial.unlink(missing_ok=True)
    return files
