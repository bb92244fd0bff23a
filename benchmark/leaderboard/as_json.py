"""Rows of a board as JSON, for `--json`."""

from __future__ import annotations

from typing import Any

from benchmark.leaderboard.kinds import kind_of


def row_as_json(row: Any) -> dict[str, Any]:
    """A row as plain JSON values: its key, tier, mean and spread of its loss, and its folds with metrics and times."""
    key = row.run.first.key
    loss = kind_of(key).field
    named = {name: getattr(key, name) for name in ("task", "unit", "model", "settings", "profile", "protocol", "seed")}
    folds = [
        {"fold": r.key.fold, "status": r.status, "reason": r.reason, "metrics": r.metrics and r.metrics.model_dump(),
         "leak": r.leak and r.leak.model_dump(), "times": r.times and r.times.model_dump(), "parameters": r.parameters}
        for r in row.run.folds
    ]  # fmt: skip
    mean, std = row.over_folds("loss") or (None, None)
    classes = {"classes": key.classes} if key.classes else {}
    standing = {"tier": row.tier, "unranked": row.unranked, "stale": row.stale}
    return {**named, **classes, **standing, loss: mean, f"{loss}_std": std, "folds": folds}
