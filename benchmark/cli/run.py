"""`python -m benchmark run …`: train and score models fold by fold, then print the board."""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmark.cli.shared.directories import require_unpublished
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
from benchmark.results.directories import RUNS
from datasets.errors import BenchmarkError, InputError

commands = typer.Typer()


@commands.command(epilog="Example: python -m benchmark run --task emt/alloys --model cgcnn --folds 3")
@kept_on_stop("finished folds are")
def run(
    everything: Annotated[
        bool, typer.Option("--all", help="Every task of the built-in sets whose data are on this machine.")
    ] = False,
    task: TasksOption = None,
    dataset: FoldersOption = None,
    model: Annotated[list[str] | None, typer.Option(help="A model; may be repeated. Default: all.")] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="name=value: change a setting of the one model named.")
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option(help="The budget: smoke (seconds), mini (default: miniatures), standard, paper (as published)."),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Instead of a profile: the settings of a study, fung, omee or thesis.")
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="kfold, shuffle (80:10:10), holdout (80:20, no validation) or published.")
    ] = None,
    folds: Annotated[int | None, typer.Option(min=1, help="How many folds. Default: 5, 10 for shuffle.")] = None,
    group_duplicates: Annotated[
        bool | None,
        typer.Option(
            "--group-duplicates/--no-group-duplicates",
            help="Keep duplicates of a structure in one part of every fold. Default: where over 1 % of the crystals have one.",
        ),
    ] = None,
    seed: SeedOption = 0,
    repeats: Annotated[
        int, typer.Option(min=1, max=100, help="Divide and train anew this often, with the seeds from --seed on.")
    ] = 1,
    until_decided: Annotated[
        bool, typer.Option("--until-decided", help="Add repeats of a task until every model is decided; at most 50.")
    ] = False,
    time_limit: Annotated[
        float | None, typer.Option(min=0, help="Minutes after which no further fold is begun. Run again to go on.")
    ] = None,
    device: DeviceOption = "auto",
    workers: WorkersOption = None,
    out: Annotated[Path, typer.Option(help="Where records and pages go.")] = RUNS,
    save_checkpoints: Annotated[
        bool, typer.Option("--save-checkpoints", help="Keep each fold's model beside its record, for `predict`.")
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out crystals that cannot be read, or that a chosen model cannot take.")
    ] = False,
    slurm: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Submit this many jobs to SLURM that share the folds, and return.")
    ] = None,
    cluster: Annotated[
        Path | None, typer.Option(help="A TOML file of what each job asks for: partition, gpus, minutes … (docs/clusters.md).")
    ] = None,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train and score models fold by fold, then print the board; run again to go on after a stop."""
    from benchmark.cli.shared.plan_table import show_plan
    from benchmark.cli.shared.submission import cluster_options, device_of_jobs, submit_workers
    from benchmark.harness.machine import choose_device, cores, default_workers
    from benchmark.harness.plan import RunOptions, make_plan, parse_settings
    from benchmark.leaderboard.pages.write import require_own_page
    from benchmark.leaderboard.web.write import require_own_site
    from benchmark.results.store import Store

    require_unpublished(out)
    if profile and preset:
        raise InputError(f"--profile {profile} and --preset {preset} both name settings; give one of them")
    asked = cluster_options(slurm, cluster)
    store, device = Store(out), choose_device(device) if asked is None else device_of_jobs(device, asked)
    workers = workers or (default_workers() if device == "cpu" else 1)
    options = RunOptions(
        tasks=[*(task or []), *(str(path.resolve()) for path in dataset or [])],
        everything=everything,
        models=model or [],
        settings=parse_settings(setting or []),
        profile=profile or "mini",
        preset=preset,
        protocol=_protocol(protocol),
        folds=folds,
        group_duplicates=group_duplicates,
        seed=seed,
        repeats=repeats,
        device=device,
        workers=workers,
        threads=max(1, cores() // workers),
        save_checkpoints=save_checkpoints,
        skip_bad=skip_bad,
    )
    for path in dataset or []:
        if not path.is_dir():
            raise InputError(f"{path} is not a folder; --dataset takes a folder of structures with a CSV of ids and targets")
    plan = make_plan(options, store)
    if not dry_run:
        store.require_writable()
        require_own_page(out)
        require_own_site(out)
    show_plan(plan, options, store, as_json and dry_run)
    if dry_run:
        return
    if slurm and asked:
        submit_workers(plan, store, slurm, asked, as_json)
        return
    deadline = time.monotonic() + 60 * time_limit if time_limit is not None else math.inf
    plans, records = [plan], list(_carry_out(plan, store, as_json, deadline))
    while until_decided and time.monotonic() < deadline and (options := _next_repeat(options, plans[-1], store)):
        plans.append(make_plan(options, store))
        records += _carry_out(plans[-1], store, as_json, deadline)
    _show(plans, store, records, as_json)


def _protocol(name: str | None) -> Any:
    if name not in (None, "kfold", "shuffle", "holdout", "published"):
        raise InputError(f"unknown protocol '{name}'; choose kfold, shuffle, holdout or published")
    return name


def _next_repeat(options: Any, plan: Any, store: Any) -> Any:
    """The options with one repeat more of the tasks where a model is undecided; None where there is none."""
    from benchmark.leaderboard.undecided import undecided_tasks
    from benchmark.statistics.decisions import MOST_REPEATS
    from datasets.registry import registered

    groups = {(job.task.name, job.profile, str(job.protocol)) for job in plan.jobs}
    open_ = undecided_tasks(store, groups, look=options.repeats)
    tasks = [job.task for job in plan.jobs if job.task.name in open_]
    named = [task.name if task.dataset in registered() else task.source for task in tasks]
    if not open_ or options.repeats >= MOST_REPEATS:
        return None
    return replace(options, repeats=options.repeats + 1, tasks=list(dict.fromkeys(named)), everything=False)


def _carry_out(plan: Any, store: Any, as_json: bool, deadline: float) -> list[Any]:
    from benchmark.cli.shared.progress import console, live
    from benchmark.harness.run import run_jobs

    with live(plan, quiet=as_json) as display:
        records = run_jobs(plan.todo, store, display.on_progress, display.on_record, deadline=deadline)
    if left := len(plan.todo) - len(records):
        console.print(f"the time is up: {left} of {len(plan.jobs)} folds are left; run the same command again to go on")
    return records


def _show(plans: list[Any], store: Any, records: list[Any], as_json: bool) -> None:
    """Write the board and print it for the tasks of all plans; those of a later one are more repeats of some."""
    from benchmark.cli.shared.progress import console
    from benchmark.leaderboard.as_json import row_as_json
    from benchmark.leaderboard.pages.write import write_pages
    from benchmark.leaderboard.terminal import terminal_table
    from benchmark.leaderboard.web.write import write_site
    from benchmark.results import compositions

    def leave_out(error: InputError) -> None:
        console.print(f"left out of the board: {error}", markup=False, soft_wrap=True)

    jobs = dict.fromkeys(job for plan in plans for job in plan.jobs)
    for task in {job.task for job in jobs if job.task.without}:
        compositions.keep(store.root, task.whole())
    board = write_site(store, store.root, leave_out, {job.task.dataset: job.task.source for job in jobs})
    pages = write_pages(board, store.root, leave_out)
    tasks = {job.task.name for job in jobs}
    shown = [group for group in board.comparison_groups if group.first.key.task in tasks]
    if as_json:
        print(json.dumps([row_as_json(row) for group in shown for row in group.rows], indent=1))
    else:
        for group in shown:
            print(f"\n{group.first.key.task} in {group.first.key.unit} ({group.title})\n\n{terminal_table(group)}")
        print(f"\nboard: {pages[0]}")
        for folder in dict.fromkeys(folder for plan in plans for folder in plan.checkpoints):
            print(f"checkpoints: {folder}")
    failed = [r for r in records if r.status != "complete"]
    if failed:
        first = failed[0]
        raise BenchmarkError(
            f"{len(failed)} of {len(jobs)} folds failed, the first: {first.key.task} {first.key.model} "
            f"fold {first.key.fold}: {first.reason}"
        )
