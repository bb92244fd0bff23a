"""`python -m benchmark statistics`: simulate how often comparisons are wrong, and judge the published boards anew."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from benchmark.cli.shared.options import JsonOption
from benchmark.cli.shared.terminal import json_text
from benchmark.results.directories import PUBLISHED, STATISTICS

commands = typer.Typer()


@commands.command(epilog="Example: python -m benchmark statistics --groups 100 --sets 6 --out statistics.md")
def statistics(
    out: Annotated[Path, typer.Option(help="The page; beside it a JSON file gets the rates that boards state.")] = STATISTICS,
    source: Annotated[Path, typer.Option("--from", help="A directory of records. Default: the published ones.")] = PUBLISHED,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
    groups: Annotated[int, typer.Option(min=10, help="Simulated comparison groups a cell.")] = 1000,
    sets: Annotated[int, typer.Option(min=3, max=28, help="Disjoint sets of 500 crystals to train on.")] = 28,
    as_json: JsonOption = False,
) -> None:
    """Simulate how often comparisons of models are wrong, with the noise of the published records.

    Models are also trained on disjoint sets of crystals, with a known truth. Their errors stay in a Parquet file beside the
    page; sets that the file lacks are trained first, which needs the data set cgcnn and takes some 3 minutes a set.
    """
    import time

    from benchmark.harness.machine import git_commit, machine, versions
    from benchmark.leaderboard.board import read_board
    from benchmark.leaderboard.coverage import Coverage, rates_over_tasks, simulated_rates
    from benchmark.leaderboard.pages.statistics import TITLE, Origin, Results, statistics_page
    from benchmark.leaderboard.rejudged import rejudge
    from benchmark.rendering.commands import command
    from benchmark.rendering.text import require_own
    from benchmark.results.store import Store, write_together
    from benchmark.statistics.grid import simulate
    from benchmark.statistics.planted import structures_of
    from benchmark.statistics.sharing import measured_sharing, tasks_of
    from benchmark.statistics.simulated_tracks import simulate_tracks
    from benchmark.studies.disjoint_sets import train_sets

    require_own(out, TITLE, "another page", "file with --out")
    started = time.monotonic()
    board = read_board(Store(source))
    structures = structures_of([group.errors for group in board.comparison_groups if group.errors])
    told = partial(print, file=sys.stderr, flush=True)
    sharing = measured_sharing(tasks_of(train_sets(out.with_suffix(".parquet"), sets, seed, told)), seed)
    simulated = simulate(structures, groups, seed, told)
    tracks = simulate_tracks(structures, groups, seed, told)
    origin = Origin(
        command=command("statistics", "--seed", seed, "--groups", groups, "--sets", sets),
        seed=seed,
        groups=groups,
        seconds=time.monotonic() - started,
        machine=machine("cpu", 1, 1),
        versions=versions(),
        git_commit=git_commit(),
    )
    rejudged = rejudge(board.comparison_groups)
    page = statistics_page(Results(origin, structures, sharing, simulated, tracks, rejudged))
    out.parent.mkdir(parents=True, exist_ok=True)
    coverage = Coverage(one_task=simulated_rates(simulated.chosen), over_tasks=rates_over_tasks(tracks))
    rates = coverage.model_dump_json(indent=1) + "\n"
    write_together([(out, page.encode()), (out.with_suffix(".json"), rates.encode())])
    print(json_text([group.as_json() for group in rejudged]) if as_json else out)
