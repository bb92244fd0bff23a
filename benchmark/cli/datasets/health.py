"""`python -m benchmark datasets health …`: what to know of a dataset before a score on it is believed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from benchmark.cli.shared.options import JsonOption, NameArgument
from benchmark.cli.shared.terminal import json_text, tell
from datasets.errors import InputError, listed_reasons

commands = typer.Typer()

RULES = "nearest:K:CUTOFF, nearest:K:CUTOFF:cut, minimum-image:K:CUTOFF or radius:CUTOFF"


@commands.command(epilog="Example: python -m benchmark datasets health emt/surfaces --rule nearest:12:8")
def health(
    name: NameArgument,
    rule: Annotated[str | None, typer.Option(help=f"One graph rule instead of those of the published models: {RULES}.")] = None,
    page: Annotated[Path | None, typer.Option(help="Write a page with figures, NAME.md, into this directory.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what to look at: outliers, missing values, duplicates, leakage between folds, elements, atoms without neighbours.

    Rows of a folder's table whose crystal cannot be read are named first, and left out.
    The page and `--json` have the full report, also of cells, graphs and folding.
    Comparing tens of thousands of crystals takes minutes the first time; the result is kept in the cache directory.
    """
    chosen = [parse_rule(rule)] if rule else None
    from benchmark.datasheets.health_page import again, summary, write_page
    from benchmark.datasheets.health_report import RULES as PUBLISHED_RULES
    from benchmark.datasheets.health_report import examine
    from benchmark.rendering.commands import command, option
    from benchmark.rendering.text import count
    from datasets.registry import load

    report = examine(name, chosen or PUBLISHED_RULES)
    if report.unreadable:
        lines = listed_reasons(list(report.unreadable.values()), name)
        tell(f"warning: {count(len(report.unreadable), 'crystal')} left out:")
        for line in lines:
            tell(f"- {line}")
    if page:
        crystals = load(name, tuple(report.unreadable)) if report.unreadable else load(name)
        paths = write_page(report, crystals, page, again(name, report, rule, page))
    if as_json:
        print(json_text(report.as_dict()))
        return
    print(summary(report))
    again_with_page = command("datasets", "health", name, *option("--rule", rule), "--page", "DIR")
    print(f"full report: {paths[0]}" if page else f"full report, as a page with figures: {again_with_page}")


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
