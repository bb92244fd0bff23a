"""From a public source to the data directory: fetched beside its place, read, checked, and only then placed."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import pooch
from filelock import FileLock, Timeout

from datasets import registry
from datasets.cards import Card, Fetched, Fetcher, FileDataset, Origin, Progress, data_path, fetched
from datasets.crystals import Crystals
from datasets.errors import DatasetMissing, InputError
from datasets.paths import note_path

STAGING = ".fetching"


@dataclass(frozen=True)
class FetchedSet:
    """A dataset that is on this machine now: its card, what is there, and whether it was fetched just now."""

    card: Card
    crystals: Crystals
    path: Path | None
    note: Fetched | None
    new: bool


def fetch(name: str, on_progress: Progress, offline: bool = False) -> FetchedSet:
    """Make sure that a dataset is on this machine and is what its card, or the note of its release, says.

    What was there already is checked and left as it is. A fetch that fails leaves the data directory as it was; what
    came of a download is kept aside and not fetched again.

    Args:
        name: of a registered dataset.
        on_progress: told how far it is.
        offline: never touch the network.

    Raises:
        DatasetMissing: it is not here, and no machine can fetch it or `offline` forbids it; the line says what to do.
        InputError: an unknown name, a file in place that is not the dataset, a missing key.
        BenchmarkError: the source cannot be reached, or what came is not the dataset.
    """
    dataset = registry.get(name)
    card = dataset.card
    if not isinstance(dataset, FileDataset):
        return FetchedSet(card, registry.load(name), None, None, new=False)
    path = data_path(card)
    if path.is_dir():
        raise InputError(f"{card.name}: {path} is a folder where the dataset's file belongs; move it away")
    if path.is_file():
        return _present(dataset, path)
    if dataset.fetch is None:
        raise DatasetMissing(f"{card.name}: {path} is missing; {card.how_to_get}")
    if offline:
        raise DatasetMissing(f"{card.name}: {path} is missing and --offline forbids fetching it; {card.how_to_get}")
    staging = path.parent / STAGING / path.name
    staging.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(f"{staging}.lock", timeout=0):
            if path.is_file():  # another process has placed it since
                return _present(dataset, path)
            return _fetch(dataset, dataset.fetch, path, staging, on_progress)
    except Timeout:
        raise InputError(f"{card.name}: another process is fetching it; wait for it") from None


def _present(dataset: FileDataset, path: Path) -> FetchedSet:
    crystals = dataset.load()
    registry.require_expected(dataset.card, crystals)
    return FetchedSet(dataset.card, crystals, path, fetched(dataset.card), new=False)


def _fetch(dataset: FileDataset, fetcher: Fetcher, path: Path, staging: Path, on_progress: Progress) -> FetchedSet:
    """Fetch into `staging` and place what is right; what the next attempt can go on from stays there."""
    card, staged, note_file = dataset.card, staging / path.name, staging / f"{path.name}.note"
    staging.mkdir(exist_ok=True)
    origin = fetcher(staged, on_progress)
    try:
        crystals = dataset.read(staged)
        _require_release(card, origin, crystals)
    except Exception:
        staged.unlink(missing_ok=True)  # or the same wrong file would be found again
        raise
    note = Fetched(
        name=card.name,
        source=origin.source,
        version=origin.version,
        sha256=pooch.file_hash(str(staged)),
        rows=len(crystals),
        content_hash=crystals.content_hash,
        when=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        report=origin.report,
    )
    note_file.write_text(note.model_dump_json(indent=1))
    os.replace(note_file, note_path(path))  # first: a note without its file is a file not fetched yet
    os.replace(staged, path)
    shutil.rmtree(staging)
    return FetchedSet(card, crystals, path, note, new=True)


def _require_release(card: Card, origin: Origin, crystals: Crystals) -> None:
    """Raise InputError where what came calls itself the card's release and is not."""
    if origin.version != card.version:
        return
    if card.rows not in (None, len(crystals)):
        counts = f"{len(crystals):,} crystals, the card says {card.rows:,}"
        raise InputError(f"{card.name}: {origin.source} has {counts}; not placed")
    if card.content_hash not in (None, crystals.content_hash):
        raise InputError(
            f"{card.name}: the content of {origin.source} ({crystals.content_hash[:16]}) is not the card's "
            f"({str(card.content_hash)[:16]}); not placed"
        )
