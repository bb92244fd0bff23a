"""The page of all datasets' fold factors, shared graphs, floors, and kinds of atoms beside orbits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
from tabulate import tabulate

from benchmark.datasheets.folding_section import FACTORS, factors, floor_header, floor_rows, with_unit
from benchmark.datasheets.graph_folding import GraphFolding, graph_folding, targets_of
from benchmark.datasheets.orbits import SYMPREC, Orbits, kinds_and_orbits
from benchmark.datasheets.section import number
from benchmark.rendering.commands import code
from benchmark.rendering.text import escape, percent
from datasets import registry
from datasets.duplicates import find_duplicates
from datasets.neighbor_search import TIE, Rule

TITLE = "# Folding, dataset by dataset"


@dataclass(frozen=True)
class FoldedDataset:
    """A dataset's name, its folding, and its kinds beside orbits, where these were asked for."""

    name: str
    folding: GraphFolding
    orbits: Orbits | None

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def fold_dataset(source: str, rule: Rule, sample: int = 0, seed: int = 0) -> FoldedDataset:
    """Fold a dataset, a name or a folder's path, and compare kinds with orbits in `sample` of its crystals.

    Raises:
        DatasetMissing: its files are not on this machine.
        InputError: it cannot be read.
    """
    crystals, card = registry.load(source), registry.get(source).card
    structures = np.asarray(find_duplicates(crystals).labels)
    folding = graph_folding(crystals, rule, structures, targets_of(source, crystals))
    return FoldedDataset(card.name, folding, kinds_and_orbits(crystals, rule, sample, seed) if sample else None)


def page_text(rows: Sequence[FoldedDataset], made_by: str) -> str:
    """The markdown page; the command `made_by` makes it again."""
    parts = [TITLE, f"Again: {code(made_by)}. What the words mean: [folding](folding.md)."]
    for heading, text, header, table in tables(rows):
        cells = [[escape(cell) for cell in line] for line in table]
        parts += [f"## {heading}", text, tabulate(cells, header, tablefmt="github", disable_numparse=True)]
    return "\n\n".join(parts) + "\n"


Table = tuple[str, str, Sequence[str], list[list[str]]]


def tables(rows: Sequence[FoldedDataset]) -> Iterator[Table]:
    """Heading, a sentence, header and cells of each table."""
    rule = rows[0].folding.rule
    header: tuple[str, ...] = ("dataset", *FACTORS)
    text = f"Graphs: {rule}; lengths of a crystal within {TIE:g} Å are one. A crystal folds if it has fewer kinds than atoms."
    yield "Fold factors", text, header, [[row.name, *factors(row.folding)] for row in rows]
    header = ("dataset", "tolerance, Å", "groups", "crystals", "of one structure", "of different structures")
    text = "Groups of crystals with one graph. 'One structure': the search for duplicates of the health pages says so."
    yield "Crystals with one graph", text, header, [line for row in rows for line in _shared(row)]
    header = ("dataset", *floor_header(rows[0].folding), "of it, different structures", "widest gap")
    text = (
        "The lowest error over the set of any function of the graph that takes lengths within the tolerance for one; targets "
        "for which it is above zero. The last two columns are at the widest tolerance."
    )
    yield "Floors", text, header, [line for row in rows for line in _floors(row)]
    compared = [row for row in rows if row.orbits]
    if compared:
        text = (
            f"Orbits: spglib {version('spglib')}, symprec {SYMPREC:g} Å, all translations of the space group. 'Looser': "
            "crystals with more kinds than orbits where lengths within 0.0001, 0.001, 0.01 Å are one. "
            "'Misfit': how far an atom or a cell vector of these crystals misses a symmetric image: smallest, median, largest. "
            "'Idealised': where spglib has put the atoms on their symmetric places."
        )
        header = (
            "dataset",
            "crystals",
            "atoms",
            "kinds",
            "orbits",
            "kinds ≤ orbits",
            "more kinds",
            "looser",
            "misfit, Å",
            "idealised",
        )
        yield "Kinds of atoms beside orbits", text, header, [_orbits(row.name, row.orbits) for row in compared if row.orbits]


def _shared(row: FoldedDataset) -> Iterator[list[str]]:
    for found in row.folding.shared:
        counts = (found.groups, found.crystals, found.repeated, found.different)
        yield [row.name, f"{found.tolerance:g}", *(f"{n:,}" for n in counts)]


def _floors(row: FoldedDataset) -> Iterator[list[str]]:
    for cells, found in zip(floor_rows(row.folding), row.folding.shared[-1].floors, strict=True):
        if found.floor:
            ends = " and ".join(f"{name} ({number(value)})" for name, value in (found.gaps[0].low, found.gaps[0].high))
            yield [row.name, *cells, with_unit(found.different, found), ends]


def _orbits(name: str, found: Orbits) -> list[str]:
    share = (found.fewer + found.equal) / (found.sampled - found.refused)
    counts = [f"{n:,}" for n in (found.sampled - found.refused, found.atoms, found.kinds, found.orbits)]
    looser = ", ".join(f"{n:,}" for _, n in found.looser)
    misfit = ", ".join(f"{one:.1g}" for one in found.misfit)
    return [name, *counts, percent(share, 1), f"{found.more:,}", looser, misfit, f"{found.ideal:,}"]
