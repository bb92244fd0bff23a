"""What is wrong with a directory of records, all of it, and what publishing it would add."""

from __future__ import annotations

import filecmp
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmark.results.ground_truth import References
from benchmark.results.model_cards import card_path, read_card
from benchmark.results.records import Record
from benchmark.results.scores import FoldResult
from benchmark.results.store import Store
from benchmark.results.validation import LONGEST_PROBLEM, InvalidFile, Predictions
from benchmark.schema import one_line
from datasets.errors import InputError

KINDS = {
    "records": re.compile(r"fold-[0-9]{2,4}\.(json|parquet|safetensors)|(layers|history|latent)-[0-9]{2,4}\.json"),
    "models": re.compile(r"[^/]+\.(json|md)"),
    "compositions": re.compile(r"[0-9a-f]{16}\.parquet"),
}
"""The directories that publishing reads, and the files that belong there. What lies elsewhere is never looked at.

Pages of models, which are rendered, lie beside their cards; what a study saw, which is not published, beside its records.
"""


@dataclass(frozen=True)
class Report:
    """What was found; every line of `problems` and `unproven` begins with the file that it is about."""

    problems: tuple[str, ...]
    added: tuple[str, ...]
    """Records, and cards of models, that the board lacks; below its root."""
    replaced: tuple[str, ...]
    """Those in whose place another one is published."""
    unchanged: int
    """How many are published already, byte for byte."""
    unproven: tuple[str, ...]
    """Published records with which neither data nor another record could be compared here."""


def examine(store: Store, board: Store) -> Report:
    """Check every file of `store` as if it came from a stranger, against the data and the records of `board`.

    A record that the board lacks needs the data on this machine, or a published record of the same fold. One that is published
    already keeps its place without them, so that the board can be checked on a machine that has no data.

    Raises:
        InputError: there are no records at all.
    """
    if not (store.root / "records").is_dir():
        raise InputError(f"{store.root} has no records; name a directory that `python -m benchmark run --out` wrote")
    problems = links(store.root) + strays(store.root)
    references, unproven, records, unread = References(board), [], [], []
    for path in _record_files(store):
        record, predictions, found = _read(store, path)
        problems += found
        if record is None:
            unread.append(path)
            continue
        records.append(record)
        if found:
            continue
        line, lacking = check_reference(references, store, record, predictions)
        problems += line
        if lacking and _state(path, board.path(record.key)) == "unchanged":
            unproven.append(one_line(f"{path}: {references.missing()}", LONGEST_PROBLEM))
        elif lacking:
            problems.append(f"{path}: {lacking}")
    problems += missing_folds(store, records, unread) + card_problems(store, {record.key.model for record in records})
    files = [path.relative_to(store.root) for path in copied_files(store, records) if path.suffix == ".json"]
    states = [(_state(store.root / name, board.root / name), str(name)) for name in files]
    added, replaced = (tuple(name for state, name in states if state == wanted) for wanted in ("added", "replaced"))
    lines = tuple(one_line(line, LONGEST_PROBLEM) for line in problems)
    return Report(lines, added, replaced, len(states) - len(added) - len(replaced), tuple(unproven))


def _record_files(store: Store) -> Iterator[Path]:
    """The records' files, task by task; what is wrongly named or linked is not one, and named by `strays` or `links`."""
    for _, paths in store.tasks():
        yield from (path for path in paths if KINDS["records"].fullmatch(path.name) and not path.is_symlink())


def _read(store: Store, path: Path) -> tuple[Record | None, Predictions | None, list[str]]:
    record = None
    try:
        record = store.read(path)
        return record, store.predictions(record) if record.status == "complete" else None, []
    except InvalidFile as error:
        return record, None, list(error.problems)


def check_reference(
    references: References, store: Store, record: Record, predictions: Predictions | FoldResult | None
) -> tuple[list[str], str]:
    """Where a record disagrees with its reference; and what to do, where it has none."""
    path = store.path(record.key)
    try:
        reference = references.of(record)
    except InputError as error:
        return [f"{path}: {error}"], ""
    if reference is None:
        hint = "no record of the same fold is published; put the data in place (`python -m benchmark datasets info NAME`)"
        return [], f"nothing to check its targets and folds against: {references.missing()}; {hint}"
    return [f"{path}: {problem}" for problem in reference.problems(record, predictions)], ""


def links(root: Path) -> list[str]:
    """Links in the directories that publishing reads: they could bring in any file of the machine that publishes."""
    return [
        f"{path}: a link; a submission holds the files themselves"
        for kind in KINDS
        for path in _walk(root / kind)
        if path.is_symlink()
    ]


def strays(root: Path) -> list[str]:
    """Files that do not belong where they lie, in the same directories."""
    found = []
    for kind, pattern in KINDS.items():
        for path in _walk(root / kind):
            if path.is_symlink():
                continue
            if not pattern.fullmatch(path.name):
                found.append(f"{path}: such a file does not belong in {kind}/")
            elif kind == "records" and path.suffix != ".json" and not path.with_suffix(".json").exists():
                found.append(f"{path}: there is no record beside it")
    return found


def _walk(folder: Path) -> Iterator[Path]:
    """Every file and every link, in order; links are not followed."""
    if folder.is_symlink():
        yield folder
        return
    for place, folders, files in os.walk(folder):
        folders.sort()
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        yield from (Path(place) / name for name in sorted([*links, *files]))


def missing_folds(store: Store, records: Iterable[Record], unread: Iterable[Path]) -> list[str]:
    """Runs without all folds of their protocol: choosing the best ones would flatter. A record that is invalid is there."""
    runs: dict[tuple[Path, str], list[Record]] = {}
    for record in records:
        runs.setdefault((store.path(record.key).parent, record.model_fingerprint), []).append(record)
    there: dict[Path, set[int]] = {}
    for path in unread:
        there.setdefault(path.parent, set()).add(int(path.stem.removeprefix("fold-")))
    found = []
    for (folder, _), folds in runs.items():
        numbers = {record.key.fold for record in folds}
        missing = sorted(set(range(folds[0].key.n_folds or max(numbers) + 1)) - numbers - there.get(folder, set()))
        if missing:
            named = f"fold{'s' * (len(missing) > 1)} {', '.join(map(str, missing[:10]))}{', …' * (len(missing) > 10)}"
            found.append(f"{folder}: no {named} of {folds[0].key.protocol}; run them, a failure has a record too")
    return found


def card_problems(store: Store, models: Iterable[str]) -> list[str]:
    """Models without licence and citation, and cards that are wrong or of no model with records."""
    found: list[str] = []
    for model in sorted(models):
        try:
            read_card(store.root, model)
        except InvalidFile as error:
            found += error.problems
    return found


def _state(ours: Path, published: Path) -> str:
    """Whether publishing a file adds it, replaces another, or leaves the board unchanged."""
    if not published.is_file():
        return "added"
    return "unchanged" if filecmp.cmp(ours, published, shallow=False) else "replaced"


def copied_files(store: Store, records: Iterable[Record]) -> list[Path]:
    """What publishing copies, the record of a fold after its predictions: no checkpoints, nothing that no record names."""
    records = list(records)
    cards = [card_path(store.root, model) for model in sorted({record.key.model for record in records})]
    files = [card for card in cards if card.exists()]
    for record in records:
        path = store.path(record.key)
        files += [path.with_suffix(".parquet"), path] if record.status == "complete" else [path]
    return files
