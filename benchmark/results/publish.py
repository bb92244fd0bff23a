"""From a user's runs to the published board: validated, and never over something else by accident."""

from __future__ import annotations

import filecmp
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmark.results import compositions
from benchmark.results.ground_truth import GroundTruths
from benchmark.results.origin import origin_problems
from benchmark.results.packed import packed_files
from benchmark.results.records import Record
from benchmark.results.scores import FoldResult, scored_tasks
from benchmark.results.store import Store, write_together
from benchmark.results.submission import Published, State, card_problems, cards_of, check_ground_truth, links, name_of
from benchmark.results.validation import InvalidFile, Predictions
from datasets.errors import InputError, unknown_name
from datasets.registry import registered

Chosen = tuple[Record, Predictions | FoldResult | None]


def publish_records(source: Store, target: Store, tasks: Sequence[str], models: Sequence[str], replace: bool) -> list[str]:
    """Pack the records of `source` (of these tasks and models; empty: all) that `target` lacks into its runs, a file each.

    The card of a model that is not of this repository comes with its records. Everything is validated before the first file
    is written, and written before the first one is put in its place. What is published already is left alone.

    Returns:
        What was new: the file of the run, below the root, and the fold.

    Raises:
        InputError: a record is invalid, disagrees with its predictions, the data or the published records, a model has no
            card, nothing matches, or another record stands in the place of one and `replace` is False.
    """
    chosen = _chosen(source, target, tasks, models)
    published = Published(target)
    states = [published.state(record) for record, _ in chosen]
    cards = [(card, target.root / card.relative_to(source.root)) for card in cards_of(source, _models(chosen))]
    cards = [(old, new) for old, new in cards if not new.exists() or not filecmp.cmp(old, new, shallow=False)]
    standing = [name_of(target, target.run_path(r.key), r) for (r, _), s in zip(chosen, states, strict=True) if s == "replaced"]
    standing += [str(new) for _, new in cards if new.exists()]
    if standing and not replace:
        raise InputError(_refused(standing, chosen, states))
    target.require_writable()
    fresh = [one for one, state in zip(chosen, states, strict=True) if state != "unchanged"]
    runs = dict(packed_runs(target, fresh, replace))
    write_together([*((new, old.read_bytes()) for old, new in cards), *runs.items()])
    for path in runs:
        if path.with_suffix(".parquet") not in runs:  # what lies there are the predictions of records that were replaced
            path.with_suffix(".parquet").unlink(missing_ok=True)
    return [name_of(target, target.run_path(record.key), record) for record, _ in fresh]


def _refused(standing: Sequence[str], chosen: Sequence[Chosen], states: Sequence[State]) -> str:
    """Why nothing is published, and how the models are published of which nothing published is replaced."""
    by_state = {state: {r.key.model for (r, _), s in zip(chosen, states, strict=True) if s == state} for state in set(states)}
    fresh = sorted(by_state.get("added", set()) - by_state.get("replaced", set()))
    others = f" publish your new rows alone with {' '.join(f'--model {model}' for model in fresh)}, or" if fresh else ""
    return f"{len(standing)} published results differ, the first is {standing[0]};{others} use --replace to replace them"


def packed_runs(target: Store, fresh: Sequence[Chosen], replace: bool) -> Iterator[tuple[Path, bytes]]:
    """The files of the runs that fresh records belong to, with the folds that are published already: (path, content) of each.

    Raises:
        InputError: a file of published folds is damaged, and `replace` is False.
    """
    for path in dict.fromkeys(target.run_path(record.key) for record, _ in fresh):
        folds: dict[tuple[int, int], Chosen] = {}
        try:
            folds = {_place(record): (record, found) for record, found in target.scored(path)} if path.exists() else {}
        except InvalidFile as error:  # a publication that was killed between its two files can be done again
            if not replace:
                raise InputError(f"{error}; use --replace to publish the run anew") from None
        folds |= {_place(record): (record, found) for record, found in fresh if target.run_path(record.key) == path}
        yield from packed_files(path, [folds[place] for place in sorted(folds)])


def _place(record: Record) -> tuple[int, int]:
    """Of a record in the file of its run: by seed, then by fold."""
    return record.key.seed, record.key.fold


def _models(chosen: Iterable[Chosen]) -> set[str]:
    return {record.key.model for record, _ in chosen}


def add_compositions(store: Store) -> list[Path]:
    """Write the compositions that the store lacks, of the registered datasets on this machine; returns the new paths."""
    known = registered()
    keys = {(record.key.dataset_hash, record.key.dataset) for record in store.records()}
    return compositions.add(store.root, {sha: name for sha, name in sorted(keys) if name in known})


def _chosen(source: Store, target: Store, tasks: Sequence[str], models: Sequence[str]) -> list[Chosen]:
    """The records to publish, every one of them valid. Raises InputError with the first problem of any."""
    problems = links(source.root)
    truths, seen = GroundTruths(target), set()
    chosen: list[Chosen] = []
    for task, runs in scored_tasks(source):
        seen |= {(task, scored.run.first.key.model) for scored in runs}
        for scored in runs:
            if (tasks and task not in tasks) or (models and scored.run.first.key.model not in models):
                continue
            results = {_place(result.record): result for result in scored.results}
            for record in scored.run.folds:
                result = results.get(_place(record))
                chosen.append((record, result))
                problems += check_ground_truth(truths, source.path(record.key), record, result)[0]
    for kind, names, known in (("task", tasks, {t for t, _ in seen}), ("model", models, {m for _, m in seen})):
        for name in names:
            if name not in known:
                raise unknown_name(f"{kind} with records", name, known)
    if not chosen:
        raise InputError(f"{source.root.resolve()} has no such records; run `python -m benchmark run` first")
    problems += card_problems(source, _models(chosen)) + origin_problems(source.root, [record for record, _ in chosen])
    if problems:
        raise InputError(f"{problems[0]} ({len(problems)} problems in all; nothing was published)")
    return chosen
