"""`python -m benchmark datasets folding …`: how far graphs fold, and which crystals share one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmark.cli.datasets.health import RULES, parse_rule
from benchmark.cli.shared.options import JsonOption
from benchmark.cli.shared.terminal import json_text

commands = typer.Typer()

PAGE, FIGURE = "folding-datasets.md", "folding.svg"


@commands.command(epilog="Example: python -m benchmark datasets folding emt/alloys --symmetry 500")
def folding(
    names: Annotated[list[str], typer.Argument(help="Datasets: names or paths of folders.")],
    rule: Annotated[str, typer.Option(help=f"The graph: {RULES}.")] = "nearest:12:8",
    symmetry: Annotated[int, typer.Option(min=0, help="Compare kinds of atoms with spglib's orbits in so many crystals.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Which crystals: the seed of the draw.")] = 0,
    page: Annotated[Path | None, typer.Option(help=f"Write {PAGE} and the picture {FIGURE} into this directory.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Report fold factors, crystals with one graph, the lowest error of any function of it, and kinds beside orbits."""
    chosen = parse_rule(rule)
    from tabulate import tabulate

    from benchmark.datasheets.folding_figure import folding_svg
    from benchmark.datasheets.folding_page import TITLE, fold_dataset, page_text, tables
    from benchmark.datasheets.section import shown_path, shown_source
    from benchmark.rendering.commands import command
    from benchmark.rendering.text import require_own
    from benchmark.results.store import write_atomically

    if page:
        require_own(page / PAGE, TITLE, "no page of folding", "directory with --page")
    rows = [fold_dataset(name, chosen, symmetry, seed) for name in names]
    if page:
        options = ["--rule", rule] * (rule != "nearest:12:8") + ["--symmetry", symmetry, "--seed", seed] * bool(symmetry)
        shown = [shown_source(name, row.name) for name, row in zip(names, rows, strict=True)]
        made_by = command("datasets", "folding", *shown, *options, "--page", shown_path(page))
        page.mkdir(parents=True, exist_ok=True)
        write_atomically(page / PAGE, page_text(rows, made_by).encode())
        write_atomically(page / FIGURE, folding_svg())
    if as_json:
        print(json_text([row.as_dict() for row in rows]))
        return
    for heading, _, header, table in tables(rows):
        print(f"{heading}\n\n{tabulate(table, header, disable_numparse=True)}\n")
