"""Several runs of one plan on one store: the section "Shared stores"."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.benchmark.conftest import command, environment
from tests.interruptions.plan import FOLDS, Counts, compare, plan_of, results
from tests.reliability.page import Part, command_line

ALL = ["run", "--all", "--profile", "mini", "--folds", "5", "--workers", "1", "--checkpoint-every", "0.01"]
ALL += ["--model", "cgcnn", "--model", "gatgnn"]

HOSTS = "2 hosts, clocks 10 min apart"

OTHER_HOST = """
import os, socket, time
shift, there = float(os.environ["TEST_CLOCK"]), os.readlink
clock, nanoseconds = time.time, time.time_ns
time.time = lambda: clock() + shift
time.time_ns = lambda: nanoseconds() + int(shift * 1e9)
socket.gethostname = lambda: os.environ["TEST_HOST"]
def readlink(path, *arguments, **named):
    if str(path).startswith("/proc/self/ns"):
        raise OSError("this process is of another machine")
    return there(path, *arguments, **named)
os.readlink = readlink
"""
"""A process whose name space nobody knows: whether it lives, only its beats tell. Its clock is `TEST_CLOCK` seconds off."""


def start(arguments: Sequence[object], cwd: Path, variables: Mapping[str, str] = {}) -> subprocess.Popen[str]:
    env = environment(OMP_NUM_THREADS="1", BENCHMARK_DATA=str(cwd / "no-data"), **variables)
    out = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "start_new_session": True}
    return subprocess.Popen(command(arguments), cwd=cwd, env=env, **out)  # type: ignore[call-overload, no-any-return]


def shared(options: argparse.Namespace, folder: Path) -> tuple[Part, int]:
    """One, two and four `run --all` at once; two hosts whose clocks differ; a lease that is taken over."""
    counts, started, rows, alone, before = Counts(), time.monotonic(), [], 0.0, os.getloadavg()[0]
    reference: dict[str, list[float]] = {}
    start([*ALL, "--dry-run"], folder).communicate()  # the sets are computed before any time is measured
    for runs in (1, 2, 4):
        seconds = _at_once(counts, folder, f"at-once-{runs}", [{}] * runs, ALL, reference)
        reference = reference or results(folder / "at-once-1")[0]
        alone = alone or seconds
        rows.append([f"{runs} at once", str(len(reference)), f"{seconds:.0f}", f"{alone / seconds:.2f}"])
    hosts, few = _hosts(folder), plan_of(folder / "mine", options.epochs)
    undisturbed: dict[str, list[float]] = {}
    _at_once(counts, folder, "undisturbed", [{}], few, undisturbed)
    undisturbed |= results(folder / "undisturbed")[0]
    rows.append([HOSTS, str(FOLDS), f"{_at_once(counts, folder, 'hosts', hosts, few, undisturbed):.0f}", ""])
    rows.append(["1 of 2 hosts killed", str(FOLDS), f"{_takeover(counts, folder, hosts, few, undisturbed):.0f}", ""])
    wrong = [[name, str(number)] for name, number in sorted(counts.wrong.items())]
    text = (
        f"`{shlex.join(['python', '-m', 'benchmark', *map(str, ALL)])}` on the embedded sets, started several times at once on "
        "one store, a thread each; predictions are compared with those of the single run, bit for bit. The times are of a "
        f"machine with {len(os.sched_getaffinity(0))} cores, whose load was {before:.1f} before, and include the start of each "
        "run and the writing of its pages. The last rows are of a smaller plan: hosts whose clocks are apart, and the owner of "
        "a fold on another host that is killed; the other run takes the fold over when its lease is stale (60 s)."
    )
    tables = [("", ["runs", "folds", "s", "speed-up"], rows), ("", ["what went wrong", "count"], wrong)]
    return Part("Shared stores", text, tables, command_line(), time.monotonic() - started), sum(counts.wrong.values())


def _hosts(folder: Path) -> list[dict[str, str]]:
    (folder / "site").mkdir(exist_ok=True)
    (folder / "site" / "sitecustomize.py").write_text(OTHER_HOST)
    paths = os.pathsep.join([str(folder / "site"), environment()["PYTHONPATH"]])
    return [{"PYTHONPATH": paths, "TEST_CLOCK": shift, "TEST_HOST": f"host{shift}"} for shift in ("0", "-600")]


def _own(errors: str) -> list[str]:
    """The folds that a run has computed itself."""
    lines = [line for line in errors.splitlines() if ": test MAE" in line and "by another run" not in line]
    return [line.partition(": test")[0] for line in lines]


def _at_once(
    counts: Counts, folder: Path, name: str, hosts: Sequence[Mapping[str, str]], plan: Sequence[object],
    reference: Mapping[str, list[float]],
) -> float:  # fmt: skip
    begin = time.monotonic()
    arguments = [*plan, "--out", folder / name]
    processes = [start(arguments, folder, host) for host in hosts]
    told = [process.communicate(timeout=3600)[1] for process in processes]
    seconds = time.monotonic() - begin
    computed = Counter(fold for errors in told for fold in _own(errors))
    counts.wrong["folds computed more than once"] += sum(number > 1 for number in computed.values())
    counts.wrong["runs that failed"] += sum(process.returncode != 0 for process in processes)
    compare(counts, folder / name, reference)
    print(f"{name}: {seconds:.0f} s, {dict(computed)}", flush=True)
    return seconds


def _takeover(
    counts: Counts, folder: Path, hosts: Sequence[Mapping[str, str]], plan: Sequence[object],
    reference: Mapping[str, list[float]],
) -> float:  # fmt: skip
    """Kill one host in the middle of a fold; returns how long the other one then took for the whole rest."""
    root = folder / "takeover"
    arguments = [*plan, "--out", root]
    owner = start(arguments, folder, hosts[1])
    while not list(root.rglob("*.unfinished")) and owner.poll() is None:
        time.sleep(0.02)
    counts.wrong["hosts that were done before they were killed"] += owner.poll() is not None
    owner.kill()
    begin = time.monotonic()
    owner.communicate()
    other = start(arguments, folder, hosts[0])
    other.communicate(timeout=3600)
    counts.wrong["runs that failed"] += other.returncode != 0
    compare(counts, root, reference)
    return time.monotonic() - begin
