"""`python -m benchmark datasets show …`: one crystal, and the graph that a network sees of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmark.cli.shared.options import NameArgument
from datasets.errors import InputError, unknown_name

commands = typer.Typer()


@commands.command(epilog="Example: python -m benchmark datasets show emt/alloys alloy-0001 --out alloy.svg")
def show(
    name: NameArgument,
    id_: Annotated[str, typer.Argument(metavar="ID", help="Of a crystal of the dataset.")],
    rule: Annotated[str, typer.Option(help="Which neighbours an atom has; see `datasets health --help`.")] = "nearest:12:8",
    out: Annotated[Path | None, typer.Option(help="Draw it into FILE.svg or FILE.png.")] = None,
) -> None:
    """Print the atoms of a crystal with their neighbours, and draw how the crystal becomes a graph."""
    from benchmark.cli.datasets.health import parse_rule
    from benchmark.datasheets.crystal_figure import crystal_graph, picture_format
    from benchmark.results.store import write_atomically
    from datasets.registry import load

    kind = picture_format(out) if out else None
    if out and not kind:
        raise InputError(f"--out {out}: name a file that ends in .svg or .png")
    crystals, chosen = load(name), parse_rule(rule)
    ids = crystals.ids.astype(str).tolist()
    if id_ not in ids:
        raise unknown_name("crystal", id_, ids)
    found = crystal_graph(crystals, ids.index(id_), chosen)
    print("\n".join(found.lines()))
    if out and kind:
        out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(out, found.picture(kind))
        print(f"picture: {out}")
