"""Rows of a board as JSON, for `--json`."""

from __future__ import annotations

from typing import Any


def row_as_json(row: Any) -> dict[str, Any]:
    """A row as plain JSON values: its key, tier, mean and spread, and its folds with metrics and times."""
    key = row.run.first.key
    named = {name: getattr(key, name) for name in ("task", "unit", "model", "settings", "profile", "protocol", "seed")}
    folds = [
        {"fold": r.key.fold, "status": r.status, "reason": r.reason, "metrics": r.metrics and r.metrics.model_dump(),
         "times": r.times and r.times.model_dump(), "parameters": r.parameters}
        for r in row.run.folds
    ]  # fmt: skip
    mean, std = row.over_folds("mae") or (None, None)
    standing = {"tier": row.tier, "unranked": row.unranked, "stale": row.stale}
    return {**named, **standing, "mae": mean, "mae_std": std, "folds": folds}
