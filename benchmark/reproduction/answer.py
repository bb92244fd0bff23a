"""Does a published table come out again? The first lines of its page, from whatever has run so far. Needs no torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from benchmark.leaderboard.published_results import RELEASED_RECIPES, RELEASED_SPLITS, PublishedResult
from benchmark.rendering.commands import code, command
from benchmark.rendering.text import count, escape, joined, percent, significant, table
from benchmark.reproduction.cells import RECIPE_OF, Cell
from benchmark.reproduction.results import CLOSE, CellResult, Difference
from benchmark.studies.tables import waited

Row = tuple[Cell, CellResult | None]

NOTHING = 0.95
"""Of the MAE of the median, above which a model has learnt next to nothing."""
MEDIAN = (
    f"*Hardly better than the median*: the error is above {percent(NOTHING)} of that of one number for all crystals, the "
    "median of their targets."
)
AS_MEASURED = "if the mean and the spread of our rounds stayed as measured"
DECIDED = f"Open, and decided after so many rounds in all, {AS_MEASURED}"
NEVER = f"Open even after all planned rounds, {AS_MEASURED}"
RAN = "Open, though all planned rounds have run"
SECOND = "Open; a second round is needed to tell how many would decide"
"""What is said of open cells."""
OTHER_SPREAD = 0.1
"""Share by which the spread of the published targets differs from ours, above which they cannot be the same targets."""
OTHER_TARGETS = (
    f"probably other crystals or labels: the standard deviation of the published test targets, by the printed RMSE and R² (the "
    f"median of the models there), differs from ours by over {percent(OTHER_SPREAD)}"
)
MORE = 2.0
"""Times the training crystals of the other, above which the sizes are said to differ."""
OTHER_SIZE = f"one of the two was trained on more than {MORE:g} times the crystals of the other"


@dataclass(frozen=True)
class Compared:
    """A published figure beside ours."""

    cell: Cell
    result: CellResult
    published: PublishedResult
    difference: Difference


def answer(rows: Sequence[Row], tested: str = "") -> str:
    """How many cells are filled, how many figures of each source differ from ours, what is known of why, the cost; a table.

    Args:
        rows: cells and their results.
        tested: what experiments say of why ours differ; "" where none ran.
    """
    found = [
        Compared(cell, result, published, difference)
        for cell, result in rows
        if result and result.maes
        for published in cell.published
        if (difference := result.difference(published)) is not None
    ]
    lines = [_filled(rows)]
    if found:
        figures = [(cell, published) for cell, _ in rows for published in cell.published]
        sources = dict.fromkeys(published.source for _, published in figures)
        lines += [_of_source(source, figures, [one for one in found if one.published.source == source]) for source in sources]
        lines += _which_answers([cell for cell, _ in figures], list(sources))
    answering = [one for one in found if one.published in _answering(rows)]
    lines += [*_released(found), *_why(answering, tested), *_costs(rows)]
    said = "\n".join(f"- {line}" for line in lines)
    return f"{said}\n\n{_side_by_side(rows, answering)}" if found else said


def _answering(rows: Sequence[Row]) -> list[PublishedResult]:
    """The figures with whose recipe ours ran; all, where ours has the recipe of none."""
    every = [(cell, published) for cell, _ in rows for published in cell.published]
    own = [published for cell, published in every if cell.repeats(published)]
    return own or [published for _, published in every]


def _filled(rows: Sequence[Row]) -> str:
    scored = [(cell, result) for cell, result in rows if result and result.maes]
    failed = [cell for cell, result in rows if result and not result.maes]
    lacking = [cell for cell, result in rows if cell.lacking and not result]
    left = len(rows) - len(scored) - len(failed) - len(lacking)
    have = "has" if len(rows) == 1 else "have"
    said = f"{len(scored)} of {count(len(rows), 'cell')} {have} at least one round"
    if not scored:
        said += ": nothing is compared yet."
    else:
        full = sum(len(result.maes) >= cell.rounds for cell, result in scored)
        said += f", {full} {'has' if full == 1 else 'have'} all planned rounds."
    parts = [said]
    parts += [f"{len(lacking)} cannot be filled: {lacking[0].lacking}."] if lacking else []
    parts += [f"{len(failed)} failed in every round."] if failed else []
    parts += [f"{left} {'is' if left == 1 else 'are'} open."] if left else []
    return " ".join(parts)


def _of_source(source: str, figures: Sequence[tuple[Cell, PublishedResult]], found: Sequence[Compared]) -> str:
    """How many of its figures are shown to differ from ours, and in which direction."""
    if not found:
        number = sum(published.source == source for _, published in figures)
        return f"**{escape(source)}: {count(number, 'figure')}, none compared yet.** Ours has not run for them."
    by_figure = [list(rows) for _, rows in groupby(sorted(found, key=_figure_of), key=_figure_of)]
    close = [rows for rows in by_figure if any(one.difference.is_small for one in rows)]
    differ = [rows for rows in by_figure if all(one.difference.is_shown for one in rows) and rows not in close]
    lower = sum(all(one.difference.standard_errors < 0 for one in rows) for rows in differ)
    higher = sum(all(one.difference.standard_errors > 0 for one in rows) for rows in differ)
    sides = [f"lower in {lower}", f"higher in {higher}"]
    sides += [f"on either side, by the row, in {rest}"] if (rest := len(differ) - lower - higher) else []
    told = f" Ours is {joined(sides)}." if differ else ""
    # With another recipe a number is not reproduced, though it may be near.
    within = f"{'reproduced ' * any(one.cell.repeats(one.published) for one in found)}within {percent(CLOSE)}"
    if any(len(rows) > 1 for rows in by_figure):
        told += f" A figure with two rows is {within} if one of them is, and differs if both do."
    left = len(by_figure) - len(close) - len(differ)
    said = (
        f"of {count(len(by_figure), 'figure')} {_are(len(close))} {within}, "
        f"{len(differ)} {'differs' if len(differ) == 1 else 'differ'}, {_are(left)} open"
    )
    return f"**{escape(source)}: {said}.**{told}"


def _figure_of(one: Compared) -> tuple[str, str, str]:
    """What rows of one published figure share."""
    return one.cell.task, one.cell.model, "" if one.cell.is_reading else one.cell.label.removeprefix(one.cell.model)


def _are(number: int) -> str:
    return f"{number} {'is' if number == 1 else 'are'}"


def _which_answers(cells: Sequence[Cell], sources: Sequence[str]) -> Iterator[str]:
    """Which rows say whether a number was reproduced: those where ours has the recipe of the publication."""
    for preset in dict.fromkeys(cell.named for cell in cells if RECIPE_OF.get(cell.named) in sources):
        other = " Figures of the other sources do not answer: their recipes differ from ours." if len(sources) > 1 else ""
        twice = " What it leaves open has a row for each reading." if any(cell.is_reading for cell in cells) else ""
        yield (
            "Was a number reproduced? Read the first table of the page: ours has the recipe of "
            f"{escape(RECIPE_OF[preset])}, as far as it is stated.{twice} "
            f"Bold: not reproduced. =: reproduced within {percent(CLOSE)}. Plain: open.{other}"
        )


def _released(found: Sequence[Compared]) -> Iterator[str]:
    """Of a source whose released networks have another recipe than ours: what that is, and what would train with it here."""
    for source, split in RELEASED_SPLITS.items():
        shown = [one for one in _shown(found) if one.published.source == source]
        if not shown:
            continue
        one = max(shown, key=lambda one: abs(one.result.mae / one.published.mae - 1))
        recipe = RELEASED_RECIPES[source, one.cell.task]
        asked = [word for name, value in recipe.items() for word in ("--set", f"{name}={value}")]
        words = ("--task", one.cell.task, "--model", one.cell.model, "--preset", one.cell.named, "--protocol", "shuffle")
        again = command("run", *words, "--no-group-duplicates", "--folds", 1, *asked, "--dry-run")
        yield (
            f"The recipe of {escape(source)} is not run in this table: the released networks were trained for "
            f"{recipe['epochs']:,} epochs on a split {split}. {code(again)} says what a training with it costs here, on a "
            f"split 80:10:10; without `--dry-run` it trains."
        )


def _side_by_side(rows: Sequence[Row], found: Sequence[Compared]) -> str:
    """Ours and the figures that answer, a row for each source and model and a column for each property; how to read it."""
    several_sets = len({cell.task.rpartition("/")[0] for cell, _ in rows}) > 1
    answering = _answering(rows)
    figures = [(cell, published) for cell, _ in rows for published in cell.published if published in answering]
    tasks = list(dict.fromkeys(cell.task for cell, _ in figures))
    shown = {(one.published.source, one.cell.label, one.cell.task): one for one in found}
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for cell, published in figures:
        one = shown.get((published.source, cell.label, cell.task))
        entry = _entry(one) if one else f"– / {published.mae:g}"
        lines.setdefault((published.source, cell.label), {})[cell.task] = entry
    names = [escape(task if several_sets else task.rpartition("/")[2]) for task in tasks]
    several = len({source for source, _ in lines}) > 1
    body = [
        [escape(model), *([escape(source)] if several else []), *(entries.get(task, "") for task in tasks)]
        for (source, model), entries in lines.items()
    ]
    header = ["model", *(["published by"] if several else []), *names]
    marks = {mark: meaning for one in found for mark, meaning in _marks(one).items()}
    legend = [
        "MAE: ours / published. –: ours has not run.",
        f"**Bold**: shown to differ. The 95 % interval of the difference leaves out 0, and is not all within {percent(CLOSE)}.",
        f"=: reproduced within {percent(CLOSE)}. The whole interval of the difference is at most {percent(CLOSE)} of the "
        "published error.",
        "Plain: open, neither shown.",
        *_rounds_to_tell(
            [one for one in found if not (one.difference.is_shown or one.difference.is_small)], several_sets, several
        ),
        *(f"({mark}): {meaning}." for mark, meaning in sorted(marks.items())),
        *_fewer(found),
    ]
    return f"{table(header, body, text=header[1 : 1 + several])}\n\n" + "\n".join(f"- {line}" for line in legend)


def _rounds_to_tell(open_: Sequence[Compared], several_sets: bool, several_sources: bool) -> Iterator[str]:
    """How many rounds would decide the open cells: a line for each kind of answer, with the properties of each model."""
    lines: dict[str, dict[str, list[str]]] = {head: {} for head in (DECIDED, NEVER, RAN, SECOND)}
    for one in open_:
        task = escape(one.cell.task if several_sets else one.cell.task.rpartition("/")[2])
        head, what = _answer_of_rounds(one)
        name = escape(one.cell.label) + f", {escape(one.published.source)}" * several_sources
        lines[head].setdefault(name, []).append(task + what)
    for head, models in lines.items():
        if models:
            said = "; ".join(f"{name} ({', '.join(tasks)})" for name, tasks in models.items())
            yield f"{head}: {said}."


def _answer_of_rounds(one: Compared) -> tuple[str, str]:
    """Which line an open cell stands on, and what follows its property."""
    ran, planned = len(one.result.maes), one.cell.rounds
    if ran >= planned:
        return RAN, ""
    if ran == 1:
        return SECOND, ""
    told = one.result.rounds_to_tell(one.published, planned)
    if told is None:
        return NEVER, ""
    return DECIDED, f" {told[0]}: {'differs' if told[1].is_shown else f'within {percent(CLOSE)}'}"


def _entry(one: Compared) -> str:
    figures = f"{significant(one.result.mae, 3)} / {one.published.mae:g}"
    marks = f" ({', '.join(sorted(known))})" if (known := _marks(one)) else ""
    dagger = f" †{len(one.result.maes)}" if _is_short(one) else ""
    return (f"**{figures}**" if one.difference.is_shown else figures) + " =" * one.difference.is_small + marks + dagger


def _is_short(one: Compared) -> bool:
    """Whether ours has fewer rounds than planned."""
    return len(one.result.maes) < one.cell.rounds


def _fewer(found: Sequence[Compared]) -> Iterator[str]:
    """What the daggers of the table mean."""
    if any(map(_is_short, found)):
        yield "†: ours has fewer rounds than planned, as many as the number says."


def _marks(one: Compared) -> dict[str, str]:
    """What is known of why a figure may differ: mark → meaning."""
    nothing, other = learnt_nothing(one.result, one.published), _spreads_apart(one)
    known = {
        "a": (other, OTHER_TARGETS),
        # The median is that of our targets.
        "b": (nothing == ["the published one"] and not other, "the published error alone is hardly better than the median"),
        "c": (nothing == ["ours"], "our error alone is hardly better than the median"),
        "d": (_sizes_apart(one), OTHER_SIZE),
    }
    return {mark: meaning for mark, (holds, meaning) in known.items() if holds}


def _why(found: Sequence[Compared], tested: str) -> Iterator[str]:
    """What is known of the figures that differ."""
    if not (shown := _shown(found)):
        return
    known = sum(bool(_marks(one)) for one in shown)
    few = sum(_is_short(one) for one in shown)
    pairs = count(len(shown), "bold pair")
    marked = f" A letter in the table marks a possible reason of {known} of the {pairs}." if known else ""
    yield f"{tested or 'Why do they differ? We did not test it.'}{marked} What is known: *what differs there*, at each cell."
    if few:
        yield f"{few} of the {pairs} {'rests' if few == 1 else 'rest'} on fewer rounds than planned (†)."


def _shown(found: Sequence[Compared]) -> list[Compared]:
    """Those whose difference is shown."""
    return [one for one in found if one.difference.is_shown]


def _spreads_apart(one: Compared) -> bool:
    spread = one.published.spread_there
    return spread is not None and abs(spread / one.result.spread - 1) > OTHER_SPREAD


def _sizes_apart(one: Compared) -> bool:
    there, here = one.published.crystals, one.result.records[0].split.n_train
    return there is not None and not 1 / MORE <= there / here <= MORE


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
    yield f"Training took {significant(hours)} core hours.{shared if busy else ''}"
