"""Keep the folds of a table under `reports/reproduction`, where its page finds them without anybody's runs. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmark.reproduction.results import CellResult
from benchmark.results.publish import packed_runs
from benchmark.results.store import Scored, Store, write_together
from datasets.errors import InputError


def publish_cells(results: Iterable[CellResult | None], target: Store, elsewhere: Sequence[Store]) -> list[Path]:
    """Pack the folds that neither `target` nor another published store has into the runs of `target`; returns the files.

    Raises:
        InputError: another record stands in the place of a fold, or a file of published folds is damaged.
    """
    fresh: list[Scored] = []
    for record, predictions in (one for result in results if result for one in result.scored):
        if any((found := store.find(record.key)) and found[0] == record for store in elsewhere):
            continue
        known = target.find(record.key)
        if known and known[0] != record:
            raise InputError(f"{target.run_path(record.key)} has another record of fold {record.key.fold + 1}; remove it first")
        fresh += [] if known else [(record, predictions)]
    target.require_writable()
    files = list(packed_runs(target, fresh, replace=False))
    write_together(files)
    return [path for path, _ in files]
