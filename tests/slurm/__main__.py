"""Workers on a real SLURM of two nodes: `python -m tests.slurm [--quick] [--minutes M] [--out DIR] [what to run]`.

The folds are shared by a job on each node. One job is preempted (`scontrol requeue`) in the middle of its work and queued
again; with `--quick` it is killed (`kill -9`) instead, and the other one does its work. With `--minutes`, jobs whose time is
over queue themselves again. Every fold must be there once, with the predictions of a serial run, bit for bit. Where SLURM
cannot be installed, the reason is printed and nothing is tested.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmark.harness.machine import processor
from benchmark.rendering.text import count
from benchmark.results.store import Store
from tests.slurm.cluster import NODES, Unavailable, queue, running

MATRIX = ("--task", "emt/alloys", "--model", "cgcnn", "--model", "schnet", "--model", "soap-mlp", "--folds", "4")
QUICK = (
    *("--task", "emt/alloys/formation_energy_per_atom", "--model", "cgcnn"),
    *("--profile", "smoke", "--set", "epochs=60", "--folds", "4"),
)
MOST_S, QUICK_S = 3600, 300


def benchmark(*arguments: object, **options: Any) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "benchmark", *map(str, arguments)]
    done = subprocess.run(command, text=True, capture_output=True, **options)
    if done.returncode:
        sys.exit(f"`{' '.join(command[1:])}` ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    """Run everything and say what was found; exit 1 where it is not what it should be."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a small plan; a job is killed, not preempted")
    parser.add_argument("--minutes", type=int, default=30, help="time of a job")
    parser.add_argument("--out", type=Path, help="an empty directory for both stores and the logs; default: a temporary one")
    parser.add_argument("--page", type=Path, help="a page of what was found")
    options, matrix = parser.parse_known_args()
    if options.quick and options.page:
        parser.error("--page says what became of a preempted job, which --quick leaves out")
    root = (options.out or Path(tempfile.mkdtemp(prefix="slurm-"))).resolve()
    root.mkdir(parents=True, exist_ok=True)
    matrix = matrix or list(QUICK if options.quick else MATRIX)
    try:
        with running(root / "slurm") as environment:
            found = on_two_nodes(root, matrix, options, environment)
    except Unavailable as reason:
        print(f"tests.slurm: skipped: {reason}")
        return
    started = time.monotonic()
    # A node has one core, and sums of another number of threads have other last digits.
    one = os.environ | {"SLURM_CPUS_PER_TASK": "1"}
    benchmark("run", *matrix, "--workers", 1, "--device", "cpu", "--out", root / "serial", env=one)
    found |= {"serial_s": round(time.monotonic() - started)} | compared(Store(root / "serial"), Store(root / "shared"))
    print(json.dumps(found, indent=1))
    if options.page:
        options.page.write_text(page(found, matrix, options.minutes))
    bad = [name for name in ("missing", "different") if found[name]]
    if bad or found["nodes"] != list(NODES) or found["starts"][found["jobs"][0]] < (1 if options.quick else 2):
        sys.exit(f"not as it should be: {', '.join(bad) or 'nodes or preemption'}; see {root}")


