"""What a terminal gets to see: no text of a file or a server can move its cursor, hide a line or begin another one."""

from __future__ import annotations

import json
import logging
import math
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from benchmark.schema import one_line

_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but for tabs and line breaks, signs that turn the direction of writing, and what no encoding has."""

LONGEST_LINE = 5000


def harmless(text: str) -> str:
    """The text with a replacement character for everything that a terminal would obey instead of showing it."""
    return _UNSAFE.sub("\N{REPLACEMENT CHARACTER}", text)


BUSY = 1.2
"""From so many times the usual time on, a machine is called busy."""


def about(seconds: float) -> str:
    """A duration in the two largest units that it has: `45 s`, `12 min`, `2 h 10 min`, `3 d 4 h`."""
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{max(1, math.ceil(seconds))} s"
    if minutes < 60:
        return f"{minutes} min"
    large, small, units = (minutes // 60, minutes % 60, ("h", "min")) if minutes < 1440 else (
        minutes // 1440, minutes % 1440 // 60, ("d", "h")
    )  # fmt: skip
    return f"{large} {units[0]} {small} {units[1]}" if small else f"{large} {units[0]}"


def json_text(value: object) -> str:
    """What `--json` prints: indented, with signs such as Å as they are."""
    return json.dumps(value, indent=1, ensure_ascii=False)


def tell(line: object) -> None:
    """Print one line on stderr, whatever a name in it holds."""
    print(one_line(str(line), LONGEST_LINE), file=sys.stderr)


class Harmless:
    """A stream of text that writes what is harmless and otherwise is the stream that it is made from."""

    def __init__(self, stream: TextIO) -> None:
        self.rich_proxied_file = stream  # where rich draws its bars, with control characters of its own

    def write(self, text: str) -> int:
        """Write the text; returns how many characters that were."""
        return self.rich_proxied_file.write(harmless(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return one_line(super().format(record), LONGEST_LINE)


@contextmanager
def harmless_streams() -> Iterator[None]:
    """Inside, stdout and stderr write what is harmless, and a character that their encoding lacks is no error."""
    before = sys.stdout, sys.stderr
    for stream in before:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.stdout, sys.stderr = map(Harmless, before)
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("datasets").setLevel(logging.INFO)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
