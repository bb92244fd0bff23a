"""`python -m benchmark datasets import …`: a table of crystals becomes a named set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmark.cli.shared.options import JsonOption
from benchmark.cli.shared.terminal import LONGEST_LINE, json_text, tell
from benchmark.schema import one_line

commands = typer.Typer()


@commands.command(
    "import",
    epilog="Example: python -m benchmark datasets import crystals.csv --name mine --target band_gap --unit band_gap=eV",
)
def import_(
    source: Annotated[
        Path, typer.Argument(help="CSV, Parquet, JSON, extended XYZ or ASE database, packed or not, or a folder with a CSV.")
    ],
    name: Annotated[str, typer.Option(help="The set's name from then on, not a path: the set is kept in the cache directory.")],
    target: Annotated[
        list[str] | None,
        typer.Option(help="A column of numbers or classes to predict; may be repeated. Default: the only one of numbers."),
    ] = None,
    unit: Annotated[
        list[str] | None,
        typer.Option(help="UNIT of the one target, or TARGET=UNIT; may be repeated. That of classes is class."),
    ] = None,
    structure_column: Annotated[
        str | None, typer.Option(help="The column of structures, or of file names beside the table, where there are several.")
    ] = None,
    id_column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The column of ids, or a key in an XYZ file. Default: one called id, …"),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out rows without a readable, fully occupied structure.")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Delete an imported set of that name and take its place.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a table of crystals a named set, which is a task from then on."""
    from benchmark.datasheets.card_page import checked_card, targets_text
    from benchmark.rendering.commands import command
    from benchmark.rendering.text import count
    from datasets.importing import import_table
    from datasets.readers.tables import TableOptions
    from datasets.registry import get

    options = TableOptions(source, name, target or [], unit or [], structure_column, skip_bad, id_column)
    made = import_table(options, replace)
    left_out = made.content.left_out
    about = checked_card(get(name), made.content.crystals, None)
    for what, number in left_out.items():
        tell(f"warning: left out {count(number, 'row')} {what}")
    for line in (*made.content.reasons, *made.content.problems):
        tell(f"- {line}")
    if as_json:
        read = {"left_out": left_out, "reasons": made.content.reasons, "columns": made.content.columns}
        print(json_text({**about.model_dump(), **read, "files": [str(path) for path in made.files]}))
        return
    print(f"{name}: {count(about.rows, 'crystal')}, {count(about.atoms, 'atom')}\n\n{targets_text(about)}\n")
    for line in made.content.columns:
        print(one_line(line, LONGEST_LINE))
    print(f"\nthe set {name} is kept in these files; delete them to delete the set:")
    for file in made.files:
        print(f"  {file}")
    if Path(name).is_dir():
        print(f"commands take {name} for this set; write {Path(name).resolve()} for the folder of that name")
    print(f"train on it: {command('run', '--task', f'{name}/{next(iter(made.card.targets))}')}")
