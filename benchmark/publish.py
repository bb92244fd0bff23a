"""From a user's runs to the published board: validated, and never over something else by accident."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmark.scores import scored_runs
from benchmark.store import Store, write_atomically
from datasets.errors import InputError, unknown_name


def publish_records(source: Store, target: Store, tasks: Sequence[str], models: Sequence[str], replace: bool) -> list[Path]:
    """Copy the records of `source` (of these tasks and models; empty: all) that `target` lacks; returns the new paths.

    Everything is validated before the first file is written. A record published already, byte for byte, is left alone.

    Raises:
        InputError: a record is invalid or disagrees with its predictions, nothing matches, or another record stands in
            the place of one and `replace` is False.
    """
    runs = [run.run for run in scored_runs(source)]
    for name, known in ((t, {r.first.key.task for r in runs}) for t in tasks):
        if name not in known:
            raise unknown_name("task with records", name, known)
    for name, known in ((m, {r.first.key.model for r in runs}) for m in models):
        if name not in known:
            raise unknown_name("model with records", name, known)
    chosen = [r for r in runs if (not tasks or r.first.key.task in tasks) and (not models or r.first.key.model in models)]
    records = [record for run in chosen for record in run.folds]
    if not records:
        raise InputError(f"{source.root} has no such records; run `python -m benchmark run` first")
    pairs = [(source.path(record.key), target.path(record.key)) for record in records]
    changed = [(old, new) for old, new in pairs if not new.exists() or old.read_bytes() != new.read_bytes()]
    standing = [new for _, new in changed if new.exists()]
    if standing and not replace:
        raise InputError(f"{len(standing)} published records differ, the first is {standing[0]}; use --replace to replace them")
    target.require_writable()
    for old, new in changed:
        new.parent.mkdir(parents=True, exist_ok=True)
        for suffix in (".parquet", ".json"):
            if old.with_suffix(suffix).exists():
                write_atomically(new.with_suffix(suffix), old.with_suffix(suffix).read_bytes())
    return [new for _, new in changed]
