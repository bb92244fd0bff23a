"""The page of a published table: published and measured side by side, and a command for every empty cell. Needs no torch."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import numpy as np

from benchmark.leaderboard.published_results import RELEASED_RECIPES, RELEASED_SPLITS, PublishedResult
from benchmark.leaderboard.training_notes import NOT_TRAINED_OUT, NOT_TRAINED_OUT_MEANS, not_trained_out
from benchmark.rendering.text import (
    count,
    escape,
    interval,
    origins,
    percent,
    require_own,
    seconds,
    significant,
    table,
    unit_sentence,
)
from benchmark.reproduction.answer import MEDIAN, Row, answer, learnt_nothing
from benchmark.reproduction.cells import Cell, Table
from benchmark.reproduction.luck import with_luck
from benchmark.reproduction.recipes import recipes_section
from benchmark.reproduction.results import CLOSE, PRINTED, RULE, UNPRINTED, CellResult, Difference, Luck
from benchmark.reproduction.tables import TABLES
from benchmark.reproduction.varied import Variation, told, variations, varied_section
from benchmark.results.directories import REPORTS
from benchmark.results.scores import Run
from benchmark.results.store import Store, write_atomically
from benchmark.studies.depth.parameters import OURS, PUBLISHED

TITLE = "# Reproduction"
HEADER = (
    "model", "published", "ours (95 %)", "rounds: error of each", "ours − published [SE]", "epochs, ours / published",
    "wall / round", "core / round", "published training", "source", "what differs there", "to fill the cell",
)  # fmt: skip
DFT = {
    "formation_energy_per_atom": "0.081–0.136 eV/atom", "band_gap": "0.6 eV", "log10_k_vrh": "0.050", "log10_g_vrh": "0.069",
}  # fmt: skip
"""Target → mean absolute difference of DFT and experiment, as the thesis's Table 4 collects it."""


def page(asked: Table, results: Sequence[CellResult | None], board: Store, published: Sequence[CellResult | None] = ()) -> str:
    """The markdown page of a table.

    Args:
        asked: the table.
        results: of `asked.every`, in this order.
        board: whose runs of other recipes are shown too.
        published: what is published here of the same cells, where `results` are somebody's own.
    """
    tasks = {cell.task for table in TABLES.values() for cell in table.cells}
    results = with_luck(asked.every, results, board, tasks, published)
    varied = variations(asked.every, results)
    own = results[: len(asked.cells)]
    rows = list(zip(asked.cells, own, strict=True))
    parts = [f"{TITLE}: {escape(asked.title)}", *_more_published(asked, rows, published), answer(rows, told(varied))]
    parts += ["## How ours and the published figure are compared", *(escape(note) for note in asked.notes), _rule(asked)]
    parts += [MEDIAN] if any(result and result.maes for _, result in rows) else []
    parts += [f"*{NOT_TRAINED_OUT}*: {NOT_TRAINED_OUT_MEANS}."] if any(_marked(result) for _, result in rows) else []
    for task, members in groupby(sorted(rows, key=lambda row: _place(asked, row[0])), key=lambda row: row[0].task):
        parts += [f"## {escape(task)}", *_section(asked, list(members), varied)]
    parts += filter(None, [varied_section(varied), recipes_section(asked.cells, own, board)])
    records = [record for result in results if result for record in result.records]
    parts += [f"## Machines\n\n{origins(records)}"] if records else []
    again = f"python -m benchmark reproduce {asked.name}"
    parts.append(f"`{again} --time-limit 60` goes on for an hour, `{again} --publish` keeps what has run for this page.")
    ran = next((cell for cell, result in rows if result), asked.cells[0])
    parts.append(f"To train a round of a cell again: `{rerun(asked, ran)}`. Name your cell with `--task` and `--model`.")
    return "\n\n".join(parts) + "\n"


def write_page(
    asked: Table,
    results: Sequence[CellResult | None],
    board: Store,
    reports: Path,
    published: Sequence[CellResult | None] = (),
) -> Path:
    """Write `<reports>/reproduction/<table>.md`. Raises InputError where a page that is not ours stands there."""
    path = reports / "reproduction" / f"{asked.name}.md"
    require_own(path, TITLE, "not such a page", "directory with --reports")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, page(asked, results, board, published).encode())
    return path


