"""Pictures as SVG: text stays text, colours follow the reader's light or dark screen, another machine writes the same bytes."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree.ElementTree import Element, fromstring, indent, tostring

FONT = 13
"""Pixels of text in pictures that are `WIDTH` wide: on a phone of 390 pixels it is still 10."""
WIDTH = 440
LETTER = 0.56 * FONT
"""Width of a letter, about."""
SHOWN_AT = 1.3
"""How much larger a picture is shown where there is room."""

STYLE = """
text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, Helvetica, Arial, sans-serif; fill: var(--ink); }
svg { --paper: #ffffff; --ink: #1d2126; --muted: #59616b; --rule: #c4cad2; --accent: #1f5f8b; --second: #b5651d;
  --third: #c4dbeb; }
@media (prefers-color-scheme: dark) {
  svg { --paper: #15181c; --ink: #e4e7eb; --muted: #a5adb8; --rule: #4a525c; --accent: #7fb9e6; --second: #f0b27a;
    --third: #2c4d66; }
}
.paper { fill: var(--paper); }
.muted { fill: var(--muted); }
.bold { font-weight: 600; }
.rule { stroke: var(--rule); fill: none; }
.dotted { stroke: var(--muted); stroke-dasharray: 2 3; fill: none; }
"""
"""Colours are those of the web page."""


def shape(tag: str, *children: Element, **attributes: object) -> Element:
    """An element; `class_` is its class, `_` in another name is `-`, numbers are rounded to a tenth of a pixel."""
    written = {name.rstrip("_").replace("_", "-"): number(value) for name, value in attributes.items()}
    element = Element(tag, written)
    element.extend(children)
    return element


def number(value: object) -> str:
    """A coordinate as it is written; other values as text."""
    return f"{round(value, 1) + 0.0:g}" if isinstance(value, float) else str(value)


def text(x: float, y: float, words: str, class_: str = "", anchor: str = "start") -> Element:
    """One line of text, its baseline at y."""
    element = shape("text", x=float(x), y=float(y), text_anchor=anchor, class_=class_)
    element.text = words
    return element


def line(x1: float, y1: float, x2: float, y2: float, class_: str = "rule") -> Element:
    """A straight line."""
    return shape("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), class_=class_)


def cut(words: str, width: float) -> str:
    """Words that fit a width in pixels, about; what is left out is an ellipsis."""
    most = int(width / LETTER)
    return words if len(words) <= most else words[: most - 1] + "…"


def picture(height: float, title: str, shapes: Iterable[Element], style: str = "") -> str:
    """A whole file, `WIDTH` wide; `title` is what a reader who cannot see it is told."""
    heading = Element("title")
    heading.text = title
    rules = Element("style")
    rules.text = STYLE + style
    box = f"0 0 {WIDTH} {number(float(height))}"
    size = {"width": f"{SHOWN_AT * WIDTH:.0f}", "height": f"{SHOWN_AT * height:.0f}", "viewBox": box}
    paper = shape("rect", width=WIDTH, height=float(height), class_="paper")
    root = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "role": "img", **size})
    root.extend([heading, rules, paper, *shapes])
    indent(root, "")
    return tostring(root, encoding="unicode") + "\n"


def title_of(svg: str) -> str:
    """What a picture tells a reader who cannot see it."""
    return fromstring(svg).findtext("{http://www.w3.org/2000/svg}title") or ""
