"""The data of the web page that is there from the start: runs, costs, verdicts, tracks; no single crystals. Needs no torch."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict
from html import unescape
from typing import Any

import numpy as np

from benchmark.leaderboard.board import Board, Track
from benchmark.leaderboard.cells import labels_not_below_baseline, leaked, machine, not_below_baseline, verdict
from benchmark.leaderboard.columns import VERDICT, WEB, Value, columns_of, peak_memory
from benchmark.leaderboard.common_folds import CommonFolds
from benchmark.leaderboard.comparison_groups import ComparisonGroup
from benchmark.leaderboard.cost_figure import alternative, caption, is_drawn
from benchmark.leaderboard.kinds import KINDS, NUMBERS, Kind
from benchmark.leaderboard.pages.overview import findings, over_tasks_note
from benchmark.leaderboard.published_results import PUBLISHED_RESULTS, PublishedResult
from benchmark.leaderboard.rows import OWN, OWN_NOTE, RATE_NOT_CHOSEN, RATE_NOTE, BoardRow
from benchmark.leaderboard.web.details import rounded
from benchmark.rendering.text import MARKED, unit_shown
from benchmark.statistics.across_tasks import OverallStanding

COSTS = {
    "training_device": "processor (or GPU) time of training / fold [s]",
    "training": "training time / fold [s]",
    "inference": "inference / 1,000 crystals [s]",
    "parameters": "parameters",
    "memory": "peak memory [bytes]",
}
MEASURED = frozenset({"training_device", "training", "inference", "memory"})
"""Costs that a machine decides: never compared between two."""


def board_data(board: Board) -> dict[str, Any]:
    """Everything that the page shows without loading more; plain lists, dictionaries, text and numbers."""
    return {
        "costs": COSTS,
        "reading": VERDICT,
        "measured": sorted(MEASURED),
        "conclusions": [_plain(line) for line in findings(board)],
        "published": published(board),
        "marks": {f"({profile})": meaning for profile, meaning in MARKED.items()}
        | {RATE_NOT_CHOSEN: RATE_NOTE, OWN.strip(): OWN_NOTE},
        "kinds": {kind.name: kind_data(kind) for kind in KINDS},
        "tracks": [track_data(track) for track in board.tracks],
        "comparison_groups": [
            group_data(group)
            | {"common": [common_data(one) for one in board.common_folds if one.whole is group]}
            | {"same_runs": board.same_runs(group)}
            for group in board.comparison_groups
        ],
    }


def kind_data(kind: Kind) -> dict[str, Any]:
    """What tables and figures of the tasks of a kind are called, and their columns."""
    columns = [
        {"key": c.key, "heading": c.heading, "in_unit": c.in_unit, "score": c.is_score, "text": c.is_text, "hint": c.hint,
         "optional": c.is_optional}
        for c in columns_of(WEB, kind)
    ]  # fmt: skip
    return {"loss": kind.loss, "key": kind.field, "baseline": kind.baseline, "columns": columns}


def published(board: Board) -> dict[str, list[dict[str, Any]]]:
    """Results of others by task, those of the tasks here."""
    tasks = dict.fromkeys(group.first.key.task for group in board.comparison_groups if group.kind is NUMBERS)
    found = {task: [_published(other) for other in PUBLISHED_RESULTS if other.task == task] for task in tasks}
    return {task: others for task, others in found.items() if others}


def _published(other: PublishedResult) -> dict[str, Any]:
    return {**asdict(other), "differs": other.differs_here}


def file_name(text: str) -> str:
    """A name that is one part of any path and URL, and another for another text."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:60]
    return f"{readable}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _plain(markdown: str) -> str:
    """A sentence of the markdown pages as plain text."""
    return re.sub(r"[`*]", "", unescape(markdown))


def group_name(group: ComparisonGroup) -> str:
    """The folder of a comparison group's details, and its name in the page's address."""
    key = group.first.key
    return file_name(f"{key.task} {group.track} {key.dataset_hash}")


def common_name(common: CommonFolds) -> str:
    """The folder of the details on the folds of rows that have fewer."""
    folds = [(record.key.seed, record.key.fold) for record in common.group.ranked[0].run.folds]
    return file_name(f"{group_name(common.whole)} {folds}")


def common_data(common: CommonFolds) -> dict[str, Any]:
    """Where the details on fewer folds are: the rows by their names in the whole group, each with its name and file there."""
    cut = [(row, common.row_of(row)) for row in common.whole.rows]
    rows = {
        row.label: {"label": one.label, "file": file_name(one.label)}
        for row, one in cut
        if one and (row.standing or one.label in common.short)
    }
    return {"id": common_name(common), "rows": rows}


def track_data(track: Track) -> dict[str, Any]:
    """Models over tasks."""
    found = track.overall
    return {
        "title": track.title,
        "kind": track.kind.name,
        "comparison_groups": [group_name(group) for group in track.comparison_groups],
        "models": track.models,
        "note": _plain(over_tasks_note(track)) if found else "",
        "standings": [_over_tasks(one) for one in found.standings] if found else [],
        "decided": bool(found and not found.reason),
    }


