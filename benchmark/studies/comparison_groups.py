"""Which folds of a study may be compared, and which network each is of. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Generic, TypeVar

from benchmark.rendering.text import model_name
from benchmark.studies.trials import Trial

Member = TypeVar("Member")


@dataclass(frozen=True)
class ComparisonGroup(Generic[Member]):
    """What a study makes of the folds of one task that may be compared with each other: its curves, families, …."""

    title: str
    changes: dict[str, Any]
    """Settings that differ from the profile's in all networks, but for those whose profile has that value already."""
    members: list[Member]


def title_of(trial: Trial) -> str:
    """What tells folds that may be compared from others of their task, by their key."""
    key = trial.record.key
    return f"{key.track}, seed {key.seed}, data {key.dataset_hash[:8]}"


def without_seed(trial: Trial) -> str:
    """The same where the folds of other seeds are repeats."""
    return trial.record.key.comparison_group


def comparison_groups(
    found: Iterable[Trial],
    make: Callable[[list[Trial]], list[Member]],
    varied: Collection[str] = (),
    title: Callable[[Trial], str] = title_of,
) -> list[ComparisonGroup[Member]]:
    """The folds that may be compared, with what `make` makes of them; the groups with most folds first.

    Folds may be compared if `title` says the same of them and all settings that were changed, but for the `varied`, are equal.
    """
    groups = []
    for name, alike in groupby(sorted(found, key=title), key=title):
        for changes, trials in _same_settings(list(alike), varied):
            notes = ", ".join(f"{setting}={value}" for setting, value in changes.items())
            full = f"{name}, with {notes}" if notes else name
            groups.append((len(trials), ComparisonGroup(full, changes, make(trials))))
    return [group for n, group in sorted(groups, key=lambda pair: (-pair[0], pair[1].title)) if group.members]


def _same_settings(found: Sequence[Trial], varied: Collection[str]) -> list[tuple[dict[str, Any], list[Trial]]]:
    """Each set of changes with all folds that have these settings, by a change or by their profile."""
    own = [{name: value for name, value in sorted(t.record.changed.items()) if name not in varied} for t in found]
    groups = []
    for changes in {str(one): one for one in own}.values():
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
class NetworkFolds:
    """The folds of a model, of one source of its code, with the same values of the settings that tell networks apart, and with
    or without a learning rate chosen on validation in every fold."""

    model: str
    label: str
    """The model's name, as a page writes it, and what tells it from the others beside it."""
    changes: dict[str, Any]
    """Of the settings that tell networks apart, those that differ from the profile's."""
    trials: tuple[Trial, ...]


def by_network(found: Iterable[Trial], telling: Collection[str] = ()) -> list[NetworkFolds]:
    """The networks among folds that may be compared, by name; `telling` are the settings that tell two of one model apart."""

    def key(trial: Trial) -> tuple[str, int, str, str, str]:
        changes, own = _changes(trial, telling), trial.record.key
        return own.model, len(changes), str(changes), str(own.rates or ""), own.source

    found = sorted(found, key=key)
    groups = [(names, tuple(group)) for names, group in groupby(found, key=key)]
    rate_set = any("learning_rate" in t.record.key.settings and not t.record.key.rates for t in found)
    named = [(model, text, rates) for (model, _, text, rates, _), _ in groups]
    networks = []
    for (model, _, text, rates, source), trials in groups:
        changes = _changes(trials[0], telling)
        notes = [f"{name}={value}" for name, value in changes.items()]
        notes += ["rate chosen in every fold"] * bool(rates and rate_set)
        notes += [f"source {source[:8]}"] * (named.count((model, text, rates)) > 1)
        label = model_name(model, trials[0].record.key.profile) + (f" ({', '.join(notes)})" if notes else "")
        networks.append(NetworkFolds(model, label, changes, trials))
    return networks


def _changes(trial: Trial, telling: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in sorted(trial.record.changed.items()) if name in telling}
