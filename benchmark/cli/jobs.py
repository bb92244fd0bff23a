"""`python -m benchmark jobs`: who works on which fold of a store, told by its files alone."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.cli.shared.options import JsonOption
from benchmark.cli.shared.terminal import about, json_text
from benchmark.results.directories import RUNS
from datasets.errors import InputError

if TYPE_CHECKING:
    from benchmark.harness.kept import Kept
    from benchmark.harness.leases import Holder
    from benchmark.results.store import Store

commands = typer.Typer()

WORKING, ENDED, SILENT = "working", "ended", "no sign of life"
"""States of the process that has a fold: whether one of another machine has ended, only its silence tells."""

FEWEST_EPOCHS = 2
"""After so many the time left of a fold is told: the first one is mostly start-up."""

TAKEN_OVER = {
    ENDED: "whose process on this machine has ended: the same command takes over at once",
    SILENT: "whose process shows no sign of life: the same command takes over after a minute without one",
}
"""What becomes of a fold whose process is gone."""


@commands.command(epilog="Example: python -m benchmark jobs --out /shared/runs")
def jobs(
    out: Annotated[Path, typer.Option(help="The store that the runs share.")] = RUNS,
    cancel: Annotated[bool, typer.Option("--cancel", help="Cancel the jobs of SLURM that `run --slurm` submitted.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show who works on which fold, since when and how far; no scheduler is asked. Times are of this machine's clock."""
    from benchmark.cli.shared.events import newest_plan
    from benchmark.harness import cluster
    from benchmark.harness.kept import kept_folds
    from benchmark.results.store import Store

    if not out.is_dir():
        raise InputError(f"there is no store at {out}; name it with --out")
    submissions = list(cluster.read_submissions(out))
    if cancel:
        names = cluster.cancel(submissions)
        print(json.dumps({"cancelled": names}) if as_json else f"cancelled: {', '.join(names) or 'nothing was submitted'}")
        return
    planned, rows = newest_plan(out), sorted(_rows(out), key=lambda row: (row["host"], row["job"] or "", row["pid"]))
    status, kept = _counted(Store(out)), [(path.relative_to(out), found) for path, found in kept_folds(out)]
    if as_json:
        begun = [found.model_dump(exclude={"identity"}) for _, found in kept if found]
        submitted = [submission.model_dump(mode="json") for submission in submissions]
        print(
            json_text(
                {
                    "working": rows,
                    "plan": dict(zip(("ended", "folds"), planned, strict=True)) if planned else None,
                    "records": status,
                    "begun": len(kept),
                    "kept": begun,
                    "submitted": submitted,
                }
            )
        )
    else:
        _print_working(rows)
        _print_counts(rows, planned, status, kept)
        for submission in submissions:
            print(f"submitted to SLURM: {', '.join(submission.jobs)}")


def _rows(root: Path) -> list[dict[str, Any]]:
    """One for each fold that has an owner; a worker killed behind its record leaves a lease that owns nothing."""
    from benchmark.harness.kept import UNFINISHED, read_kept
    from benchmark.harness.leases import STALE_S, read_leases

    now, rows = datetime.now(timezone.utc), []
    for path, holder in read_leases(root):
        try:
            sign = now.timestamp() - path.stat().st_mtime
        except FileNotFoundError:  # just given back
            continue
        state = ENDED if holder.has_ended else SILENT if sign > STALE_S else WORKING
        if state == WORKING or not (root / holder.record).exists():
            kept = read_kept((root / holder.record).with_suffix(UNFINISHED)) if holder.epoch is None else None
            far = {"epoch": kept.epoch, "epochs": kept.epochs} if kept and kept.epoch else {}
            left = _left_s(holder, now) if state == WORKING else None
            rows.append(_row(holder, now, sign) | far | {"left_s": left, "state": state})
    return rows


def _row(holder: Holder, now: datetime, sign: float) -> dict[str, Any]:
    named = ("host", "pid", "task", "model", "profile", "changed", "protocol", "seed", "fold", "epoch", "epochs")
    about = {name: getattr(holder, name) for name in named}
    seconds = {"working_s": round((now - holder.since).total_seconds()), "last_sign_s": round(sign)}
    return about | {"job": holder.scheduler_job} | seconds


def _left_s(holder: Holder, now: datetime) -> int | None:
    """Seconds until the last epoch ends, at the pace since the fold was begun here; None before some epochs have ended."""
    if holder.epoch is None or holder.epochs is None or holder.before is None:
        return None
    done = holder.epoch - holder.before
    pace = (now - holder.since).total_seconds() / done
    return round(max(0.0, pace) * (holder.epochs - holder.epoch)) if done >= FEWEST_EPOCHS else None


def _counted(store: Store) -> dict[str, int]:
    """How many records there are of each status; a damaged one is counted as such."""
    counted: Counter[str] = Counter()
    for path in store.paths():
        try:
            counted.update(record.status for record in store.read_all(path))
        except InputError:
            counted["damaged"] += 1
    return dict(counted)


def _print_working(rows: list[dict[str, Any]]) -> None:
    """A line for each fold that has an owner."""
    from tabulate import tabulate

    from benchmark.rendering.text import seconds

    table = [
        [
            f"{row['host']}, {'job ' + row['job'] if row['job'] else 'process ' + str(row['pid'])}",
            _fold(row),
            f"{row['epoch']}/{row['epochs']}" if row["epoch"] else "",
            seconds(max(0, row["working_s"])),
            "" if row["left_s"] is None else f"about {about(row['left_s'])}",
            f"{seconds(max(0, row['last_sign_s']))} ago",
            row["state"],
        ]
        for row in rows
    ]
    if table:
        print(tabulate(table, ["who", "fold", "epoch", "for", "left", "last sign", "process"], disable_numparse=True) + "\n")


def _print_counts(
    rows: list[dict[str, Any]],
    planned: tuple[int, int] | None,
    status: dict[str, int],
    checkpoints: list[tuple[Path, Kept | None]],
) -> None:
    """How many folds are computed, done and kept; which go on, and when a fold without a process does."""
    from benchmark.rendering.text import count

    of = f"newest run: {planned[0]} of {count(planned[1], 'fold')} done; " if planned else ""
    done = "; ".join(f"{n} {name}" for name, n in sorted(status.items())) or "none yet"
    begun = count(len(checkpoints), "fold")
    kept = f"; {begun} with a checkpoint, from which the same command goes on:" if checkpoints else ""
    states = Counter(row["state"] for row in rows)
    print(f"{count(states[WORKING], 'fold')} being computed; {of}records: {done}{kept}")
    for path, found in checkpoints:
        print(f"  {_fold(found.model_dump())}: {found.where()}" if found else f"  {path}: of an earlier version, epoch unknown")
    for state, words in TAKEN_OVER.items():
        if states[state]:
            print(f"{count(states[state], 'fold')} {words}")


def _fold(row: dict[str, Any]) -> str:
    from benchmark.rendering.text import changes

    recipe = ", ".join([row["profile"], *changes(row["changed"])])
    return f"{row['task']} {row['model']} ({recipe}) seed {row['seed']} fold {row['fold'] + 1}"
