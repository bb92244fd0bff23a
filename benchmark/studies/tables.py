"""What the reports of studies have in common: tables of errors and costs, provenance, commands. Needs no torch."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from tabulate import tabulate

from benchmark.rendering.commands import code, command, device_words, option, setting_words, source_words
from benchmark.rendering.text import (
    commits,
    count,
    crystals,
    escape,
    joined,
    machine,
    percent,
    plus_minus,
    seconds,
    significant,
    unit_shown,
)
from benchmark.results.records import JobKey, Record
from benchmark.studies.comparison_groups import ComparisonGroup
from benchmark.studies.configurations import Configuration
from benchmark.studies.error_changes import ErrorChange
from benchmark.tasks.folds import kfolds

COST_COLUMNS = ("training time / fold", "seconds an epoch", "peak memory", "folds", "status")

FACTORS = 10.0
"""Ratio of two errors from which on it is told as a factor, not in percent."""

WAITED = 1.25
"""Wall time over processor time from which on a fold is said to have waited; one with a core of its own has 1.0."""


def opening(groups: Sequence[ComparisonGroup[Any]], told: Sequence[Iterable[str]]) -> list[str]:
    """What to conclude from each comparison group, its sentences as a paragraph; each with its name where there are several."""
    names = [f"**{escape(group.title)}**: " if len(groups) > 1 else "" for group in groups]
    return [name + " ".join(sentences) for name, sentences in zip(names, told, strict=True)]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A markdown table; what the cells say cannot break it."""
    cells = [[escape(cell) for cell in row] for row in rows]
    return tabulate(cells, header, tablefmt="github", disable_numparse=True)


def provenance(records: Sequence[Record], *commands: str) -> str:
    """Crystals, budget, machine and versions of the folds of one comparison group, and the commands that make them."""
    first, key = records[0], records[0].key
    machines = dict.fromkeys(machine(record.machine) for record in records)
    versions = ", ".join(f"{name} {version}" for name, version in first.versions.items())
    seeds = joined([str(seed) for seed in sorted({record.key.seed for record in records})])
    lines = [
        f"{crystals(first)} crystals; {_targets_in(key.unit)}dataset sha256 `{key.dataset_hash}`",
        f"profile `{key.profile}`, {budget(records)}, {key.protocol}, seed {seeds}; all settings are in the records",
        *_rates(records),
        f"machine: {escape(' or '.join(machines))}; versions: {escape(versions)}; commit {escape(commits(records))}",
        *_waiting(records),
        *(f"again: {code(text)}" for text in commands),
    ]
    return "\n".join(f"- {line}" for line in lines)


def _rates(records: Sequence[Record]) -> list[str]:
    chosen = {record.key.model: None for record in records if record.key.rates}
    return [f"learning rates are chosen on validation in every fold: {escape(joined(list(chosen)))}"] if chosen else []


def _targets_in(unit: str) -> str:
    return f"targets in {escape(unit_shown(unit))}; " if unit_shown(unit) else ""


def waited(records: Sequence[Record]) -> int:
    """How many folds shared their processor with something else for a good part of their training."""
    timed = [record.times.training for record in records if record.times and record.machine.device == "cpu"]
    return sum(time.wall_s > max(1.0, WAITED * time.device_s) for time in timed)


def _waiting(records: Sequence[Record]) -> list[str]:
    n = waited(records)
    told = f"training times of {n} of {len(records)} folds are too long: other work took more than a fifth of their time"
    return [told] if n else []


def command_of(study: str, key: JobKey, models: Iterable[str], layers: Sequence[int], shared: dict[str, Any]) -> str:
    """The command that makes the records of a comparison group, given the settings that were changed in all of them."""
    named = [word for name in dict.fromkeys(models) for word in ("--model", name)]
    depths = option("--layers", ",".join(map(str, sorted(set(layers)))) or None)
    budget = ["--profile", key.profile, *depths, *setting_words(shared), *option("--folds", kfolds(key.protocol))]
    return command("study", study, *source_words(key), *named, *budget, "--seed", key.seed, *device_words(key))


def costs(folds: Configuration) -> list[str]:
    """The cells of COST_COLUMNS."""
    done = folds.complete
    epoch = [r.times.training.wall_s / r.epochs_run for r in done if r.times and r.epochs_run]
    device = any(record.machine.device != "cpu" for record in folds.records)
    peak = max((p for r in folds.records if (p := r.memory.device_bytes if device else r.memory.host_bytes)), default=None)
    bad = {record.status: record for record in reversed(folds.records) if record.status != "complete"}
    counts = Counter(record.status for record in folds.records)
    told = [f"{status} in {counts[status]} of {len(folds.records)}: {one.reason}" for status, one in sorted(bad.items())]
    status = "; ".join(told) or ("complete" if folds.scored else f"{len(done)} of {folds.wanted} folds run")
    times = [seconds(folds.seconds) if folds.seconds is not None else "", seconds(float(np.mean(epoch))) if epoch else ""]
    return [*times, f"{peak / 2**20:,.0f} MB" if peak else "", f"{len(done)}", status]


def own_parameters(folds: Configuration) -> str:
    """Of the networks that were trained."""
    return " – ".join(f"{n:,}" for n in sorted({record.parameters for record in folds.complete if record.parameters}))


def mae_cell(folds: Configuration) -> str:
    """Mean ± standard deviation over folds; empty without a score."""
    return plus_minus(folds.mae, folds.mae_std) if folds.maes else ""


def relative(value: float, interval: tuple[float, float] | None) -> str:
    """A change with its interval: in percent, or all of it as factors where one is ten or more."""
    factors = any(1 + one >= FACTORS for one in (value, *(interval or ())))
    return _change(value, factors) + (
        f" ({_change(interval[0], factors)} to {_change(interval[1], factors)})" if interval else ""
    )


def _change(value: float, factor: bool) -> str:
    return f"× {times(1 + value)}" if factor else percent(value, 1, signed=True)


def times(ratio: float) -> str:
    """A factor with three significant digits."""
    return significant(float(f"{ratio:.3g}"))


def change_cells(change: ErrorChange | None) -> list[str]:
    """The relative change with its interval, and p after Holm's correction; empty without a test."""
    if change is None or change.relative is None:
        return ["", ""]
    p = "" if change.p_holm is None else f"{change.p_holm:.3g}"
    return [relative(change.relative, change.interval), p]


def training_cell(folds: Configuration) -> str:
    """Error on the training part, mean over folds; empty without a score."""
    return f"{folds.training_mae:.4g}" if folds.complete else ""


def number(value: float | None) -> str:
    """Three significant digits; empty where there is no value."""
    return "" if value is None else f"{value:.3g}" if math.isfinite(value) else "not finite"


def budget(records: Sequence[Record]) -> str:
    """How many epochs and folds."""
    ran = sorted({record.epochs_run for record in records if record.epochs_run})
    return f"{' or '.join(map(str, ran)) or 'no'} epochs, {count(len({record.key.fold for record in records}), 'fold')}"
