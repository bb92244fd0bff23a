"""`python -m benchmark leaderboard …`: from records to boards, and what a submission lacks."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.cli.shared.options import BoardOption, JsonOption
from benchmark.cli.shared.terminal import json_text, tell
from benchmark.results.directories import PUBLISHED
from datasets.errors import InputError

if TYPE_CHECKING:
    from benchmark.results.store import Store

PAIR = "--pair cgcnn schnet"
"""An example of the option."""


def _two_names(pair: tuple[str, str] | None) -> tuple[str, str] | None:
    """The names of --pair; InputError where one name, or both with a comma, has taken the next word for the other."""
    # The settings of a row, in brackets, may have commas.
    for name in pair or ():
        if name.startswith("-") or "," in name.split(" (")[0]:
            raise InputError(f"--pair needs two names: {PAIR}")
    return pair


commands = typer.Typer(name="leaderboard", help="Render boards, and check records before they are published.")


@commands.callback(invoke_without_command=True, epilog="Example: python -m benchmark leaderboard --from runs")
def leaderboard(
    context: typer.Context,
    source: Annotated[Path, typer.Option("--from", help="A directory of records. Default: the published ones.")] = PUBLISHED,
    beside: Annotated[
        Path | None, typer.Option(help="Show the rows of these records too, on the tasks of --from: `leaderboards`, say.")
    ] = None,
    pair: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="MODEL MODEL",
            help="Instead: is the difference between these two real? With --task. Models, or rows as the board names them.",
            callback=_two_names,
        ),
    ] = None,
    task: Annotated[str | None, typer.Option(help="dataset/target, with --pair.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Score every record anew from its predictions and render the board; `submit` checks records from elsewhere.

    With --pair nothing is written. With --beside, of a run that both directories have, the one with more folds is shown. With
    the published records, the generated parts of README.md and docs/ in this directory are filled too.
    """
    if context.invoked_subcommand:
        return
    store = _store(source, beside)
    if task and not pair:
        raise InputError("--task goes only with --pair; without it every task of the records is rendered")
    if pair and not task:
        raise InputError(f"--pair compares two models on one task: {PAIR} --task cgcnn/log10_k_vrh")
    if pair and task:
        _tell_pair(store, task, pair, as_json)
    else:
        _write(store, as_json)


def _store(source: Path, beside: Path | None) -> Store:
    """The records to read."""
    from benchmark.results.beside import StoreBeside
    from benchmark.results.store import Store

    for directory in (source, beside) if beside else (source,):
        if not (directory / "records").is_dir():
            told = "run `python -m benchmark run` first, or name another directory"
            raise InputError(
                f"{directory.resolve()} has no records; {told} with {'--from' if directory == source else '--beside'}"
            )
    if beside is None:
        return Store(source)
    if source == PUBLISHED or beside.resolve() == source.resolve():
        raise InputError("--beside takes records of another directory than your own: --from runs --beside leaderboards")
    return StoreBeside(source, Store(beside))


def _write(store: Store, as_json: bool) -> None:
    """Write the pages; say what is decided about one's own rows where others stand beside them, and where to begin."""
    from benchmark.cli.shared.site import write_board
    from benchmark.leaderboard.apart import same_run_line
    from benchmark.leaderboard.as_json import row_as_json
    from benchmark.leaderboard.pages.documents import write_documents
    from benchmark.leaderboard.terminal import own_rows
    from benchmark.results.beside import StoreBeside

    board, pages = write_board(store)
    if store.root == PUBLISHED:
        pages += write_documents(board, Path())
    if as_json:
        print(json_text([row_as_json(row) for group in board.comparison_groups for row in group.rows]))
        return
    if isinstance(store, StoreBeside):
        print("\n".join([*own_rows(board, store), *map(same_run_line, board.left_out)]))
    print(f"{len(pages)} files written; begin with {store.root / 'README.md'} or {store.root / 'index.html'}")


def _tell_pair(store: Store, task: str, pair: tuple[str, str], as_json: bool) -> None:
    from benchmark.leaderboard.pair import compare_pair
    from benchmark.leaderboard.pair_text import marks_of_answers, pair_text
    from benchmark.rendering.synthetic import SYNTHETIC, is_synthetic
    from benchmark.results.beside import StoreBeside

    found = compare_pair(store, task, *pair)
    if as_json:
        print(json_text([asdict(answer) for answer in found.answers]))
        return
    beside = isinstance(store, StoreBeside)
    said = [*(pair_text(answer, beside) for answer in found.answers), *found.same_runs, marks_of_answers(found.answers)]
    said += [SYNTHETIC] if is_synthetic(task.rpartition("/")[0]) else []
    print("\n\n".join(filter(None, said)))
    for line in found.not_compared:
        tell(line)


@commands.command(epilog="Example: python -m benchmark leaderboard submit runs")
def submit(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="A directory of records, as `run --out` writes it.")],
    board: BoardOption = PUBLISHED,
    as_json: JsonOption = False,
) -> None:
    """Check a directory of records as for publishing, and say everything that is wrong; nothing is written.

    Checked are every file and its size, the schema, folds and targets against the data on this machine or the published
    records, all scores anew, the folds of every run, licence and citation of every model, and whether its source is committed.
    Exit code 2 where anything is wrong. New rows that the board would show but not compare are named; they are not wrong.
    """
    from benchmark.results.store import Store
    from benchmark.results.submission import examine

    report = examine(Store(directory), Store(board))
    apart = [] if report.problems or not report.added else _not_compared(directory, board)
    if as_json:
        print(json_text(asdict(report) | {"not_compared": apart}))
    else:
        for line in report.problems:
            tell(line)
        for line in report.unproven:
            tell(f"published before, and nothing here to compare it with: {line}")
        for line in report.beside:
            tell(f"note: {line}; `publish --model NAME` publishes the rows of your model alone")
        for line in apart:
            tell(f"warning: {line}")
        if not report.problems:
            print(_would_do(report, directory, board))
    if report.problems:
        count = len(report.problems)
        raise InputError(f"{count} problem{'s' * (count > 1)} in {directory}; nothing of it can be published")


def _not_compared(directory: Path, board: Path) -> list[str]:
    """The rows of a directory that the board would show without a verdict, and what to run; none of a new task."""
    from benchmark.leaderboard.board import read_board
    from benchmark.leaderboard.terminal import not_compared
    from benchmark.results.beside import StoreBeside
    from benchmark.results.store import Store

    beside = StoreBeside(directory, Store(board))
    return list(not_compared(read_board(beside, on_invalid=_is_told_by_others), beside))


def _is_told_by_others(error: InputError) -> None:
    """A published record that is invalid: the check of the board names it."""


def _would_do(report: Any, directory: Path, board: Path) -> str:
    from benchmark.rendering.commands import command
    from benchmark.results.submission import counted, new_models

    lines = [f"adds {line}" for line in counted(report.added)]
    lines += [f"in place of published ones: {line}" for line in counted(report.replaced)]
    lines.append(
        f"valid: {len(report.added)} new in {board}, {len(report.replaced)} in place of published ones, "
        f"{report.unchanged} published already"
    )
    if report.added or report.replaced:
        only = [word for model in new_models(report.added, report.replaced) for word in ("--model", model)]
        alone = only if report.replaced else []
        to = [] if board == PUBLISHED else ["--to", str(board)]
        what = "the new rows alone" if alone else "to replace the published ones" if report.replaced else "next"
        need = [] if alone or not report.replaced else ["--replace"]
        lines.append(f"{what}: {command('publish', '--from', directory, *to, *alone, *need)}")
    return "\n".join(lines)
