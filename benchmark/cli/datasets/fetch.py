"""`python -m benchmark datasets fetch …`: from a public source to the data directory."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from benchmark.cli.shared.options import JsonOption
from benchmark.cli.shared.stopping import kept_on_stop
from benchmark.cli.shared.terminal import json_text, tell
from datasets.errors import BenchmarkError, InputError

commands = typer.Typer()


@commands.command(epilog="Example: python -m benchmark datasets fetch fung/pt")
@kept_on_stop("what came is")
def fetch(
    name: Annotated[str | None, typer.Argument(help="A dataset's name.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every dataset that a machine can fetch.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Never touch the network; check what is here.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Download a dataset from its public source, check it and place it; run again to go on after a stop."""
    from benchmark.cli.shared.progress import fetching
    from datasets.cards import FileDataset
    from datasets.fetch import fetch as fetch_one
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
            tell(f"not fetched: {error}")
            continue
        note = outcome.note.model_dump() if outcome.note else None
        about = {"name": chosen, "rows": len(outcome.crystals), "fetched_now": outcome.new, "note": note}
        rows.append({**about, "licence": outcome.card.licence, "citation": outcome.card.citation})
        if not as_json:
            print(_placed(outcome))
    if as_json:
        print(json_text(rows))
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
