"""What the reports of studies have in common: tables of costs and of layers, provenance, groups that may be compared."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from tabulate import tabulate

from benchmark.rendering.text import commits, count, crystals, escape, joined, machine, plus_minus, seconds
from benchmark.results.records import JobKey, Record
from benchmark.studies.comparison_groups import Contest
from benchmark.studies.depth.study import Comparison, symptoms
from benchmark.studies.layers import CRYSTALS
from benchmark.studies.points import Point
from benchmark.studies.study import Trial
from benchmark.tasks.folds import kfolds
from datasets.registry import registered

MEASURED = (
    f"Of the first {CRYSTALS} validation crystals of each fold, mean over folds. E: Dirichlet energy over the mean squared "
    "norm of the features (Cai & Wang 2020, plain Laplacian). MAD: mean average cosine distance of all pairs of atoms (Chen "
    "et al. 2020). Rank: effective rank of the atoms' features (Roy & Vetterli 2007). Growth: mean norm behind the last layer "
    "over that before the first. Gradients: smallest over largest norm of the gradient of a layer's parameters. The fresh "
    "network is drawn from the fold's seed and taken with the statistics of the batch, the trained one as it predicts. Every "
    "layer of every fold is in `table.csv`, with the energy itself, the MAD to neighbours and the norms."
)

LAYER_COLUMNS = ("growth, fresh", "growth, trained", "E, last", "MAD, last", "rank, last", "gradients, fresh")
COST_COLUMNS = ("training time / fold", "seconds an epoch", "peak memory", "folds", "status")

WAITED = 1.25
"""Wall time over processor time from which on a fold is said to have waited; one with a core of its own has 1.0."""


def by_task(found: Iterable[Trial]) -> list[tuple[str, list[Trial]]]:
    """Trials grouped by task."""

    def task(trial: Trial) -> str:
        return trial.record.key.task

    return [(name, list(group)) for name, group in groupby(sorted(found, key=task), key=task)]


def opening(contests: Sequence[Contest[Any]], told: Sequence[Iterable[str]]) -> list[str]:
    """What to conclude from each contest, its sentences as a paragraph; each with its name where there are several."""
    names = [f"**{escape(contest.title)}**: " if len(contests) > 1 else "" for contest in contests]
    return [name + " ".join(sentences) for name, sentences in zip(names, told, strict=True)]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A markdown table; what the cells say cannot break it."""
    cells = [[escape(cell) for cell in row] for row in rows]
    return tabulate(cells, header, tablefmt="github", disable_numparse=True)


def layers_table(named: Sequence[tuple[Sequence[str], Point]], header: Sequence[str]) -> str:
    """What the layers of each point show, after its name's cells, with the reasons where they could not be seen."""
    seen = [(names, symptoms(point)) for names, point in named if point.reports]
    rows = [[*names, *map(number, (s.growth_initial, s.growth_trained, s.relative_energy, s.distance, s.effective_rank,
                                   s.gradient_ratio))] for names, s in seen]  # fmt: skip
    missed = sorted({str(trial.seen.reason) for _, p in named for trial in p.trials if getattr(trial.seen, "reason", None)})  # type: ignore[union-attr]
    parts = [table([*header, *LAYER_COLUMNS], rows)] if rows else ["No layers were looked at."]
    return "\n\n".join([*parts, *([f"Not seen in some folds: {escape('; '.join(missed))}."] if missed else [])])


def provenance(records: Sequence[Record], *commands: str) -> str:
    """Crystals, budget, machine and versions of the folds of one contest, and the commands that make them."""
    first, key = records[0], records[0].key
    machines = dict.fromkeys(machine(record.machine) for record in records)
    versions = ", ".join(f"{name} {version}" for name, version in first.versions.items())
    seeds = joined([str(seed) for seed in sorted({record.key.seed for record in records})])
    lines = [
        f"{crystals(first)} crystals; targets in {key.unit}; dataset sha256 `{key.dataset_hash}`",
        f"profile `{key.profile}`, {budget(records)}, {key.protocol}, seed {seeds}; all settings are in the records",
        f"machine: {escape(' or '.join(machines))}; versions: {escape(versions)}; commit {escape(commits(records))}",
        *_waiting(records),
        *(f"again: `{command}`" for command in commands),
    ]
    return "\n".join(f"- {line}" for line in lines)


