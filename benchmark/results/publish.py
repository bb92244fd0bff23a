"""From a user's runs to the published board: validated, and never over something else by accident."""

from __future__ import annotations

import filecmp
from collections.abc import Sequence
from pathlib import Path

from benchmark.results import compositions
from benchmark.results.ground_truth import References
from benchmark.results.records import Record
from benchmark.results.scores import scored_tasks
from benchmark.results.store import Store, copy_together
from benchmark.results.submission import card_problems, check_reference, copied_files, links
from datasets.errors import InputError, unknown_name
from datasets.registry import registered


def publish_records(source: Store, target: Store, tasks: Sequence[str], models: Sequence[str], replace: bool) -> list[Path]:
    """Copy the records of `source` (of these tasks and models; empty: all) that `target` lacks; returns the new paths.

    The card of a model that is not of this repository comes with its records. Everything is validated before the first file
    is written, and written before the first one is put in its place. What is published already, byte for byte, is left alone.

    Raises:
        InputError: a record is invalid, disagrees with its predictions, the data or the published records, a model has no
            card, nothing matches, or another file stands in the place of one and `replace` is False.
    """
    records = _chosen(source, target, tasks, models)
    pairs = [(old, target.root / old.relative_to(source.root)) for old in copied_files(source, records)]
    changed = [(old, new) for old, new in pairs if not new.exists() or not filecmp.cmp(old, new, shallow=False)]
    standing = [new for _, new in changed if new.exists()]
    if standing and not replace:
        raise InputError(f"{len(standing)} published files differ, the first is {standing[0]}; use --replace to replace them")
    target.require_writable()
    copy_together(changed)
    for record in records:
        if record.status != "complete":  # what stood there are the predictions of the record that was replaced
            target.path(record.key).with_suffix(".parquet").unlink(missing_ok=True)
    return [new for _, new in changed if new.match("fold-*.json")]


def add_compositions(store: Store) -> list[Path]:
    """Write the compositions that the store lacks, of the registered datasets on this machine; returns the new paths."""
    known = registered()
    keys = {(record.key.dataset_hash, record.key.dataset) for record in store.records()}
    return compositions.add(store.root, {sha: name for sha, name in sorted(keys) if name in known})


def _chosen(source: Store, target: Store, tasks: Sequence[str], models: Sequence[str]) -> list[Record]:
    """The records to publish, every one of them valid. Raises InputError with the first problem of any."""
    problems = links(source.root)
    references, chosen, seen = References(target), [], set()
    for task, runs in scored_tasks(source):
        seen |= {(task, scored.run.first.key.model) for scored in runs}
        for scored in runs:
            if (tasks and task not in tasks) or (models and scored.run.first.key.model not in models):
                continue
            results = {result.record.key.fold: result for result in scored.results}
            for record in scored.run.folds:
                chosen.append(record)
                problems += check_reference(references, source, record, results.get(record.key.fold))[0]
    for kind, names, known in (("task", tasks, {t for t, _ in seen}), ("model", models, {m for _, m in seen})):
        for name in names:
            if name not in known:
                raise unknown_name(f"{kind} with records", name, known)
    if not chosen:
        raise InputError(f"{source.root} has no such records; run `python -m benchmark run` first")
    problems += card_problems(source, {record.key.model for record in chosen})
    if problems:
        raise InputError(f"{problems[0]} ({len(problems)} problems in all; nothing was published)")
    return chosen
