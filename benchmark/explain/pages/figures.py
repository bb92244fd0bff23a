"""The figure of explanations, as a PNG image."""

from __future__ import annotations

import networkx as nx
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from benchmark.explain.node_types import NodeTypeKind
from benchmark.explain.records import CLASSES, ClassName, Explanation, Result
from benchmark.rendering.images import BLUE, GREY, RED, png

ByClass = dict[ClassName, tuple[tuple[Explanation, ...], ...]]
"""The explanations of a class, seed by seed."""

COLORS: dict[ClassName, str] = {"low": BLUE, "high": RED}

FAMILIES = (
    (range(1, 2), "#7b4ea3"), (range(2, 3), "#a57fc0"), (range(3, 13), "#8fa3ad"), (range(13, 15), "#5b9279"),
    (range(15, 16), "#33658a"), (range(16, 17), "#c8553d"), (range(17, 18), "#e0a030"), (range(18, 19), "#bbbbbb"),
)  # fmt: skip
"""Groups of a family of elements, and its colour."""

DRAWN = 5
"""Graphs of a class."""


def figure(result: Result, explanations: ByClass) -> bytes:
    """A PNG: from top to bottom node type histograms, bond heat maps, and the graphs with the highest probability."""
    every = every_explanation(explanations)
    whole = Figure(figsize=(10.0, 12.4), layout="constrained")
    grid = whole.add_gridspec(3, 1, height_ratios=(3.2, 4.6, 4.6))
    top, middle, bottom = (whole.add_subfigure(grid[row]) for row in range(3))
    _node_types(top, result, every)
    _pairs(middle, result, every)
    _graphs(bottom, result, every)
    return png(whole)


def every_explanation(explanations: ByClass) -> dict[ClassName, list[Explanation]]:
    """Those of all seeds."""
    return {name: [one for found in explanations[name] for one in found] for name in CLASSES}


def node_type_shares(found: list[Explanation], n: int) -> np.ndarray:
    """(T,) share of the atoms of each node type."""
    node_types = np.array([node_type for one in found for node_type in one.node_types], dtype=np.int64)
    return np.bincount(node_types, minlength=n + 1)[1:] / max(len(node_types), 1)


def best(found: list[Explanation]) -> list[Explanation]:
    """Those with the highest probability."""
    return sorted(found, key=lambda one: (-one.probability, one.hash))[:DRAWN]


def _node_types(part: SubFigure, result: Result, every: dict[ClassName, list[Explanation]]) -> None:
    """Two bars a node type, and a mark for the training crystals."""
    n = result.n_node_types
    ax = part.subplots()
    places = np.arange(1, n + 1)
    for shift, name in zip((-0.2, 0.2), CLASSES, strict=True):
        ax.bar(places + shift, node_type_shares(every[name], n), 0.38, color=COLORS[name], label=name)
    training = np.array(result.training_atoms)
    ax.plot(places, training / training.sum(), "_", color="black", ms=14, label="training crystals")
    ax.set_xticks(places)
    ax.set_xlabel(result.experiment.node_types)
    ax.set_ylabel("share of the atoms")
    ax.legend(frameon=False)
    ax.spines[["top", "right"]].set_visible(False)


def _pairs(part: SubFigure, result: Result, every: dict[ClassName, list[Explanation]]) -> None:
    """A heat map a class."""
    axes, n = part.subplots(1, 2), result.n_node_types
    maps = {name: pair_shares(every[name], n) for name in CLASSES}
    highest = max(1e-9, *(float(values.max()) for values in maps.values()))
    for ax, name in zip(axes, CLASSES, strict=True):
        image = ax.imshow(maps[name], cmap="YlGnBu", vmin=0, vmax=highest, origin="lower")
        ax.set_xticks(range(n), range(1, n + 1), fontsize=8)
        ax.set_yticks(range(n), range(1, n + 1), fontsize=8)
        ax.set_xlabel(result.experiment.node_types)
        ax.set_title(name)
    part.colorbar(image, ax=axes, label="share of the bonds")


def pair_shares(found: list[Explanation], n: int) -> np.ndarray:
    """(T, T) symmetric share of the bonds of each pair of node types."""
    counts = np.zeros((n, n))
    for one in found:
        for i, j in one.bonds:
            a, b = sorted((one.node_types[i] - 1, one.node_types[j] - 1))
            counts[a, b] += 1
            counts[b, a] = counts[a, b]
    return counts / max(1, sum(len(one.bonds) for one in found))


def _graphs(part: SubFigure, result: Result, every: dict[ClassName, list[Explanation]]) -> None:
    """The graphs of either class with the highest probability, atoms coloured by family."""
    axes = part.subplots(2, DRAWN)
    for row, name in zip(axes, CLASSES, strict=True):
        for ax in row:
            ax.axis("off")
        for ax, one in zip(row, best(every[name]), strict=False):
            _draw(ax, one, result.experiment.node_types)
            ax.set_title(f"{name}, {one.probability:.3f}", fontsize=9)


def _draw(ax: Axes, one: Explanation, kind: NodeTypeKind) -> None:
    graph = nx.Graph()
    graph.add_nodes_from(range(len(one.node_types)))
    graph.add_edges_from(one.bonds)
    colors = [color(node_type, kind) for node_type in one.node_types]
    places = nx.kamada_kawai_layout(graph)
    names = dict(enumerate(map(str, one.node_types)))
    nx.draw_networkx(graph, places, ax=ax, labels=names, node_color=colors, node_size=330, font_size=8, edge_color="#777777")
    ax.margins(0.25)


def color(node_type: int, kind: NodeTypeKind) -> str | tuple[float, float, float, float]:
    """Of an atom: its family's, or its period's."""
    if kind == "period":
        return colormaps["YlOrRd"](node_type / 8)
    return next((shade for groups, shade in FAMILIES if node_type in groups), GREY)
