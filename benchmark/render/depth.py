"""The report of the depth study: what to conclude, a row a depth, why it breaks, and what was published."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd
from tabulate import tabulate

from benchmark.render.depth_conclusions import conclusions, epochs_of, mae_of, mean_time_of, published_lines, relative
from benchmark.render.depth_figures import figures
from benchmark.render.markdown import contest_title, crystals, escape, seconds
from benchmark.render.study_page import write_study_page
from benchmark.studies.curves import Curve, Point, curves, layer_rows
from benchmark.studies.depth import CAUSES, RULE, Verdict, judge, symptoms
from benchmark.studies.layers import CRYSTALS
from benchmark.studies.study import Trial
from datasets.registry import registered as datasets
from models import registry

TITLE = "# Depth: "

COLUMNS = (
    "layers", "MAE", "training MAE", "against the best depth", "p (Holm)", "parameters", "at published sizes", "published",
    "training time / fold", "seconds an epoch", "peak memory", "folds", "status",
)  # fmt: skip

MEASURED = (
    f"Of the first {CRYSTALS} validation crystals of each fold, mean over folds. E: Dirichlet energy over the mean squared "
    "norm of the features (Cai & Wang 2020, plain Laplacian). MAD: mean average cosine distance of all pairs of atoms (Chen "
    "et al. 2020). Rank: effective rank of the atoms' features (Roy & Vetterli 2007). Growth: mean norm behind the last layer "
    "over that before the first. Gradients: smallest over largest norm of the gradient of a layer's parameters. The fresh "
    "network is drawn from the fold's seed and taken with the statistics of the batch, the trained one as it predicts. Every "
    "layer of every fold is in `layers.csv`, with the energy itself, the MAD to neighbours and the norms."
)

Contest = tuple[str, list[Curve]]


def write_pages(found: Iterable[Trial], reports: Path) -> list[Path]:
    """Write `<reports>/depth/<task>.md` and its folder for every task; returns the paths.

    Raises:
        InputError: something else stands in the way of a page.
    """
    written: list[Path] = []
    for task, group in groupby(sorted(found, key=_task), key=_task):
        contests = contests_of(list(group))
        every = [curve for _, made in contests for curve in made]
        page = reports / "depth" / f"{task}.md"
        rows = pd.DataFrame([row for curve in every for row in layer_rows(curve)]).to_csv(index=False, float_format="%.6g")
        text, drawn = page_text(task, contests, quote(page.stem)), figures(task, contests[0][1])
        written += write_study_page(page, reports, f"{TITLE}{escape(task)}", text, drawn, rows)
    return written


def _task(trial: Trial) -> str:
    return trial.record.key.task


def contests_of(found: Sequence[Trial]) -> list[Contest]:
    """The curves of one task that may be compared with each other; the contest with most folds first."""

    def title(trial: Trial) -> str:
        return contest_title(trial.record)

    groups = [(name, list(group)) for name, group in groupby(sorted(found, key=title), key=title)]
    return [(name, curves(group)) for name, group in sorted(groups, key=lambda pair: (-len(pair[1]), pair[0]))]


def page_text(task: str, contests: Sequence[Contest], folder: str) -> str:
    """The page below its title; figures are of the first contest."""
    parts = []
    for number, (title, made) in enumerate(contests):
        judged = [(curve, judge(curve)) for curve in made]
        parts += [" ".join(conclusions(task, judged)), f"## {escape(title)}", _budget(made), _verdicts(judged)]
        if not number:
            drawn = figures(task, made)
            parts += [f"![{escape(f.caption)}]({folder}/{f.name}.png)\n\n{escape(f.caption)}." for f in drawn]
            parts.append(f"All of them interactively: [figures.html]({folder}/figures.html).")
        parts += ["### Beside what was published", "\n".join(f"- {line}" for line in published_lines(task, judged))]
        parts += ["### Why", MEASURED.replace("`layers.csv`", f"[layers.csv]({folder}/layers.csv)"), _why(made)]
        parts += [part for curve, verdict in judged for part in _curve(curve, verdict)]
    return "\n\n".join([*parts, "## Rules", RULE, CAUSES, PARAMETERS])


PARAMETERS = (
    "Parameters are those of the network that was trained; beside them what the model has at that depth with its published "
    "sizes, ours and the published code's, which allocates a few that it never uses."
)


# -- tables -----------------------------------------------------------------------------------------


def _budget(made: Sequence[Curve]) -> str:
    first = made[0].first
    key, where = first.key, first.machine
    records = [record for curve in made for point in curve.points for record in point.records]
    commits = sorted({(r.git_commit or "unknown")[:12] + "+changes" * ("+" in (r.git_commit or "")) for r in records})
    versions = ", ".join(f"{name} {version}" for name, version in first.versions.items())
    lines = [
        f"{crystals(first)} crystals; targets in {key.unit}; dataset sha256 `{key.dataset_hash}`",
        f"profile `{key.profile}`, {epochs_of(made)}, {key.protocol}, seed {key.seed}; all settings are in the records",
        f"machine: {escape(where.processor)}, {where.cores} cores, {where.workers} worker(s) × {where.threads} thread(s), "
        f"device {escape(where.device)}; versions: {versions}; commit {', '.join(commits)}",
        f"again: `{command(made)}`",
    ]
    return "\n".join(f"- {line}" for line in lines)


def command(made: Sequence[Curve]) -> str:
    """The command that makes these records, but for the settings that differ from curve to curve."""
    first = made[0].first.key
    models = " ".join(f"--model {name}" for name in dict.fromkeys(curve.model for curve in made))
    depths = ",".join(map(str, sorted({point.layers for curve in made for point in curve.points})))
    shared = [{n: v for n, v in curve.changes.items() if n != "skip"} for curve in made]
    changes = "".join(f" --set {n}={v}" for n, v in shared[0].items() if all(other.get(n) == v for other in shared))
    source = f"--task {first.task}" if first.dataset in datasets() else f"--dataset path/to/{first.dataset}"
    folds = f" --folds {first.protocol[6:].split(',')[0].rstrip(')')}" if first.protocol.startswith("kfold(") else ""
    return (
        f"python -m benchmark study depth {source} {models} --profile {first.profile} --layers {depths}{changes}{folds} "
        f"--seed {first.seed}"
    )


def _verdicts(judged: Sequence[tuple[Curve, Verdict]]) -> str:
    header = ["model", "best depth", "its MAE", "verdict", "deepest against best (95 %)", "cause"]
    rows = []
    for curve, verdict in sorted(judged, key=lambda pair: min(point.mae for point in pair[0].points)):
        best = next((point for point in curve.points if point.layers == verdict.best), None)
        deepest = verdict.deepest
        told = relative(deepest.relative, deepest.interval) if deepest and deepest.relative is not None else ""
        cause = " and ".join(verdict.causes)
        rows.append([curve.label, str(verdict.best or ""), mae_of(best) if best else "", str(verdict), told, cause])
    return _table(header, rows)


def _curve(curve: Curve, verdict: Verdict) -> Iterator[str]:
    yield f"### {escape(curve.label)}\n\n{escape(str(verdict))}."
    against = {c.layers: c for c in verdict.comparisons}
    rows = []
    for point in curve.points:
        c = against.get(point.layers)
        told = (
            "best" if c is None and verdict.best else relative(c.relative, c.interval) if c and c.relative is not None else ""
        )
        p_value = f"{c.p_holm:.2g}" if c and c.p_holm is not None else ""
        training = f"{point.training_mae:.4g}" if point.complete else ""
        rows.append([str(point.layers), mae_of(point), training, told, p_value, *_sizes(curve.model, point), *_costs(point)])
    yield _table(COLUMNS, rows)


def _sizes(model: str, point: Point) -> list[str]:
    own = sorted({record.parameters for record in point.complete if record.parameters})
    published = registry.get(model).published_parameters
    known = f"{published(point.layers):,}" if published else ""
    return [" – ".join(f"{n:,}" for n in own), f"{parameters(model, point.layers):,}", known]


@cache
def parameters(model: str, layers: int) -> int:
    """Of the model at its published sizes; every layer after the second has as many as the second."""
    one, two = (int(registry.get(model).describe(depth)["parameters"]) for depth in (1, 2))
    return one + (layers - 1) * (two - one)


def _costs(point: Point) -> list[str]:
    done = point.complete
    epoch = np.mean([r.times.training.wall_s / r.epochs_run for r in done if r.times and r.epochs_run]) if done else None
    device = any(record.machine.device != "cpu" for record in point.records)
    peaks = [r.memory.device_bytes if device else r.memory.host_bytes for r in point.records]
    peak = max((p for p in peaks if p), default=None)
    bad = [record for record in point.records if record.status != "complete"]
    status = f"{bad[0].status} in {len(bad)} of {len(point.records)}: {bad[0].reason}" if bad else "complete"
    return [
        seconds(mean_time_of(point)) if done else "", seconds(float(epoch)) if epoch is not None else "",
        f"{peak / 2**20:,.0f} MB" if peak else "", f"{len(done)}", status,
    ]  # fmt: skip


def _why(made: Sequence[Curve]) -> str:
    header = ["model", "layers", "growth, fresh", "growth, trained", "E, last", "MAD, last", "rank, last", "gradients, fresh"]
    rows = []
    for curve in made:
        for point in curve.points:
            if point.reports:
                s = symptoms(point)
                values = (s.growth_initial, s.growth_trained, s.relative_energy, s.distance, s.effective_rank, s.gradient_ratio)
                rows.append([curve.label, str(point.layers), *(_number(value) for value in values)])
    reasons = {trial.seen.reason for c in made for p in c.points for trial in p.trials if getattr(trial.seen, "reason", None)}  # type: ignore[union-attr]
    missed = [f"Not seen in some folds: {escape('; '.join(sorted(map(str, reasons))))}."] if reasons else []
    return "\n\n".join([_table(header, rows) if rows else "No layers were looked at.", *missed])


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = [[escape(cell) for cell in row] for row in rows]
    return tabulate(cells, header, tablefmt="github", disable_numparse=True)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if math.isfinite(value) else "not finite"


def json_rows(found: Iterable[Trial]) -> list[dict[str, Any]]:
    """What `--json` prints: a row a curve, with its verdict and its depths."""
    rows = []
    for task, group in groupby(sorted(found, key=_task), key=_task):
        for title, made in contests_of(list(group)):
            for curve in made:
                verdict = judge(curve)
                row = {"task": task, "contest": title, "model": curve.model, "changes": curve.changes, "verdict": str(verdict)}
                row |= {n: getattr(verdict, n) for n in ("best", "learns", "scales_to", "breaks_at", "causes")}
                rows.append(row | {"depths": [_json_point(point) for point in curve.points]})
    return rows


def _json_point(point: Point) -> dict[str, Any]:
    return {
        "layers": point.layers, "mae": point.mae if point.maes else None, "mae_std": point.mae_std, "folds": point.maes,
        "parameters": sorted({r.parameters for r in point.complete if r.parameters}),
        "training_s": mean_time_of(point) if point.complete else None,
        "status": [record.status for record in point.records],
        "layer_states": {when: point.states(when) for when in ("initial", "trained")},
    }  # fmt: skip
