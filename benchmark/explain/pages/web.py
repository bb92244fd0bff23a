"""Explanations as a web page: figures to point at, graphs and motifs drawn; from records alone, and without a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

import networkx as nx
import plotly.graph_objects as go
from matplotlib.colors import to_hex, to_rgb

from benchmark.explain.node_types import NodeTypeKind
from benchmark.explain.pages.figures import COLORS, best, color, every_explanation, node_type_shares, pair_shares
from benchmark.explain.pages.settings import heading
from benchmark.explain.records import CLASSES, ClassName, Explanation
from benchmark.explain.seed_groups import SeedGroup
from benchmark.explain.statements import Enrichment, MotifKind
from benchmark.rendering.figure_page import page_of_figures, plot
from benchmark.rendering.text import chance, interval
from benchmark.statistics.comparisons import ALPHA

MOTIFS: dict[MotifKind, list[tuple[int, int]]] = {"node type": [], "pair": [(0, 1)], "triangle": [(0, 1), (1, 2), (0, 2)]}
"""Bonds of a motif of each kind."""

DRAWN = 6
"""Motifs of a class."""

STYLE = """.node-types{height:20rem}
.pairs{height:26rem}
.graphs{display:grid;grid-template-columns:repeat(auto-fill,minmax(6.6rem,1fr));gap:.6rem}
.graphs figure{margin:0}
.graphs .weak svg{opacity:.6}
.graphs svg{display:block;width:100%;height:auto;background:#f5f6f8;border-radius:4px}
figcaption{text-align:center;font-size:.8rem;line-height:1.35;padding-top:.2rem}
@media(min-width:800px){.graphs{grid-template-columns:repeat(auto-fill,minmax(8.5rem,1fr))}.pairs{height:31rem}}
"""


def web_page(title: str, found: Sequence[SeedGroup], lines: Sequence[Sequence[str]], markdown: str, library: str) -> str:
    """One page of all groups of a task.

    Args:
        title: of the page.
        found: the groups.
        lines: what was found, of each group.
        markdown: where the same is as text, for a link.
        library: where the plotting library is.
    """
    body = "".join(_group(group, own) for group, own in zip(found, lines, strict=True))
    note = (
        "Rendered from records alone. Tables, tests and how to read them: "
        f'<a href="{escape(markdown)}">the report as text</a>. Atoms are numbered and coloured by their node type.'
    )
    return page_of_figures(title, note, body, library, STYLE)


def _group(group: SeedGroup, lines: Sequence[str]) -> str:
    kind = group.first.experiment.node_types
    every = every_explanation(group.explanations)
    parts = [f"<h2>{escape(heading(group))}</h2>", "<ul>", *(f"<li>{escape(line)}</li>" for line in lines), "</ul>"]
    parts += [f"<h3>Atoms of each {kind}</h3>", plot(_node_types(group), "node-types", f"share of the atoms of each {kind}")]
    parts += [f"<h3>Bonds between two {kind}s</h3>", '<div class="beside">']
    maps = {name: pair_shares(every[name], group.first.n_node_types) for name in CLASSES}
    highest = max(1e-9, *(float(values.max()) for values in maps.values()))
    for name in CLASSES:
        heat = _pairs(maps[name].tolist(), highest, name, kind)
        parts.append(f"<div>{plot(heat, 'pairs', f'share of the bonds between each two {kind}s, {name}')}</div>")
    parts.append("</div>")
    for name in CLASSES:
        parts += _drawings(f"Surest explanations of {name}", (_explanation(one, kind) for one in best(every[name])))
        parts += _drawings(
            f"Motifs of {name} beyond size and composition, the surest first; pale: not significant "
            f"(seed {group.first.experiment.seed})",
            (_motif(one, kind) for one in top_motifs(group.first.of(name).enrichments)),
        )
    return "\n".join(parts)


def top_motifs(found: Sequence[Enrichment]) -> list[Enrichment]:
    """The motifs that are more frequent than size and composition give, the surest first, at most `DRAWN`."""
    more = [e for e in found if e.against == "size and composition" and e.log_odds > 0]
    return sorted(more, key=lambda e: (e.p, -e.log_odds))[:DRAWN]


def _node_types(group: SeedGroup) -> go.Figure:
    result, every = group.first, every_explanation(group.explanations)
    numbers = list(range(1, result.n_node_types + 1))
    figure = go.Figure()
    for name in CLASSES:
        figure.add_bar(
            x=numbers, y=node_type_shares(every[name], result.n_node_types).tolist(), name=name, marker_color=COLORS[name],
            hovertemplate=f"{result.experiment.node_types} %{{x}}<br>%{{y:.1%}} of the atoms<extra>{name}</extra>",
        )  # fmt: skip
    total = sum(result.training_atoms)
    figure.add_scatter(
        x=numbers, y=[n / total for n in result.training_atoms], name="training crystals", mode="markers",
        marker={"symbol": "line-ew", "size": 10, "line": {"width": 2, "color": "black"}},
        hovertemplate=f"{result.experiment.node_types} %{{x}}<br>%{{y:.1%}} of the atoms<extra>training crystals</extra>",
    )  # fmt: skip
    figure.update_xaxes(_axis(result.experiment.node_types, result.n_node_types))
    figure.update_yaxes(title_text="share of the atoms", tickformat=".0%")
    return _laid_out(figure, {"legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}})


def _pairs(shares: list[list[float]], highest: float, name: ClassName, kind: NodeTypeKind) -> go.Figure:
    numbers = list(range(1, len(shares) + 1))
    figure = go.Figure()
    figure.add_heatmap(
        x=numbers, y=numbers, z=shares, zmin=0, zmax=highest, colorscale="YlGnBu",
        colorbar={"tickformat": ".0%", "thickness": 10, "orientation": "h", "y": -0.16, "yanchor": "top"},
        hovertemplate=f"{kind}s %{{x}} and %{{y}}<br>%{{z:.1%}} of the bonds<extra>{name}</extra>",
    )  # fmt: skip
    figure.update_xaxes(_axis(kind, len(shares)))
    figure.update_yaxes(_axis(kind, len(shares)))
    return _laid_out(figure, {"title": {"text": name, "x": 0.5, "y": 0.98}})


def _axis(kind: NodeTypeKind, n: int) -> dict[str, Any]:
    """Of node types: each is told, in letters that a phone has room for."""
    return {"title": {"text": kind}, "dtick": 1, "tickangle": 0, "tickfont": {"size": 9}, "range": [0.4, n + 0.6]}


def _laid_out(figure: go.Figure, layout: dict[str, Any]) -> go.Figure:
    margin = {"l": 45, "r": 10, "t": 40, "b": 40}
    return figure.update_layout(template="simple_white", margin=margin, font={"size": 11}, **layout)


# -- drawings ---------------------------------------------------------------------------------------


def _drawings(title: str, drawn: Iterator[str]) -> list[str]:
    found = list(drawn)
    return [f"<h3>{escape(title)}</h3>", '<div class="graphs">', *found, "</div>"] if found else []


def _explanation(one: Explanation, kind: NodeTypeKind) -> str:
    return _figure(one.node_types, one.bonds, kind, f"probability {one.probability:.3f}")


def _motif(one: Enrichment, kind: NodeTypeKind) -> str:
    said = f"log-odds {one.log_odds:+.2f}\n({interval(*one.interval)})\np (Holm) {chance(one.p_holm)}"
    return _figure(one.node_types, MOTIFS[one.kind], kind, said, "" if one.p_holm < ALPHA else "weak")


def _figure(
    node_types: Sequence[int], bonds: Sequence[tuple[int, int]], kind: NodeTypeKind, caption: str, look: str = ""
) -> str:
    lines = "<br>".join(map(escape, caption.splitlines()))
    return f'<figure class="{look}">{drawing(node_types, bonds, kind)}<figcaption>{lines}</figcaption></figure>'


def drawing(node_types: Sequence[int], bonds: Sequence[tuple[int, int]], kind: NodeTypeKind) -> str:
    """A graph as SVG, atoms in the colours of the other figures."""
    graph = nx.Graph()
    graph.add_nodes_from(range(len(node_types)))
    graph.add_edges_from(bonds)
    places = nx.kamada_kawai_layout(graph) if len(node_types) > 1 else {0: (0.0, 0.0)}
    at = {atom: (60 + 42 * float(x), 60 + 42 * float(y)) for atom, (x, y) in places.items()}
    bonded = ", ".join(f"{node_types[i]}–{node_types[j]}" for i, j in bonds) or "none"
    name = f"{kind}s {', '.join(map(str, node_types))}; bonds {bonded}"
    parts = [f'<svg viewBox="0 0 120 120" role="img" aria-label="{escape(name)}"><title>{escape(name)}</title>']
    for i, j in bonds:
        ends = 'x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"'.format(*at[i], *at[j])
        parts.append(f'<line {ends} stroke="#777777" stroke-width="1.5"/>')
    for atom, node_type in enumerate(node_types):
        x, y = at[atom]
        shade = to_hex(color(node_type, kind))
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="10" fill="{shade}"/><text x="{x:.1f}" y="{y + 4:.1f}" font-size="11" '
            f'text-anchor="middle" fill="{_ink(shade)}">{node_type}</text>'
        )
    return "".join([*parts, "</svg>"])


def _ink(shade: str) -> str:
    """Black or white, whichever is read more easily on the shade (WCAG's relative luminance)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(shade)]
    return "#000000" if 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.179 else "#ffffff"
