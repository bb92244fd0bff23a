"""Figures of studies as data, drawn once as PNG and once interactively. Needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape as escape_html

import plotly.graph_objects as go
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_hex
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from plotly.subplots import make_subplots

from benchmark.rendering.images import plain


@dataclass(frozen=True)
class Line:
    """Points joined in order; None is a gap. What was published is dashed with open markers."""

    label: str
    x: Sequence[float | str]
    y: Sequence[float | None]
    error: Sequence[float] | None = None
    published: bool = False
    color_of: str = ""
    """The label of the line whose colour it takes; empty: its own."""


@dataclass(frozen=True)
class Cloud:
    """Points coloured by a value, each with a name."""

    x: Sequence[float]
    y: Sequence[float]
    value: Sequence[float]
    names: Sequence[str]
    title: str
    """Of the value."""


@dataclass(frozen=True)
class Panel:
    """Axes with their lines, or a cloud of points."""

    title: str
    x: str
    y: str
    lines: Sequence[Line] = ()
    log_x: bool = False
    log_y: bool = False
    cloud: Cloud | None = None


@dataclass(frozen=True)
class Figure:
    """Panels in rows of `columns`; lines of one label share their colour."""

    name: str
    caption: str
    panels: Sequence[Panel]
    columns: int = 2


def colors(figure: Figure) -> dict[str, str]:
    """Label → colour, in the order in which the labels appear."""
    labels = list(dict.fromkeys(line.color_of or line.label for panel in figure.panels for line in panel.lines))
    palette = [colormaps["tab20"](i) for i in (*range(0, 20, 2), *range(1, 20, 2))]
    return {label: to_hex(palette[i % len(palette)]) for i, label in enumerate(labels)}


def canvas(figure: Figure) -> Canvas:
    """The figure for matplotlib, with one legend below."""
    used, rows = colors(figure), -(-len(figure.panels) // figure.columns)
    legend_rows = -(-len(used) // 4)
    size = (4.6 * figure.columns, 3.1 * rows + 0.25 * legend_rows)
    drawn = Canvas(figsize=size, layout="constrained")
    axes = drawn.subplots(rows, figure.columns, squeeze=False).ravel()
    for ax, panel in zip(axes, figure.panels, strict=False):
        _draw(ax, panel, used)
    for ax in axes[len(figure.panels) :]:
        ax.axis("off")
    handles = [axes[0].plot([], [], "o-", ms=4, color=color, label=plain(label))[0] for label, color in used.items()]
    if any(line.published for panel in figure.panels for line in panel.lines):
        handles.append(axes[0].plot([], [], "o--", ms=5, mfc="none", color="#666666", label="published")[0])
    if handles:
        drawn.legend(handles=handles, loc="outside lower center", ncols=min(4, len(handles)), fontsize=8, frameon=False)
    return drawn


def _draw(ax: Axes, panel: Panel, used: dict[str, str]) -> None:
    for line in panel.lines:
        color = used[line.color_of or line.label]
        y = [float("nan") if value is None else value for value in line.y]
        ax.errorbar(
            line.x, y, yerr=line.error, color=color, marker="o", ms=4 if len(line.x) < 12 else 2, lw=1.2,
            elinewidth=0.8, linestyle="--" if line.published else "-", mfc="none" if line.published else color,
        )  # fmt: skip
    if panel.cloud:
        points = ax.scatter(panel.cloud.x, panel.cloud.y, c=panel.cloud.value, s=6, cmap="viridis", linewidths=0)
        ax.figure.colorbar(points, ax=ax, label=plain(panel.cloud.title))
    ax.set_title(plain(panel.title), fontsize=10)
    ax.set_xlabel(plain(panel.x))
    ax.set_ylabel(plain(panel.y))
    if panel.log_x:
        ax.set_xscale("log")
        _plain_ticks(ax.xaxis)
    if panel.log_y and any(value and value > 0 for line in panel.lines for value in line.y):
        ax.set_yscale("log", nonpositive="mask")
        _plain_ticks(ax.yaxis)
    ax.spines[["top", "right"]].set_visible(False)


def _plain_ticks(axis: Axis) -> None:
    """1, 2 and 5 of each decade as plain numbers on a logarithmic axis of few decades."""
    low, high = axis.get_view_interval()
    if high < 200 * low:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.9g}"))
        axis.set_minor_formatter(NullFormatter())


def html_page(title: str, figures: Sequence[Figure], script: str) -> str:
    """All figures on one page; a click on a name hides its line, a double click the others."""
    parts = [f"<h2>{escape_html(f.caption)}</h2>{_interactive(f)}" for f in figures]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape_html(title)}</title>'
        f'<script src="{script}"></script><style>body{{font-family:sans-serif;margin:1.5em;max-width:1250px}}</style></head>'
        f"<body><h1>{escape_html(title)}</h1>{''.join(parts)}</body></html>\n"
    )


def _interactive(figure: Figure) -> str:
    rows = -(-len(figure.panels) // figure.columns)
    drawn = make_subplots(rows, figure.columns, subplot_titles=[panel.title for panel in figure.panels])
    used, named = colors(figure), set[tuple[str, bool]]()
    for place, panel in enumerate(figure.panels):
        row, column = place // figure.columns + 1, place % figure.columns + 1
        for line in panel.lines:
            name = f"{line.label}, published" if line.published else line.label
            trace = go.Scatter(
                x=list(line.x), y=list(line.y), name=name, legendgroup=name, mode="lines+markers",
                showlegend=(line.label, line.published) not in named,
                error_y={"type": "data", "array": list(line.error), "thickness": 1} if line.error else None,
                line={"color": used[line.color_of or line.label], "dash": "dash" if line.published else "solid"},
                marker={"symbol": "circle-open" if line.published else "circle"},
            )  # fmt: skip
            named.add((line.label, line.published))
            drawn.add_trace(trace, row, column)
        if cloud := panel.cloud:
            marker = {"color": list(cloud.value), "colorscale": "Viridis", "size": 5, "showscale": place == 0}
            drawn.add_trace(
                go.Scatter(x=list(cloud.x), y=list(cloud.y), text=list(cloud.names), mode="markers", marker=marker,
                           showlegend=False),
                row, column,
            )  # fmt: skip
        drawn.update_xaxes(title_text=panel.x, type="log" if panel.log_x else "linear", row=row, col=column)
        drawn.update_yaxes(title_text=panel.y, type="log" if panel.log_y else "linear", row=row, col=column)
    drawn.update_layout(height=120 + 380 * rows, template="simple_white", legend={"font": {"size": 11}})
    return drawn.to_html(full_html=False, include_plotlyjs=False, div_id=figure.name)
