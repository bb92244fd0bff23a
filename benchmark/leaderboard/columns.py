"""The columns of a board: one definition for the markdown pages, the terminal and the web page. Needs no torch.

A column that is added to COLUMNS appears in all the places, and for the kinds of tasks, that it names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

from benchmark.leaderboard.cells import (
    backends,
    device,
    loss,
    machine,
    mean_r2,
    parameters,
    ranks,
    ratio,
    relative,
    share,
    spread,
    verdict,
)
from benchmark.leaderboard.comparison_groups import ComparisonGroup
from benchmark.leaderboard.kinds import CLASSES, KINDS, NUMBERS, Kind
from benchmark.leaderboard.rows import BoardRow, Costs, leak
from benchmark.leaderboard.training_notes import (
    NOT_TRAINED_OUT,
    NOT_TRAINED_OUT_MEANS,
    choice_seconds,
    chosen_rates,
    not_trained_out,
    rates_text,
)
from benchmark.rendering.text import percent, plus_minus, seconds, size
from benchmark.statistics.comparisons import CONFIDENCE
from benchmark.statistics.decisions import MARGIN, Verdict
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
    kinds: tuple[Kind, ...] = KINDS
    """The tasks that it is for."""
    in_unit: bool = False
    """Whether it is in the unit of the task."""
    is_score: bool = False
    """Whether it is a score of the test crystals."""
    is_text: bool = False
    """Text is aligned to the left, numbers to the right."""
    hint: str = ""
    """More about it, on the web page."""
    is_optional: bool = False
    """Whether a table in which no run has a value leaves it out."""


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


def score(key: str, heading: str, kind: Kind, hint: str = "", cell: Callable[[BoardRow], str] | None = None) -> Column:
    """A score of the test crystals: mean and standard deviation over folds, unless `cell` writes something else."""
    usual = share if kind is CLASSES else spread
    return Column(
        key,
        heading,
        lambda row, group: cell(row) if cell else usual(row, key),
        lambda row, group: found[0] if (found := row.over_folds(key)) else None,
        kinds=(kind,),
        in_unit=key in ("mae", "rmse"),
        is_score=True,
        hint=hint,
    )


def beside_the_best(kind: Kind) -> tuple[Column, Column]:
    """The loss over the best's with its interval, and the interval of the rank."""
    return (
        Column("ratio", f"{kind.loss} / best other", ratio, _ratio, kinds=(kind,), hint=f"with its {CONFIDENCE} interval"),
        Column("rank", "rank", ranks, _best_rank, (PAGE, WEB), (kind,), hint="from … to, by the pairs that are told apart"),
    )


def relative_loss(kind: Kind, hint: str) -> Column:
    """The loss divided by the dummy's."""
    return Column("relative", f"{kind.loss} / dummy", relative, _relative, (PAGE, WEB), (kind,), hint=hint, is_optional=True)


def leaked_loss(part: str, kind: Kind, hint: str) -> Column:
    """The loss on the test crystals that have a duplicate in train or validation ("seen"), or on the others ("new")."""
    return Column(
        part,
        f"{kind.loss}, {part}",
        lambda row, group: plus_minus(*found) if (found := leak(row.run, part)) else "",
        lambda row, group: found[0] if (found := leak(row.run, part)) else None,
        kinds=(kind,),
        in_unit=kind is NUMBERS,
        is_score=True,
        hint=hint,
        is_optional=True,
    )


def _ratio(row: BoardRow, group: ComparisonGroup) -> float | None:
    """None for a row without a rival."""
    return row.standing.ratio if row.standing and group.has_rivals else None


def _verdict(row: BoardRow, group: ComparisonGroup) -> int | None:
    """The place of the verdict from good to bad."""
    return get_args(Verdict).index(row.standing.verdict) if row.standing and group.has_rivals else None


def _best_rank(row: BoardRow, group: ComparisonGroup) -> int | None:
    return row.standing.ranks[0] if row.standing and group.has_rivals else None


def _name(row: BoardRow, group: ComparisonGroup) -> str:
    """The label, and in brackets why the row is not compared."""
    return row.label + (f" ({row.unranked})" if row.unranked and row.scores else "")


def _relative(row: BoardRow, group: ComparisonGroup) -> float | None:
    found, unit = row.over_folds("loss"), group.baseline_loss
    return found[0] / unit if found and unit else None


def _folds(row: BoardRow, group: ComparisonGroup) -> str:
    """Complete folds, of those that the protocol has, or of those tried."""
    folds = kfolds(row.run.first.key.protocol)
    wanted = folds * len(row.run.seeds) if folds else len(row.run.folds)
    return str(wanted) if len(row.run.complete) == wanted else f"{len(row.run.complete)} of {wanted}"


def _choice_cost(row: BoardRow) -> str:
    """Of the learning rate; empty where it was not chosen."""
    found = choice_seconds(row.run)
    return "" if found is None else seconds(found)


def _memory(row: BoardRow, group: ComparisonGroup) -> str:
    """Of the process and, where there is one, of the device."""
    return "; ".join(filter(None, (size(row.costs.host_bytes), size(row.costs.device_bytes)))) if row.costs else ""


def peak_memory(row: BoardRow) -> int | None:
    """Bytes at the peak, of the device that the run was trained on."""
    if not row.costs:
        return None
    return row.costs.host_bytes if row.run.first.machine.device == "cpu" else row.costs.device_bytes


