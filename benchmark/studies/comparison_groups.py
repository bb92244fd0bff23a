"""Which folds of a study may be compared, and which network each is of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Generic, TypeVar

from benchmark.studies.study import Trial

Group = TypeVar("Group")


@dataclass(frozen=True)
class Contest(Generic[Group]):
    """What was made of the folds of one task that may be compared with each other."""

    title: str
    changes: dict[str, Any]
    """Settings that differ from the profile's in all networks, but for those whose profile has that value already."""
    made: list[Group]


def contest_of(trial: Trial) -> str:
    """What tells folds that may be compared from others of their task, by their key."""
    return trial.record.key.comparison_group


def by_contest(
    found: Iterable[Trial],
    make: Callable[[list[Trial]], list[Group]],
    varied: Collection[str] = (),
    title: Callable[[Trial], str] = contest_of,
) -> list[Contest[Group]]:
    """What `make` does of the folds that may be compared; those with most folds first.

    Folds may be compared if `title` says the same of them and all settings that were changed, but for the `varied`, are equal.
    """
    contests = []
    for name, group in groupby(sorted(found, key=title), key=title):
        for changes, members in _same_settings(list(group), varied):
            notes = ", ".join(f"{setting}={value}" for setting, value in changes.items())
            contests.append((members, Contest(f"{name}, with {notes}" if notes else name, changes, make(members))))
    return [contest for members, contest in sorted(contests, key=lambda pair: (-len(pair[0]), pair[1].title)) if contest.made]


def _same_settings(found: Sequence[Trial], varied: Collection[str]) -> list[tuple[dict[str, Any], list[Trial]]]:
    """Each set of changes with all folds that have these settings, by a change or by their profile."""
    own = [{name: value for name, value in t.record.changed.items() if name not in varied} for t in found]
    groups = []
    for changes in {str(sorted(one.items())): one for one in own}.values():
        rows = {
            row
            for row, (trial, mine) in enumerate(zip(found, own, strict=True))
            if mine.keys() <= changes.keys()
            and all(trial.record.key.settings.get(name) == value for name, value in changes.items())
        }
        groups.append((changes, rows))
    # A group that is part of another one would be told twice.
    kept = [(changes, rows) for changes, rows in groups if not any(rows < others for _, others in groups)]
    return [(changes, [found[row] for row in sorted(rows)]) for changes, rows in kept]


@dataclass(frozen=True)
class Network:
    """The folds of a model, of one source of its code, with the same values of the settings that tell networks apart."""

    model: str
    label: str
    """The model and what tells it from the others beside it."""
    changes: dict[str, Any]
    """Of the settings that tell networks apart, those that differ from the profile's."""
    trials: tuple[Trial, ...]


def by_network(found: Iterable[Trial], telling: Collection[str] = ()) -> list[Network]:
    """The networks among folds that may be compared, by name; `telling` are the settings that tell two of one model apart."""

    def key(trial: Trial) -> tuple[str, int, str, str]:
        changes = _changes(trial, telling)
        return trial.record.key.model, len(changes), str(changes), trial.record.model_fingerprint

    groups = [(names, tuple(group)) for names, group in groupby(sorted(found, key=key), key=key)]
    named = [(model, text) for (model, _, text, _), _ in groups]
    networks = []
    for (model, _, text, fingerprint), trials in groups:
        changes = _changes(trials[0], telling)
        notes = [f"{name}={value}" for name, value in changes.items()]
        notes += [f"source {fingerprint[:8]}"] * (named.count((model, text)) > 1)
        networks.append(Network(model, f"{model} ({', '.join(notes)})" if notes else model, changes, trials))
    return networks


def _changes(trial: Trial, telling: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in trial.record.changed.items() if name in telling}
