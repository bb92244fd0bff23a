"""Commands that make the rows of a board again, and the commit that has the source of each row. Needs no torch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmark.leaderboard.comparison_groups import ComparisonGroup
from benchmark.leaderboard.rows import BoardRow, rate_was_set
from benchmark.rendering.commands import code, command, device_words, option, setting_words, source_words
from benchmark.rendering.text import commits, escape, joined
from benchmark.results.directories import PUBLISHED, RUNS
from benchmark.results.records import JobKey, Record
from benchmark.schema import SettingValue
from benchmark.tasks.folds import Protocol

PROFILES = ("smoke", "mini", "standard", "paper")
"""Every model has them; another name in a record is a preset's."""

CLEAN_COMMIT = re.compile(r"[0-9a-f]{7,40}")
"""Without changes on top, so that a checkout has the source."""

Words = tuple[str, ...]


def commands(group: ComparisonGroup) -> list[str]:
    """The commands that make the rows of a comparison group again; rows that differ in the model alone share one."""
    return _commands((row, seeds) for row in group.in_order for seeds in _following(row.run.seeds))


def more_repeats(rows: Iterable[BoardRow], more: int, root: Path) -> list[str]:
    """The commands that add repeats to rows; folds that are in the directory of records already are not trained again."""
    return _commands(((row, range(row.run.seeds[0], row.run.seeds[-1] + 1 + more)) for row in rows), root)


def as_row(row: BoardRow, like: BoardRow, root: Path) -> list[str]:
    """The commands that run the model of a row, on its device, with profile, folds and repeats of another one."""
    first = row.run.first
    changes = _changes(first) if first.key.profile == like.run.first.key.profile else first.changed
    return [
        command(*_what(like), "--model", row.model, *_how(like, changes, seeds, first.key), *_out(root))
        for seeds in _following(like.run.seeds)
    ]


def _out(root: Path) -> list[str]:
    """Where the records go that join those of a directory: never among the published ones."""
    return [] if root in (RUNS, PUBLISHED) else ["--out", str(root)]


def _commands(asked: Iterable[tuple[BoardRow, Sequence[int]]], root: Path = RUNS) -> list[str]:
    """Of each row with these seeds; rows that differ in the model alone share one."""
    models: dict[tuple[Words, Words, str], dict[str, None]] = {}
    for row, seeds in asked:
        changes = _changes(row.run.first)
        # `--set` is of a single model.
        shared = _what(row), _how(row, changes, seeds, row.run.first.key), row.model if changes else ""
        models.setdefault(shared, {})[row.model] = None
    return [
        command(*what, *(word for name in names for word in ("--model", name)), *how, *_out(root))
        for (what, how, _), names in models.items()
    ]


def sources(group: ComparisonGroup) -> str:
    """Which commit has the source of which rows, as a line of markdown."""
    by_commit: dict[str, list[str]] = {}
    for row in group.in_order:
        by_commit.setdefault(commits(row.run.folds), []).append(escape(row.label))
    parts: list[str] = []
    for commit, labels in sorted(by_commit.items(), key=lambda item: len(item[1])):
        rows = "all rows" if len(by_commit) == 1 else "the other rows" if len(parts) == len(by_commit) - 1 else joined(labels)
        clean = CLEAN_COMMIT.fullmatch(commit) is not None
        parts.append(f"{code(f'git checkout {commit}') if clean else escape(f'commit {commit}')} for {rows}")
    return f"source: {'; '.join(parts)}"


def _what(row: BoardRow) -> Words:
    key = row.run.first.key
    verb = ("study", "learning-curve") if _is_curve(key) else ("run",)
    return *verb, *source_words(key)


def _how(row: BoardRow, changes: Mapping[str, SettingValue], seeds: Sequence[int], device: JobKey) -> Words:
    """What follows the models; `device` is a fold on the device to name."""
    key = row.run.first.key
    named = "--profile" if key.profile in PROFILES else "--preset"
    repeats = option("--repeats", len(seeds) if len(seeds) > 1 else None)
    left_out = ["--skip-bad"] if row.run.first.left_out else []
    budget = [*setting_words(changes), named, key.profile, *_division(row), *left_out]
    return *budget, "--seed", str(seeds[0]), *repeats, *device_words(device)


def _is_curve(key: JobKey) -> bool:
    """Whether it is trained on a part of the training crystals, as only the study of learning curves does."""
    return Protocol.named(key.protocol).train_divisor > 1


def _changes(record: Record) -> dict[str, SettingValue]:
    """The settings to name: those changed from the profile's, and a learning rate that was not chosen where one would be."""
    settings = record.key.settings
    return record.changed | ({"learning_rate": settings["learning_rate"]} if rate_was_set(record.key) else {})


def _division(row: BoardRow) -> list[str]:
    """The options that say how the crystals are divided."""
    key = row.run.first.key
    protocol = Protocol.named(key.protocol)
    if protocol.name == "published":
        return [] if _is_curve(key) else ["--protocol", "published"]
    folds = protocol.n_folds if protocol.name == "kfold" else 1 + max(record.key.fold for record in row.run.folds)
    if _is_curve(key):
        return ["--folds", str(folds)]
    # What the data decide today they may decide otherwise tomorrow.
    kept = f"--{'' if protocol.grouped else 'no-'}group-duplicates"
    return ["--protocol", protocol.name, "--folds", str(folds), kept]


def _following(seeds: Sequence[int]) -> list[list[int]]:
    """Ascending seeds, as runs of numbers that follow one another."""
    found: list[list[int]] = []
    for seed in seeds:
        if found and seed == found[-1][-1] + 1:
            found[-1].append(seed)
        else:
            found.append([seed])
    return found
