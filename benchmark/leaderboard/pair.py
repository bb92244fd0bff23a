"""Is the difference between two models of a task real? What the board decides about pairs of rows. Needs no torch."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from benchmark.leaderboard.apart import completion, differences, most_alike, same_run_line, way_out
from benchmark.leaderboard.common_folds import on_common_folds
from benchmark.leaderboard.comparison_groups import OLDER, ComparisonGroup, comparison_groups
from benchmark.leaderboard.pair_answers import PairAnswer, answers_on_common_folds, pair_answers
from benchmark.leaderboard.rows import BoardRow, without_mark
from benchmark.rendering.commands import command
from benchmark.rendering.text import joined, model_name, plain_name
from benchmark.results.beside import StoreBeside, left_out_of
from benchmark.results.directories import PUBLISHED
from benchmark.results.scores import scored_tasks
from benchmark.results.sources import read_sources
from benchmark.results.store import Store
from datasets.errors import InputError, unknown_name


@dataclass(frozen=True)
class PairAnswers:
    """What a task says about two models."""

    answers: tuple[PairAnswer, ...]
    """One for each comparison group, row of the first model and row of the second; a person's own rows first."""
    not_compared: tuple[str, ...]
    """Rows of the two that no answer is about, each with the reason."""
    same_runs: tuple[str, ...]
    """Runs of the two that a person and the directory beside have both, each with the errors of both."""


def compare_pair(store: Store, task: str, first: str, second: str) -> PairAnswers:
    """Answer for each row of one model against each row of another, in each comparison group of a task.

    Args:
        store: with the records.
        task: dataset/target.
        first: a model's name, which stands for all its rows, or one row as the board names it.
        second: another one.

    Raises:
        InputError: the store has no such task, no board of the task compares such a model, or none compares both; or a record
            is damaged.
    """
    tasks = [name for name, _ in store.tasks()]
    if task not in tasks:
        raise unknown_name("task", task, tasks)
    runs = next((runs for _, runs in scored_tasks(store, names={task})), [])
    sources = read_sources(store.root)
    groups = [group for group, _ in comparison_groups(runs, sources, is_own=store.shows_own)] if runs else []
    common = [one for one, _ in on_common_folds(runs, groups, sources, store.shows_own)]
    for name in (first, second):
        _require_ranked(store, [*groups, *(one.group for one in common)], task, name)
    named = [row for group in groups for row in group.rows if any(_is_called(row, name) for name in (first, second))]
    found = [
        answer for group in groups for answer in pair_answers(group, store.root) if _is_about(answer, group, first, second)
    ]
    found += [
        answer
        for one in common
        for answer in answers_on_common_folds(one, store.root)
        if _is_about(answer, one.group, first, second)
    ]
    models = {row.model for row in named}
    same = tuple(
        same_run_line(run) for run in left_out_of(store) if run.record.key.task == task and run.record.key.model in models
    )
    if not found and not same:
        raise InputError(_why_none(store, groups, task, first, second))
    own = {(group.title, row.label) for group in groups for row in group.rows if _is_own(store, row)}
    found.sort(key=lambda answer: not {(answer.group, answer.lower), (answer.group, answer.higher)} & own)
    not_compared = _not_compared(store, groups, found, (first, second)) if found else []
    return PairAnswers(tuple(found), tuple(not_compared), same)


def _is_own(store: Store, row: BoardRow) -> bool:
    """Whether a row is a person's own, with those of another store beside it."""
    return store.shows_own(row.run.first)


def _is_called(row: BoardRow, name: str) -> bool:
    label = without_mark(row.label)
    return name in (row.label, label, plain_name(label), row.model)


def _is_about(answer: PairAnswer, group: ComparisonGroup, first: str, second: str) -> bool:
    """Whether one row of the pair is called by the first name, and the other one by the second."""
    low, high = (next(row for row in group.ranked if row.label == label) for label in (answer.lower, answer.higher))
    return any(_is_meant(a, group, first, second) and _is_meant(b, group, second, first) for a, b in ((low, high), (high, low)))


def _is_meant(row: BoardRow, group: ComparisonGroup, name: str, other: str) -> bool:
    """Whether a row is called by a name; a model's name beside one of its other rows is that of the row without changes."""
    if name != row.model or not other.startswith(f"{name} ("):
        return _is_called(row, name)
    return row.unchanged or not any(one.model == row.model and one.unchanged for one in group.ranked)


def _require_ranked(store: Store, groups: Sequence[ComparisonGroup], task: str, name: str) -> None:
    """Raise InputError where no row of that name is compared on the task."""
    rows = [(row, group) for group in groups for row in group.rows if _is_called(row, name)]
    if any(row.standing for row, _ in rows):
        return
    if rows:
        row, group = rows[0]
        raise InputError(f"{row.label} is not compared on {task}: {row.unranked}{completion(row, group, store.root)}")
    known = sorted({row.model if row.unchanged else row.label for group in groups for row in group.ranked})
    published = Store(PUBLISHED)
    defaults = _defaults(groups, name)
    near = [] if defaults or name in _models(store) | _models(published) else difflib.get_close_matches(name, known)
    told = f"did you mean {' or '.join(near)}? " if near else ""
    beside = not isinstance(store, StoreBeside) and store.root.resolve() != PUBLISHED.resolve()
    hint = f"; to compare with published rows: --beside {PUBLISHED}" if beside and name in _models(published, task) else ""
    only = f"there only {known[0]} has" if len(known) == 1 else f"there these have: {', '.join(known)}"
    raise InputError(f"{name} has no record on {task}; {told}{only if known else 'no model there is compared'}{hint}{defaults}")


