"""The console for bars and lines about progress; apart from `terminal`, which every command imports, as rich takes its time."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from benchmark.cli.shared.terminal import harmless


class _HarmlessConsole(Console):
    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(harmless(one) if isinstance(one, str) else one for one in objects), **options)


def console(quiet: bool = False) -> Console:
    """Where bars and lines about progress go: stderr."""
    return _HarmlessConsole(stderr=True, highlight=False, quiet=quiet)
