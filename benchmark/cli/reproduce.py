"""`python -m benchmark reproduce TABLE …`: fill a published table with our own runs, and render it beside the figures."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmark.cli.shared.options import DeviceOption, JsonOption, WorkersOption
from benchmark.cli.shared.stopping import kept_on_stop
from benchmark.cli.shared.terminal import json_text
from benchmark.results.directories import PUBLISHED, REPORTS, RUNS
from datasets.errors import BenchmarkError, InputError, unknown_name

commands = typer.Typer()


@dataclass(frozen=True)
class _Request:
    """What to run of a table."""

    tasks: list[str]
    models: list[str]
    rounds: int | None
    time_limit: float | None
    """Minutes."""
    device: str
    workers: int | None
    dry_run: bool
    vary: bool = False


@commands.command(epilog="Example: python -m benchmark reproduce thesis-6 --model cgcnn --rounds 3 --time-limit 60")
@kept_on_stop("finished folds, and the last checkpoints of the others, are")
def reproduce(
    table: Annotated[
        str,
        typer.Argument(help="thesis-4, -5 or -6, omee-2, -3, -4, -fig2, -fig5 or -fig6."),
    ],
    task: Annotated[list[str] | None, typer.Option(help="Only cells of this task; may be repeated.")] = None,
    model: Annotated[
        list[str] | None, typer.Option(help="Only cells of this model, or the row of this name on the page; may be repeated.")
    ] = None,
    rounds: Annotated[
        int | None, typer.Option(min=1, help="At most so many rounds of a cell, done ones included. Default: as published.")
    ] = None,
    vary: Annotated[
        bool,
        typer.Option("--vary", help="Instead of the cells: their recipe with one setting changed, to explain a difference."),
    ] = False,
    time_limit: Annotated[
        float | None, typer.Option(min=0, help="Minutes after which the run ends; folds under way are kept.")
    ] = None,
    device: DeviceOption = "auto",
    workers: WorkersOption = None,
    out: Annotated[
        Path,
        typer.Option(
            help="Records go where `run` keeps them; those of curves to studies/reproduction in it. Rounds kept here are done."
        ),
    ] = RUNS,
    reports: Annotated[
        Path,
        typer.Option(help="The page goes to reproduction/TABLE.md in this directory. Rounds packed there are done."),
    ] = REPORTS,
    render_only: Annotated[
        bool, typer.Option("--render-only", help="Train nothing: write the page of all kept folds.")
    ] = False,
    publish: Annotated[
        bool, typer.Option("--publish", help="Train nothing: pack the kept folds into reproduction of --reports; render.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the plan and what it would cost here, and stop.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Fill a published table with runs of this program, the most useful first, beside the published figures."""
    from benchmark.reproduction.page import write_page
    from benchmark.reproduction.publishing import publish_cells
    from benchmark.reproduction.results import cell_results
    from benchmark.results.store import Store

    asked, curves = _table(table), out / "studies" / "reproduction"
    own, published = [Store(curves), Store(out)], [Store(PUBLISHED), Store(reports / "reproduction")]
    stores = [*(own if asked.is_curve else own[::-1]), *published]
    request = _Request(task or [], model or [], rounds, time_limit, device, workers, dry_run, vary)
    records = [] if publish or render_only else _run(asked, request, stores, as_json)
    if dry_run:
        return
    results = cell_results(asked.every, stores)
    packed = publish_cells(results, published[1], published[:1]) if publish else []
    known = [] if reports == REPORTS else cell_results(asked.every, [Store(PUBLISHED), Store(REPORTS / "reproduction")])
    written = [str(path) for path in (*packed, write_page(asked, results, published[0], reports, known))]
    told = [] if as_json else [*_beside_published(asked.cells, results, records), f"page: {written[-1]}"]
    print(json.dumps(written) if as_json else "\n".join(told))
    # A network that diverges is an answer, as where a paper's curve breaks off.
    if failed := [record for record in records if record.status not in ("complete", "diverged")]:
        first = failed[0]
        where = f"{first.key.task} {first.key.model} seed {first.key.seed} fold {first.key.fold + 1}"
        raise BenchmarkError(f"{len(failed)} of {len(records)} folds failed, the first: {where}: {first.reason}")


