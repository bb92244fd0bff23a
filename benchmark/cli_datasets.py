"""`python -m benchmark datasets …`: what can be predicted, and in which state it is."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from tabulate import tabulate

from datasets.errors import DatasetMissing, InputError

app = typer.Typer(help="List, describe and examine datasets.", no_args_is_help=True, rich_markup_mode=None)

RULES = "nearest:K:CUTOFF, nearest:K:CUTOFF:cut, minimum-image:K:CUTOFF or radius:CUTOFF"

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
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
    from datasets.registry import data_file

    try:
        if card.file:
            data_file(card)
    except DatasetMissing as error:
        return {"here": False, "missing": str(error)}
    return {"here": True, "missing": None}


@app.command(epilog="Example: python -m benchmark datasets info emt/alloys --json")
def info(name: NameArgument, as_json: JsonOption = False) -> None:
    """Load a dataset, check it against its card, and describe it."""
    from datasets.registry import get, load

    card, crystals = get(name).card, load(name)
    targets = {
        target: {"unit": unit, "rows": int(crystals.targets[target].notna().sum())} for target, unit in card.targets.items()
    }
    if as_json:
        row = {"name": card.name, "rows": len(crystals), "content_hash": crystals.content_hash, "targets": targets}
        print(json.dumps(row, indent=1))
        return
    rows = [[target, value["unit"], f"{value['rows']:,}"] for target, value in targets.items()]
    print(f"{card.name}: {card.description}\n")
    print(f"{len(crystals):,} crystals, {len(crystals.atomic_numbers):,} atoms, content sha256 {crystals.content_hash}\n")
    print(tabulate(rows, ["target", "unit", "rows"], disable_numparse=True))
    print(f"\nlicence: {card.licence}\nsource: {card.source}\ncitation: {card.citation}")
    for problem in card.known_problems:
        print(f"known problem: {problem}")


@app.command(epilog="Example: python -m benchmark datasets health emt/surfaces --rule nearest:12:8")
def health(
    name: NameArgument,
    rule: Annotated[str, typer.Option(help=f"{RULES}, for example nearest:12:8.")] = "nearest:12:8",
    as_json: JsonOption = False,
) -> None:
    """Build the graphs of a dataset and report what is odd about them."""
    from datasets.health import graph_health
    from datasets.registry import load

    chosen = parse_rule(rule)
    report = graph_health(load(name), chosen).as_dict()
    if as_json:
        print(json.dumps({"name": name, **report}, indent=1))
        return
    unknown = report.pop("elements_without_features")
    findings = {key.replace("_", " "): value for key, value in report.items() if isinstance(value, dict)}
    findings |= {f"{symbol} atoms, an element without features": value for symbol, value in unknown.items()}
    print(f"{name}, {report['rule']}: {report['crystals']:,} crystals, {report['atoms']:,} atoms, {report['edges']:,} edges")
    print(f"shortest distance {report['shortest_distance'] or float('nan'):.3f} Å; graphs built in {report['seconds']:.2f} s\n")
    rows = [[key, f"{v['count']:,}", f"{v['crystals']:,}", ", ".join(v["examples"])] for key, v in findings.items()]
    print(tabulate(rows, ["finding", "atoms", "crystals", "the first"], disable_numparse=True))


def parse_rule(text: str) -> Any:
    """A graph rule written as one of `RULES`; InputError where it is none."""
    from datasets.neighbors import MinimumImage, Nearest, Radius

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