def _defaults(groups: Sequence[ComparisonGroup], name: str) -> str:
    """That a setting at its default is not part of a row's name, where settings are asked for; "" of a model without rows."""
    parts = re.fullmatch(r"(.+?) \(([^()]+=[^()]+)\)", name)
    if parts is None:
        return ""
    model = parts[1]
    rows = [row for group in groups for row in group.ranked]
    rows = [row for row in rows if model in (row.model, model_name(row.model, row.run.first.key.profile))]
    if not rows:
        return ""
    asked = dict(part.partition("=")[::2] for part in parts[2].split(", "))
    meant = [row for row in rows if _has(row, asked)]
    lists = f"`{command('models', rows[0].model, '--settings')}` lists the defaults"
    if not meant:
        return f"; a setting at its default is not part of a row's name; {lists}"
    names = sorted({row.label for row in meant})
    called = f"the {'row is' if len(names) == 1 else 'rows are'} called {joined(names)}"
    default = [one for one in asked.items() if any(one[0] not in row.run.first.changed for row in meant)]
    if not default:
        return f"; {called}"
    said = joined([f"{setting}={value}" for setting, value in default])
    verb = "is the default" if len(default) == 1 else "are defaults"
    return f"; {said} {verb}, and a setting at its default is not part of a row's name: {called}; {lists}"


def _has(row: BoardRow, asked: Mapping[str, str]) -> bool:
    """Whether a row has these settings, and no other that is changed."""
    first = row.run.first
    return first.changed.keys() <= asked.keys() and all(
        str(first.key.settings.get(setting)) == value for setting, value in asked.items()
    )


def _models(store: Store, task: str | None = None) -> set[str]:
    """Names of the models with records: of one task, or of all."""
    return {
        path.relative_to(store.root / "records" / name).parts[0]
        for name, paths in store.tasks()
        if task in (None, name)
        for path in paths
        if path.is_relative_to(store.root / "records" / name)
    }


def _why_none(store: Store, groups: Sequence[ComparisonGroup], task: str, first: str, second: str) -> str:
    """Why no pair of rows has an answer, and what to run for one."""
    rows, others = ([row for group in groups for row in group.ranked if _is_called(row, name)] for name in (first, second))
    if not any(_is_own(store, row) for row in rows) and any(_is_own(store, row) for row in others):
        rows, others = others, rows
    pairs = [(row, rest) for row in rows if (rest := [other for other in others if other is not row])]
    if not pairs:
        beside = "" if isinstance(store, StoreBeside) else f"; to compare your run with the published one: --beside {PUBLISHED}"
        return f"{first} and {second} are the same row; a pair has two different ones{beside}"
    row, others = min(pairs, key=lambda one: (not _is_own(store, one[0]), len(differences(one[0], most_alike(*one)))))
    names = first if first == second else f"{first} and {second} both"
    return f"{names} ran on {task}, but not in the same way: {way_out(row, others, store.root)}"


def _not_compared(
    store: Store, groups: Sequence[ComparisonGroup], found: Sequence[PairAnswer], names: tuple[str, str]
) -> list[str]:
    """Rows of the two names without an answer: those that are not ranked, and a person's own that have no rival."""
    answered = {(answer.group, label) for answer in found for label in (answer.lower, answer.higher)}
    rows = [(group, row) for group in groups for row in group.rows if any(_is_called(row, name) for name in names)]
    own = [row for group, row in rows if _is_own(store, row) and (group.title, row.label) in answered]
    told = []
    for group, row in rows:
        if row.unranked == OLDER or (group.title, row.label) in answered:
            continue
        if row.unranked:
            told.append(f"{row.label} is not compared: {row.unranked}{completion(row, group, store.root)}")
        elif _is_own(store, row):
            other = names[1] if _is_called(row, names[0]) else names[0]
            others = [one for group in groups for one in group.ranked if _is_called(one, other)]
            instead = next((f"your {without_mark(one.label)} is compared" for one in own if one.model == row.model), None)
            out = instead or way_out(row, others, store.root)
            told.append(f"{row.label} is not compared: {other} has no row in {group.title}; {out}")
    return told + _own_alone(store, groups, answered, names)


def _own_alone(
    store: Store, groups: Sequence[ComparisonGroup], answered: Set[tuple[str, str]], names: tuple[str, str]
) -> list[str]:
    """What to run where a person's own rows are compared with one another, and with none of the rows beside them."""
    compared = [[row for row in group.ranked if (group.title, row.label) in answered] for group in groups]
    mixed = [rows for rows in compared if len({_is_own(store, row) for row in rows}) == 2]
    own = sorted((row for rows in compared for row in rows if _is_own(store, row)), key=lambda row: not row.learns)
    others = [
        row for group in groups for row in group.ranked if not _is_own(store, row) and row.model in {one.model for one in own}
    ]
    if mixed or not own or not others:
        return []
    return [f"your rows are compared with one another, not with those beside them: {way_out(own[0], others, store.root)}"]
