"""The columns of a board: one definition for the markdown pages, the terminal and the web page. Needs no torch.

A column that is added to COLUMNS appears in all the places that it names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchmark.leaderboard.cells import device, machine, mae, mean_r2, parameters, relative, spread
from benchmark.leaderboard.comparison_groups import ComparisonGroup
from benchmark.leaderboard.rows import BoardRow, Costs
from benchmark.rendering.text import seconds, size
from benchmark.tasks.folds import kfolds

PAGE, TERMINAL, WEB = "page", "terminal", "web"
EVERYWHERE = (PAGE, TERMINAL, WEB)

Value = float | int | str | None


@dataclass(frozen=True)
class Column:
    """One column of a board: its heading, its cells, and where it is shown."""

    key: str
    """Its name in the web page's address."""
    heading: str
    cell: Callable[[BoardRow, ComparisonGroup], str]
    """What a reader sees, not escaped; empty where the run has no value."""
    value: Callable[[BoardRow, ComparisonGroup], Value]
    """What the web page sorts by; None where the run has no value."""
    places: tuple[str, ...] = EVERYWHERE
    in_unit: bool = False
    """Whether it is in the unit of the task."""
    is_text: bool = False
    """Text is aligned to the left, numbers to the right."""
    hint: str = ""
    """More about it, on the web page."""


def cost(key: str, heading: str, cell: Callable[[Costs], str], value: Callable[[Costs], Value], hint: str = "",
         places: tuple[str, ...] = EVERYWHERE) -> Column:  # fmt: skip
    """A column that a run without a complete fold has nothing in."""
    return Column(
        key,
        heading,
        lambda row, group: cell(row.costs) if row.costs else "",
        lambda row, group: value(row.costs) if row.costs else None,
        places,
        hint=hint,
    )


def _tier(row: BoardRow, group: ComparisonGroup) -> int | None:
    """None for a row without a rival."""
    return row.tier if group.has_rivals else None


def _name(row: BoardRow, group: ComparisonGroup) -> str:
    """The label, and in brackets why the row has no tier."""
    return row.label + (f" ({row.unranked})" if row.unranked and row.scores else "")


def _mean(metric: str) -> Callable[[BoardRow, ComparisonGroup], Value]:
    return lambda row, group: found[0] if (found := row.over_folds(metric)) else None


def _relative(row: BoardRow, group: ComparisonGroup) -> float | None:
    found, unit = row.over_folds("mae"), group.baseline_loss
    return found[0] / unit if found and unit else None


def _folds(row: BoardRow, group: ComparisonGroup) -> str:
    """Complete folds, of those that the protocol has, or of those tried."""
    wanted = kfolds(row.run.first.key.protocol) or len(row.run.folds)
    return str(wanted) if len(row.run.complete) == wanted else f"{len(row.run.complete)} of {wanted}"


def _memory(row: BoardRow, group: ComparisonGroup) -> str:
    """Of the process and, where there is one, of the device."""
    return "; ".join(filter(None, (size(row.costs.host_bytes), size(row.costs.device_bytes)))) if row.costs else ""


def peak_memory(row: BoardRow) -> int | None:
    """Bytes at the peak, of the device that the run was trained on."""
    if not row.costs:
        return None
    return row.costs.host_bytes if row.run.first.machine.device == "cpu" else row.costs.device_bytes


COLUMNS = (
    Column("tier", "tier", lambda row, group: str(_tier(row, group) or ""), _tier, is_text=True),
    Column("model", "model", _name, lambda row, group: row.label, is_text=True),
    Column("mae", "MAE", lambda row, group: mae(row), _mean("mae"), in_unit=True),
    Column("rmse", "RMSE", lambda row, group: spread(row, "rmse"), _mean("rmse"), in_unit=True),
    Column("r2", "R²", lambda row, group: mean_r2(row), _mean("r2")),
    Column("relative", "MAE / dummy", relative, _relative, (PAGE, WEB), hint="1 is the model that predicts the mean"),
    Column("folds", "folds", _folds, lambda row, group: len(row.scores), (TERMINAL, WEB)),
    cost("training", "training / fold", lambda costs: seconds(costs.training_s), lambda costs: costs.training_s),
    cost("inference", "inference / 1,000", lambda costs: seconds(costs.inference_s), lambda costs: costs.inference_s,
         hint="seconds for 1,000 crystals"),
    Column("parameters", "parameters", lambda row, group: parameters(row),
           lambda row, group: row.costs.parameters[1] if row.costs else None),
    cost("checkpoint", "checkpoint", lambda costs: size(costs.checkpoint_bytes), lambda costs: costs.checkpoint_bytes,
         places=(PAGE, WEB)),
    Column("memory", "peak memory", _memory, lambda row, group: peak_memory(row), (PAGE, WEB),
           hint="of the process and, where there is one, of the device"),
    cost("epochs", "epochs", lambda costs: str(costs.epochs or ""), lambda costs: costs.epochs or None),
    Column("device", "device", lambda row, group: device(row.run.first), lambda row, group: row.run.first.machine.device,
           (TERMINAL, WEB), is_text=True),
    Column("machine", "machine", lambda row, group: machine(row.run.first), lambda row, group: machine(row.run.first),
           (PAGE, WEB), is_text=True),
)  # fmt: skip


def columns_of(place: str) -> list[Column]:
    """The columns that a place shows, in order."""
    return [column for column in COLUMNS if place in column.places]