VERDICT = (
    f"best or equal: at most {percent(MARGIN)} above the best, as far as the interval reaches; slightly worse: above the best, "
    f"but by at most {percent(MARGIN)}; worse: above the best, perhaps by more than {percent(MARGIN)}; undecided: the interval "
    "is too wide for the other words, in brackets how many more repeats would decide whether the model is best or equal"
)
DEVICE_TIME = "processor seconds of all threads; on a GPU the seconds that it was in use"

RATE = "with the lowest validation error of short trainings; in brackets in how many folds, or that it was set"

SEEN, NEW = (f"of the test crystals {which} a duplicate in train or validation" for which in ("with", "without"))

COLUMNS = (
    Column("verdict", "verdict", verdict, _verdict, is_text=True, hint=VERDICT),
    Column("model", "model", _name, lambda row, group: row.label, is_text=True),
    score(NUMBERS.field, NUMBERS.loss, NUMBERS, cell=loss),
    score("rmse", "RMSE", NUMBERS),
    score("r2", "R²", NUMBERS, cell=mean_r2),
    *beside_the_best(NUMBERS),
    relative_loss(NUMBERS, "1 is the model that predicts the mean"),
    leaked_loss("seen", NUMBERS, SEEN),
    leaked_loss("new", NUMBERS, NEW),
    score(CLASSES.field, CLASSES.loss, CLASSES, "mean of −ln p(true class), 0 is perfect: what models are compared by", loss),
    score("roc_auc", "ROC-AUC", CLASSES, "1 where the probability orders every two crystals rightly, 0.5 by chance"),
    score("balanced_accuracy", "balanced accuracy", CLASSES, "mean over classes of the share that is recognised"),
    score("f1", "F1", CLASSES, "of the second of two classes; of more the mean over classes"),
    score("calibration_error", "calibration error", CLASSES, "mean distance of stated probability and share that is right"),
    *beside_the_best(CLASSES),
    relative_loss(CLASSES, "1 is the model that predicts each class's share"),
    leaked_loss("seen", CLASSES, SEEN),
    leaked_loss("new", CLASSES, NEW),
    Column("folds", "folds", _folds, lambda row, group: len(row.scores), (TERMINAL, WEB)),
    cost("training", "training / fold", lambda costs: seconds(costs.training_s), lambda costs: costs.training_s),
    cost("training_device", "processor / fold", lambda costs: seconds(costs.training_device_s),
         lambda costs: costs.training_device_s, DEVICE_TIME, (PAGE, WEB)),
    cost("inference", "inference / 1,000", lambda costs: seconds(costs.inference_s), lambda costs: costs.inference_s,
         hint="seconds for 1,000 crystals"),
    cost("inference_device", "processor / 1,000", lambda costs: seconds(costs.inference_device_s),
         lambda costs: costs.inference_device_s, DEVICE_TIME, (PAGE, WEB)),
    Column("parameters", "parameters", lambda row, group: parameters(row),
           lambda row, group: row.costs.parameters[1] if row.costs else None),
    cost("checkpoint", "checkpoint", lambda costs: size(costs.checkpoint_bytes), lambda costs: costs.checkpoint_bytes,
         places=(PAGE, WEB)),
    Column("memory", "peak memory", _memory, lambda row, group: peak_memory(row), (PAGE, WEB),
           hint="of the process and, where there is one, of the device"),
    cost("epochs", "epochs", lambda costs: str(costs.epochs or ""), lambda costs: costs.epochs or None),
    Column("mark", "mark", lambda row, group: NOT_TRAINED_OUT if not_trained_out(row.run) else "",
           lambda row, group: NOT_TRAINED_OUT if not_trained_out(row.run) else None,
           is_text=True, hint=NOT_TRAINED_OUT_MEANS, is_optional=True),
    Column("rate", "learning rate", lambda row, group: rates_text(row.run),
           lambda row, group: max(chosen_rates(row.run), default=None), (PAGE, WEB), hint=RATE, is_optional=True),
    Column("rate_cost", "choice of rate / fold", lambda row, group: _choice_cost(row),
           lambda row, group: choice_seconds(row.run), (PAGE, WEB), hint="a part of the training time", is_optional=True),
    Column("device", "device", lambda row, group: device(row.run.first), lambda row, group: row.run.first.machine.device,
           (TERMINAL, WEB), is_text=True),
    Column("backend", "backend", lambda row, group: backends(row), lambda row, group: backends(row) or None,
           is_text=True, is_optional=True, hint="whose kernels send messages along edges, DGL's or torch's: the same numbers"),
    Column("machine", "machine", lambda row, group: machine(row.run.first), lambda row, group: machine(row.run.first),
           (PAGE, WEB), is_text=True),
)  # fmt: skip


def columns_of(place: str, kind: Kind) -> list[Column]:
    """The columns that a place shows of tasks of a kind, in order."""
    return [column for column in COLUMNS if place in column.places and kind in column.kinds]


def columns_shown(place: str, group: ComparisonGroup) -> list[Column]:
    """The columns that a place shows of a comparison group: an optional one only where a run has a value."""
    columns = columns_of(place, group.kind)
    return [c for c in columns if not c.is_optional or any(c.value(row, group) is not None for row in group.rows)]
