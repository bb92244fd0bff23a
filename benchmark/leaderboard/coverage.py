"""How often intervals of boards hold the true ratio, as simulated: a record beside the page of statistics. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, ValidationError

from benchmark.results.directories import STATISTICS
from benchmark.schema import Count, Strict
from benchmark.statistics.simulation import Rates
from datasets.errors import InputError

RECORD = STATISTICS.with_suffix(".json")


class SimulatedRates(Strict):
    """Over all simulated cells of a kind."""

    simulated: Count
    """Groups, or tracks."""
    coverage: float = Field(ge=0, le=1)
    """Of pairs whose own 95 % interval holds the true ratio; mean over cells."""
    least_coverage: float = Field(ge=0, le=1)
    """In the cell where it is lowest."""
    false: float = Field(ge=0, le=1)
    """Of groups or tracks in which any pair is decided against the truth; mean over cells."""
    most_false: float = Field(ge=0, le=1)
    """In the cell where it is highest."""


class Coverage(Strict):
    """What `python -m benchmark statistics` measured of the verdicts that boards state."""

    one_task: SimulatedRates
    over_tasks: SimulatedRates


def simulated_rates(cells: Sequence[Rates]) -> SimulatedRates:
    """The rates of cells together."""
    coverage, false = [cell.coverage or 0.0 for cell in cells], [cell.false for cell in cells]
    return SimulatedRates(
        simulated=sum(cell.groups for cell in cells),
        coverage=sum(coverage) / len(cells),
        least_coverage=min(coverage),
        false=sum(false) / len(cells),
        most_false=max(false),
    )


def read_coverage(path: Path = RECORD) -> Coverage | None:
    """The record; None where nothing has been simulated.

    Raises:
        InputError: it is not such a record.
    """
    if not path.is_file():
        return None
    try:
        return Coverage.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise InputError(f"{path}: not rates of `python -m benchmark statistics`; run it again") from error


def coverage_sentence(rates: SimulatedRates | None, what: str) -> str:
    """What was simulated, in one sentence; empty where nothing was. `what` are groups or tracks."""
    if rates is None:
        return ""
    return (
        f"In {rates.simulated:,} simulated {what}, whose errors vary as those of published records do, 95 % intervals hold the "
        f"true ratio in {rates.coverage:.1%} of cases (lowest in any cell: {rates.least_coverage:.1%}), and "
        f"{rates.false:.1%} of {what} have a false claim (highest: {rates.most_false:.1%})."
    )