def _beside_published(cells: Any, results: list[Any], records: list[Any]) -> Iterator[str]:
    """A line for each published figure of the cells that were run: ours and how far it is from there."""
    from benchmark.rendering.text import count, percent, significant

    ran = {record.key.identity for record in records}
    for cell, result in zip(cells, results, strict=False):
        if result and result.maes and any(record.key.identity in ran for record in result.records):
            ours = f"{significant(result.mae, 3)} ({count(len(result.maes), 'round')})"
            for one in cell.published:
                distance = percent(result.mae / one.mae - 1, signed=True)
                yield f"{cell.task}, {cell.label}: MAE {ours}, published {one.mae:g} ({one.source}): {distance}"


def _table(name: str) -> Any:
    from benchmark.reproduction.tables import TABLES

    if name not in TABLES:
        raise unknown_name("table", name, TABLES)
    return TABLES[name]


def _chosen(asked: Any, request: _Request) -> list[Any]:
    """The cells asked for, or their variations. Raises InputError where the table has none, or no such task or model."""
    cells = asked.variations if request.vary else asked.cells
    if not cells:
        raise InputError(f"{asked.name} has no variations; leave out --vary")
    tasks, models = {cell.task for cell in cells}, {name for cell in cells for name in (cell.model, cell.label)}
    all_tasks, all_models = {cell.task for cell in asked.cells}, {cell.model for cell in asked.cells}
    for what, names, known, of_table in (
        ("task", request.tasks, tasks, all_tasks),
        ("model", request.models, models, all_models),
    ):
        for name in names:
            if name not in known and name in of_table:
                raise InputError(
                    f"{asked.name} has no variation of the {what} {name}; it has some of {', '.join(sorted(known))}"
                )
            if name not in known:
                raise unknown_name(f"{what} of {asked.name}", name, known)
    return [
        cell
        for cell in cells
        if (not request.tasks or cell.task in request.tasks)
        and (not request.models or {cell.model, cell.label} & set(request.models))
    ]


def _run(asked: Any, request: _Request, stores: list[Any], as_json: bool) -> list[Any]:
    """Carry out the open folds of the cells asked for, and return their records; or say what they would cost."""
    from benchmark.cli.shared.progress import carry_out, console
    from benchmark.harness.cost import costs_on_record
    from benchmark.harness.machine import choose_device, default_workers, threads_of
    from benchmark.harness.plan import RunOptions
    from benchmark.rendering.text import count
    from benchmark.reproduction.planning import plan_cells

    device = choose_device(request.device)
    workers = request.workers or (default_workers() if device == "cpu" else 1)
    options = RunOptions(device=device, workers=workers, threads=threads_of(workers))
    cells = _chosen(asked, request)
    plan, todo = plan_cells(cells, options, stores, request.rounds)
    if request.dry_run:
        _show_costs(asked, plan, todo, cells, stores[:2], as_json)
        return []
    for line in (*plan.skipped, *plan.warnings):
        console.print(line, markup=False, soft_wrap=True)
    planned = f"{count(len(plan.jobs), 'fold')}, {len(plan.done)} of them done"
    console.print(f"{planned}; records go to {stores[0].root}", soft_wrap=True)
    if not todo and (again := _again(asked, plan, todo, cells)):
        console.print(again, markup=False, soft_wrap=True)
    stores[0].require_writable()
    deadline = time.monotonic() + 60 * request.time_limit if request.time_limit is not None else math.inf
    return carry_out(plan, stores[0], as_json, costs_on_record(plan.todo, stores), deadline)


