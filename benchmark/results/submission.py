"""What is wrong with a directory of records, all of it, and what publishing it would add."""

from __future__ import annotations

import filecmp
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from benchmark.results.ground_truth import GroundTruths
from benchmark.results.model_cards import card_path, read_card, uncommitted_models
from benchmark.results.origin import origin_problems
from benchmark.results.records import JobKey, Record
from benchmark.results.scores import FoldResult
from benchmark.results.store import RUN_FILE, Scored, Store, is_fold
from benchmark.results.validation import LONGEST_PROBLEM, InvalidFile, Predictions
from benchmark.schema import one_line
from datasets.errors import InputError

State = Literal["added", "replaced", "unchanged"]

KINDS = {
    "records": re.compile(
        r"fold-[0-9]{2,4}\.(json|parquet|safetensors)|(layers|history|latent)-[0-9]{2,4}\.json|"
        rf"({RUN_FILE.pattern})|({RUN_FILE.pattern.replace('json', 'parquet')})"
    ),
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
    beside: tuple[str, ...]
    """Models that get another row in a table that has one of them: one line each."""


def examine(store: Store, board: Store) -> Report:
    """Check every file of `store` as if it came from a stranger, against the data and the records of `board`.

    A record that the board lacks needs the data on this machine, or a published record of the same fold. One that is published
    already keeps its place without them, so that the board can be checked on a machine that has no data.

    Raises:
        InputError: there are no records at all.
    """
    if not (store.root / "records").is_dir():
        raise InputError(f"{store.root.resolve()} has no records; name a directory that `python -m benchmark run --out` wrote")
    problems = links(store.root) + strays(store.root)
    truths, published = GroundTruths(board), Published(board)
    unproven, records, unread, states = [], [], [], []
    for path in _record_files(store):
        scored, found = _read(store, path)
        problems += found
        unread += [] if scored else [path]
        for record, predictions in scored:
            records.append(record)
            states.append((state := published.state(record), name_of(store, path, record)))
            if found:
                continue
            line, lacking = check_ground_truth(truths, path, record, predictions)
            problems += line
            if lacking and state == "unchanged":
                unproven.append(one_line(f"{path}: {truths.missing()}", LONGEST_PROBLEM))
            elif lacking:
                problems.append(f"{path}: {lacking}")
    models = {record.key.model for record in records}
    problems += missing_folds(store, records, unread) + card_problems(store, models) + origin_problems(store.root, records)
    cards = [card.relative_to(store.root) for card in cards_of(store, models)]
    states = [(_card_state(store.root / card, board.root / card), str(card)) for card in cards] + states
    added, replaced = (tuple(name for state, name in states if state == wanted) for wanted in ("added", "replaced"))
    lines = tuple(one_line(line, LONGEST_PROBLEM) for line in problems)
    beside = [published.row_beside(record) for record in records if published.state(record) == "added"]
    unchanged = len(states) - len(added) - len(replaced)
    return Report(lines, added, replaced, unchanged, tuple(unproven), tuple(dict.fromkeys(filter(None, beside))))


@dataclass(eq=False)
class Published:
    """The records of a board by key; a file that is invalid has none."""

    board: Store
    _known: dict[Path, dict[str, Record]] = field(default_factory=dict)

    def state(self, record: Record) -> State:
        """Whether publishing a record adds it, replaces another, or leaves the board unchanged."""
        for path in (self.board.run_path(record.key), self.board.path(record.key)):
            if found := self._read(path).get(_place(record.key)):
                return "unchanged" if found == record else "replaced"
        return "added"

    def row_beside(self, record: Record) -> str:
        """One line where the table has a row of the model from another run; empty where it has none."""
        place, key = self.board.run_path(record.key), record.key
        others = (other for path in place.parent.glob("*.json") if path != place for other in self._read(path).values())
        found = any(other.key.comparison_group == key.comparison_group for other in others)
        return f"{key.task} ({key.track}) has a row of {key.model} already, this is another one" if found else ""

    def _read(self, path: Path) -> dict[str, Record]:
        if path not in self._known:
            self._known[path] = {}
            with suppress(InvalidFile):
                found = self.board.read_all(path) if path.exists() else []
                self._known[path] = {_place(record.key): record for record in found}
        return self._known[path]


def name_of(store: Store, path: Path, record: Record) -> str:
    """What a record is called in a report: its file below the root and, where that holds several, its seed and fold."""
    name = str(path.relative_to(store.root))
    return name if is_fold(path) else f"{name}, seed {record.key.seed}, fold {record.key.fold + 1}"


def counted(names: Iterable[str]) -> list[str]:
    """The names of a report in fewer lines: how many records of each model and task, then the cards."""
    names = list(names)
    runs = Counter(filter(None, map(_run_of, names)))
    lines = [f"{number} record{'s' * (number > 1)} of {model} on {task}" for (model, task), number in runs.items()]
    return lines + [name for name in names if not _run_of(name)]


def new_models(added: Iterable[str], replaced: Iterable[str]) -> list[str]:
    """The models with new records in a report, of which nothing published is replaced."""
    fresh, old = ({run[0] for run in map(_run_of, names) if run} for names in (added, replaced))
    return sorted(fresh - old)


def _run_of(name: str) -> tuple[str, str] | None:
    """Model and task of a record by its name in a report; None of a card."""
    path = Path(name.partition(", seed ")[0])
    if path.parts[0] != "records":
        return None
    *task, model, _ = (path.parent if is_fold(path) else path).parts[1:]
    return model, "/".join(task)


def _record_files(store: Store) -> Iterator[Path]:
    """The records' files, task by task; what is wrongly named or linked is not one, and named by `strays` or `links`."""
    for _, paths in store.tasks():
        yield from (path for path in paths if KINDS["records"].fullmatch(path.name) and not path.is_symlink())


def _read(store: Store, path: Path) -> tuple[list[Scored], list[str]]:
    """The records of a file, as far as they are valid, and what is wrong with it."""
    records: list[Record] = []
    try:
        records = store.read_all(path)
        return store.scored(path), []
    except InvalidFile as error:
        return [(record, None) for record in records], list(error.problems)


def check_ground_truth(
    truths: GroundTruths, path: Path, record: Record, predictions: Predictions | FoldResult | None
) -> tuple[list[str], str]:
    """Where a record of the file `path` disagrees with the ground truth; and what to do, where there is none."""
    try:
        truth = truths.of(record)
    except InputError as error:
        return [f"{path}: {error}"], ""
    if truth is None:
        hint = "no record of the same fold is published; put the data in place (`python -m benchmark datasets info NAME`)"
        return [], f"nothing to check its targets and folds against: {truths.missing()}; {hint}"
    return [f"{path}: {problem}" for problem in truth.problems(record, predictions)], ""


def links(root: Path) -> list[str]:
    """Links in the directories that publishing reads: they could bring in any file of the machine that publishes."""
    found = [root] if root.is_symlink() else [path for kind in KINDS for path in _walk(root / kind) if path.is_symlink()]
    return [f"{path}: a link; a submission holds the files themselves" for path in found]


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
    runs: dict[Path, list[Record]] = {}
    for record in records:
        runs.setdefault(store.path(record.key).parent, []).append(record)
    there: dict[Path, set[int]] = {}
    for path in filter(is_fold, unread):
        there.setdefault(path.parent, set()).add(int(path.stem.removeprefix("fold-")))
    found = []
    for folder, folds in runs.items():
        numbers = {record.key.fold for record in folds}
        missing = sorted(set(range(folds[0].key.n_folds or max(numbers) + 1)) - numbers - there.get(folder, set()))
        if missing:
            shown = ", ".join(str(number + 1) for number in missing[:10])
            named = f"fold{'s' * (len(missing) > 1)} {shown}{', …' * (len(missing) > 10)}"
            found.append(f"{folder}: no {named} of {folds[0].key.protocol}; run them, a failure has a record too")
    return found


def card_problems(store: Store, models: Iterable[str]) -> list[str]:
    """Models without licence and citation or with an uncommitted file, and cards that are wrong or of no model with records."""
    names = sorted(models)
    found = uncommitted_models(store.root, names)
    for model in names:
        try:
            read_card(store.root, model)
        except InvalidFile as error:
            found += error.problems
    return found


def _card_state(ours: Path, published: Path) -> State:
    if not published.is_file():
        return "added"
    return "unchanged" if filecmp.cmp(ours, published, shallow=False) else "replaced"


def cards_of(store: Store, models: Iterable[str]) -> list[Path]:
    """The cards that lie in a store, of these models."""
    return [card for model in sorted(models) if (card := card_path(store.root, model)).exists()]


def _place(key: JobKey) -> str:
    return f"{key.task}/{key.model}/{key.run_id}/{key.fold}"
