"""`python -m benchmark datasets info …`: one dataset and its card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from benchmark.cli.shared.options import JsonOption, NameArgument
from benchmark.cli.shared.terminal import json_text, tell

commands = typer.Typer()


@commands.command(epilog="Example: python -m benchmark datasets info emt/alloys --json")
def info(
    name: NameArgument,
    page: Annotated[Path | None, typer.Option(help="Also write the card as <name>.md in this folder.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Load a dataset, check it against its card, and describe it."""
    from benchmark.datasheets.card_page import card_page, card_text, checked_card
    from benchmark.results.store import write_atomically
    from datasets.cards import fetched
    from datasets.contents import doubts_of_all
    from datasets.registry import get, load

    dataset, crystals = get(name), load(name)
    card = dataset.card
    about = checked_card(dataset, crystals, fetched(card))
    if page:
        path = page / f"{card.name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, card_page(about).encode())
    for doubt in doubts_of_all(crystals, [target for target in card.targets if target not in card.classes]):
        tell(f"warning: {doubt}")
    print(json_text(about.model_dump()) if as_json else card_text(about))
