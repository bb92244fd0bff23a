"""Figures of studies as data, drawn once as PNG and once interactively. Needs no torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape as escape_html

import plotly.graph_objects as go
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_hex
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmark.rendering.figure_page import page_of_figures, plot
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
    top: float | None = None
    """Where the vertical axis ends; a point above is a ▲ there."""

    @property
    def cut(self) -> bool:
        """Whether a point lies above the top."""
        return self.top is not None and any(y is not None and y > self.top for line in self.lines for y in line.y)


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
    if panel.cut:
        _cut(ax, panel, used)
    ax.spines[["top", "right"]].set_visible(False)


def _cut(ax: Axes, panel: Panel, used: dict[str, str]) -> None:
    """End the axis at the top, with a triangle for each point above it, side by side where they have one place."""
    ax.set_ylim(top=panel.top)
    beside: Counter[float | str] = Counter()
    for line in panel.lines:
        for x, y in zip(line.x, line.y, strict=True):
            if y is None or panel.top is None or y <= panel.top:
                continue
            ax.annotate(
                "▲", (x, panel.top), (-8 * beside[x], 0), textcoords="offset points", ha="center", va="bottom", fontsize=7,
                color=used[line.color_of or line.label], annotation_clip=False,
            )  # fmt: skip
            beside[x] += 1
    _plain_ticks(ax.yaxis)


def _plain_ticks(axis: Axis) -> None:
    """1, 2 and 5 of each decade as plain numbers on a logarithmic axis of few decades."""
    low, high = axis.get_view_interval()
    if high < 200 * low:
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.9g}"))
        axis.set_minor_formatter(NullFormatter())


def html_page(title: str, figures: Sequence[Figure], script: str, markdown: str) -> str:
    """All figures on one page; a click on a name hides its lines."""
    note = f'Tables and how to read them: <a href="{escape_html(markdown)}">the report as text</a>. A click on a name hides it.'
    return page_of_figures(title, note, "".join(map(_section, figures)), script)


def _section(figure: Figure) -> str:
    """A figure with its panels, which stand below one another on a narrow screen, and one legend."""
    used = colors(figure)
    names = {_name(line): used[line.color_of or line.label] for panel in figure.panels for line in panel.lines}
    buttons = "".join(
        f'<button type="button" aria-pressed="true" style="--line:{color}">{escape_html(name)}</button>'
        for name, color in names.items()
    )
    panels = "".join(f"<div>{plot(_interactive(panel, used), 'panel', panel.title)}</div>" for panel in figure.panels)
    legend = f'<p class="legend">{buttons}</p>' if names else ""
    return f'<section><h2>{escape_html(figure.caption)}</h2><div class="beside">{panels}</div>{legend}</section>'


def _name(line: Line) -> str:
    return f"{line.label}, published" if line.published else line.label


def _interactive(panel: Panel, used: Mapping[str, str]) -> go.Figure:
    drawn = go.Figure()
    for line in panel.lines:
        drawn.add_scatter(
            x=list(line.x), y=list(line.y), name=_name(line), mode="lines+markers",
            error_y={"type": "data", "array": list(line.error), "thickness": 1} if line.error else None,
            line={"color": used[line.color_of or line.label], "dash": "dash" if line.published else "solid"},
            marker={"symbol": "circle-open" if line.published else "circle"},
        )  # fmt: skip
    if cloud := panel.cloud:
        bar = {"title": {"text": cloud.title, "side": "right"}, "thickness": 10}
        marker = {"color": list(cloud.value), "colorscale": "Viridis", "size": 5, "showscale": True, "colorbar": bar}
        drawn.add_scatter(x=list(cloud.x), y=list(cloud.y), text=list(cloud.names), mode="markers", marker=marker)
    drawn.update_xaxes(title_text=panel.x, type="log" if panel.log_x else None, automargin=True, exponentformat="power")
    drawn.update_yaxes(title_text=panel.y, type="log" if panel.log_y else None, automargin=True, exponentformat="power")
    if panel.cut:
        drawn.update_yaxes(autorangeoptions={"clipmax": panel.top})
    title = {"text": panel.title, "x": 0.5, "font": {"size": 13}}
    margin = {"l": 55, "r": 10, "t": 40, "b": 45}
    return drawn.update_layout(template="simple_white", showlegend=False, title=title, margin=margin, font={"size": 11})
