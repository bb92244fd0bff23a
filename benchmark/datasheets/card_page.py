"""A dataset's card with what was found on this machine: as text, and as a page."""

from __future__ import annotations

from pydantic import BaseModel
from tabulate import tabulate

from datasets.cards import Card, Fetched
from datasets.crystals import Crystals


class Found(BaseModel):
    """How many crystals have a value of a target."""

    unit: str
    rows: int


class Description(BaseModel):
    """A card beside what the loaded dataset holds."""

    name: str
    rows: int
    content_hash: str
    targets: dict[str, Found]
    atoms: int
    card: Card
    fetched: Fetched | None


def description(card: Card, crystals: Crystals, note: Fetched | None) -> Description:
    """What is said of a dataset, and what it is; a target that this release lacks has no rows."""
    counts = crystals.targets.notna().sum()
    return Description(
        name=card.name,
        rows=len(crystals),
        content_hash=crystals.content_hash,
        targets={target: Found(unit=unit, rows=int(counts.get(target, 0))) for target, unit in card.targets.items()},
        atoms=len(crystals.atomic_numbers),
        card=card,
        fetched=note,
    )


def card_text(about: Description) -> str:
    """For a terminal."""
    card = about.card
    lines = [
        f"{card.name}: {card.description}",
        "",
        f"{about.rows:,} crystals{_expected(about)}, {about.atoms:,} atoms, content sha256 {about.content_hash}",
        "",
        _targets(about, "simple"),
        "",
        *(f"{name}: {text}" for name, text in _origin(about)),
        *(f"known problem: {problem}" for problem in card.known_problems),
        *(["", card.citation] if card.citation.startswith("@") else []),
    ]
    return "\n".join(lines)


def card_page(about: Description) -> str:
    """Markdown."""
    card = about.card
    lines = [
        f"# {card.name}",
        "",
        card.description,
        "",
        f"{about.rows:,} crystals{_expected(about)}, {about.atoms:,} atoms; content sha256 `{about.content_hash}`.",
        "",
        _targets(about, "github"),
        "",
        *(f"- {name}: {text}" for name, text in _origin(about)),
        "",
        *(["## Known problems", "", *(f"- {problem}" for problem in card.known_problems), ""] if card.known_problems else []),
        *(["## Cite", "", "```bibtex", card.citation, "```", ""] if card.citation.startswith("@") else []),
        f"Made by `python -m benchmark datasets info {card.name} --page DIR`.",
    ]
    return "\n".join(lines) + "\n"


def _expected(about: Description) -> str:
    if about.fetched or about.card.rows is None:
        return ""
    return " as expected" if about.rows == about.card.rows else f" ({about.card.rows:,} in the card's release)"


def _targets(about: Description, layout: str) -> str:
    rows = [[target, found.unit, f"{found.rows:,}"] for target, found in about.targets.items()]
    return tabulate(rows, ["target", "unit", "rows"], layout, disable_numparse=True)


def _origin(about: Description) -> list[tuple[str, str]]:
    card, note = about.card, about.fetched
    rows = [
        ("source", note.source if note else card.source),
        ("version", note.version if note else card.version),
        ("licence", card.licence),
        ("how to get it", card.how_to_get),
    ]
    if card.split_column:
        rows.append(("published split", f"column `{card.split_column}`: 0 train, 1 validation, 2 test"))
    if note:
        rows.append(("file", f"sha256 {note.sha256}, fetched {note.when}"))
        counts = ((what, len(value) if isinstance(value, list) else value) for what, value in note.report.items())
        rows += [(what.replace("_", " "), str(count)) for what, count in counts]
    return rows
