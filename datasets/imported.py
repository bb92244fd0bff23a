"""Finds the sets that `datasets import` made: each is a Parquet file and a card in the cache directory."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from datasets.allowed_names import is_path_part
from datasets.cards import Card, Dataset
from datasets.crystals import Crystals
from datasets.elements import read_element_features
from datasets.paths import cache_dir

FEATURES = ".atom_init"
"""Suffix of the element features that came with a set."""


def folder() -> Path:
    """Where imported sets are kept."""
    return cache_dir() / "imported"


def is_name(name: str) -> bool:
    """Whether an imported set may be called so: one part of a path, printable, visible and no option."""
    return is_path_part(name) and name.isprintable() and name[0] not in ".-" and len(name.encode()) <= 100


def imported_sets() -> dict[str, Dataset]:
    """The imported sets by name. A damaged card costs one warning line; a set whose Parquet file is deleted is gone."""
    try:
        cards = sorted(path for path in folder().glob("*.json") if path.with_suffix(".parquet").is_file())
        found = [_read_card(path, path.stat().st_mtime_ns, path.stat().st_size) for path in cards]
    except OSError as error:
        logging.getLogger(__name__).warning("imported sets cannot be read (%s)", error)
        return {}
    return {card.name: Dataset(card, _loader(folder() / card.name, card)) for card in found if card}


@lru_cache(maxsize=1000)
def _read_card(path: Path, mtime_ns: int, size: int) -> Card | None:
    """The card in a file of that age and size: a file is read, and warned of, once."""
    try:
        card = Card.model_validate(json.loads(path.read_bytes()))
        usable = card.name == path.stem and is_name(card.name) and bool(card.targets) and all(map(is_path_part, card.targets))
        usable = usable and all(name in card.targets and len(names) > 1 for name, names in card.classes.items())
        if usable and card.rows is not None and card.content_hash is not None:
            return card
        reason = "not a card that an import wrote"
    except (ValueError, OSError, RecursionError) as error:
        reason = str(error).partition("\n")[0]
    logging.getLogger(__name__).warning("%s is left out: %s; import it again with --replace or delete the file", path, reason)
    return None


def _loader(stem: Path, card: Card) -> Callable[[], Crystals]:
    def load() -> Crystals:
        crystals = Crystals.from_parquet(Path(f"{stem}.parquet"), list(card.targets))
        features = Path(f"{stem}{FEATURES}")
        return replace(crystals, element_features=read_element_features(features)) if features.exists() else crystals

    return load
