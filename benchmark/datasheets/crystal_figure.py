"""One crystal and the graph that a network sees: as text, and as a picture of the cell, an atom's neighbours and the kinds."""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from ase.data import chemical_symbols, covalent_radii
from ase.data.colors import jmol_colors
from matplotlib.figure import Figure

from datasets.crystals import Crystals
from datasets.neighbor_search import TIE, Rule
from datasets.neighbors import Neighbors, find_neighbors
from models.graph.columns import GraphColumns, graph_columns
from models.graph.folding import fold

INK, LINE = "#333333", "#b8c4cc"
MOST_KINDS = 12
"""Kinds that a picture can show."""


@dataclass(frozen=True, eq=False)
class CrystalGraph:
    """One crystal with its graph, whole and folded.

    Attributes:
        crystals: this crystal alone.
        neighbors: its edges.
        folded: atoms that no message-passing network can tell apart are one row.
    """

    crystals: Crystals
    neighbors: Neighbors
    folded: GraphColumns

    def lines(self) -> list[str]:
        """The crystal, then one line a kind of atom: how many atoms, and their neighbours by element and distance."""
        n_atoms, n_edges = len(self.crystals.atomic_numbers), len(self.neighbors.src)
        head = f"{self.crystals.ids[0]}: {n_atoms} atoms, {n_edges} edges under {self.neighbors.rule}"
        kinds = f"{len(self.folded.atomic_numbers)} kinds of atoms, {len(self.folded.src)} weighted edges"
        return [head, f"a network tells apart {kinds}", *(self._kind(kind) for kind in range(len(self.folded.atomic_numbers)))]

    def _kind(self, kind: int) -> str:
        folded = self.folded
        assert folded.copies is not None and folded.merged is not None
        mine = np.flatnonzero(folded.dst == kind)
        order = mine[np.argsort(folded.lengths[folded.length_of[mine]], kind="stable")]
        shells = [f"{folded.merged[e]} × {self._label(int(folded.src[e]))} at {folded.lengths[folded.length_of[e]]:.3f} Å"
                  for e in order]  # fmt: skip
        return f"{self._label(kind)} ({folded.copies[kind]} in the cell): {', '.join(shells) or 'no neighbour'}"

    def _label(self, kind: int) -> str:
        """The element, with a number where several kinds share it."""
        numbers = self.folded.atomic_numbers
        same = np.flatnonzero(numbers == numbers[kind])
        symbol = chemical_symbols[int(numbers[kind])]
        return symbol if len(same) == 1 else f"{symbol}{int(np.flatnonzero(same == kind)[0]) + 1}"

    def picture(self, kind: str) -> bytes:
        """The picture in a format of matplotlib, "svg" or "png"; the same bytes every time."""
        figure = Figure(figsize=(12.0, 4.4), layout="constrained")
        cell = figure.add_subplot(1, 3, 1, projection="3d")
        around = figure.add_subplot(1, 3, 2, projection="3d")
        self._draw_cell(cell)
        self._draw_neighbors(around)
        self._draw_kinds(figure.add_subplot(1, 3, 3))
        buffer = io.BytesIO()
        with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "crystal"}):
            figure.savefig(buffer, format=kind, dpi=120, metadata={"Date": None, "Creator": None} if kind == "svg" else None)
        return buffer.getvalue()

    def _draw_cell(self, ax: Any) -> None:
        lattice = self.crystals.lattice[0]
        corners = np.array(list(product((0, 1), repeat=3)))
        for one, other in combinations(corners, 2):
            if np.abs(one - other).sum() == 1:
                ax.plot(*np.array([one @ lattice, other @ lattice]).T, color=LINE, lw=1)
        self._atoms(ax, self.crystals.cart_coords(0), self.crystals.atomic_numbers)
        ax.set_title(f"the cell: {len(self.crystals.atomic_numbers)} atoms", color=INK)
        _plain(ax)

    def _draw_neighbors(self, ax: Any) -> None:
        """The first atom with the atoms that send to it, in whatever cell they stand."""
        sends = self.neighbors.dst == 0
        numbers = self.crystals.atomic_numbers
        src = self.neighbors.src[sends]
        there = (self.crystals.frac_coords[src] + self.neighbors.image[sends]) @ self.crystals.lattice[0]
        here = self.crystals.frac_coords[0] @ self.crystals.lattice[0]
        for place in there:
            ax.plot(*np.array([here, place]).T, color=LINE, lw=1)
        self._atoms(ax, np.vstack([here, there]), np.concatenate([numbers[:1], numbers[src]]))
        ax.set_title(f"one atom, {chemical_symbols[int(numbers[0])]}, and its {len(src)} neighbours", color=INK)
        _plain(ax)

    def _atoms(self, ax: Any, places: np.ndarray, numbers: np.ndarray) -> None:
        sizes = 260 * covalent_radii[numbers] ** 2
        ax.scatter(*places.T, s=sizes, c=jmol_colors[numbers], edgecolors=INK, linewidths=0.6, depthshade=False)

    def _draw_kinds(self, ax: Any) -> None:
        folded, n = self.folded, len(self.folded.atomic_numbers)
        ax.set_title(f"the graph: {n} kinds of atoms, {len(folded.src)} weighted edges", color=INK)
        ax.axis("off")
        if n > MOST_KINDS:
            ax.text(0.5, 0.5, f"{n} kinds are too many to draw", ha="center", color=INK)
            return
        assert folded.copies is not None and folded.merged is not None
        angle = np.pi / 2 + 2 * np.pi * np.arange(n) / n
        places = np.column_stack([np.cos(angle), np.sin(angle)]) * (n > 1)
        joined = {(int(a), int(b)) for a, b in zip(folded.src, folded.dst, strict=True) if a < b}
        for a, b in joined:
            ax.plot(*places[[a, b]].T, color=LINE, lw=1.5, zorder=1)
        for kind, place in enumerate(places):
            colour = jmol_colors[int(folded.atomic_numbers[kind])]
            ax.scatter(*place, s=900, color=colour, edgecolors=INK, zorder=2)
            ax.text(*place, self._label(kind), ha="center", va="center", fontweight="bold", zorder=3,
                    color="white" if colour.mean() < 0.45 else INK)  # fmt: skip
            loops = folded.merged[(folded.src == kind) & (folded.dst == kind)].sum()
            note = f"× {folded.copies[kind]}" + (f", {loops} edges to itself" if loops else "")
            ax.text(place[0], place[1] - 0.28, note, ha="center", va="center", color=INK, fontsize=9)
        ax.set_xlim(-1.6, 1.6)
        ax.set_ylim(-1.6, 1.5)
        ax.set_aspect("equal")


def crystal_graph(crystals: Crystals, row: int, rule: Rule) -> CrystalGraph:
    """The graph of one crystal. Raises InputError where it cannot be searched for neighbours."""
    one = crystals.take([row])
    neighbors = find_neighbors(one, rule, allow_isolated=True)
    return CrystalGraph(one, neighbors, fold(graph_columns(one, neighbors, tolerance=TIE)))


def picture_format(path: Path) -> str | None:
    """ "svg" or "png" by the name of a file; None of another one."""
    kind = path.suffix.lower().removeprefix(".")
    return kind if kind in ("svg", "png") else None


def _plain(ax: Any) -> None:
    ax.set_aspect("equal")
    ax.axis("off")
