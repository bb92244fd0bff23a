"""Draws the figures of a health report, as PNG images."""

from __future__ import annotations

import math

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from pymatgen.core import Element

from benchmark.datasheets.health_report import DatasetHealth
from benchmark.rendering.images import BLUE, GREY, RED, plain, png
from benchmark.rendering.text import with_unit
from datasets.contents import outliers
from datasets.crystals import Crystals

COLUMNS = 3
BINS = 60


def figures(health: DatasetHealth, crystals: Crystals) -> dict[str, bytes]:
    """Name → PNG: the targets' distributions, atoms a cell, the elements in the periodic table."""
    return {
        "targets": png(_targets(health, crystals)),
        "atoms": png(_atoms(crystals)),
        "elements": png(_elements(health)),
    }


def _targets(health: DatasetHealth, crystals: Crystals) -> Figure:
    """A histogram a target, counts on a logarithmic axis, outliers marked below."""
    shown = [target for target in health.targets if target.count]
    columns = max(1, min(COLUMNS, len(shown)))
    rows = max(1, math.ceil(len(shown) / columns))
    figure = Figure(figsize=(4.2 * columns if columns > 1 else 6.0, 3.0 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, target in zip(axes, shown, strict=False):
        values = crystals.targets[target.target].dropna().to_numpy()
        _histogram(ax, values, np.histogram_bin_edges(values, BINS))
        apart = values[outliers(values)]
        if len(apart):
            ax.plot(apart, np.full(len(apart), 0.7), "^", color=RED, ms=5, label="outliers", clip_on=False)
            ax.legend(frameon=False, fontsize=8)
        ax.set_xlabel(plain(with_unit(target.target, target.unit)))
    for ax in axes[len(shown) :]:
        ax.axis("off")
    return figure


def _atoms(crystals: Crystals) -> Figure:
    """A histogram of atoms a cell; a bar an integer where there are few."""
    figure = Figure(figsize=(6.0, 3.0), layout="constrained")
    ax = figure.subplots()
    low, high = int(crystals.n_atoms.min()), int(crystals.n_atoms.max())
    step = max(1, math.ceil((high - low + 1) / BINS))
    _histogram(ax, crystals.n_atoms, np.arange(low - 0.5, high + step + 0.5, step))
    ax.set_xlabel("atoms a cell")
    ax.set_xlim(low - 1.5, high + 1.5)
    ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
    return figure


def _histogram(ax: Axes, values: np.ndarray, edges: np.ndarray) -> None:
    ax.hist(values, bins=edges.tolist(), color=BLUE, edgecolor="white", linewidth=0.3)
    ax.set_yscale("log")
    ax.set_ylim(bottom=0.5)
    ax.set_ylabel("crystals")
    ax.spines[["top", "right"]].set_visible(False)


def _elements(health: DatasetHealth) -> Figure:
    """The periodic table; the darker, the more crystals hold the element; red frames: no features."""
    counts = {element.symbol: element for element in health.elements}
    figure = Figure(figsize=(9.6, 5.0), layout="constrained")
    ax = figure.subplots()
    norm = LogNorm(1, max(2, *(element.crystals for element in health.elements)))
    colors = colormaps["YlGnBu"]
    for z in range(1, 119):
        element = Element.from_Z(z)
        x, y = _place(element)
        count = counts.get(element.symbol)
        face = colors(norm(count.crystals)) if count else GREY
        unknown = count is not None and not count.has_features
        ax.add_patch(
            Rectangle((x, y), 0.94, 0.94, facecolor=face, edgecolor=RED if unknown else "none", linewidth=2, zorder=1 + unknown)
        )
        ink = "white" if count and norm(count.crystals) > 0.55 else "#333333" if count else "#aaaaaa"
        ax.text(x + 0.47, y + 0.37, element.symbol, ha="center", va="center", fontsize=10, color=ink, zorder=3)
        if count:
            ax.text(x + 0.47, y + 0.75, f"{count.crystals:,}", ha="center", va="center", fontsize=6.5, color=ink, zorder=3)
    ax.set_xlim(1, 19)
    ax.set_ylim(10.4, 1)
    ax.set_aspect("equal")
    ax.axis("off")
    ax.set_title("crystals that hold the element" + ("; red frame: no features" if _any_unknown(health) else ""), fontsize=11)
    return figure


def _any_unknown(health: DatasetHealth) -> bool:
    return any(not element.has_features for element in health.elements)


def _place(element: Element) -> tuple[float, float]:
    """Column and row in the table; lanthanoids and actinoids stand below it."""
    if element.is_lanthanoid:
        return element.Z - 57 + 3, 8.4
    if element.is_actinoid:
        return element.Z - 89 + 3, 9.4
    return element.group, element.row
