"""Where a checkout of the project keeps its results: the defaults of all commands, below the directory they are started in."""

from pathlib import Path

from datasets.errors import InputError

RUNS = Path("runs")
"""A user's own records and pages."""

PUBLISHED = Path("leaderboards")
"""The published records, their boards and the regression baseline."""

REPORTS = Path("reports")
"""Pages of studies, explanations and speed."""

STATISTICS = REPORTS / "statistics.md"
"""How models are compared and how often that is wrong; the rates that boards state lie beside it as JSON."""


def require_checkout(otherwise: str = "") -> None:
    """Raise InputError where the published records are not below this directory; `otherwise` is what else may be done."""
    if not PUBLISHED.is_dir():
        raise InputError(f"{PUBLISHED.resolve()}: no such directory; go to the directory of the program{otherwise}")
