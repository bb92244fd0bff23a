"""Rows of a board as a pandas table, for the Python API."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from pathlib import Path
from typing import Any

import pandas as pd

from benchmark.leaderboard.board import read_board
from benchmark.leaderboard.rows import BoardRow, costs
from benchmark.results.store import Store
from benchmark.schema import Settings

COLUMNS = [
    "task", "row", "unit", "model", "profile", "protocol", "loss", "loss_std", "ratio_to_best", "ratio_low", "ratio_high",
    "verdict", "folds", "training_s", "training_device_s", "parameters",
]  # fmt: skip


def rows_as_table(root: Path, asked: Sequence[tuple[str, str, str, str, Settings]] | None = None) -> pd.DataFrame:
    """The rows of a board; or only those of this task, model, profile, protocol and settings."""
    rows = [(row, group.has_rivals) for group in read_board(Store(root)).comparison_groups for row in group.rows]
    keys = [row.run.first.key for row, _ in rows]
    chosen = [asked is None or (key.task, key.model, key.profile, key.protocol, key.settings) in asked for key in keys]
    return pd.DataFrame([_row(*row) for row in compress(rows, chosen)], columns=COLUMNS)


def _row(row: BoardRow, has_rivals: bool) -> dict[str, Any]:
    key, standing, spent = row.run.first.key, row.standing if has_rivals else None, costs(row.run)
    loss, std = row.over_folds("loss") or (None, None)
    low, high = (standing.interval if standing else None) or (None, None)
    return {
        "row": row.label,
        **{name: getattr(key, name) for name in ("task", "model", "profile", "protocol")},
        "unit": None if key.classes else key.unit,
        "loss": loss,
        "loss_std": std,
        "ratio_to_best": standing and standing.ratio,
        "ratio_low": low,
        "ratio_high": high,
        "verdict": standing and standing.verdict,
        "folds": len(row.run.complete),
        "training_s": spent and spent.training_s,
        "training_device_s": spent and spent.training_device_s,
        "parameters": spent and spent.parameters[1],
    }