def _show_costs(asked: Any, plan: Any, todo: list[Any], cells: list[Any], own: list[Any], as_json: bool) -> None:
    """Print the open rounds of each cell with the time that they would take here: empty cells first, then cheap before dear."""
    from benchmark.cli.shared.plan_table import descriptors_line
    from benchmark.harness.preparation import descriptors_to_compute

    shown, descriptors = _costed(plan, todo, cells, own), descriptors_to_compute([one.job for one in todo])
    if as_json:
        named = [dict(zip(_plan_header("core hours"), row, strict=True)) for row in shown]
        told = {"skipped": plan.skipped, "cells": named, "descriptors": descriptors and asdict(descriptors)}
        print(json_text(told))
        return
    for line in plan.skipped:
        print(f"skipped: {line}")
    if shown:
        _print_plan(shown)
        if descriptors:
            print(descriptors_line(descriptors))
    else:
        print(f"nothing to run: every round asked for is done{', but for those skipped' if plan.skipped else ''}")
    again = _again(asked, plan, todo, cells)
    print(again, end="\n" if again else "")


def _plan_header(unit: str) -> list[str]:
    return ["task", "model", "open rounds", f"{unit} a round", unit, "estimated from"]


def _costed(plan: Any, todo: list[Any], cells: list[Any], own: list[Any]) -> list[list[Any]]:
    """A row for each cell with open rounds, costs in core hours."""
    from benchmark.harness.cost import costs_on_record, timed

    # Published records may be of another machine whose processor has the same name.
    costs, rows = costs_on_record(plan.todo, own), {}
    for cell in sorted(cells, key=lambda cell: cell.task):  # each task is loaded once
        jobs = [one.job for one in todo if one.cell is cell]
        if jobs:
            known = costs.of(jobs[0], plan.n_train[jobs[0]])
            cost = known if known and known.measured_here else timed(jobs[0])
            hours = cost.seconds / 3600
            rows[id(cell)] = [cell.task, cell.label, len(jobs), hours, len(jobs) * hours, cost.source]
    # `todo` begins with the first rounds, those of empty cells.
    first_open = {id(one.cell): one.round for one in reversed(todo)}
    return [rows[place] for place in sorted(rows, key=lambda place: (first_open[place] > 0, rows[place][3]))]


def _print_plan(shown: list[list[Any]]) -> None:
    """The rows and their sums, all in hours or, where the whole plan takes less than one, in minutes."""
    from tabulate import tabulate

    from benchmark.rendering.text import significant

    total = sum(row[4] for row in shown)
    unit, an_hour = ("core hours", 1) if total >= 1 else ("core minutes", 60)
    texts = [[*row[:3], *(significant(hours * an_hour, 2) for hours in row[3:5]), row[5]] for row in shown]
    align = ("left", "left", "right", "right", "right", "left")
    print(tabulate(texts, _plan_header(unit), disable_numparse=True, colalign=align))
    first, every = (significant(hours * an_hour, 2) for hours in (sum(row[3] for row in shown), total))
    print(f"\none round of each: {first}; all rounds: {every} {unit} (of one processor core, or of the GPU)")


def _again(asked: Any, plan: Any, todo: list[Any], cells: list[Any]) -> str:
    """How many cells have all rounds asked for, and how to run one of them again; "" where none has."""
    from benchmark.rendering.text import count
    from benchmark.reproduction.page import rerun

    open_cells, ran = {id(one.cell) for one in todo}, {(job.task.name, job.model) for job in plan.done}
    done = [cell for cell in cells if id(cell) not in open_cells and (cell.task, cell.model) in ran]
    if not done:
        return ""
    return (
        f"{count(len(done), 'cell')} {'is' if len(done) == 1 else 'are'} done. A round is done if --out, reproduction in "
        f"--reports, or {PUBLISHED} has it. To run a done cell again, name a new directory with both options:\n"
        f"{rerun(asked, done[0])}"
    )
