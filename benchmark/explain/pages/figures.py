"""The figures of explanations, as PNG images."""

from __future__ import annotations

import networkx as nx
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmark.explain.node_types import LabelKind
from benchmark.explain.records import CLASSES, ClassName, Explained, Explanation
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


def figures(answer: Explained, explanations: ByClass) -> dict[str, bytes]:
    """Name → PNG: label histograms, bond heat maps, and the graphs with the highest probability."""
    every = every_explanation(explanations)
    return {
        "labels": png(_labels(answer, every)),
        "pairs": png(_pairs(answer, every)),
        "graphs": png(_graphs(answer, every)),
    }


def every_explanation(explanations: ByClass) -> dict[ClassName, list[Explanation]]:
    """Those of all seeds."""
    return {name: [one for found in explanations[name] for one in found] for name in CLASSES}


def label_shares(found: list[Explanation], n: int) -> np.ndarray:
    """(L,) share of the atoms of each label."""
    labels = np.array([label for one in found for label in one.labels], dtype=np.int64)
    return np.bincount(labels, minlength=n + 1)[1:] / max(len(labels), 1)


def best(found: list[Explanation]) -> list[Explanation]:
    """Those with the highest probability."""
    return sorted(found, key=lambda one: (-one.probability, one.hash))[:DRAWN]


def _labels(answer: Explained, every: dict[ClassName, list[Explanation]]) -> Figure:
    """Two bars a label, and a mark for the training crystals."""
    n = answer.n_labels
    figure = Figure(figsize=(9.0 if n > 10 else 6.0, 3.2), layout="constrained")
    ax = figure.subplots()
    places = np.arange(1, n + 1)
    for shift, name in zip((-0.2, 0.2), CLASSES, strict=True):
        ax.bar(places + shift, label_shares(every[name], n), 0.38, color=COLORS[name], label=name)
    training = np.array(answer.training_labels)
    ax.plot(places, training / training.sum(), "_", color="black", ms=14, label="training crystals")
    ax.set_xticks(places)
    ax.set_xlabel(answer.question.labels)
    ax.set_ylabel("share of the atoms")
    ax.legend(frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    return figure


def _pairs(answer: Explained, every: dict[ClassName, list[Explanation]]) -> Figure:
    """A heat map a class."""
    figure = Figure(figsize=(10.0, 4.4), layout="constrained")
    axes, n = figure.subplots(1, 2), answer.n_labels
    maps = {name: pair_shares(every[name], n) for name in CLASSES}
    highest = max(1e-9, *(float(values.max()) for values in maps.values()))
    for ax, name in zip(axes, CLASSES, strict=True):
        image = ax.imshow(maps[name], cmap="YlGnBu", vmin=0, vmax=highest, origin="lower")
        ax.set_xticks(range(n), range(1, n + 1), fontsize=8)
        ax.set_yticks(range(n), range(1, n + 1), fontsize=8)
        ax.set_xlabel(answer.question.labels)
        ax.set_title(name)
    figure.colorbar(image, ax=axes, label="share of the bonds")
    return figure


def pair_shares(found: list[Explanation], n: int) -> np.ndarray:
    """(L, L) symmetric share of the bonds of each pair of labels."""
    counts = np.zeros((n, n))
    for one in found:
        for i, j in one.bonds:
            a, b = sorted((one.labels[i] - 1, one.labels[j] - 1))
            counts[a, b] += 1
            counts[b, a] = counts[a, b]
    return counts / max(1, sum(len(one.bonds) for one in found))


def _graphs(answer: Explained, every: dict[ClassName, list[Explanation]]) -> Figure:
    """The graphs of either class with the highest probability, atoms coloured by family."""
    figure = Figure(figsize=(2.2 * DRAWN, 4.6), layout="constrained")
    axes = figure.subplots(2, DRAWN)
    for row, name in zip(axes, CLASSES, strict=True):
        for ax in row:
            ax.axis("off")
        for ax, one in zip(row, best(every[name]), strict=False):
            _draw(ax, one, answer.question.labels)
            ax.set_title(f"{name}, {one.probability:.3f}", fontsize=9)
    return figure


def _draw(ax: Axes, one: Explanation, kind: LabelKind) -> None:
    graph = nx.Graph()
    graph.add_nodes_from(range(len(one.labels)))
    graph.add_edges_from(one.bonds)
    colors = [color(label, kind) for label in one.labels]
    places = nx.kamada_kawai_layout(graph)
    names = dict(enumerate(map(str, one.labels)))
    nx.draw_networkx(graph, places, ax=ax, labels=names, node_color=colors, node_size=330, font_size=8, edge_color="#777777")
    ax.margins(0.25)


def color(label: int, kind: LabelKind) -> str | tuple[float, float, float, float]:
    """Of an atom: its family's, or its period's."""
    if kind == "period":
        return colormaps["YlOrRd"](label / 8)
    return next((shade for groups, shade in FAMILIES if label in groups), GREY)
