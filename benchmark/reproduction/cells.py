"""Cells of published tables: which run stands for a published figure, and which folds it has. Needs no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmark.leaderboard.published_results import OMEE, THESIS, PublishedResult
from benchmark.results.records import JobKey, Record
from benchmark.schema import SettingValue
from benchmark.tasks.folds import Protocol, ProtocolName

RECIPE_OF = {"thesis": THESIS, "omee": OMEE}
"""Preset → the publication whose recipe it is."""


@dataclass(frozen=True)
class Cell:
    """One run, and the figures that were published for it; none for a model that the paper does not have."""

    task: str
    model: str
    named: str
    """The preset, or the profile, whose settings it has."""
    protocol: ProtocolName
    rounds: int
    """As published: shuffles, folds, or of a published split seeds of the weights. Further ones that have run count too."""
    changes: Mapping[str, SettingValue] = field(default_factory=dict)
    """Settings that differ from those."""
    published: tuple[PublishedResult, ...] = ()
    is_reading: bool = False
    """Whether what is changed is another reading of what the recipe leaves open: it stands beside the cell without it."""
    lacking: str = ""
    """Why it cannot be filled; empty where it can."""

    @property
    def label(self) -> str:
        """The model, and what is changed."""
        changed = ", ".join(f"{name}={value}" for name, value in self.changes.items())
        return f"{self.model} ({changed})" if changed else self.model

    def repeats(self, published: PublishedResult) -> bool:
        """Whether it has the recipe of the publication of a figure."""
        return published.source == RECIPE_OF.get(self.named)

    @property
    def protocol_text(self) -> str:
        """As records name it."""
        return str(self.whole_protocol)

    @property
    def whole_protocol(self) -> Protocol:
        """With all its folds; of a published split each round is another seed."""
        return Protocol(self.protocol, 1 if self.protocol == "published" else self.rounds)

    def round_of(self, key: JobKey) -> int | None:
        """Which round a fold is; None where it is none of the cell's."""
        fold, seed = key.fold, key.seed
        number, other = (seed, fold) if self.protocol == "published" else (fold, seed)
        return number if other == 0 else None

    def holds(self, record: Record) -> bool:
        """Whether a record is one of its folds: the same task, model, protocol and settings."""
        key = record.key
        same = (key.task, key.model, key.profile, key.protocol) == (self.task, self.model, self.named, self.protocol_text)
        if not same or self.round_of(key) is None or not set(record.changed) <= set(self.changes):
            return False
        return all(key.settings.get(name) == value for name, value in self.changes.items())


@dataclass(frozen=True)
class Table:
    """A published table or figure: its cells in the order of their worth."""

    name: str
    title: str
    cells: tuple[Cell, ...]
    notes: tuple[str, ...] = ()
    """What differs in all cells, a sentence each."""
    is_curve: bool = False
    """Whether its cells are points of a curve, which boards do not show."""
    variations: tuple[Cell, ...] = ()
    """Cells of it with one setting changed, which nobody published: what may move ours towards a published figure."""

    @property
    def every(self) -> tuple[Cell, ...]:
        """What runs: its cells, then the variations."""
        return self.cells + self.variations
