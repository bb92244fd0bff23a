"""Waits for what a page becomes."""

from __future__ import annotations

import time
from typing import Any

LONGEST = 30.0


def wait_until(page: Any, expression: str, arg: Any = None) -> None:
    """Until JavaScript says so. Playwright's own wait evaluates a text again inside of the page, which its policy forbids."""
    ends = time.monotonic() + LONGEST
    while not page.evaluate(expression, arg):
        assert time.monotonic() < ends, f"{expression}: not in {LONGEST:.0f} s"
        page.wait_for_timeout(50)