def _more_published(asked: Table, rows: Sequence[Row], published: Sequence[CellResult | None]) -> Iterator[str]:
    """The cells of which more rounds are published here than this page has, with their errors: they decide."""
    found = [
        f"{escape(cell.label)} ({escape(cell.task.rpartition('/')[2])}): {len(there.maes)} rounds, {significant(there.mae, 3)}"
        for (cell, own), there in zip(rows, published, strict=False)
        if own and there and len(there.maes) > len(own.maes)
    ]
    if found:
        where = f"`{REPORTS / 'reproduction' / asked.name}.md`"
        yield f"The published page, {where}, has more rounds of these cells than this one, and decides: {'; '.join(found)}."


def _place(asked: Table, cell: Cell) -> int:
    """Of the cell's task on the page."""
    return [other.task for other in asked.cells].index(cell.task)


def _section(asked: Table, rows: Sequence[Row], varied: Sequence[Variation]) -> Iterator[str]:
    """The tables of one task."""
    first = rows[0][0]
    record = next((record for _, result in rows if result for record in (*result.records, *result.failed)), None)
    about = [f"Protocol {first.protocol_text}."]
    about += [f"{_sizes(rows)}. {unit_sentence(record.key.unit)}"] if record else []
    about += [about_targets] if (about_targets := _targets(rows)) else []
    dft = DFT.get(first.task.rpartition("/")[2]) if asked.name in ("thesis-4", "thesis-6") else None
    about += [f"DFT differs from experiment by {dft}."] if dft else []
    yield " ".join(about)
    yield table(HEADER, [cells for cell, result in rows for cells in _cells(asked, cell, result, varied)], text=HEADER[-3:])


def _rule(asked: Table) -> str:
    """How figures are compared, as far as the table's own figures ask for it."""
    stds = [one.std for cell in asked.cells for one in cell.published]
    return "\n".join([RULE, *([PRINTED] if any(stds) else []), *([UNPRINTED] if None in stds else [])])


def _targets(rows: Sequence[Row]) -> str:
    """Of the first cell that has run: the error without a model, and the spread of the targets here and in the publication."""
    ran = next((result for _, result in rows if result and result.maes), None)
    if ran is None:
        return ""
    said = f"One number for all crystals, the median, has an MAE of {significant(ran.constant, 3)}."
    spreads = [f"{significant(p.spread, 3)} ({escape(c.label)})" for c, _ in rows for p in c.published if p.spread is not None]
    if not spreads:
        return said
    return (
        f"{said} The standard deviation of the test targets is {significant(ran.spread, 3)}; in the publication it is "
        f"{', '.join(spreads)}, as the printed RMSE and R² say. The median of these counts."
    )


def _sizes(rows: Sequence[Row]) -> str:
    """Crystals of the first round."""
    split = next(record.split for _, result in rows if result for record in (*result.records, *result.failed))
    validation = f", {split.n_validation:,} validation" if split.n_validation else ""
    return f"{split.n_train:,} training{validation} and {split.n_test:,} test crystals"


def _cells(asked: Table, cell: Cell, result: CellResult | None, varied: Sequence[Variation]) -> Iterator[list[str]]:
    """A row for each published figure, and one for a cell that has none."""
    for number, published in enumerate(cell.published or (None,)):
        ours = _measured(result) if result else ["", ""]
        gap = result.difference(published) if result and result.maes and published else None
        told = "" if not (gap and result and published) else _told(gap, published, result)
        wall, processor = map(seconds, result.training()) if result and result.maes else ("", "")
        name = escape(cell.label) + (f" ({NOT_TRAINED_OUT})" if _marked(result) else "")
        yield [
            name, _figure(published), *ours, told, _epochs(result, published), wall,
            processor, f"{published.training_s:,.0f} s" if published and published.training_s else "",
            escape(published.source) if published else "not published", _what_differs(cell, result, published, varied),
            "" if result or number else escape(cell.lacking) or f"`{command(asked, cell)}`",
        ]  # fmt: skip


def _told(difference: Difference, published: PublishedResult, result: CellResult) -> str:
    close = f"within {percent(CLOSE)}"
    differs = close if difference.is_small else "differs" if difference.is_shown else "not shown to differ"
    errors, told = difference.standard_errors, percent(result.mae / published.mae - 1, signed=True)
    limit = f" of {difference.limit:.1f}" if not difference.is_shown and 2 < abs(errors) < difference.limit < np.inf else ""
    single = ""
    if len(result.maes) == 1:
        single = " (1 round)" if published.std is not None else f" (1 round; {_varies(result.luck)})"
    return f"{told} [{errors:+.1f}{limit}] {differs}{single}"


