"""`python -m benchmark datasets list`: what can be predicted, and which of it is here."""

from __future__ import annotations

from typing import Any

import typer

from benchmark.cli.shared.options import JsonOption
from benchmark.cli.shared.terminal import json_text
from datasets.errors import DatasetMissing

commands = typer.Typer()


@commands.command("list", epilog="Example: python -m benchmark datasets list")
def list_datasets(as_json: JsonOption = False) -> None:
    """Name every dataset, its targets, and whether it is on this machine."""
    from tabulate import tabulate

    from datasets.registry import registered

    rows = []
    for name, dataset in registered().items():
        rows.append({"name": name, "rows": dataset.card.rows, "targets": dataset.card.targets, **_presence(dataset.card)})
    if as_json:
        print(json_text(rows))
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