def on_two_nodes(root: Path, matrix: list[str], options: argparse.Namespace, environment: Mapping[str, str]) -> dict[str, Any]:
    """Submit, preempt, wait for the end; what was seen on the way."""
    asked = root / "cluster.toml"
    setup = 'setup = ["echo on $SLURMD_NODENAME"]'
    asked.write_text(f'partition = "main"\ngpus = 1\nmemory_gb = 2\nminutes = {options.minutes}\n{setup}\n')
    shared, started = root / "shared", time.monotonic()
    arguments = ["run", *matrix, "--workers", 1, "--device", "cpu", "--out", shared, "--slurm", 2, "--cluster", asked]
    jobs = json.loads(benchmark(*arguments, "--json", env=environment))["jobs"]
    working = wait_until_both_work(shared, environment)
    if options.quick:
        os.kill(next(row["pid"] for row in working if row["job"] == jobs[0]), signal.SIGKILL)
        shown = ""
    else:
        shown = benchmark("jobs", "--out", shared)
        subprocess.run(["scontrol", "requeue", jobs[0]], env=environment, check=True)
    preempted_s, most = round(time.monotonic() - started), QUICK_S if options.quick else MOST_S
    while queue(environment):
        if time.monotonic() - started > most:
            sys.exit(f"jobs are still in the queue after {most} s: {queue(environment)}; see {root}")
        # SLURM lets a job that was queued again wait for two minutes, unless it is told not to.
        for job in (job for job, state in queue(environment).items() if state == "PENDING"):
            subprocess.run(["scontrol", "update", f"JobId={job}", "StartTime=now"], env=environment, capture_output=True)
        time.sleep(1)
    logs = {job: (shared / "cluster" / f"{job}_0_log.out").read_text() for job in jobs}
    return {
        "slurm": subprocess.run(["sinfo", "--version"], env=environment, capture_output=True, text=True).stdout.strip(),
        "jobs": jobs,
        "nodes": sorted({line.split()[1] for log in logs.values() for line in log.splitlines() if line.startswith("on n")}),
        "working_at_once": len(working),
        "shown": shown,
        "preempted": None if options.quick else jobs[0],
        "preempted_after_s": preempted_s,
        "starts": {job: log.count("Starting with") for job, log in logs.items()},
        "ended_by_time": {job: log.count("Requeued job") for job, log in logs.items()},
        "shared_s": round(time.monotonic() - started),
    }


def wait_until_both_work(shared: Path, environment: Mapping[str, str]) -> list[dict[str, Any]]:
    """Wait until `benchmark jobs` shows folds of two jobs; what it says then."""
    end = time.monotonic() + 300
    while time.monotonic() < end:
        working = json.loads(benchmark("jobs", "--out", shared, "--json"))["working"]
        if len({row["job"] for row in working}) == 2:
            return working
        if not queue(environment):
            break
        time.sleep(0.3)
    sys.exit(f"two jobs were never at work at once; see {shared / 'cluster'}")


def compared(serial: Store, shared: Store) -> dict[str, Any]:
    """Which folds of a serial run are not in the other store, or not with the same predictions."""
    one, other = ({path_in(store, r): r for r in store.records()} for store in (serial, shared))
    same = [name for name, record in one.items() if name in other and results(record) == results(other[name])]
    return {
        "folds": len(one),
        "missing": sorted(set(one) ^ set(other)),
        "equal": len(same),
        "different": sorted(set(one) & set(other) - set(same)),
        "leases_left": [path.name for path in (shared.root / "leases").glob("*")],
        "half_written": [path.name for path in shared.root.rglob("*.partial")],
    }


def path_in(store: Store, record: Any) -> str:
    """Where a record lies in its store."""
    return store.path(record.key).relative_to(store.root).as_posix()


def results(record: Any) -> tuple[Any, ...]:
    """What two runs of a fold share."""
    return record.status, record.predictions_sha256, record.metrics, record.best_epoch


def page(found: Mapping[str, Any], matrix: list[str], minutes: int) -> str:
    """What was found, as markdown."""
    again = f"python -m tests.slurm --minutes {minutes} {' '.join(matrix)} --page reports/slurm.md"
    lines = [
        f"- {found['folds']} folds, {found['equal']} of them with the predictions of the serial run, bit for bit; "
        f"{len(found['missing'])} missing or in one store only, {len(found['different'])} different",
        f"- what killed workers left behind, which nothing reads: {count(len(found['leases_left']), 'lease')} of finished "
        f"folds, {count(len(found['half_written']), 'unfinished file')} beside records",
        f"- two jobs on the nodes {' and '.join(found['nodes'])}: {found['shared_s']} s; one process: {found['serial_s']} s. "
        f"Both nodes and the controller share the {os.cpu_count()} cores of one machine, with whatever else it did",
        f"- job {found['preempted']} was preempted (`scontrol requeue`) after {found['preempted_after_s']} s",
        *(f"- job {job}: started {count(n, 'time')}, queued itself again {count(found['ended_by_time'][job], 'time')} as its "
          f"{minutes} minutes were almost over"
          for job, n in found["starts"].items()),
        f"- {found['slurm']}, {processor()}",
        f"- again: `{again}`",
    ]  # fmt: skip
    shown = "While both worked, `python -m benchmark jobs` showed:\n\n```\n" + found["shown"].strip() + "\n```"
    return "\n\n".join(["# Workers on a SLURM of two nodes", "\n".join(lines), shown]) + "\n"


if __name__ == "__main__":
    main()
