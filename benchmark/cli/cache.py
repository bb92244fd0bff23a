"""`python -m benchmark cache`: what is kept so that it need not be computed again, and how to delete it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import typer

from benchmark.cli.shared.options import JsonOption
from benchmark.cli.shared.terminal import json_text

commands = typer.Typer()


@commands.command(epilog="Example: python -m benchmark cache --clear")
def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Delete every entry that no process is writing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the cache: graphs, descriptors, duplicates and parsed sets that are kept, their sizes and the limit.

    The least recently used entries are deleted when all together pass BENCHMARK_CACHE_SIZE (default: 20 GB). Imported sets and
    fetched data are no part of the cache and are never deleted.
    """
    from tabulate import tabulate

    from benchmark.rendering.text import size
    from datasets.cache import SIZE_VARIABLE, entries, shrink, size_limit
    from datasets.paths import cache_dir

    limit = size_limit()
    deleted = shrink(0) if clear else []
    kept = entries()
    total, freed = sum(entry.size for entry in kept), sum(entry.size for entry in deleted)
    kinds = _kinds(kept)
    if as_json:
        about = {"directory": str(cache_dir()), "limit_bytes": limit, "bytes": total, "entries": len(kept), "kinds": kinds}
        print(json_text({**about, "deleted": len(deleted), "deleted_bytes": freed}))
        return
    if clear:
        print(f"deleted: {_count(len(deleted))}, {size(freed)}")
    if kinds:
        rows = [[k["kind"], f"{k['entries']:,}", size(k["bytes"]), k["last_used"]] for k in kinds]
        print(
            tabulate(rows, ["kind", "entries", "size", "last used"], disable_numparse=True, colalign=("left", "right", "right"))
        )
    print(f"{_count(len(kept))}, {size(total)} of at most {size(limit)} ({SIZE_VARIABLE}), in {cache_dir()}")


def _count(n: int) -> str:
    return "1 entry" if n == 1 else f"{n:,} entries"


def _kinds(kept: list[Any]) -> list[dict[str, Any]]:
    """For each kind the number of entries, their bytes, and when one of them was last used."""
    found: dict[str, list[Any]] = {}
    for entry in kept:
        found.setdefault(entry.kind, []).append(entry)
    return [
        {
            "kind": kind,
            "entries": len(group),
            "bytes": sum(entry.size for entry in group),
            "last_used": datetime.fromtimestamp(max(entry.last_used for entry in group)).isoformat(" ", "seconds"),
        }
        for kind, group in sorted(found.items())
    ]
