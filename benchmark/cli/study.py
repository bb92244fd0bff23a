"""`python -m benchmark study NAME …`: many ordinary jobs that answer one question, and the report on them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from benchmark.cli.shared.options import (
    DeviceOption,
    DryRunOption,
    FoldersOption,
    JsonOption,
    SeedOption,
    TasksOption,
    WorkersOption,
)
from benchmark.cli.shared.stopping import kept_on_stop
from benchmark.cli.shared.terminal import json_text, tell
from benchmark.results.directories import PUBLISHED, REPORTS, RUNS
from benchmark.studies.registry import names, pages_of
from datasets.errors import BenchmarkError, InputError

commands = typer.Typer()


@commands.command(
    epilog="Example: python -m benchmark study depth --task emt/alloys --model deeper-gatgnn --layers 4,10,20 --folds 3"
)
@kept_on_stop("finished folds, and the last checkpoints of the others, are")
def study(
    name: Annotated[
        str,
        typer.Argument(help=f"One of {', '.join(names())}."),
    ],
    task: TasksOption = None,
    dataset: FoldersOption = None,
    model: Annotated[
        list[str] | None, typer.Option(help="A model; may be repeated. Default: all that the study is about.")
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="name=value: change a setting of every model, for example epochs=20.")
    ] = None,
    profile: Annotated[str, typer.Option(help="The budget: smoke (seconds), mini, standard, paper (as published).")] = "mini",
    layers: Annotated[
        str | None, typer.Option(help="Depths, separated by commas. Default: 4,6,8,10,15,20,25,30 for depth, 20 for ablation.")
    ] = None,
    folds: Annotated[int | None, typer.Option(min=1, help="How many folds. Default: 5.")] = None,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    workers: WorkersOption = None,
    out: Annotated[Path, typer.Option(help="Records go to studies/NAME in this directory.")] = RUNS,
    reports: Annotated[
        Path | None,
        typer.Option(
            help="The report goes to NAME/<task>.md in this directory. Default: that of --out; reports for --publish."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Only go on with what a stop left: an error where no finished fold is kept.")
    ] = False,
    render_only: Annotated[
        bool,
        typer.Option(
            "--render-only",
            help="Train nothing: render the report of all kept folds of the tasks. What says how to train has no meaning then.",
        ),
    ] = False,
    publish: Annotated[
        bool,
        typer.Option(
            "--publish", help="Train nothing: pack the kept folds of the tasks into studies/NAME of --reports; render."
        ),
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="With --publish: also over folds that differ.")] = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run a study fold by fold and render its report; run again to go on after a stop."""
    from benchmark.results.store import Store

    pages, store = pages_of(name), Store(out / "studies" / name)
    reports = reports or (REPORTS if publish else out)
    named = [*(task or []), *(str(path.resolve()) for path in dataset or [])]
    if replace and not publish:
        raise InputError("--replace has a meaning with --publish only")
    if publish or render_only:
        option = "--publish" if publish else "--render-only"
        if dry_run or resume:
            raise InputError(f"{option} trains nothing; leave out {'--dry-run' if dry_run else '--resume'}")
        _render_kept(pages, _published(pages, store, named, reports, replace) if publish else store, named, reports, as_json)
        return

    from benchmark.cli.shared.plan_table import show_plan
    from benchmark.harness.cost import costs_on_record
    from benchmark.harness.machine import choose_device, default_workers
    from benchmark.harness.plan import RunOptions, parse_settings
    from benchmark.studies.planning import keep_elsewhere, plan_study, study_called

    chosen = study_called(name)
    device, depths = choose_device(device), _depths(layers)
    workers = workers or (default_workers() if device == "cpu" else 1)
    options = RunOptions(
        tasks=named,
        models=model or [],
        settings=parse_settings(setting or []),
        profile=profile,
        folds=folds,
        seed=seed,
        device=device,
        workers=workers,
        # One each, whatever the workers: sums are rounded by how many threads share them, and curves would mix both.
        threads=1,
        numbers_only=True,
    )
    if not options.tasks:
        raise InputError("nothing to study: name tasks with --task, or a folder with --dataset")
    # What a stop left has the folds of boards already.
    boards = [] if resume else [Store(out), Store(PUBLISHED)]
    plan = plan_study(chosen, options, depths, store, boards)
    if resume and plan.jobs and not plan.done:
        raise InputError(
            f"nothing to resume: {store.root.resolve()} has no finished fold of this study and source; "
            "check --out, or leave --resume out"
        )
    if not dry_run:
        store.require_writable()
        keep_elsewhere(plan, store)
    costs = costs_on_record(plan.todo, [store, Store(REPORTS / "studies" / name), Store(PUBLISHED)])
    show_plan(plan, options, store, as_json and dry_run, costs, dry_run)
    if dry_run:
        return
    _carry_out(chosen, plan, store, costs, reports, as_json)


