"""`python -m benchmark statistics`: simulate how often comparisons are wrong, and judge the published boards anew."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from benchmark.cli.shared.options import JsonOption
from benchmark.results.directories import PUBLISHED, REPORTS

commands = typer.Typer()


@commands.command(epilog="Example: python -m benchmark statistics --groups 100 --sets 6 --out statistics.md")
def statistics(
    out: Annotated[Path, typer.Option(help="The page.")] = REPORTS / "statistics.md",
    source: Annotated[Path, typer.Option("--from", help="A directory of records. Default: the published ones.")] = PUBLISHED,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
    groups: Annotated[int, typer.Option(min=10, help="Simulated comparison groups a cell.")] = 1000,
    sets: Annotated[int, typer.Option(min=2, max=36, help="Disjoint sets of 1,000 crystals to train on.")] = 36,
    as_json: JsonOption = False,
) -> None:
    """Measure how errors vary, simulate ways to compare models with that, and count what the published boards decide.

    Needs the data set cgcnn. One process; the defaults take some 20 minutes.
    """
    import time

    from benchmark.harness.machine import git_commit, machine, versions
    from benchmark.leaderboard.board import read_board
    from benchmark.leaderboard.pages.statistics import TITLE, Origin, Results, statistics_page
    from benchmark.leaderboard.rejudged import rejudge
    from benchmark.rendering.text import require_own
    from benchmark.results.store import Store, write_atomically
    from benchmark.statistics.grid import simulate
    from benchmark.statistics.planted import structures_of
    from benchmark.statistics.sharing import measured_on_cgcnn

    require_own(out, TITLE, "another page", "file with --out")
    started = time.monotonic()
    board = read_board(Store(source))
    structures = structures_of([group.errors for group in board.comparison_groups if group.errors])
    sharing = measured_on_cgcnn(sets, seed)
    simulated = simulate(structures, groups, seed, lambda line: print(line, file=sys.stderr, flush=True))
    origin = Origin(
        command=f"python -m benchmark statistics --seed {seed} --groups {groups} --sets {sets}",
        seed=seed,
        groups=groups,
        seconds=time.monotonic() - started,
        machine=machine("cpu", 1, 1),
        versions=versions(),
        git_commit=git_commit(),
    )
    rejudged = rejudge(board.comparison_groups)
    page = statistics_page(Results(origin, structures, sharing, simulated, rejudged))
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, page.encode())
    print(json.dumps([group.as_json() for group in rejudged], indent=1) if as_json else out)