def _over_tasks(one: OverallStanding) -> dict[str, Any]:
    """A model over tasks."""
    return {
        "model": one.model,
        "verdict": one.verdict,
        "ratio": rounded(one.ratio),
        "interval": one.interval and list(map(rounded, one.interval)),
        "score": rounded(one.score),
        "score_interval": one.score_interval and list(map(rounded, one.score_interval)),
        "ranks": one.ranks,
        "mean_rank": rounded(one.mean_rank),
    }


def group_data(group: ComparisonGroup) -> dict[str, Any]:
    """One table of runs, with their failures."""
    first = group.first
    key, split = first.key, first.split
    ordered = group.in_order
    machines = list(dict.fromkeys(machine(row.run.first) for row in ordered))
    rows = [row_data(row, group, machines) for row in ordered]
    return {
        "id": group_name(group),
        "task": key.task,
        "kind": group.kind.name,
        "unit": unit_shown(key.unit),
        "classes": key.classes,
        "class_counts": group.class_counts,
        "title": group.title,
        "track": group.track,
        "crystals": split.n_train + split.n_validation + split.n_test,
        "folds": group.folds,
        "baseline": rounded(group.baseline_loss),
        "compares_models": group.compares_models,
        "doubtful": labels_not_below_baseline(group),
        "not_below_baseline": not_below_baseline(group),
        "leaked": leaked(group).replace("`", ""),
        "reason": group.decisions and group.decisions.reason,
        "machines": machines,
        "rows": rows,
        "fronts": {cost: fronts(rows, cost) for cost in COSTS},
        "picture": {"text": alternative(group), "caption": caption(group)} if is_drawn(group) else None,
        "failures": [
            {"label": row.label, "fold": record.key.fold, "status": record.status, "reason": record.reason}
            for row in ordered
            for record in row.run.folds
            if record.status != "complete"
        ],
    }


def row_data(row: BoardRow, group: ComparisonGroup, machines: Sequence[str]) -> dict[str, Any]:
    """A run: its cells as the page shows and sorts them, and the numbers that figures need; None where there is no value."""
    costs, first = row.costs, row.run.first
    return {
        "label": row.label,
        "model": row.model,
        "baseline": row.is_baseline,
        "unchanged": row.unchanged,
        "file": file_name(row.label) if row.standing else None,
        "verdict": verdict(row, group) or None,
        "standing": row.standing.verdict if row.standing and group.has_rivals else None,
        "unranked": row.unranked or (None if group.has_rivals else "without a rival"),
        "stale": row.stale,
        "status": first.status if not row.scores else None,
        "loss": _spread(row.over_folds("loss")),
        "training_device": rounded(costs.training_device_s) if costs else None,
        "training": rounded(costs.training_s) if costs else None,
        "inference": rounded(costs.inference_s) if costs else None,
        "parameters": costs.parameters[1] if costs else None,
        "memory": peak_memory(row),
        "machine": machines.index(machine(first)),
        "cells": [[column.cell(row, group), _sorted_by(column.value(row, group))] for column in columns_of(WEB, group.kind)],
    }


def _sorted_by(value: Value) -> Value:
    return rounded(value, 6) if isinstance(value, float) else value


def _spread(value: tuple[float, float | None] | None) -> list[float | None] | None:
    """Mean and standard deviation; six digits, as four of the mean are shown and the spread has its decimals."""
    return None if value is None else [rounded(value[0], 6), rounded(value[1], 6)]


def fronts(rows: Sequence[dict[str, Any]], cost: str) -> list[list[int]]:
    """Pareto fronts of the loss against a cost, as numbers of rows from cheap to dear.

    One a machine where the machine decides the cost, otherwise one for all; without the baseline.
    """
    able = [n for n, row in enumerate(rows) if row["loss"] and row[cost] is not None and not row["baseline"]]
    machines = range(1 + max((row["machine"] for row in rows), default=-1)) if cost in MEASURED else [None]
    found = []
    for number in machines:
        chosen = np.array([n for n in able if number is None or rows[n]["machine"] == number], dtype=int)
        front = pareto_front(
            np.array([rows[n][cost] for n in chosen], dtype=float), np.array([rows[n]["loss"][0] for n in chosen], dtype=float)
        )
        found.append(chosen[front].tolist())
    return found


def pareto_front(costs: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Numbers of the points that no other beats: none is at least as good in both and better in one. From cheap to dear."""
    order = np.lexsort((errors, costs))
    best_cheaper = np.concatenate([[np.inf], np.minimum.accumulate(errors[order])[:-1]])[: len(order)]
    chosen = order[errors[order] < best_cheaper]
    # Points equal in both do not beat each other.
    twins = (costs[order, None] == costs[chosen]) & (errors[order, None] == errors[chosen])
    return order[twins.any(axis=1)] if len(order) else order
