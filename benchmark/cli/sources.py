"""`python -m benchmark datasets fetch` and `import`: where crystals come from."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmark.cli.options import JsonOption
from datasets.errors import BenchmarkError, InputError

FETCH_EXAMPLE = "Example: python -m benchmark datasets fetch fung/pt"
IMPORT_EXAMPLE = "Example: python -m benchmark datasets import crystals.csv --name mine --target band_gap --unit band_gap=eV"


def fetch(
    name: Annotated[str | None, typer.Argument(help="A dataset's name.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every dataset that a machine can fetch.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Never touch the network; check what is here.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Download a dataset from its public source, check it and place it; run again to go on after a stop."""
    from benchmark.cli.progress import fetching
    from datasets.cards import FileDataset
    from datasets.fetching.fetch import fetch as fetch_one
    from datasets.registry import registered

    if (name is None) == (not everything):
        raise InputError("name one dataset, or use --all")
    by_machine = [chosen for chosen, dataset in registered().items() if isinstance(dataset, FileDataset) and dataset.fetch]
    rows, failed = [], []
    for chosen in by_machine if everything else [str(name)]:
        try:
            with fetching(chosen) as on_progress:
                outcome = fetch_one(chosen, on_progress, offline)
        except (BenchmarkError, OSError) as error:
            if not everything:
                raise
            failed.append(chosen)
            print(f"not fetched: {error}", file=sys.stderr)
            continue
        note = outcome.note.model_dump() if outcome.note else None
        about = {"name": chosen, "rows": len(outcome.crystals), "fetched_now": outcome.new, "note": note}
        rows.append({**about, "licence": outcome.card.licence, "citation": outcome.card.citation})
        if not as_json:
            print(_placed(outcome))
    if as_json:
        print(json.dumps(rows, indent=1))
    if failed:
        raise BenchmarkError(f"{len(failed)} of {len(failed) + len(rows)} datasets are not here: {', '.join(failed)}")


def _placed(outcome: Any) -> str:
    """What is here now, under which terms, and what is missing from it."""
    card, note = outcome.card, outcome.note
    state = f"{'fetched' if outcome.new else 'already here'}: {outcome.path}" if outcome.path else "nothing to fetch"
    lines = [f"{card.name}: {len(outcome.crystals):,} crystals, {state}"]
    lines += [f"licence: {card.licence}", f"version: {note.version if note else card.version}", f"cite:\n{card.citation}"]
    for what, value in (note.report if note else {}).items():
        count = f"{len(value):,}, listed in {outcome.path}.json" if isinstance(value, list) else value
        lines.append(f"{what.replace('_', ' ')}: {count}")
    return "\n".join(lines)


def import_(
    source: Annotated[
        Path, typer.Argument(help="CSV, Parquet, JSON, extended XYZ or ASE database, packed or not, or a folder with a CSV.")
    ],
    name: Annotated[str, typer.Option(help="What the set is called from then on.")],
    target: Annotated[
        list[str] | None, typer.Option(help="A column to predict; may be repeated. Default: the only one of numbers.")
    ] = None,
    unit: Annotated[list[str] | None, typer.Option(help="UNIT of the one target, or TARGET=UNIT; may be repeated.")] = None,
    structure_column: Annotated[str | None, typer.Option(help="The column of structures, where there are several.")] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out rows without a readable, fully occupied structure.")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an imported set of that name.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a table of crystals a named set, which is a task from then on."""
    from benchmark.datasheets.cards import card_text, description
    from datasets.importing import import_table
    from datasets.readers.tables import Request

    request = Request(source, name, target or [], unit or [], structure_column, skip_bad)
    made = import_table(request, replace)
    crystals, left_out = made.chosen.crystals, made.chosen.left_out
    about = description(made.card, crystals, None)
    if as_json:
        left = {"left_out": left_out, "reasons": made.chosen.reasons, "files": [str(path) for path in made.files]}
        print(json.dumps({**about.model_dump(), **left}, indent=1))
        return
    print(card_text(about))
    for what, count in left_out.items():
        print(f"\nrows {what}, left out: {count:,}")
    for reason in made.chosen.reasons:
        print(f"  {reason}")
    print(f"\nkept in {' and '.join(map(str, made.files))}; delete them to be rid of the set")
    print(
        f"train on it: {shlex.join(['python', '-m', 'benchmark', 'run', '--task', f'{name}/{next(iter(made.card.targets))}'])}"
    )