def _varies(luck: Luck | None) -> str:
    """How much trainings vary, and where that is taken from."""
    return f"SD {percent(luck.share, 1)} as of {escape(luck.origin)}" if luck else "SD of trainings not known"


def _figure(published: PublishedResult | None) -> str:
    if published is None:
        return ""
    return f"{published.mae:g}" + (f" ± {published.std:g}" if published.std is not None else "")


def _measured(result: CellResult) -> list[str]:
    """The mean with its interval, and how many rounds; of a cell that never ended well, how it ended."""
    failed = f", {count(len(result.failed), 'round')} {result.failed[0].status}" if result.failed else ""
    if not result.maes:
        return [result.failed[0].status, str(len(result.failed))]
    each = f": {', '.join(significant(mae, 3) for mae in result.maes)}" if len(result.maes) > 1 else ""
    return [f"{significant(result.mae, 4)} ({interval(*result.interval)})", f"{len(result.maes)}{each}{failed}"]


def _epochs(result: CellResult | None, published: PublishedResult | None) -> str:
    """Ours and the published ones."""
    ran = max((record.epochs_run or 0 for record in result.records), default=0) if result else 0
    there = published and published.known_epochs
    both = (str(ran or ""), f"{there:,}" if there else "")
    return " / ".join(both) if any(both) else ""


def _what_differs(cell: Cell, result: CellResult | None, published: PublishedResult | None, varied: Sequence[Variation]) -> str:
    """What the publication has otherwise, settings that move ours to it, parameters that are never used, why rounds failed."""
    nothing = learnt_nothing(result, published) if result and result.maes else []
    parts = [f"hardly better than the median: {' and '.join(nothing)}"] if nothing else []
    parts += [escape(published.differs)] if published else []
    parts += _beside_spread(result, published) if result and result.maes and published else []
    parts += [one.here for one in varied if one.of is cell and one.is_near] if published and cell.repeats(published) else []
    parts += filter(None, [_recipe_there(cell, result, published)])
    layers = next((record.key.settings.get("n_layers") for record in result.records), None) if result else None
    if published and isinstance(layers, int) and cell.model in OURS:
        dead = PUBLISHED[cell.model].at(layers) - OURS[cell.model].at(layers)
        parts += [f"{count(dead, 'parameter')} of the published code are never used"] if dead else []
    if result and result.failed:
        parts.append(f"{result.failed[0].status}: {escape(result.failed[0].reason or '')}")
    return "; ".join(filter(None, parts))


def _beside_spread(result: CellResult, published: PublishedResult) -> list[str]:
    """Both errors as shares of the standard deviation of their own targets, where the publication's is known."""
    if published.spread_there is None:
        return []
    shares = (significant(published.mae / published.spread_there, 2), significant(result.mae / result.spread, 2))
    return [f"MAE / standard deviation of the targets: {shares[0]} there, {shares[1]} here"]


def _recipe_there(cell: Cell, result: CellResult | None, published: PublishedResult | None) -> str:
    """How the published recipe, as far as it is known, differs from ours; "" where ours is that recipe."""
    if not (result and result.records and published) or cell.repeats(published):
        return ""
    recipe = RELEASED_RECIPES.get((published.source, cell.task))
    if recipe is None:
        return "its recipe is not known here"
    ours = result.records[0].key.settings
    differs = [f"{name} {value}, not {ours[name]}" for name, value in recipe.items() if name in ours and ours[name] != value]
    split = RELEASED_SPLITS[published.source]
    return escape(f"its released network was trained with another recipe: split {split}, {', '.join(differs)}")


def _marked(result: CellResult | None) -> bool:
    return bool(result and result.records) and not_trained_out(Run(result.records if result else ()))


def command(asked: Table, cell: Cell) -> str:
    """What fills a cell, and no other where its name is not a model's."""
    alone = sum((other.task, other.model) == (cell.task, cell.model) for other in asked.cells) == 1
    name = cell.model if alone else shlex.quote(cell.label)
    return f"python -m benchmark reproduce {asked.name} --task {cell.task} --model {name}"


def rerun(asked: Table, cell: Cell) -> str:
    """What trains the first round of a cell again, in a directory of its own."""
    return f"{command(asked, cell)} --rounds 1 --out runs/again --reports runs/again"
