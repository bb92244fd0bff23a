"""Commands that make the rows of a board again, and the commit that has the source of each row. Needs no torch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from benchmark.leaderboard.comparison_groups import ComparisonGroup
from benchmark.leaderboard.rows import rate_was_set
from benchmark.rendering.commands import code, command, device_words, option, setting_words, source_words
from benchmark.rendering.text import commits, escape, joined
from benchmark.results.directories import PUBLISHED, RUNS
from benchmark.results.records import JobKey, Record
from benchmark.results.scores import Run
from benchmark.schema import SettingValue
from benchmark.tasks.folds import Protocol

PROFILES = ("smoke", "mini", "standard", "paper")
"""Every model has them; another name in a record is a preset's."""

CLEAN_COMMIT = re.compile(r"[0-9a-f]{7,40}")
"""Without changes on top, so that a checkout has the source."""

Words = tuple[str, ...]


LONGER = 4
"""How many times the epochs of a row a longer training has."""


def commands(group: ComparisonGroup) -> list[str]:
    """The commands that make the rows of a comparison group again; rows that differ in the model alone share one."""
    return _merged(_words(row.run, row.run, seeds) for row in group.in_order for seeds in _following(row.run.seeds))


def more_repeats(runs: Iterable[Run], more: int, root: Path) -> list[str]:
    """The commands that add repeats to runs; folds that are in the directory of records already are not trained again."""
    return _merged((_words(run, run, range(run.seeds[0], run.seeds[-1] + 1 + more)) for run in runs), root)


def longer_training(runs: Iterable[Run], root: Path) -> list[str]:
    """The commands that train the same folds with more epochs; none for a run without epochs, or of a part of the crystals."""
    able = [(run, run.first.key.settings.get("epochs")) for run in runs if not _is_curve(run.first.key)]
    longer = [(run, {"epochs": LONGER * epochs}) for run, epochs in able if isinstance(epochs, int)]
    return _merged((_words(run, run, seeds, more) for run, more in longer for seeds in _following(run.seeds)), root)


def as_runs(runs: Iterable[Run], like: Run, root: Path, seeds: Sequence[int] = ()) -> list[str]:
    """The commands that run the models of runs, on their devices, with profile, folds and repeats (or `seeds`) of another."""
    return _merged((_words(run, like, some) for run in runs for some in _following(seeds or like.seeds)), root)


def _words(
    run: Run, like: Run, seeds: Sequence[int], more: Mapping[str, SettingValue] = MappingProxyType({})
) -> tuple[Words, Words, str, bool]:
    """What stands before the model and behind it, the model, and whether it has settings of its own; `more` are further ones.

    Profile, folds and data are those of `like`; settings and device those of the run.
    """
    first = run.first
    changes = _changes(first) if first.key.profile == like.first.key.profile else first.changed
    changes = {**changes, **more}
    return _what(like), _how(like, changes, seeds, first.key), first.key.model, bool(changes)


def _merged(asked: Iterable[tuple[Words, Words, str, bool]], root: Path = RUNS) -> list[str]:
    """Commands; those that differ in the model alone are one. `--set` is of a single model."""
    models: dict[tuple[Words, Words, str], dict[str, None]] = {}
    for what, how, model, changed in asked:
        models.setdefault((what, how, model if changed else ""), {})[model] = None
    # Records that join those of a directory never go among the published ones.
    out = [] if root in (RUNS, PUBLISHED) else ["--out", str(root)]
    return [
        command(*what, *(word for name in names for word in ("--model", name)), *how, *out)
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


def _what(run: Run) -> Words:
    key = run.first.key
    verb = ("study", "learning-curve") if _is_curve(key) else ("run",)
    return *verb, *source_words(key)


def _how(run: Run, changes: Mapping[str, SettingValue], seeds: Sequence[int], device: JobKey) -> Words:
    """What follows the models; `device` is a fold on the device to name."""
    key = run.first.key
    named = "--profile" if key.profile in PROFILES else "--preset"
    repeats = option("--repeats", len(seeds) if len(seeds) > 1 else None)
    left_out = ["--skip-bad"] if run.first.left_out else []
    budget = [*setting_words(changes), named, key.profile, *_division(run), *left_out]
    return *budget, "--seed", str(seeds[0]), *repeats, *device_words(device)


def _is_curve(key: JobKey) -> bool:
    """Whether it is trained on a part of the training crystals, as only the study of learning curves does."""
    return Protocol.named(key.protocol).train_divisor > 1


def _changes(record: Record) -> dict[str, SettingValue]:
    """The settings to name: those changed from the profile's, and a learning rate that was not chosen where one would be."""
    settings = record.key.settings
    return record.changed | ({"learning_rate": settings["learning_rate"]} if rate_was_set(record.key) else {})


def _division(run: Run) -> list[str]:
    """The options that say how the crystals are divided."""
    key = run.first.key
    protocol = Protocol.named(key.protocol)
    if protocol.name == "published":
        return [] if _is_curve(key) else ["--protocol", "published"]
    folds = protocol.n_folds if protocol.name == "kfold" else 1 + max(record.key.fold for record in run.folds)
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