def _depths(text: str | None) -> list[int]:
    """The numbers of `--layers`."""
    try:
        depths = sorted({int(part) for part in (text or "").replace(" ", ",").split(",") if part})
    except ValueError:
        raise InputError(f"--layers {text}: write whole numbers separated by commas, for example 4,10,20") from None
    if any(depth < 1 for depth in depths):
        raise InputError(f"--layers {text}: a network has at least 1 layer")
    return depths


def _carry_out(chosen: Any, plan: Any, store: Any, costs: Any, reports: Path, as_json: bool) -> None:
    from benchmark.cli.shared.failures import where_to_look
    from benchmark.cli.shared.progress import carry_out
    from benchmark.results.settled import SETTLED

    records = carry_out(plan, store, as_json, costs, observer=chosen.observer)
    _render(pages_of(chosen.name), store, {job.task.name for job in plan.jobs}, reports, as_json)
    failed = [record for record in records if record.status not in SETTLED]
    if failed:
        first = failed[0]
        raise BenchmarkError(
            f"{len(failed)} of {len(plan.jobs)} folds failed, the first: {first.key.task} {first.key.model} "
            f"{first.changed}, fold {first.key.fold + 1}: {first.reason}{where_to_look(first)}"
        )


def _task_names(named: list[str]) -> set[str]:
    from benchmark.tasks.tasks import find_tasks

    return {task.name for text in named for task in find_tasks(text)}


def _published(pages: Any, store: Any, named: list[str], reports: Path, replace: bool) -> Any:
    """The published store, with the kept folds of the tasks added to it."""
    from benchmark.results.store import Store
    from benchmark.studies.published import publish_study

    target = Store(reports / "studies" / pages.name)
    for path in publish_study(store, target, pages.seen, _task_names(named), replace):
        tell(f"published: {path}")
    return target


def _render_kept(pages: Any, store: Any, named: list[str], reports: Path, as_json: bool) -> None:
    """The report without training; InputError where there is nothing to report."""
    tasks = _task_names(named)
    if not _render(pages, store, tasks, reports, as_json):
        raise InputError(
            f"nothing to render: {store.root.resolve()} has no fold of {', '.join(sorted(tasks)) or 'any task named'}"
        )


def _render(pages: Any, store: Any, tasks: set[str], reports: Path, as_json: bool) -> int:
    """Write the report of what a store has of the tasks; returns how many folds that are."""
    from benchmark.studies.pages import write_study_pages
    from benchmark.studies.published import read_trials

    def left_out(error: InputError) -> None:
        tell(f"left out of the report: {error}")

    found = [t for t in read_trials(store, pages.seen, left_out) if t.record.key.task in tasks]
    written = write_study_pages(pages, found, reports)
    if as_json:
        print(json_text(pages.json_rows(found)))
    else:
        for path in written:
            if path.suffix == ".md":
                print(f"report: {path}")
    return len(found)
