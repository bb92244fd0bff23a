"""What commands share: options with one meaning everywhere, and the right to write to a directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from filelock import FileLock, Timeout

from datasets.errors import InputError

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
TasksOption = Annotated[
    list[str] | None, typer.Option("--task", help="A task (dataset/target) or all tasks of a dataset; may be repeated.")
]
FoldersOption = Annotated[
    list[Path] | None,
    typer.Option("--dataset", help="A folder of structures with a CSV of ids and targets; may be repeated."),
]
SeedOption = Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Of the division and of the weights.")]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
WorkersOption = Annotated[
    int | None, typer.Option(min=1, help="Processes that share the cores. Default: one a core, at most 4; 1 on a GPU.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print the plan and stop.")]


@contextmanager
def sole_writer(root: Path, busy: str) -> Iterator[None]:
    """Only one process at a time writes to `root`. Raises InputError with the line `busy` where another one does."""
    try:
        with FileLock(root / ".lock", timeout=0):
            yield
    except Timeout:
        raise InputError(busy) from None
