"""`python -m benchmark models`: what can be trained."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from benchmark.cli.shared.options import JsonOption

commands = typer.Typer()


@commands.command(epilog="Example: python -m benchmark models --layers 10 --json")
def models(
    layers: Annotated[
        int | None, typer.Option(min=1, help="Count parameters at this depth. Default: each model's own.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """List the models with their papers, graph rules and trainable parameters."""
    from tabulate import tabulate

    from models.registry import registered

    rows = [spec.describe(layers) for spec in registered().values()]
    if as_json:
        print(json.dumps(rows, indent=1))
    else:
        table = [["" if v is None else f"{v:,}" if isinstance(v, int) else v for v in row.values()] for row in rows]
        print(tabulate(table, [name.replace("_", " ") for name in rows[0]], disable_numparse=True))
