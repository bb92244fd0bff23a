"""`python -m benchmark performance …` and `check …`: what was measured as a page, and against what was measured before."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from datasets.errors import BenchmarkError, InputError

PERFORMANCE_EXAMPLE = "Example: python -m benchmark performance .benchmarks/performance.json"
CHECK_EXAMPLE = 'Example: python -m benchmark check --benchmarks old.json new.json --fail-if "median:10%,peak_bytes:5%"'

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def performance(
    files: Annotated[list[Path], typer.Argument(help="What `tox -e benchmarks` wrote; a later file overrides.")],
    out: Annotated[Path, typer.Option(help="The page; its figure goes into a folder beside it.")] = Path(
        "reports/performance.md"
    ),
    as_json: JsonOption = False,
) -> None:
    """Render the measured speeds, ratios, floors and exponents; the text in <page>_notes.md becomes the last part."""
    from benchmark.performance import Performance, read_session
    from benchmark.render.performance import write_page

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
        print(json.dumps({"ceilings": asdict(measured.ceilings), "speeds": speeds, "exponents": scalings}, indent=1))
    else:
        print("\n".join(map(str, paths)))


def check(
    benchmarks: Annotated[
        tuple[Path, Path] | None, typer.Option(metavar="OLD.json NEW.json", help="Two files of one machine.")
    ] = None,
    fail_if: Annotated[
        str, typer.Option("--fail-if", help="By how much a statistic may grow: median, min, mean or peak_bytes, with commas.")
    ] = "median:10%",
    as_json: JsonOption = False,
) -> None:
    """Compare what was measured with what was measured before; exit code 1 where one of ours grew too much."""
    from benchmark.performance import read_session
    from benchmark.regressions import compare, parse_thresholds
    from benchmark.render.performance import comparison_table

    if benchmarks is None:
        raise InputError("nothing to check; name two files with --benchmarks OLD.json NEW.json")
    thresholds = parse_thresholds(fail_if)
    old, new = map(read_session, benchmarks)
    comparison = compare(old, new, thresholds)
    if as_json:
        changes = [{**asdict(change), "change": change.change} for change in comparison.changes]
        print(json.dumps({**asdict(comparison), "changes": changes}, indent=1))
    else:
        print(comparison_table(comparison))
    crossed = [change for change in comparison.changes if change.crossed]
    if crossed:
        first = crossed[0]
        raise BenchmarkError(
            f"{len(crossed)} of {len(comparison.changes)} grew too much, the first: {first.benchmark}, "
            f"{first.statistic} {first.change:+.1%}"
        )
