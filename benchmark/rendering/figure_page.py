"""A web page of interactive figures that opens from disk, on a phone and on a wide screen."""

from __future__ import annotations

import base64
import hashlib
from html import escape

import plotly.graph_objects as go

from benchmark.rendering.plotly_script import in_page

STYLE = """:root{color-scheme:light}
body{margin:0 auto;max-width:1180px;padding:0 1rem 2rem;color:#1d2126;font:16px/1.5 system-ui,"Segoe UI",Roboto,sans-serif}
h1{font-size:1.4rem;line-height:1.25;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:2.2rem 0 .6rem;border-top:1px solid #d8dce2;padding-top:1rem}
h3{font-size:1rem;margin:1.4rem 0 .3rem}
p,li{max-width:80ch;overflow-wrap:anywhere}
.note,figcaption{color:#59616b;font-size:.85rem}
.beside{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));gap:0 1.5rem}
.beside>div{min-width:0}
.panel{height:22rem}
.legend{display:flex;flex-wrap:wrap;gap:.3rem;max-width:none}
.legend button{font:inherit;font-size:.85rem;color:inherit;background:none;cursor:pointer}
.legend button{border:1px solid #d8dce2;border-radius:4px}
.legend button::before{content:"";display:inline-block;width:.7em;height:.7em;margin-right:.4em;background:var(--line)}
.legend [aria-pressed=false]{opacity:.45}
"""

SCRIPT = """for (const block of document.querySelectorAll("script.figure")) {
  const figure = JSON.parse(block.textContent);
  Plotly.newPlot(block.previousElementSibling, figure.data, figure.layout, {responsive: true, displaylogo: false});
}
for (const button of document.querySelectorAll(".legend button")) {
  button.addEventListener("click", () => {
    const shown = button.getAttribute("aria-pressed") === "false";
    button.setAttribute("aria-pressed", String(shown));
    for (const plot of button.closest("section").querySelectorAll(".js-plotly-plot")) {
      const own = plot.data.flatMap((trace, index) => trace.name === button.textContent ? [index] : []);
      if (own.length) Plotly.restyle(plot, {visible: shown}, own);
    }
  });
}
"""


def page_of_figures(title: str, note: str, body: str, library: str, style: str = "") -> str:
    """A whole page; nothing in it may load from a network or run but the plotting library and `SCRIPT`.

    Args:
        title: of the page, as text.
        note: below the title, as HTML.
        body: likewise; its figures are those of `plot`.
        library: where the plotting library is.
        style: rules of this page alone.
    """
    hashed = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'self' 'sha256-{hashed}'; style-src 'unsafe-inline'; img-src 'self' data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" '
        f'content="{policy}">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{escape(title)}</title>\n<link rel="icon" href="data:,">\n<style>{STYLE}{style}</style>\n'
        f'<script src="{escape(library)}"></script></head>\n<body><h1>{escape(title)}</h1>\n<p class="note">{note}</p>\n'
        f"<noscript><p>The figures need JavaScript; the report as text has them as images.</p></noscript>\n"
        f"{body}\n<script>{SCRIPT}</script></body></html>\n"
    )


def plot(figure: go.Figure, kind: str, name: str) -> str:
    """An interactive figure as HTML; `kind` is its class in the style, `name` what a screen reader says."""
    block = f'<script type="application/json" class="figure">{in_page(figure.to_json())}</script>'
    return f'<div class="{kind}" role="img" aria-label="{escape(name)}"></div>{block}'
