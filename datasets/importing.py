"""Import a table as a named set: read whole, then placed in the cache directory."""

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
from datasets.readers.tables import Chosen, Request, read_crystals


@dataclass(frozen=True)
class Imported:
    """What an import made."""

    card: Card
    chosen: Chosen
    files: tuple[Path, ...]


def import_table(request: Request, replacing: bool = False) -> Imported:
    """Read a table and keep it as the set `request.name`; what fails leaves nothing behind and replaces nothing.

    Args:
        request: the table and what is wanted of it.
        replacing: whether an imported set of that name may be replaced.

    Raises:
        InputError: the name is taken or cannot be one, or the table cannot be read; one line that says what to do.
    """
    _require_free(request.name, replacing)
    chosen = read_crystals(request)
    if chosen.features:
        features = read_element_features(chosen.features)
        chosen = replace(chosen, crystals=replace(chosen.crystals, element_features=features))
    card = _card(request, chosen)
    folder().mkdir(parents=True, exist_ok=True)
    with FileLock(folder() / ".lock"):
        _require_free(request.name, replacing)
        files = _store(card, chosen)
    registry.load.cache_clear()
    return Imported(card, chosen, files)


def _require_free(name: str, replacing: bool) -> None:
    if not is_name(name):
        raise InputError(f"--name {name[:40]!r}: a name has at most 100 bytes, no '/', and does not begin with '.' or '-'")
    for other in registry.built_in():
        if name == other.split("/")[0]:
            raise InputError(f"--name {name}: the dataset {other} is called so; choose another name")
    if name in imported_sets() and not replacing:
        raise InputError(f"--name {name}: there is an imported set of that name; choose another, or add --replace")


def _card(request: Request, chosen: Chosen) -> Card:
    crystals, source = chosen.crystals, request.source.resolve().name
    return Card(
        name=request.name,
        description=f"{len(crystals)} crystals imported from {source}",
        targets=chosen.units,
        rows=len(crystals),
        content_hash=crystals.content_hash,
        licence="the user's own",
        citation="none",
        source=f"{source}, sha256 {_sha256(request.source)}",
        version=f"content sha256 {crystals.content_hash[:16]}",
        how_to_get="Import the file again.",
        known_problems=tuple(f"rows {what} that were left out: {count}" for what, count in chosen.left_out.items()),
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


def _store(card: Card, chosen: Chosen) -> tuple[Path, ...]:
    """Write every file beside its place, then move them there, the card last: without it there is no set."""
    table, features, page = (folder() / f"{card.name}{suffix}" for suffix in (".parquet", FEATURES, ".json"))
    files = (table, features, page) if chosen.features else (table, page)
    partials = {path: Path(f"{path}.{os.getpid()}.partial") for path in files}
    try:
        chosen.crystals.to_parquet(partials[table])
        if chosen.features:
            shutil.copyfile(chosen.features, partials[features])
        partials[page].write_text(card.model_dump_json(indent=1) + "\n", encoding="utf-8")
        features.unlink(missing_ok=True)
        for path, partial in partials.items():
            os.replace(partial, path)
    finally:
        for partial in partials.values():
            partial.unlink(missing_ok=True)
    return files