def waited(records: Sequence[Record]) -> int:
    """How many folds shared their processor with something else for a good part of their training."""
    timed = [record.times.training for record in records if record.times and record.machine.device == "cpu"]
    return sum(time.wall_s > max(1.0, WAITED * time.device_s) for time in timed)


def _waiting(records: Sequence[Record]) -> list[str]:
    n = waited(records)
    told = f"training times of {n} of {len(records)} folds are too long: other work took more than a fifth of their time"
    return [told] if n else []


def command_of(study: str, key: JobKey, models: Iterable[str], layers: Sequence[int], shared: dict[str, Any]) -> str:
    """The command that makes the records of a contest, given the settings that were changed in all of them."""
    source = f"--task {key.task}" if key.dataset in registered() else f"--dataset path/to/{key.dataset}"
    named = " ".join(f"--model {name}" for name in dict.fromkeys(models))
    changes = "".join(f" --set {name}={value}" for name, value in shared.items())
    folds = f" --folds {n}" if (n := kfolds(key.protocol)) else ""
    depths = f" --layers {','.join(map(str, sorted(set(layers))))}" if layers else ""
    return (
        f"python -m benchmark study {study} {source} {named} --profile {key.profile}{depths}{changes}{folds} --seed {key.seed}"
    )


def costs(point: Point) -> list[str]:
    """The cells of COST_COLUMNS."""
    done = point.complete
    epoch = [r.times.training.wall_s / r.epochs_run for r in done if r.times and r.epochs_run]
    device = any(record.machine.device != "cpu" for record in point.records)
    peak = max((p for r in point.records if (p := r.memory.device_bytes if device else r.memory.host_bytes)), default=None)
    bad = {record.status: record for record in reversed(point.records) if record.status != "complete"}
    counts = Counter(record.status for record in point.records)
    told = [f"{status} in {counts[status]} of {len(point.records)}: {one.reason}" for status, one in sorted(bad.items())]
    status = "; ".join(told) or ("complete" if point.scored else f"{len(done)} of {point.wanted} folds run")
    times = [seconds(point.seconds) if point.seconds is not None else "", seconds(float(np.mean(epoch))) if epoch else ""]
    return [*times, f"{peak / 2**20:,.0f} MB" if peak else "", f"{len(done)}", status]


def own_parameters(point: Point) -> str:
    """Of the networks that were trained."""
    return " – ".join(f"{n:,}" for n in sorted({record.parameters for record in point.complete if record.parameters}))


def mae_cell(point: Point) -> str:
    """Mean ± standard deviation over folds; empty without a score."""
    return plus_minus(point.mae, point.mae_std) if point.maes else ""


def relative(value: float, interval: tuple[float, float] | None) -> str:
    """A change in percent, with its interval; from ten times on as a factor."""
    return _change(value) + (f" ({_change(interval[0])} to {_change(interval[1])})" if interval else "")


def _change(value: float) -> str:
    return f"{value:+.1%}" if value < 9 else f"× {1 + value:,.3g}"


def comparison_cells(comparison: Comparison | None) -> list[str]:
    """The relative change with its interval, and p after Holm's correction; empty without a test."""
    if comparison is None or comparison.relative is None:
        return ["", ""]
    p = "" if comparison.p_holm is None else f"{comparison.p_holm:.3g}"
    return [relative(comparison.relative, comparison.interval), p]


def training_cell(point: Point) -> str:
    """Error on the training part, mean over folds; empty without a score."""
    return f"{point.training_mae:.4g}" if point.complete else ""


def number(value: float | None) -> str:
    """Three significant digits; empty where there is no value."""
    return "" if value is None else f"{value:.3g}" if math.isfinite(value) else "not finite"


def budget(records: Sequence[Record]) -> str:
    """How many epochs and folds."""
    ran = sorted({record.epochs_run for record in records if record.epochs_run})
    return f"{' or '.join(map(str, ran)) or 'no'} epochs, {count(len({record.key.fold for record in records}), 'fold')}"


def point_row(point: Point) -> dict[str, Any]:
    """A point as plain JSON values."""
    return {
        "layers": point.layers, "mae": point.mae if point.maes else None, "mae_std": point.mae_std, "folds": point.maes,
        "parameters": sorted({r.parameters for r in point.complete if r.parameters}),
        "training_s": point.seconds,
        "status": [record.status for record in point.records],
        "layer_states": {when: point.states(when) for when in ("initial", "trained")},
    }  # fmt: skip
