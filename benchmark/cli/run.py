"""`python -m benchmark run …`: train and score models fold by fold, then print the board."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
from benchmark.cli.shared.places import group_of, groups_of, jobs_of, print_places
from benchmark.cli.shared.stopping import kept_on_stop
from benchmark.cli.shared.terminal import tell
from benchmark.results.directories import PUBLISHED, RUNS
from datasets.errors import BenchmarkError, InputError

commands = typer.Typer()


@commands.command(epilog="Example: python -m benchmark run --task emt/alloys --model cgcnn --folds 3")
@kept_on_stop("finished folds, and the last checkpoints of the others, are")
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
        float | None,
        typer.Option(min=0, help="Minutes after which the run ends; folds under way are kept. Run again to go on."),
    ] = None,
    checkpoint_every: Annotated[
        float, typer.Option(min=0, help="Minutes between two checkpoints of a fold, from which it goes on after a kill.")
    ] = 5.0,
    fold_time_limit: Annotated[
        float | None, typer.Option(min=0, help="Minutes after which the training of one fold is given up, with a record.")
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Only the folds of this plan that failed.")] = False,
    device: DeviceOption = "auto",
    workers: WorkersOption = None,
    out: Annotated[Path, typer.Option(help="Where records and pages go.")] = RUNS,
    save_checkpoints: Annotated[
        bool, typer.Option("--save-checkpoints", help="Keep each fold's model beside its record, for `predict`.")
    ] = False,
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad", help="Leave out crystals whose file is missing or cannot be read, or that a chosen model cannot take."
        ),
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
    from benchmark.cli.shared.plan_table import show_plan, unpublishable
    from benchmark.cli.shared.progress import carry_out
    from benchmark.cli.shared.submission import cluster_options, device_of_jobs, submit_workers
    from benchmark.harness.cost import costs_on_record
    from benchmark.harness.machine import choose_device, default_workers, threads_of
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
        threads=threads_of(workers),
        save_checkpoints=save_checkpoints,
        skip_bad=skip_bad,
        failed_only=retry_failed,
    )
    for path in dataset or []:
        if not path.is_dir():
            raise InputError(f"{path} is not a folder; --dataset takes a folder of structures with a CSV of ids and targets")
    plan = make_plan(options, store)
    if not dry_run:
        store.require_writable()
        require_own_page(out)
        require_own_site(out)
    costs = costs_on_record(plan.todo, [store, Store(PUBLISHED)])
    warned = replace(plan, warnings=(*plan.warnings, *(unpublishable(options) if plan.todo else ())))
    show_plan(warned, options, store, as_json and dry_run, costs, dry_run)
    if dry_run:
        return
    if slurm and asked:
        submit_workers(plan, store, slurm, asked, as_json)
        return
    deadline = time.monotonic() + 60 * time_limit if time_limit is not None else math.inf
    times = {"every_s": 60 * checkpoint_every, "limit_s": math.inf if fold_time_limit is None else 60 * fold_time_limit}
    plans = [plan]
    with _scores_where_nothing_can_be_written(plans, store, as_json):
        records = carry_out(plan, store, as_json, costs, deadline, events=as_json, **times)
        while until_decided and time.monotonic() < deadline and (options := _next_repeat(options, plans[-1], store)):
            plans.append(make_plan(options, store))
            records += carry_out(plans[-1], store, as_json, costs, deadline, events=as_json, **times)
        board, pages = _written(plans, store)
    _print_scores(board, plans, store, as_json)
    if not as_json:
        print_places(plans, pages, board)
    _require_complete(plans, records)


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
    if not open_:
        tell(f"every model is decided against the best other one, repeats: {options.repeats}; other pairs may be undecided")
    if not open_ or options.repeats >= MOST_REPEATS:
        return None
    return replace(options, repeats=options.repeats + 1, tasks=list(dict.fromkeys(named)), everything=False)


@contextmanager
def _scores_where_nothing_can_be_written(plans: list[Any], store: Any, as_json: bool) -> Iterator[None]:
    """Around all that writes: where it fails, on a full disk for example, the scores of the finished folds are printed."""
    from benchmark.leaderboard.board import read_board

    try:
        yield
    except (BenchmarkError, OSError):
        with suppress(BenchmarkError, OSError):
            _print_scores(read_board(store, on_invalid=_leave_out), plans, store, as_json)
        raise


def _leave_out(error: InputError) -> None:
    tell(f"left out of the board: {error}")


def _written(plans: list[Any], store: Any) -> tuple[Any, list[Path]]:
    """The board, and its pages as they were written."""
    from benchmark.leaderboard.pages.write import write_pages
    from benchmark.leaderboard.web.write import write_site
    from benchmark.results import compositions

    jobs = jobs_of(plans)
    for task in {job.task for job in jobs if job.task.without}:
        compositions.keep(store.root, task.whole())
    board = write_site(store, store.root, _leave_out, {job.task.dataset: job.task.source for job in jobs})
    return board, write_pages(board, store.root, _leave_out)


def _print_scores(board: Any, plans: list[Any], store: Any, as_json: bool) -> None:
    """The board's rows in the comparison groups of all plans, for scripts as the last event; how many more groups there are."""
    from benchmark.leaderboard.as_json import row_as_json
    from benchmark.leaderboard.terminal import terminal_table
    from benchmark.rendering.text import count, with_unit

    planned = groups_of(plans)
    shown = [group for group in board.comparison_groups if group_of(group.first.key) in planned]
    if as_json:
        rows = [row_as_json(row) for group in shown for row in group.rows]
        print(json.dumps({"event": "summary", **_counted(jobs_of(plans), store), "scores": rows}, ensure_ascii=False))
    for group in [] if as_json else shown:
        named = with_unit(group.first.key.task, group.unit)
        print(f"\n{named} ({group.title})\n\n{terminal_table(group)}")
    earlier = len(board.comparison_groups) - len(shown)
    if earlier and not as_json:
        print(
            f"\nOnly this run's comparison groups are shown; the board also has {count(earlier, 'earlier comparison group')}."
        )


def _counted(jobs: list[Any], store: Any) -> dict[str, int]:
    """How many folds there are, how many of them failed, and how many have no record yet."""
    from benchmark.harness.plan import has_failed, without_record

    failed = sum(has_failed(job, store) for job in jobs)
    return {"folds": len(jobs), "failed": failed, "left": len(without_record(jobs, store))}


def _require_complete(plans: list[Any], records: list[Any]) -> None:
    """Raise BenchmarkError where a fold of this run has no score; which have none, and how only these are tried again."""
    from benchmark.cli.shared.failures import where_to_look
    from benchmark.harness.execution import code_failed
    from benchmark.rendering.commands import command

    failed = [r for r in records if r.status != "complete"]
    folds: dict[str, list[int]] = {}
    for record in failed:
        folds.setdefault(f"{record.status}: {record.key.task} {record.key.model} seed {record.key.seed}", []).append(
            record.key.fold
        )
    for name, numbers in folds.items():
        tell(f"{name} fold {', '.join(str(number + 1) for number in sorted(numbers))}")
    if failed:
        first = failed[0]
        again = command(*sys.argv[1:], *([] if "--retry-failed" in sys.argv else ["--retry-failed"]))
        then = "then run the same command again" if code_failed(first) else f"to try only these again: {again}"
        raise BenchmarkError(
            f"{len(failed)} of {len(jobs_of(plans))} folds failed, the first: {first.key.task} {first.key.model} "
            f"fold {first.key.fold + 1}: {first.reason}{where_to_look(first)}; {then}"
        )
