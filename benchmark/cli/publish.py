"""`python -m benchmark publish …`: copy records to the published board."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from benchmark.cli.shared.options import BoardOption, JsonOption
from benchmark.results.directories import PUBLISHED, RUNS

commands = typer.Typer()


@commands.command(epilog="Example: python -m benchmark publish --task fung/2d/work_function")
def publish(
    source: Annotated[Path, typer.Option("--from", help="Where the records are.")] = RUNS,
    target: BoardOption = PUBLISHED,
    task: Annotated[list[str] | None, typer.Option(help="Only this task; may be repeated.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="Only this model; may be repeated.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace published records that differ.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check records, copy them to the published board and render it. No record is replaced without --replace.

    The compositions of the datasets on this machine are written where the board lacks them: with `--from` the board itself,
    nothing is copied and only they are added.
    """
    from benchmark.cli.shared.site import write_board
    from benchmark.results.publish import add_compositions, publish_records
    from benchmark.results.store import Store

    board = Store(target)
    copied = publish_records(Store(source), board, task or [], model or [], replace)
    added = add_compositions(board)
    write_board(board)
    if as_json:
        print(json.dumps([str(path) for path in copied], ensure_ascii=False))
    else:
        print(f"{len(copied)} records published; board: {target / 'README.md'}")
        for path in added:
            print(f"compositions: {path}")
