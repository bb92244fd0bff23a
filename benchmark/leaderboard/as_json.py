"""Rows of a board as JSON, for `--json`."""

from __future__ import annotations

from typing import Any

from benchmark.leaderboard.kinds import kind_of
from benchmark.leaderboard.training_notes import not_trained_out


def row_as_json(row: Any) -> dict[str, Any]:
    """A row as plain JSON values: its key, standing, mean and spread of its loss, and its folds with metrics and times."""
    key = row.run.first.key
    loss = kind_of(key).field
    named = {name: getattr(key, name) for name in ("task", "model", "settings", "profile", "protocol")}
    unit = {"unit": None if key.classes else key.unit}
    folds = [_fold_as_json(record) for record in row.run.folds]
    mean, std = row.over_folds("loss") or (None, None)
    classes = {"classes": key.classes} if key.classes else {}
    found = row.standing
    about = {"ratio_to_best": found and found.ratio, "ratio_interval": found and found.interval,
             "ranks": found and found.ranks, "verdict": found and found.verdict}  # fmt: skip
    notes = {"stale": row.stale, "not_trained_out": not_trained_out(row.run)}
    standing = {**about, "unranked": row.unranked, **notes}
    return {**named, **unit, **classes, **standing, loss: mean, f"{loss}_std": std, "folds": folds}


def _fold_as_json(record: Any) -> dict[str, Any]:
    """A fold's place, outcome, scores and costs."""
    parts = {name: getattr(record, name) for name in ("metrics", "last_epoch", "leak", "times", "rate_choice")}
    return {
        "seed": record.key.seed, "fold": record.key.fold, "status": record.status, "reason": record.reason,
        **{name: part and part.model_dump() for name, part in parts.items()}, "parameters": record.parameters,
        "backend": record.backend,
    }  # fmt: skip
