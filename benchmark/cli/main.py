"""The command line. No prompts; every error is one line on stderr, exit 2 for wrong use and 1 for failed work."""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from tabulate import tabulate
from typer.exceptions import TyperException

from benchmark.cli.check import CHECK_EXAMPLE, check
from benchmark.cli.datasets import app as datasets_app
from benchmark.cli.explain import EXAMPLE as EXPLAIN_EXAMPLE
from benchmark.cli.explain import explain
from benchmark.cli.leaderboard import PUBLISH_EXAMPLE, PUBLISHED, publish, run_row
from benchmark.cli.leaderboard import app as board_app
from benchmark.cli.options import (
    DeviceOption,
    DryRunOption,
    FoldersOption,
    JsonOption,
    SeedOption,
    TasksOption,
    WorkersOption,
    sole_writer,
)
from benchmark.cli.performance import PERFORMANCE_EXAMPLE, performance
from benchmark.cli.predict import EXAMPLE, predict
from benchmark.cli.study import STUDY_EXAMPLE, study
from benchmark.cli.verify import VERIFY_EXAMPLE, verify
from datasets.errors import BenchmarkError, InputError

app = typer.Typer(
    help="Benchmark crystal-property graph neural networks and keep the leaderboard.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(board_app, name="leaderboard")
app.add_typer(datasets_app, name="datasets")

STOPPED = 130
"""Exit code after Ctrl-C, as shells have it."""


def main() -> None:
    """Run the command line and exit."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("datasets").setLevel(logging.INFO)
    try:
        code = app(standalone_mode=False)
        if code == STOPPED:  # typer turns Ctrl-C into an exit code
            raise KeyboardInterrupt
    except BenchmarkError as error:
        code = _fail(str(error), error.exit_code)
    except TyperException as error:
        code = _fail(f"{error.format_message()} (see --help)", 2)
    except (KeyboardInterrupt, typer.Abort):
        again = "run the same command again to go on"
        kept = f"; finished folds are kept, {again}" if sys.argv[1:2] in (["run"], ["study"]) else ""
        kept = f"; what came is kept, {again}" if "fetch" in sys.argv[2:3] else kept
        kept = f"; what was found is kept, {again}" if "explain" in sys.argv[1:2] else kept
        code = _fail(f"stopped{kept}", STOPPED)
    except BrokenPipeError:
        code = 1
    except OSError as error:
        code = _fail(f"{error.filename or 'output'}: {error.strerror or error}", 1)
    sys.exit(code)


def _fail(message: str, code: int) -> int:
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return code


@app.command(epilog="Example: python -m benchmark run --task emt/alloys --model cgcnn --folds 3")
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
    protocol: Annotated[str | None, typer.Option(help="kfold, shuffle (80:10:10) or published.")] = None,
    folds: Annotated[int | None, typer.Option(min=1, help="How many folds. Default: 5 for kfold, 10 for shuffle.")] = None,
    group_duplicates: Annotated[
        bool, typer.Option("--group-duplicates", help="Keep duplicates of a structure in one part of every fold.")
    ] = False,
    seed: SeedOption = 0,
    device: DeviceOption = "auto",
    workers: WorkersOption = None,
    out: Annotated[Path, typer.Option(help="Where records and pages go.")] = Path("runs"),
    save_checkpoints: Annotated[
        bool, typer.Option("--save-checkpoints", help="Keep each fold's model beside its record, for `predict`.")
    ] = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Train and score models fold by fold, then print the board; run again to go on after a stop."""
    from benchmark.harness.machine import choose_device, cores, default_workers
    from benchmark.harness.plan import Request, make_plan, parse_settings
    from benchmark.leaderboard.pages.write import require_own_page
    from benchmark.leaderboard.web.write import require_own_site
    from benchmark.results.store import Store

    if out.resolve() == PUBLISHED.resolve():
        raise InputError(f"--out {out} holds the published records; run into another directory, then `publish`")
    if profile and preset:
        raise InputError(f"--profile {profile} and --preset {preset} both name settings; give one of them")
    store, device = Store(out), choose_device(device)
    workers = workers or (default_workers() if device == "cpu" else 1)
    request = Request(
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
        device=device,
        workers=workers,
        threads=max(1, cores() // workers),
        save_checkpoints=save_checkpoints,
    )
    for path in dataset or []:
        if not path.is_dir():
            raise InputError(f"{path} is not a folder; --dataset takes a folder of structures with a CSV of ids and targets")
    plan = make_plan(request, store)
    if not dry_run:
        store.require_writable()
        require_own_page(out)
        require_own_site(out)
    show_plan(plan, request, store, as_json and dry_run)
    if dry_run:
        return
    with sole_writer(out, f"another run is writing to {out}; wait for it or choose another directory with --out"):
        _carry_out(plan, store, as_json)


def _protocol(name: str | None) -> Any:
    if name not in (None, "kfold", "shuffle", "published"):
        raise InputError(f"unknown protocol '{name}'; choose kfold, shuffle or published")
    return name


def show_plan(plan: Any, request: Any, store: Any, as_json: bool) -> None:
    """Print what is going to be done."""
    from benchmark.cli.progress import console

    if as_json:
        jobs = [{"done": job in plan.done, **_job_row(job)} for job in plan.jobs]
        print(json.dumps({"jobs": jobs, "skipped": plan.skipped}, indent=1))
        return
    seeds = ", ".join(map(str, sorted({request.seed, *(job.seed for job in plan.jobs)})))
    named = f"preset {request.preset}" if request.preset else f"profile {request.profile}"
    for line in plan.skipped:
        console.print(f"skipped: {line}", markup=False, soft_wrap=True)
    console.print(
        f"{len(plan.jobs)} folds, {len(plan.done)} of them done: {named}, seed {seeds}, "
        f"{request.device}, {request.workers} worker(s) × {request.threads} thread(s); records go to {store.root}",
        markup=False, soft_wrap=True,
    )  # fmt: skip
    counts: dict[tuple[str, str, str], list[int]] = {}
    for job in plan.jobs:
        row = counts.setdefault((job.task.name, job.model, str(job.protocol)), [0, 0])
        row[0] += 1
        row[1] += job not in plan.todo
    rows = [[*key, *count] for key, count in counts.items()]
    console.print(tabulate(rows, ["task", "model", "protocol", "folds", "done"]), markup=False, soft_wrap=True)


def _job_row(job: Any) -> dict[str, Any]:
    return {
        "task": job.task.name, "model": job.model, "settings": job.settings.as_dict(), "profile": job.profile,
        "protocol": str(job.protocol), "fold": job.fold, "seed": job.seed,
    }  # fmt: skip


def _carry_out(plan: Any, store: Any, as_json: bool) -> None:
    from benchmark.cli.progress import console, live
    from benchmark.harness.run import run_jobs
    from benchmark.leaderboard.pages.write import write_pages
    from benchmark.leaderboard.terminal import terminal_table
    from benchmark.leaderboard.web.write import write_site

    with live(plan, quiet=as_json) as display:
        records = run_jobs(plan.todo, store, display.on_progress, display.on_record)

    def leave_out(error: InputError) -> None:
        console.print(f"left out of the board: {error}", markup=False, soft_wrap=True)

    board = write_site(store, store.root, leave_out, {job.task.dataset: job.task.source for job in plan.jobs})
    pages = write_pages(board, store.root, leave_out)
    tasks = {job.task.name for job in plan.jobs}
    shown = [group for group in board.comparison_groups if group.first.key.task in tasks]
    if as_json:
        print(json.dumps([run_row(row) for group in shown for row in group.rows], indent=1))
    else:
        for group in shown:
            print(f"\n{group.first.key.task} in {group.first.key.unit} ({group.title})\n\n{terminal_table(group)}")
        print(f"\nboard: {pages[0]}")
        for folder in plan.checkpoints:
            print(f"checkpoints: {folder}")
    failed = [r for r in records if r.status != "complete"]
    if failed:
        first = failed[0]
        raise BenchmarkError(
            f"{len(failed)} of {len(plan.jobs)} folds failed, the first: {first.key.task} {first.key.model} "
            f"fold {first.key.fold}: {first.reason}"
        )


@app.command(epilog="Example: python -m benchmark models --layers 10 --json")
def models(
    layers: Annotated[
        int | None, typer.Option(min=1, help="Count parameters at this depth. Default: each model's own.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the models with their papers, graph rules and trainable parameters."""
    from models.registry import registered

    rows = [spec.describe(layers) for spec in registered().values()]
    if as_json:
        print(json.dumps(rows, indent=1))
    else:
        table = [["" if v is None else f"{v:,}" if isinstance(v, int) else v for v in row.values()] for row in rows]
        print(tabulate(table, [name.replace("_", " ") for name in rows[0]], disable_numparse=True))


app.command(epilog=PUBLISH_EXAMPLE)(publish)
app.command(epilog=EXAMPLE)(predict)
app.command(epilog=STUDY_EXAMPLE)(study)
app.command(epilog=EXPLAIN_EXAMPLE)(explain)
app.command(epilog=PERFORMANCE_EXAMPLE)(performance)
app.command(epilog=CHECK_EXAMPLE)(check)
app.command(epilog=VERIFY_EXAMPLE)(verify)
