"""`python -m benchmark verify`: does today's source of the models give the numbers of the sources that records name?"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from benchmark.cli.shared.options import JsonOption
from benchmark.cli.shared.terminal import json_text
from benchmark.results.directories import PUBLISHED
from datasets.errors import InputError

commands = typer.Typer()


@commands.command(epilog="Example: python -m benchmark verify --model cgcnn")
def verify(
    model: Annotated[list[str] | None, typer.Option(help="Only this model; may be repeated. Default: all.")] = None,
    board: Annotated[Path, typer.Option("--to", help="The board whose records name the sources.")] = PUBLISHED,
    as_json: JsonOption = False,
) -> None:
    """Train today's source of each model briefly, and tell whether it still gives the predictions of older sources.

    Boards mark a row only where a newer source of its model gives other predictions. A source is trained once. To compare an
    older one, run this from a checkout of its commit with --to the same board, on the same kind of processor.
    """
    from benchmark.cli.shared.consoles import console
    from benchmark.regression.page import sources_table
    from benchmark.regression.sources import source_states, train_sources
    from benchmark.results.sources import read_sources
    from benchmark.results.store import Store

    if not (board / "records").is_dir():
        raise InputError(f"{board} has no records whose sources could be compared; name a board with --to")
    shown = console(as_json)
    with shown.status("short trainings"):
        train_sources(board, model or [])
    states = source_states(Store(board), read_sources(board))
    chosen = [state for state in states if not model or state.model in model]
    print(json_text([asdict(state) for state in chosen]) if as_json else sources_table(chosen))
