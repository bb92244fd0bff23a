"""Figures as PNG files, and the colours that pages share."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

BLUE, RED, GREY = "#33658a", "#c8553d", "#eeeeee"
DPI = 100


def plain(text: str) -> str:
    """Text from a record as a figure shows it: a dollar sign begins no formula."""
    return text.replace("$", r"\$")


def png(figure: Figure) -> bytes:
    """The image of a figure."""
    buffer = io.BytesIO()
    # No software version in the file, so that another machine writes the same bytes where it draws the same.
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()
