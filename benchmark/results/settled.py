"""Which folds have ended, so that the same job would do the same again. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence

from benchmark.results.records import JobKey, Record
from benchmark.results.store import Scored, Store
from benchmark.tasks.folds import Split
from datasets.errors import InputError

SETTLED = ("complete", "diverged")
"""A fold that ran out of memory or failed otherwise is tried again."""


def ended(record: Record, split: Split) -> bool:
    """Whether a fold of this split has ended."""
    return record.split == split and record.status in SETTLED


def settled_in(stores: Sequence[Store], key: JobKey, split: Split) -> Scored | None:
    """The fold and its predictions from the first store where it has ended with the same split; an invalid file has none."""
    for store in stores:
        try:
            found = store.find(key)
        except InputError:
            continue
        if found and ended(found[0], split):
            return found
    return None
