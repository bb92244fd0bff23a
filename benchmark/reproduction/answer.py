"""Does a published table come out again? The first lines of its page, from whatever has run so far. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmark.leaderboard.published_results import PublishedResult
from benchmark.rendering.text import count, escape, joined, significant
from benchmark.reproduction.cells import Cell
from benchmark.reproduction.results import CellResult, Difference
from benchmark.studies.tables import waited

Row = tuple[Cell, CellResult | None]

NOTHING = 0.95
"""Of the MAE of the median, above which a model has learnt next to nothing."""
MEDIAN = (
    f"*Hardly better than the median*: the error is above {NOTHING:.0%} of that of one number for all crystals, the median of "
    "their targets."
)
OTHER_SPREAD = 0.1
"""Share by which the spread of the published targets differs from ours, above which they cannot be the same targets."""
MOST_NAMED = 12
"""Models, or settings of one, in a sentence."""


@dataclass(frozen=True)
class Compared:
    """A published figure beside ours."""

    cell: Cell
    result: CellResult
    published: PublishedResult
    difference: Difference


def answer(rows: Sequence[Row]) -> str:
    """How many cells are filled, which figures of each source differ from ours, what is known of why, and the cost."""
    found = [
        Compared(cell, result, published, difference)
        for cell, result in rows
        if result and result.maes
        for published in cell.published
        if (difference := result.difference(published)) is not None
    ]
    lines = [_filled(rows)]
    for source in dict.fromkeys(one.published.source for one in found):
        lines += _of_source(source, [one for one in found if one.published.source == source])
    lines += [*_why(found), *_costs(rows)]
    return "\n".join(f"- {line}" for line in lines)


def _filled(rows: Sequence[Row]) -> str:
    scored = [(cell, result) for cell, result in rows if result and result.maes]
    failed = [cell for cell, result in rows if result and not result.maes]
    lacking = [cell for cell, result in rows if cell.lacking and not result]
    left = len(rows) - len(scored) - len(failed) - len(lacking)
    said = f"{len(scored)} of {count(len(rows), 'cell')} {'has' if len(rows) == 1 else 'have'} run"
    if not scored:
        said += ": nothing is compared yet."
    else:
        full = sum(len(result.maes) >= cell.rounds for cell, result in scored)
        said += f", {full} of them with all planned rounds."
    parts = [said]
    parts += [f"{len(lacking)} cannot be filled: {lacking[0].lacking}."] if lacking else []
    parts += [f"{len(failed)} failed in every round."] if failed else []
    parts += [f"{left} {'is' if left == 1 else 'are'} open."] if left else []
    return " ".join(parts)


def _of_source(source: str, found: Sequence[Compared]) -> Iterator[str]:
    """How many of its figures are shown to differ from ours, then which."""
    close, apart = [one for one in found if not one.difference.is_shown], _apart(found)
    lower = [one for one in apart if one.difference.standard_errors < 0]
    higher = [one for one in apart if one.difference.standard_errors > 0]
    yield (
        f"**{escape(source)}: {len(apart)} of {count(len(found), 'comparison')} with published figures "
        f"{'shows' if len(apart) == 1 else 'show'} a difference.** In brackets: ours minus published, in standard errors of "
        "the difference. With few rounds only a large difference is shown."
    )
    for what, which in (("is not shown to differ from", close), ("is lower than", lower), ("is higher than", higher)):
        if which:
            yield f"Ours {what} {len(which)}: {_named(which, with_difference=True)}."


def _named(found: Sequence[Compared], with_difference: bool = False) -> str:
    """The cells by model; the data set is named only where there are several."""
    several = len({one.cell.task.rpartition("/")[0] for one in found}) > 1
    by_model: dict[str, list[str]] = {}
    for one in found:
        task = one.cell.task if several else one.cell.task.rpartition("/")[2]
        told = f" ({one.difference.standard_errors:+.1f})" if with_difference else ""
        by_model.setdefault(one.cell.label, []).append(f"{escape(task)}{told}")
    named = [f"{escape(model)} on {joined(tasks)}" for model, tasks in by_model.items()]
    left = [f"{len(named) - MOST_NAMED} more"] if len(named) > MOST_NAMED else []
    return "; ".join([*named[:MOST_NAMED], *left])


def _why(found: Sequence[Compared]) -> Iterator[str]:
    """What is known of the figures that differ; nothing here was tested."""
    apart = _apart(found)
    if not apart:
        return
    parts = ["What is known to differ stands in the column *what differs there*; whether it is the reason is not tested."]
    if other := [one for one in apart if _spreads_apart(one)]:
        parts.append(
            f"For {len(other)} of these {len(apart)}, the standard deviation of the published test targets differs from ours "
            f"by over {OTHER_SPREAD:.0%} (from the printed RMSE and R²): {_named(other)}. These are other crystals or labels."
        )
    for whose, words in (("the published one", "the published error"), ("ours", "our error")):
        if alone := [one for one in apart if learnt_nothing(one.result, one.published) == [whose]]:
            parts.append(f"For {len(alone)} of them, {words} alone is hardly better than the median: {_named(alone)}.")
    if few := sum(len(one.result.maes) < one.cell.rounds for one in apart):
        which = "All of them" if few == len(apart) else f"{few} of the {len(apart)}"
        parts.append(f"{which} rest on fewer rounds than planned.")
    yield " ".join(parts)


def _apart(found: Sequence[Compared]) -> list[Compared]:
    return [one for one in found if one.difference.is_shown]


def _spreads_apart(one: Compared) -> bool:
    spread = one.published.spread
    return spread is not None and abs(spread / one.result.spread - 1) > OTHER_SPREAD


def learnt_nothing(result: CellResult, published: PublishedResult | None) -> list[str]:
    """Which of the two errors is no lower than that of one number for all crystals, by at least a twentieth."""
    errors = {"ours": result.mae, "the published one": published.mae if published else 0.0}
    return [name for name, mae in errors.items() if mae > NOTHING * result.constant]


def _costs(rows: Sequence[Row]) -> Iterator[str]:
    records = [record for _, result in rows if result and result.maes for record in result.records]
    hours = sum(record.times.training.device_s for record in records if record.times) / 3600
    if not hours:
        return
    busy = waited(records)
    shared = f" {busy} of {count(len(records), 'round')} shared a processor with other work: their wall time is too long."
    yield f"Training took {significant(hours)} processor hours.{shared if busy else ''}"
