"""The plotting library as a file beside pages, so that they open without a network."""

from __future__ import annotations

from pathlib import Path

import plotly
from plotly.offline import get_plotlyjs

from benchmark.results.store import write_atomically


def plotly_name() -> str:
    """The file of the plotting library."""
    return f"plotly-{plotly.__version__}.min.js"


def in_page(json_text: str) -> str:
    """JSON that may stand in a page: no `<`, so that no text of a record can end the block it stands in."""
    return json_text.replace("<", "\\u003c")


def write_plotly(folder: Path) -> Path:
    """Write the plotting library into a folder that exists, unless it is there; returns its path."""
    path = folder / plotly_name()
    if not path.exists():
        write_atomically(path, get_plotlyjs().encode())
    return path
