"""Writes the card of a data set, beside the counts of the loaded crystals, as text and as a page."""

from __future__ import annotations

import numpy as np
from pydantic import BaseModel
from tabulate import tabulate

from benchmark.rendering.commands import code, command
from benchmark.rendering.text import escape, fenced, table, unit_shown
from datasets.cards import Card, Dataset, Fetched, FileDataset, target_values
from datasets.crystals import Crystals

TARGETS = ("target", "unit", "rows")


class TargetRows(BaseModel):
    """The unit of a target, and how many crystals have a value of it."""

    unit: str
    rows: int


class ClassRows(TargetRows):
    """The unit and rows of a class target, and the crystals of each class."""

    classes: dict[str, int]


class CheckedCard(BaseModel):
    """A card and the counts of the loaded crystals."""

    name: str
    rows: int
    content_hash: str
    targets: dict[str, ClassRows | TargetRows]
    atoms: int
    card: Card
    fetched: Fetched | None


def checked_card(dataset: Dataset | FileDataset, crystals: Crystals, note: Fetched | None) -> CheckedCard:
    """Set a card beside the counts of the loaded crystals; a target that this release lacks has 0 rows."""
    card = dataset.card
    values = {target: target_values(dataset, crystals, target) for target in card.targets}
    return CheckedCard(
        name=card.name,
        rows=len(crystals),
        content_hash=crystals.content_hash,
        targets={target: _rows(card, target, column) for target, column in values.items()},
        atoms=len(crystals.atomic_numbers),
        card=card,
        fetched=note,
    )


def _rows(card: Card, target: str, values: np.ndarray) -> TargetRows:
    rows = TargetRows(unit=card.targets[target], rows=int(np.isfinite(values).sum()))
    if target not in card.classes:
        return rows
    counts = {name: int((values == code).sum()) for code, name in enumerate(card.classes[target])}
    return ClassRows(**rows.model_dump(), classes=counts)


def card_text(about: CheckedCard) -> str:
    """The card as text for a terminal."""
    card = about.card
    lines = [
        f"{card.name}: {card.description}",
        "",
        f"{about.rows:,} crystals{_expected(about)}, {about.atoms:,} atoms, content sha256 {about.content_hash}",
        "",
        targets_text(about),
        "",
        *(f"{name}: {text}" for name, text in _origin(about)),
        *(f"known problem: {problem}" for problem in card.known_problems),
        *(["", card.citation] if card.citation.startswith("@") else []),
    ]
    return "\n".join(lines)


def targets_text(about: CheckedCard) -> str:
    """The targets and their classes as text for a terminal."""
    return "\n".join([tabulate(_targets(about), TARGETS, "simple", disable_numparse=True), *_classes(about)])


def card_page(about: CheckedCard) -> str:
    """The card as a markdown page."""
    card = about.card
    lines = [
        f"# {escape(card.name)}",
        "",
        escape(card.description),
        "",
        f"{about.rows:,} crystals{_expected(about)}, {about.atoms:,} atoms; content sha256 `{about.content_hash}`.",
        "",
        table(TARGETS, [list(map(escape, row)) for row in _targets(about)], text=TARGETS),
        "",
        *(f"- {escape(line)}" for line in _classes(about)),
        *(f"- {escape(name)}: {escape(text)}" for name, text in _origin(about)),
        "",
        *(["## Known problems", "", *(f"- {escape(line)}" for line in card.known_problems), ""] if card.known_problems else []),
        *(["## Cite", "", fenced(card.citation, "bibtex"), ""] if card.citation.startswith("@") else []),
        f"Made by {code(command('datasets', 'info', card.name, '--page', 'DIR'))}.",
    ]
    return "\n".join(lines) + "\n"


def _expected(about: CheckedCard) -> str:
    if about.fetched or about.card.rows is None:
        return ""
    return " as expected" if about.rows == about.card.rows else f" ({about.card.rows:,} in the card's release)"


def _targets(about: CheckedCard) -> list[list[str]]:
    return [[target, unit_shown(found.unit), f"{found.rows:,}"] for target, found in about.targets.items()]


def _classes(about: CheckedCard) -> list[str]:
    """A line on the classes of each class target, with their crystals."""
    found = {target: rows.classes for target, rows in about.targets.items() if isinstance(rows, ClassRows)}
    lists = {target: (f"{name} ({count:,})" for name, count in classes.items()) for target, classes in found.items()}
    return [f"classes of {target}: {', '.join(classes)}" for target, classes in lists.items()]


def _origin(about: CheckedCard) -> list[tuple[str, str]]:
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
