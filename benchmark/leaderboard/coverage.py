"""How often intervals of boards hold the true ratio, as simulated: a record beside the page of statistics. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import Field, ValidationError

from benchmark.rendering.text import count, percent
from benchmark.results.directories import STATISTICS
from benchmark.schema import Count, Strict
from benchmark.statistics.simulated_tracks import CORRELATIONS, TrackCell
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
    most_false_in: str = ""
    """What is planted in that cell, in words; told of tracks only."""


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


def rates_over_tasks(tracks: Mapping[TrackCell, Rates]) -> SimulatedRates:
    """The same of tracks, and which kind of track has the most false claims."""
    cell = max(tracks, key=lambda cell: tracks[cell].false)
    words = (
        f"{cell.sets} crystal sets of {count(cell.targets, 'target')}, {cell.models} models, {count(cell.repeats, 'repeat')}, "
        f"and luck of trainings correlated by {cell.correlation:g} (measured: at most {min(CORRELATIONS):g})"
    )
    return simulated_rates(list(tracks.values())).model_copy(update={"most_false_in": words})


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
    """What was simulated, and how often an interval or a claim was wrong; empty where nothing was. `what`: groups or tracks."""
    if rates is None:
        return ""
    worst = f" (the kind: {rates.most_false_in})" if rates.most_false_in else ""
    return (
        f"How often are the intervals wrong? We simulated {rates.simulated:,} {what} of several kinds; their errors vary like "
        f"the errors of published records. 95 % intervals contain the true ratio in {percent(rates.coverage, 1)} of cases. "
        f"{percent(rates.false, 1)} of the {what} have a false claim. In single kinds it is worse: down to "
        f"{percent(rates.least_coverage, 1)} of cases, and up to {percent(rates.most_false, 1)} of the {what} with a false "
        f"claim{worst}."
    )
