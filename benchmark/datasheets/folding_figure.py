"""Draws rock salt before and after folding."""

from __future__ import annotations

import io

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch

from benchmark.rendering.images import BLUE
from datasets.crystals import Crystals
from datasets.neighbor_search import TIE, Nearest
from datasets.neighbors import find_neighbors
from models.graph.columns import GraphColumns, graph_columns
from models.graph.folding import fold

INK, LINE = "#333333", "#b8c4cc"
LOOKS = {11: ("Na", BLUE, "white"), 17: ("Cl", "#e8b878", INK)}
"""Name, colour of the atom, colour of the name."""
CORNERS = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
VIEW = np.array([[1.0, 0.12], [0.42, 0.34], [0.0, 1.0]])
"""Where the three axes of the cell point on paper."""


def salt() -> Crystals:
    """The conventional cell of rock salt, 8 atoms."""
    coords = np.concatenate([CORNERS, (CORNERS + np.array([0.5, 0.0, 0.0])) % 1.0])
    cell = np.eye(3) * 5.64, np.ones(3, dtype=bool), np.repeat([11, 17], 4), coords
    return Crystals.from_cells(["salt"], [cell])


def folding_svg() -> bytes:
    """The picture, with the counts that folding finds."""
    crystals = salt()
    columns = graph_columns(crystals, find_neighbors(crystals, Nearest(12, 8.0)), tolerance=TIE)
    folded = fold(columns)
    figure = Figure(figsize=(9.0, 3.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_cell(left, crystals, columns)
    _draw_folded(right, folded)
    left.set_title(f"the graph: {len(columns.atomic_numbers)} atoms, {len(columns.src)} edges", color=INK)
    title = f"folded: {len(folded.atomic_numbers)} kinds of atoms, {len(folded.src)} weighted edges"
    right.set_title(title, color=INK)
    buffer = io.BytesIO()
    # Text stays text, and another run writes the same bytes.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "folding"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _draw_cell(ax: Axes, crystals: Crystals, columns: GraphColumns) -> None:
    """The atoms, and of all edges those between the atoms of the cell as they stand."""
    coords = crystals.frac_coords
    places = coords @ VIEW
    length = columns.lengths[columns.length_of] / crystals.lattice[0, 0, 0]
    apart = np.linalg.norm(coords[columns.src] - coords[columns.dst], axis=1)
    for i, j in zip(columns.src[np.abs(apart - length) < TIE], columns.dst[np.abs(apart - length) < TIE], strict=True):
        ax.plot(*places[[i, j]].T, color=LINE, lw=1.2, zorder=1)
    for place, z in zip(places, crystals.atomic_numbers, strict=True):
        _draw_atom(ax, place, LOOKS[int(z)], 0.075)
    ax.set_xlim(-0.2, 0.95)
    _plain(ax)


def _draw_folded(ax: Axes, folded: GraphColumns) -> None:
    assert folded.copies is not None and folded.merged is not None
    places = np.array([[0.0, 0.0], [1.6, 0.0]])
    for kind, z in enumerate(folded.atomic_numbers):
        _draw_atom(ax, places[kind], LOOKS[int(z)], 0.26, f"× {folded.copies[kind]}")
    for src, dst, length, times in zip(folded.src, folded.dst, folded.length_of, folded.merged, strict=True):
        text = f"{times} × {folded.lengths[length]:.2f} Å"
        if src == dst:
            x, top = places[src]
            top += 0.23
            _arrow(ax, (x - 0.13, top), (x + 0.13, top), -2.6)
            ax.text(x, top + 0.5, text, ha="center", va="bottom", color=INK)
        else:
            side = 1 if places[dst][0] > places[src][0] else -1
            start, end = ((places[at][0] + step * side, 0.1 * side) for at, step in ((src, 0.27), (dst, -0.27)))
            _arrow(ax, start, end, -0.25)
            ax.text(0.8, 0.32 * side, text, ha="center", va="center", color=INK)
    ax.set_xlim(-0.6, 2.2)
    ax.set_ylim(-0.8, 1.1)
    _plain(ax)


def _draw_atom(ax: Axes, place: np.ndarray, look: tuple[str, str, str], radius: float, times: str = "") -> None:
    name, colour, ink = look
    ax.add_patch(Circle((place[0], place[1]), radius, facecolor=colour, edgecolor="white", lw=1.5, zorder=2))
    ax.text(place[0], place[1], name, ha="center", va="center", color=ink, fontweight="bold", zorder=3)
    if times:
        ax.text(place[0], place[1] - radius - 0.12, times, ha="center", va="center", color=INK)


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], bend: float) -> None:
    style = f"arc3,rad={bend}"
    arrow = FancyArrowPatch(start, end, connectionstyle=style, arrowstyle="-|>", mutation_scale=14, color=INK)
    ax.add_patch(arrow)


def _plain(ax: Axes) -> None:
    ax.set_aspect("equal", anchor="N")
    ax.axis("off")
