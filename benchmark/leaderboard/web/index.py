"""The data of the web page that is there from the start: runs, costs, tiers and leagues; no single crystals. Needs no torch."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict
from html import unescape
from typing import Any

import numpy as np

from benchmark.leaderboard.board import Board, League
from benchmark.leaderboard.comparison_groups import BASELINE, Contest, Row
from benchmark.leaderboard.pages.overview import findings
from benchmark.leaderboard.pages.rows import contested, in_order, machine
from benchmark.leaderboard.published_figures import FIGURES
from benchmark.leaderboard.web.details import rounded
from benchmark.statistics.comparisons import CONFIDENCE, TESTS

COSTS = {
    "training": "training time / fold [s]",
    "inference": "inference / 1,000 crystals [s]",
    "parameters": "parameters",
    "memory": "peak memory [bytes]",
}
MEASURED = frozenset({"training", "inference", "memory"})
"""Costs that a machine decides: never compared between two."""


def board_data(board: Board) -> dict[str, Any]:
    """Everything that the page shows without loading more; plain lists, dictionaries, text and numbers."""
    return {
        "costs": COSTS,
        "tests": TESTS,
        "confidence": CONFIDENCE,
        "measured": sorted(MEASURED),
        "conclusions": [unescape(line) for line in findings(board)],
        "published": published(board),
        "leagues": [league_data(league) for league in board.leagues],
        "contests": [contest_data(contest) for contest in board.contests],
    }


def published(board: Board) -> dict[str, list[dict[str, Any]]]:
    """Figures of others by task, those of the tasks here."""
    tasks = dict.fromkeys(contest.first.key.task for contest in board.contests)
    found = {task: [asdict(figure) for figure in FIGURES if figure.task == task] for task in tasks}
    return {task: figures for task, figures in found.items() if figures}


def file_name(text: str) -> str:
    """A name that is one part of any path and URL, and another for another text."""
    readable = re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")[:60]
    return f"{readable}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def contest_name(contest: Contest) -> str:
    """The folder of a contest's details, and its name in the page's address."""
    key = contest.first.key
    return file_name(f"{key.task} {contest.league} {key.dataset_hash}")


def league_data(league: League) -> dict[str, Any]:
    """Models over tasks."""
    overall, ranks = league.overall, league.ranks
    return {
        "title": league.title,
        "contests": [contest_name(contest) for contest in league.contests],
        "models": league.models,
        "overall": overall
        and {
            "models": overall.models,
            "scores": list(map(rounded, overall.scores)),
            "intervals": [list(map(rounded, interval)) for interval in overall.intervals],
            "tasks": overall.tasks,
            "left_out": overall.left_out,
        },
        "ranks": ranks
        and {
            "models": ranks.models,
            "mean_ranks": list(map(rounded, ranks.mean_ranks)),
            "n_tasks": ranks.n_tasks,
            "friedman_p": rounded(ranks.friedman_p, 3),
            "cliques": ranks.cliques,
            "reason": ranks.reason,
        },
    }


def contest_data(contest: Contest) -> dict[str, Any]:
    """One table of runs, with their failures."""
    first = contest.first
    key, split = first.key, first.split
    ordered = in_order(contest)
    machines = list(dict.fromkeys(machine(row.run.first) for row in ordered))
    rows = [row_data(row, contest, machines) for row in ordered]
    return {
        "id": contest_name(contest),
        "task": key.task,
        "unit": key.unit,
        "title": contest.title,
        "league": contest.league,
        "crystals": split.n_train + split.n_validation + split.n_test,
        "folds": contest.folds,
        "baseline": rounded(contest.baseline_mae),
        "reason": contest.tiers and contest.tiers.reason,
        "machines": machines,
        "rows": rows,
        "fronts": {cost: fronts(rows, cost) for cost in COSTS},
        "failures": [
            {"label": row.label, "fold": record.key.fold, "status": record.status, "reason": record.reason}
            for row in ordered
            for record in row.run.folds
            if record.status != "complete"
        ],
    }


def row_data(row: Row, contest: Contest, machines: Sequence[str]) -> dict[str, Any]:
    """The cells of a run; None where there is no value."""
    mae, r2, costs = row.over_folds("mae"), row.over_folds("r2"), row.costs
    baseline = contest.baseline_mae
    first = row.run.first
    return {
        "label": row.label,
        "model": row.model,
        "baseline": row.label == BASELINE,
        "file": file_name(row.label) if row.tier else None,
        "tier": row.tier if contested(contest) else None,
        "unranked": row.unranked or (None if contested(contest) else "without a rival"),
        "stale": row.stale,
        "status": first.status if not row.scores else None,
        "folds": len(row.scores),
        "mae": _spread(mae),
        "rmse": _spread(row.over_folds("rmse")),
        "r2": rounded(r2[0]) if r2 else None,
        "relative": rounded(mae[0] / baseline) if mae and baseline else None,
        "training": rounded(costs.training_s) if costs else None,
        "inference": rounded(costs.inference_s) if costs else None,
        "parameters": costs.parameters[1] if costs else None,
        "fewest_parameters": costs.parameters[0] if costs else None,
        "checkpoint": costs.checkpoint_bytes if costs else None,
        "memory": costs and (costs.host_bytes if first.machine.device == "cpu" else costs.device_bytes),
        "epochs": costs.epochs if costs else None,
        "device": first.machine.device,
        "machine": machines.index(machine(first)),
    }


def _spread(value: tuple[float, float | None] | None) -> list[float | None] | None:
    """Mean and standard deviation; six digits, as four of the mean are shown and the spread has its decimals."""
    return None if value is None else [rounded(value[0], 6), rounded(value[1], 6)]


def fronts(rows: Sequence[dict[str, Any]], cost: str) -> list[list[int]]:
    """Pareto fronts of MAE against a cost, as numbers of rows from cheap to dear.

    One a machine where the machine decides the cost, otherwise one for all; without the baseline.
    """
    able = [n for n, row in enumerate(rows) if row["mae"] and row[cost] is not None and not row["baseline"]]
    machines = range(1 + max((row["machine"] for row in rows), default=-1)) if cost in MEASURED else [None]
    found = []
    for number in machines:
        chosen = np.array([n for n in able if number is None or rows[n]["machine"] == number], dtype=int)
        front = pareto_front(
            np.array([rows[n][cost] for n in chosen], dtype=float), np.array([rows[n]["mae"][0] for n in chosen], dtype=float)
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
