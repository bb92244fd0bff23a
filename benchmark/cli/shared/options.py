"""Options with one meaning in every command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
TasksOption = Annotated[
    list[str] | None, typer.Option("--task", help="A task (dataset/target) or all tasks of a dataset; may be repeated.")
]
FoldersOption = Annotated[
    list[Path] | None,
    typer.Option("--dataset", help="A folder of structures with a CSV of ids and targets; may be repeated."),
]
SeedOption = Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of the split and of the weights.")]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
WorkersOption = Annotated[
    int | None, typer.Option(min=1, help="Processes that share the cores. Default: one a core, at most 4; 1 on a GPU.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")]
BoardOption = Annotated[Path, typer.Option("--to", help="The published board.")]
NameArgument = Annotated[str, typer.Argument(help="A dataset's name, or a folder of structures.")]
