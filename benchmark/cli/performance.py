"""`python -m benchmark performance …`: what was measured as a page."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from benchmark.cli.shared.options import JsonOption
from benchmark.cli.shared.terminal import json_text
from benchmark.results.directories import REPORTS

commands = typer.Typer()


@commands.command(epilog="Example: python -m benchmark performance .benchmarks/performance.json")
def performance(
    files: Annotated[list[Path], typer.Argument(help="What `tox -e benchmarks` wrote; a later file overrides.")],
    out: Annotated[Path, typer.Option(help="The page; its figure goes into a folder beside it.")] = REPORTS / "performance.md",
    as_json: JsonOption = False,
) -> None:
    """Write the page of measured speeds. The text in <page>_notes.md becomes its last part."""
    from benchmark.speed.measurements import Performance
    from benchmark.speed.page import write_page
    from benchmark.speed.session import read_session

    measured = Performance(tuple(map(read_session, files)))
    paths = write_page(measured, out)
    if as_json:
        rows = [row for groups in measured.topics.values() for rows in groups.values() for row in rows]
        speeds = [
            {"benchmark": row.ours.fullname, "group": row.ours.group, "median_s": row.ours.stats.median, "ratio": row.ratio,
             "target_met": row.met, "floor_s": row.floor, "floor_fraction": row.floor_fraction}
            for row in rows
        ]  # fmt: skip
        scalings = [
            {"group": s.group, "crystals": s.crystals.tolist(), "time": asdict(s.time_exponent),
             "memory": s.memory_exponent and asdict(s.memory_exponent)}
            for s in measured.scalings
        ]  # fmt: skip
        print(json_text({"ceilings": asdict(measured.ceilings), "speeds": speeds, "exponents": scalings}))
    else:
        print("\n".join(map(str, paths)))
