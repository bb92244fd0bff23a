"""Where a checkout of the project keeps its results: the defaults of all commands, below the directory they are started in."""

from pathlib import Path

RUNS = Path("runs")
"""A user's own records and pages."""

PUBLISHED = Path("leaderboards")
"""The published records, their boards and the regression baseline."""

BASELINE = PUBLISHED / "baseline.json"
"""Short trainings that `check` compares with."""

REPORTS = Path("reports")
"""Pages of studies, explanations and speed."""

STATISTICS = REPORTS / "statistics.md"
"""How models are compared and how often that is wrong; the rates that boards state lie beside it as JSON."""
