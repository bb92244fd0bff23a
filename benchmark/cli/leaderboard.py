"""`python -m benchmark leaderboard …` and `publish`: from records to boards."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmark.cli.options import JsonOption
from datasets.errors import InputError

PUBLISHED = Path("leaderboards")

RENDER_EXAMPLE = "Example: python -m benchmark leaderboard --from runs"
SUBMIT_EXAMPLE = "Example: python -m benchmark leaderboard submit runs"
PUBLISH_EXAMPLE = "Example: python -m benchmark publish --task fung/2d/work_function"

BoardOption = Annotated[Path, typer.Option("--to", help="The published board.")]

app = typer.Typer(help="Render boards, and check records before they are published.", rich_markup_mode=None)


@app.callback(invoke_without_command=True, epilog=RENDER_EXAMPLE)
def leaderboard(
    context: typer.Context,
    source: Annotated[Path, typer.Option("--from", help="A directory of records. Default: the published ones.")] = PUBLISHED,
    as_json: JsonOption = False,
) -> None:
    """Score every record anew from its predictions and render the board; `submit` checks records from elsewhere."""
    if context.invoked_subcommand:
        return
    from benchmark.leaderboard.pages.write import write_pages
    from benchmark.leaderboard.web.write import write_site
    from benchmark.results.store import Store

    if not (source / "records").is_dir():
        raise InputError(f"{source} has no records; run `python -m benchmark run` first, or name another directory with --from")
    board = write_site(Store(source), source)
    pages = [*write_pages(board, source), source / "index.html"]
    if as_json:
        print(json.dumps([run_row(row) for group in board.comparison_groups for row in group.rows], indent=1))
    else:
        print("\n".join(map(str, pages)))


@app.command(epilog=SUBMIT_EXAMPLE)
def submit(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A directory of records, as `run --out` writes it.")],
    board: BoardOption = PUBLISHED,
    as_json: JsonOption = False,
) -> None:
    """Check a directory of records as for publishing, and say everything that is wrong; nothing is written.

    Checked are every file and its size, the schema, folds and targets against the data on this machine or the published
    records, all scores anew, the folds of every run, licence and citation of every model. Exit code 2 where anything is wrong.
    """
    from benchmark.results.store import Store
    from benchmark.results.submission import examine

    report = examine(Store(directory), Store(board))
    if as_json:
        print(json.dumps(asdict(report), indent=1))
    else:
        for line in report.problems:
            print(line, file=sys.stderr)
        for line in report.unproven:
            print(f"published before, and nothing here to compare it with: {line}", file=sys.stderr)
        if not report.problems:
            print(_would_do(report, board))
    if report.problems:
        count = len(report.problems)
        raise InputError(f"{count} problem{'s' * (count > 1)} in {directory}; nothing of it can be published")


def _would_do(report: Any, board: Path) -> str:
    lines = [f"adds {name}" for name in report.added]
    lines += [f"replaces {name}, which needs `publish --replace`" for name in report.replaced]
    lines.append(
        f"valid: {len(report.added)} files are new in {board}, {len(report.replaced)} replace others, "
        f"{report.unchanged} are published already"
    )
    return "\n".join(lines)


def publish(
    source: Annotated[Path, typer.Option("--from", help="Where the records are.")] = Path("runs"),
    target: BoardOption = PUBLISHED,
    task: Annotated[list[str] | None, typer.Option(help="Only this task; may be repeated.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="Only this model; may be repeated.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace published records that differ.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Validate records, copy them to the published board and render it; nothing is replaced silently.

    The compositions of the datasets on this machine are written where the board lacks them: with `--from` the board itself,
    nothing is copied and only they are added.
    """
    from benchmark.leaderboard.pages.write import write_pages
    from benchmark.leaderboard.web.write import write_site
    from benchmark.results.publish import add_compositions, publish_records
    from benchmark.results.store import Store

    board = Store(target)
    copied = publish_records(Store(source), board, task or [], model or [], replace)
    added = add_compositions(board)
    write_pages(write_site(board, target), target)
    if as_json:
        print(json.dumps([str(path) for path in copied]))
    else:
        print(f"{len(copied)} records published; board: {target / 'README.md'}")
        for path in added:
            print(f"compositions: {path}")


def run_row(row: Any) -> dict[str, Any]:
    """A row of a board as JSON: its key, tier, mean and spread, and its folds with metrics and times."""
    key = row.run.first.key
    named = {name: getattr(key, name) for name in ("task", "unit", "model", "settings", "profile", "protocol", "seed")}
    folds = [
        {"fold": r.key.fold, "status": r.status, "reason": r.reason, "metrics": r.metrics and r.metrics.model_dump(),
         "times": r.times and r.times.model_dump(), "parameters": r.parameters}
        for r in row.run.folds
    ]  # fmt: skip
    mean, std = row.over_folds("mae") or (None, None)
    return {
        **named,
        "tier": row.tier,
        "unranked": row.unranked,
        "stale": row.stale,
        "mae": mean,
        "mae_std": std,
        "folds": folds,
    }
    standing = {"tier": row.tier, "unranked": row.unranked, "stale": row.stale}
    return {**named, **standing, "mae": mean, "mae_std": std, "folds": folds}
