"""`python -m benchmark datasets …`: what can be predicted, and in which state it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from tabulate import tabulate

from benchmark.cli import sources as cli_sources
from benchmark.cli.options import JsonOption
from datasets.errors import DatasetMissing, InputError

app = typer.Typer(help="List, describe and examine datasets.", no_args_is_help=True, rich_markup_mode=None)

RULES = "nearest:K:CUTOFF, nearest:K:CUTOFF:cut, minimum-image:K:CUTOFF or radius:CUTOFF"

NameArgument = Annotated[str, typer.Argument(help="A dataset's name, or a folder of structures.")]


@app.command("list", epilog="Example: python -m benchmark datasets list")
def list_datasets(as_json: JsonOption = False) -> None:
    """Name every dataset, its targets, and whether it is on this machine."""
    from datasets.registry import registered

    rows = []
    for name, dataset in registered().items():
        rows.append({"name": name, "rows": dataset.card.rows, "targets": dataset.card.targets, **_presence(dataset.card)})
    if as_json:
        print(json.dumps(rows, indent=1))
        return
    table = [[r["name"], f"{r['rows']:,}", ", ".join(r["targets"]), "yes" if r["here"] else "no"] for r in rows]
    print(tabulate(table, ["dataset", "crystals", "targets", "here"], disable_numparse=True))
    for row in rows:
        if not row["here"]:
            print(f"\n{row['missing']}")


def _presence(card: Any) -> dict[str, Any]:
    from datasets.cards import data_file

    try:
        if card.file:
            data_file(card)
    except DatasetMissing as error:
        return {"here": False, "missing": str(error)}
    return {"here": True, "missing": None}


@app.command(epilog="Example: python -m benchmark datasets info emt/alloys --json")
def info(
    name: NameArgument,
    page: Annotated[Path | None, typer.Option(help="Also write the card as <name>.md in this folder.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Load a dataset, check it against its card, and describe it."""
    from benchmark.datasheets.cards import card_page, card_text, description
    from benchmark.results.store import write_atomically
    from datasets.cards import fetched
    from datasets.registry import get, load

    card, crystals = get(name).card, load(name)
    about = description(card, crystals, fetched(card))
    if page:
        path = page / f"{card.name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, card_page(about).encode())
    print(json.dumps(about.model_dump(), indent=1) if as_json else card_text(about))


@app.command(epilog="Example: python -m benchmark datasets health emt/surfaces --rule nearest:12:8")
def health(
    name: NameArgument,
    rule: Annotated[str | None, typer.Option(help=f"One graph rule instead of those of the published models: {RULES}.")] = None,
    page: Annotated[Path | None, typer.Option(help="Write a page with figures, NAME.md, into this directory.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Report elements, cells, targets, outliers, duplicates, leakage between folds, and what is odd about the graphs.

    Comparing tens of thousands of crystals takes minutes the first time; the result is kept in the cache directory.
    """
    chosen = [parse_rule(rule)] if rule else None
    from benchmark.datasheets.health import RULES as PUBLISHED_RULES
    from benchmark.datasheets.health import examine
    from benchmark.datasheets.health_page import again, summary, write_page
    from datasets.registry import load

    report = examine(name, chosen or PUBLISHED_RULES)
    if page:
        paths = write_page(report, load(name), page, again(name, report, rule, page))
    if as_json:
        print(json.dumps(report.as_dict(), indent=1))
        return
    print(summary(report))
    if page:
        print(f"\npage: {paths[0]}")


def parse_rule(text: str) -> Any:
    """A graph rule written as one of `RULES`; InputError where it is none."""
    from datasets.neighbor_search import MinimumImage, Nearest, Radius

    kind, *numbers = text.split(":")
    try:
        if kind == "nearest" and len(numbers) in (2, 3):
            return Nearest(int(numbers[0]), float(numbers[1]), *numbers[2:])  # type: ignore[arg-type]
        if kind == "minimum-image" and len(numbers) == 2:
            return MinimumImage(int(numbers[0]), float(numbers[1]))
        if kind == "radius" and len(numbers) == 1:
            return Radius(float(numbers[0]))
    except ValueError:
        pass
    raise InputError(f"--rule {text}: write {RULES}, for example nearest:12:8")


app.command(epilog=cli_sources.FETCH_EXAMPLE)(cli_sources.fetch)
app.command("import", epilog=cli_sources.IMPORT_EXAMPLE)(cli_sources.import_)
